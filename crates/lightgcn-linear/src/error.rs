//! The errors of this crate.

use crate::Filter;
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
        /// Every fault found, each a sentence with its mend.
        faults: Vec<String>,
    },
    /// A name that is no model.
    #[error("unknown filter {given:?}; use one of {}", known_filters())]
    UnknownFilter {
        /// The name given.
        given: String,
    },
    /// There is nothing to learn from.
    #[error(
        "the training part has no pair that counts among its {n_users} consumers and {n_items} \
         products; give pairs, or let pairs without a target event count"
    )]
    NoPairs {
        /// How many consumers there are.
        n_users: usize,
        /// How many products there are.
        n_items: usize,
    },
    /// A dense matrix over all pairs of products is larger than the configuration allows.
    #[error(
        "{model} over {n_items} products needs {needed} bytes ({:.1} GiB), and max_bytes allows \
         {limit}; raise max_bytes if the machine has the memory, drop rare products, or take a \
         sparse model",
        *needed as f64 / (1u64 << 30) as f64
    )]
    Memory {
        /// The model.
        model: &'static str,
        /// How many products there are.
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
    #[error("the history of a consumer is not usable: {detail}")]
    History {
        /// What is wrong, where, and the mend.
        detail: String,
    },
}

fn known_filters() -> String {
    Filter::ALL.map(Filter::name).join(", ")
}
