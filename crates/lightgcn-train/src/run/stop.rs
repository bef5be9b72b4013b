//! A signal that asks a run to stop.

use crate::EndReason;
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
