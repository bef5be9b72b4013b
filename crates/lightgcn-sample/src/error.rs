//! The errors of this crate.

use thiserror::Error;

/// What can be wrong with the positives and the configuration of sampling.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SampleError {
    /// There is nothing to learn from.
    #[error(
        "none of the {n_pairs} training pairs is a positive; give pairs with a target behavior \
         (a purchase), or count every pair as a positive"
    )]
    NoPositives {
        /// How many pairs the training part has.
        n_pairs: usize,
    },
    /// There are no negatives to compare with.
    #[error(
        "each of the {n_users} users with a positive has all {n_items} items, so no user has a \
        negative; give a larger catalogue, or count only targets as positives"
    )]
    NoNegatives {
        /// How many users have a positive.
        n_users: usize,
        /// The number of items.
        n_items: usize,
    },
    /// There are more rows than 32-bit row numbers.
    #[error("{count} {what} are too many to sample from; at most {limit} are supported")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// The supported maximum.
        limit: u32,
    },
    /// The configuration is invalid; lists every issue.
    #[error("the sampling configuration is invalid: {}", issues.join("; "))]
    Config {
        /// Every issue found, and how to fix it.
        issues: Vec<String>,
    },
}
