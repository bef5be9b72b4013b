//! The errors of this crate.

use thiserror::Error;

/// What can be wrong with cutoffs, samples and reports.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// The list of cutoffs K is invalid; lists every issue.
    #[error("the cutoffs {given:?} are invalid: {}", issues.join("; "))]
    Cutoffs {
        /// The cutoffs as given.
        given: Vec<usize>,
        /// Every issue found, and how to fix it.
        issues: Vec<String>,
    },
    /// The catalogue is empty or too large to number.
    #[error(
        "a catalogue of {n_items} items cannot be evaluated; it needs between 1 and 2^32 - 1 items"
    )]
    Catalogue {
        /// How many items were stated.
        n_items: usize,
    },
    /// There is nothing to average over.
    #[error(
        "no user has held-out items ({n_skipped} without any were skipped), so there is nothing to \
        average; hold out more pairs, or check that the truth uses the training vocabulary"
    )]
    NoUsers {
        /// How many users were given with an empty truth.
        n_skipped: usize,
    },
    /// A user was evaluated twice.
    #[error("user row {user} was evaluated twice; give each user one ranked list")]
    RepeatedUser {
        /// The user's row.
        user: u32,
    },
    /// A metric was requested at a cutoff that was not evaluated.
    #[error("K = {k} was not evaluated; use one of {evaluated:?}, or add it to the cutoffs")]
    CutoffNotEvaluated {
        /// The requested cutoff.
        k: usize,
        /// The cutoffs of the report, ascending.
        evaluated: Vec<usize>,
    },
    /// The popularity of the items is invalid.
    #[error("the popularity of the items is invalid: {detail}")]
    Popularity {
        /// What does not fit, and how to fix it.
        detail: String,
    },
    /// A sample for an interval or a test is invalid; lists every issue.
    #[error("the interval or test cannot be computed: {}", issues.join("; "))]
    Sample {
        /// Every issue found, and how to fix it.
        issues: Vec<String>,
    },
    /// Two reports do not evaluate the same users.
    #[error(
        "the two reports cannot be paired: {detail}; evaluate both rankers on the same held-out pairs"
    )]
    DifferentUsers {
        /// The first difference.
        detail: String,
    },
    /// An unknown name of a metric.
    #[error("{given:?} is not a metric; choose one of {}", known.join(", "))]
    UnknownMetric {
        /// The name given.
        given: String,
        /// The names that are known.
        known: Vec<&'static str>,
    },
}
