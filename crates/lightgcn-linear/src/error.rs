//! The errors of this crate.

use thiserror::Error;

/// What can be wrong with a configuration, the training pairs or a history.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum LinearError {
    /// The configuration is not usable; every fault is listed.
    #[error("the configuration of {model} is not usable: {}", faults.join("; "))]
    Config {
        /// The model.
        model: &'static str,
        /// Every fault found, each a sentence that says how to fix it.
        faults: Vec<String>,
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
        "the training part has no pair that counts among its {n_users} users and {n_items} \
         items; give pairs, or let pairs without a target event count"
    )]
    NoPairs {
        /// How many users there are.
        n_users: usize,
        /// How many items there are.
        n_items: usize,
    },
    /// A model of the order of events, without times.
    #[error(
        "{model} needs the times of events, and the training part has none; take another model"
    )]
    NoTimes {
        /// The model.
        model: &'static str,
    },
    /// A dense matrix over all pairs of items is larger than the configuration allows.
    #[error(
        "{model} over {n_items} items needs {needed} bytes ({:.1} GiB), and max_bytes allows \
         {limit}; raise max_bytes if the machine has the memory, drop rare items, or take a \
         sparse model",
        *needed as f64 / (1u64 << 30) as f64
    )]
    Memory {
        /// The model.
        model: &'static str,
        /// How many items there are.
        n_items: usize,
        /// How many bytes fitting takes.
        needed: u64,
        /// How many bytes are allowed.
        limit: u64,
    },
    /// A matrix that is to be inverted is not positive definite in single precision.
    #[error(
        "the Gram matrix plus {regularization} on its diagonal cannot be inverted in single \
         precision; raise the regularization"
    )]
    NotPositiveDefinite {
        /// The configured regularization.
        regularization: f64,
    },
    /// The eigenvalues of a small matrix were not found.
    #[error("the singular vectors of the training pairs did not converge; ask for fewer of them")]
    NoConvergence,
    /// A history is not ascending, or its parts do not fit.
    #[error("the history of a user is not usable: {detail}")]
    History {
        /// What is wrong, where, and how to fix it.
        detail: String,
    },
}
