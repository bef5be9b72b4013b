//! Keeps the log at its number of rows and at its proportions of behaviors.
//!
//! A session plans its events from real distributions, and two factors nudge the plan: one so that
//! the sessions still to come fill exactly the rows still to come, one per behavior so that the
//! shares approach the configured ones. Both stay near 1 with the default parameters.

use lightgcn_core::random::Draws;

/// Rows of imaginary history at the target shares, which steady the factors at the start.
const HISTORY: f64 = 500.0;
const HISTORY_SESSIONS: f64 = 200.0;

pub(super) struct Control {
    targets: [f64; 4],
    rows: [u64; 4],
    rows_left: u64,
    sessions_left: u64,
    natural_rows: f64,
    natural_sessions: f64,
}

impl Control {
    pub(super) fn new(targets: [f64; 4], rows: u64, sessions: u64, rows_per_session: f64) -> Self {
        Self {
            targets,
            rows: [0; 4],
            rows_left: rows,
            sessions_left: sessions,
            natural_rows: rows_per_session * HISTORY_SESSIONS,
            natural_sessions: HISTORY_SESSIONS,
        }
    }

    /// Starts a session planned with that many rows, and returns the factor to scale its numbers of
    /// events by.
    pub(super) fn begin(&mut self, natural_rows: f64) -> f64 {
        self.natural_rows += natural_rows;
        self.natural_sessions += 1.0;
        let natural = self.natural_rows / self.natural_sessions;
        let needed = self.rows_left as f64 / self.sessions_left.max(1) as f64;
        self.sessions_left = self.sessions_left.saturating_sub(1);
        (needed / natural).clamp(0.02, 50.0)
    }

    /// The number of sessions left.
    pub(super) fn sessions_left(&self) -> u64 {
        self.sessions_left
    }

    /// Whether the next session has no rows because more sessions than rows are left; the sessions that
    /// do have rows are spread evenly.
    pub(super) fn skips(&mut self, draws: &mut Draws) -> bool {
        let skip = self.sessions_left > self.rows_left
            && draws.below_u64(self.sessions_left) >= self.rows_left;
        self.sessions_left -= u64::from(skip);
        skip
    }

    /// Whether this is the last session.
    pub(super) fn is_last(&self) -> bool {
        self.sessions_left == 0
    }

    /// Uses up one row; false if none is left.
    pub(super) fn take(&mut self, behavior: usize) -> bool {
        if self.rows_left == 0 {
            return false;
        }
        self.rows_left -= 1;
        self.rows[behavior] += 1;
        true
    }

    pub(super) fn rows_left(&self) -> u64 {
        self.rows_left
    }

    pub(super) fn rows(&self) -> [u64; 4] {
        self.rows
    }

    /// The factor that brings a behavior's share towards its target.
    pub(super) fn nudge(&self, behavior: usize) -> f64 {
        let target = self.targets[behavior];
        let all = self.rows.iter().sum::<u64>() as f64 + HISTORY;
        let had = self.rows[behavior] as f64 + target * HISTORY;
        if had <= 0.0 {
            return 1.0;
        }
        (target * all / had).powi(6).clamp(0.2, 5.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_until_none_is_left() {
        let mut control = Control::new([0.25; 4], 2, 1, 2.0);
        assert!(!control.is_last());
        assert_eq!(control.begin(2.0), 1.0);
        assert!(control.is_last());
        assert!(control.take(0) && control.take(3));
        assert!(!control.take(0));
        assert_eq!(control.rows(), [1, 0, 0, 1]);
        assert_eq!(control.rows_left(), 0);
    }

    #[test]
    fn a_behavior_that_lags_is_nudged_up() {
        let mut control = Control::new([0.5, 0.5, 0.0, 0.0], 1_000, 10, 100.0);
        assert_eq!(control.nudge(0), 1.0);
        (0..400).for_each(|_| assert!(control.take(0)));
        assert!(control.nudge(0) < 1.0);
        assert!(control.nudge(1) > 1.0);
        assert_eq!(control.nudge(2), 1.0);
    }
}
