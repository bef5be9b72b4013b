//! A signal that asks a run to stop.

use crate::{EndReason, Ranks};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A flag that asks a run to save its state and end after the current batch. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct StopSignal {
    raised: Arc<AtomicBool>,
    deadline: Option<Instant>,
}

impl StopSignal {
    /// A flag that is not raised.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A flag that raises itself after this time.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self {
            deadline: Instant::now().checked_add(time),
            ..Self::default()
        }
    }

    /// The same flag, which additionally raises itself after this time.
    #[must_use]
    pub fn within(&self, time: Duration) -> Self {
        Self {
            raised: Arc::clone(&self.raised),
            ..Self::after(time)
        }
    }

    /// Asks the run to stop. Safe to call from a signal handler's thread.
    pub fn stop(&self) {
        self.raised.store(true, Ordering::SeqCst);
    }

    /// Whether the run has to stop: it was asked to, or its time is up.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.reason().is_some()
    }

    /// How long until it raises itself, if it will.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let now = Instant::now();
        Some(self.deadline?.saturating_duration_since(now))
    }

    /// Why the run has to stop, if it has to.
    pub(crate) fn reason(&self) -> Option<EndReason> {
        if self.raised.load(Ordering::SeqCst) {
            return Some(EndReason::Interrupted);
        }
        let is_late = |deadline| Instant::now() >= deadline;
        self.deadline
            .is_some_and(is_late)
            .then_some(EndReason::OutOfTime)
    }

    /// Why a rank has to stop, the same on all ranks: signals reach them at different moments.
    /// Collective.
    pub(crate) fn reason_of_all(&self, ranks: &dyn Ranks) -> Option<EndReason> {
        let reasons = [EndReason::Interrupted, EndReason::OutOfTime];
        let own = self.reason();
        if ranks.size() == 1 {
            return own;
        }
        let asked = reasons.map(|reason| u8::from(own == Some(reason)));
        let all = ranks.gather(asked.to_vec());
        let of_any = |n: usize| all.iter().any(|asked| asked[n] == 1);
        (0..).zip(reasons).find(|&(n, _)| of_any(n)).map(|(_, r)| r)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::threads::on_ranks;

    #[test]
    fn all_ranks_stop_if_one_has_to() {
        let reasons = |of: fn(usize) -> StopSignal| {
            on_ranks(3, |ranks| of(ranks.rank()).reason_of_all(&*ranks))
        };
        assert_eq!(reasons(|_| StopSignal::new()), [None; 3]);
        let late = reasons(|rank| match rank {
            1 => StopSignal::after(Duration::ZERO),
            _ => StopSignal::new(),
        });
        assert_eq!(late, [Some(EndReason::OutOfTime); 3]);
        let both = reasons(|rank| {
            let stop = StopSignal::after(Duration::ZERO);
            if rank == 2 {
                stop.stop();
            }
            stop
        });
        assert_eq!(both, [Some(EndReason::Interrupted); 3]);
    }

    #[test]
    fn clones_share_the_flag_and_time_raises_it() {
        let stop = StopSignal::after(Duration::from_secs(3600));
        let clone = stop.clone();
        assert!(!clone.is_stopped());
        stop.stop();
        assert_eq!(clone.reason(), Some(EndReason::Interrupted));
        let late = StopSignal::after(Duration::ZERO);
        assert_eq!(late.reason(), Some(EndReason::OutOfTime));
    }
}
