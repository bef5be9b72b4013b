//! The errors of this crate.

use thiserror::Error;

/// What can be wrong with a training graph or its options.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// There is no edge to learn from.
    #[error(
        "the training part has {n_users} users and {n_items} items but no pair; loosen the \
         cleaning (such as the k-core) or give a log with events"
    )]
    Empty {
        /// How many users there are.
        n_users: usize,
        /// How many items there are.
        n_items: usize,
    },
    /// Users and items together are more than a 32-bit node number can name.
    #[error(
        "{n_users} users and {n_items} items are more than {limit} nodes; drop rare ones \
         with a k-core"
    )]
    TooManyNodes {
        /// How many users there are.
        n_users: usize,
        /// How many items there are.
        n_items: usize,
        /// The largest number of nodes supported.
        limit: usize,
    },
    /// A name that is no normalization.
    #[error(
        "{given:?} is no normalization; choose one of symmetric, left, right, none, or give two \
         exponents, such as powers:0.6:-0.1"
    )]
    UnknownNormalization {
        /// The name given.
        given: String,
    },
    /// An exponent that is no number or too large a one.
    #[error("{given:?} is no exponent of a degree; give a number from -2 to 2, such as 0.6")]
    Exponent {
        /// What was given.
        given: String,
    },
}
