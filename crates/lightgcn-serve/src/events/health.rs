//! Tracks whether the event store accepts events.

use super::EventError;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time between two checks of a store that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// The result of the latest attempt to store events. A full store is not a failure: another
/// instance of the service, or a restart, would do no better.
#[derive(Debug, Default)]
pub(crate) struct SinkHealth {
    /// When the store last failed; `None` if the latest attempt succeeded.
    failed: Mutex<Option<Instant>>,
}

impl SinkHealth {
    pub(crate) fn note<T>(&self, outcome: &Result<T, EventError>) {
        let fails = !matches!(outcome, Ok(_) | Err(EventError::Full { .. }));
        *self.lock() = fails.then(Instant::now);
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.lock().is_some()
    }

    /// Whether the store failed a while ago and should be checked now. The next check is due after
    /// a pause.
    pub(crate) fn is_due(&self) -> bool {
        let mut failed = self.lock();
        let due = failed.is_some_and(|then| then.elapsed() >= PAUSE);
        if due {
            *failed = Some(Instant::now());
        }
        due
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_lasts_until_something_is_stored() {
        let health = SinkHealth::default();
        let failed = || EventError::Store {
            detail: "the disk is full".to_owned(),
        };
        assert!(!health.is_failing() && !health.is_due());
        health.note(&Err::<u64, _>(EventError::Full { limit: 1 }));
        assert!(!health.is_failing());
        health.note(&Err::<u64, _>(failed()));
        assert!(health.is_failing());
        assert!(!health.is_due());
        *health.lock() = Some(Instant::now() - PAUSE);
        assert!(health.is_due());
        // Once in a while.
        assert!(!health.is_due());
        health.note(&Ok(1));
        assert!(!health.is_failing());
    }
}
