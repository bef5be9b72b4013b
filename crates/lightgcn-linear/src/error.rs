//! The errors of this crate.

use thiserror::Error;

/// What can be wrong with a configuration, the training pairs or a history.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LinearError {
    /// The configuration is invalid; lists every issue.
    #[error("the configuration of {model} is invalid: {}", issues.join("; "))]
    Config {
        /// The model.
        model: &'static str,
        /// Every issue found, each a sentence that says how to fix it.
        issues: Vec<String>,
    },
    /// An unknown name of a model.
    #[error("unknown filter {given:?}; use one of {}", known.join(", "))]
    UnknownFilter {
        /// The name given.
        given: String,
        /// The names that are known.
        known: Vec<&'static str>,
    },
    /// There is nothing to learn from.
    #[error(
        "the training part has no usable pairs among its {n_users} users and {n_items} items; add \
        pairs, or also use pairs without a target event"
    )]
    NoPairs {
        /// The number of users.
        n_users: usize,
        /// The number of items.
        n_items: usize,
    },
    /// A model that needs the order of events, but the events have no times.
    #[error("{model} needs event times, but the training part has none; use another model")]
    NoTimes {
        /// The model.
        model: &'static str,
    },
    /// A dense item-by-item matrix is larger than the configuration allows.
    #[error(
        "{model} over {n_items} items needs {needed} bytes ({:.1} GiB), and max_bytes allows \
         {limit}; raise max_bytes if the machine has the memory, drop rare items, or use a sparse \
             model",
        *needed as f64 / (1u64 << 30) as f64
    )]
    Memory {
        /// The model.
        model: &'static str,
        /// The number of items.
        n_items: usize,
        /// How many bytes fitting takes.
        needed: u64,
        /// How many bytes are allowed.
        limit: u64,
    },
    /// A matrix to invert is not positive definite in single precision.
    #[error(
        "the Gram matrix plus {regularization} on its diagonal cannot be inverted in single \
         precision; raise the regularization"
    )]
    NotPositiveDefinite {
        /// The configured regularization.
        regularization: f64,
    },
    /// The eigenvalues of a small matrix did not converge.
    #[error("the singular vectors of the training pairs did not converge; ask for fewer of them")]
    NoConvergence,
    /// A history is not in ascending order, or its parts differ in length.
    #[error("the history of a user is invalid: {detail}")]
    History {
        /// What is wrong, where, and how to fix it.
        detail: String,
    },
}
