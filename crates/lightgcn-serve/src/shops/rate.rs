//! How many requests a shop may get.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A token bucket: a token for each request, and at most as many as come in a second.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    at: Instant,
}

impl Rate {
    /// `per_second` is positive and finite.
    pub(super) fn new(per_second: f64) -> Self {
        let state = State {
            tokens: per_second.max(1.0),
            at: Instant::now(),
        };
        Self {
            per_second,
            state: Mutex::new(state),
        }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// The seconds until there is one.
    pub(super) fn take(&self) -> Result<(), f64> {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> Result<(), f64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let new = now.saturating_duration_since(state.at).as_secs_f64() * self.per_second;
        state.tokens = (state.tokens + new).min(self.per_second.max(1.0));
        state.at = now;
        if state.tokens < 1.0 {
            return Err((1.0 - state.tokens) / self.per_second);
        }
        state.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn as_many_pass_as_come_in_a_second() {
        let start = Instant::now();
        let count = |rate: &Rate, at: Duration| {
            let passes = (0..100).filter(|_| rate.take_at(start + at).is_ok());
            passes.count()
        };
        let rate = Rate::new(4.0);
        assert_eq!(count(&rate, Duration::ZERO), 4);
        assert_eq!(rate.take_at(start), Err(0.25));
        assert_eq!(count(&rate, Duration::from_millis(500)), 2);
        assert_eq!(count(&rate, Duration::from_secs(60)), 4);
        // Less than one a second.
        let rate = Rate::new(0.5);
        assert_eq!(count(&rate, Duration::ZERO), 1);
        assert_eq!(count(&rate, Duration::from_secs(1)), 0);
        assert_eq!(count(&rate, Duration::from_secs(2)), 1);
    }
}
