//! The errors of this crate.

use thiserror::Error;

/// What can be wrong with ids, weights, interactions and splits.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum CoreError {
    /// There are more distinct ids than 32-bit row numbers.
    #[error("more than {limit} distinct {kind}s; split the log or drop rare ones with a k-core")]
    TooManyIds {
        /// `user` or `item`.
        kind: &'static str,
        /// The largest number of ids supported.
        limit: u64,
    },
    /// An id occurs twice in a list of distinct ids.
    #[error("{kind} id {id:?} occurs twice; every id must be listed once")]
    DuplicateId {
        /// `user` or `item`.
        kind: &'static str,
        /// The repeated id.
        id: String,
    },
    /// Stored parts of a vocabulary or a catalogue are inconsistent.
    #[error("damaged {what}: {detail}")]
    Damaged {
        /// What was being read.
        what: &'static str,
        /// What is inconsistent.
        detail: String,
    },
    /// The table of behaviors is invalid; lists every issue.
    #[error("the behavior weights are invalid: {}", issues.join("; "))]
    BehaviorWeights {
        /// Every issue found, each a sentence that says how to fix it.
        issues: Vec<String>,
    },
    /// A pair's weight is not a positive, finite number.
    #[error(
        "the pair (user {user}, item {item}) has weight {weight}; weights must be positive \
         and finite: set a floor in the behavior weights, or drop the pair"
    )]
    PairWeight {
        /// The user's row, or its id if known.
        user: String,
        /// The item's row, or its id if known.
        item: String,
        /// The offending weight.
        weight: f64,
    },
    /// The same pair was given twice.
    #[error("the pair (user row {user}, item row {item}) was given twice; merge its events")]
    DuplicatePair {
        /// The user's row.
        user: u32,
        /// The item's row.
        item: u32,
    },
    /// A row number is out of range.
    #[error("{kind} row {row} is out of range: there are {rows} {kind}s")]
    RowOutOfRange {
        /// `user` or `item`.
        kind: &'static str,
        /// The row.
        row: u32,
        /// The number of rows.
        rows: usize,
    },
    /// A pair's behavior counts do not match the table of behaviors.
    #[error("a pair has {given} behavior counts, but the log has {expected} behaviors")]
    BehaviorCounts {
        /// How many counts were given.
        given: usize,
        /// The number of behaviors.
        expected: usize,
    },
    /// Two parts of a split disagree about their sizes.
    #[error(
        "the {part} part counts {users} users and {items} items, the training part \
         {train_users} and {train_items}; relabel all parts with the training vocabulary"
    )]
    SplitShape {
        /// `validation` or `test`.
        part: &'static str,
        /// Its number of users.
        users: usize,
        /// Its number of items.
        items: usize,
        /// The training part's number of users.
        train_users: usize,
        /// The training part's number of items.
        train_items: usize,
    },
    /// The same pair is in two parts of a split.
    #[error(
        "the pair (user row {user}, item row {item}) is in both {first} and {second}; \
         remove it from one of them, or the metrics would be inflated"
    )]
    Leak {
        /// The user's row.
        user: u32,
        /// The item's row.
        item: u32,
        /// The one part.
        first: &'static str,
        /// The other part.
        second: &'static str,
    },
}
