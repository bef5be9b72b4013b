//! The errors of this crate.

use thiserror::Error;

/// What can be wrong with ids, weights, interactions and splits.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum CoreError {
    /// More distinct ids than a 32-bit row number can name.
    #[error("more than {limit} distinct {kind}s; split the log or drop rare ones with a k-core")]
    TooManyIds {
        /// `consumer` or `product`.
        kind: &'static str,
        /// The largest number of ids supported.
        limit: u64,
    },
    /// The same id stands twice in a list that must be distinct.
    #[error("{kind} id {id:?} occurs twice; every id must be listed once")]
    DuplicateId {
        /// `consumer` or `product`.
        kind: &'static str,
        /// The repeated id.
        id: String,
    },
    /// Stored parts of a vocabulary or a catalogue do not fit together.
    #[error("damaged {what}: {detail}")]
    Damaged {
        /// What was being read.
        what: &'static str,
        /// What does not fit.
        detail: String,
    },
    /// The table of behaviours is not usable; every fault is listed.
    #[error("the behaviour weights are not usable: {}", faults.join("; "))]
    BehaviourWeights {
        /// Every fault found, each a sentence with its mend.
        faults: Vec<String>,
    },
    /// A pair's weight is not a positive, finite number.
    #[error(
        "the pair (consumer {user}, product {item}) has weight {weight}; weights must be positive \
         and finite: set a floor in the behaviour weights, or drop the pair"
    )]
    PairWeight {
        /// The consumer's row, or its id where known.
        user: String,
        /// The product's row, or its id where known.
        item: String,
        /// The offending weight.
        weight: f64,
    },
    /// The same pair was given twice.
    #[error("the pair (consumer row {user}, product row {item}) was given twice; merge its events")]
    DuplicatePair {
        /// The consumer's row.
        user: u32,
        /// The product's row.
        item: u32,
    },
    /// A row number is beyond the stated number of rows.
    #[error("{kind} row {row} is out of range: there are {rows} {kind}s")]
    RowOutOfRange {
        /// `consumer` or `product`.
        kind: &'static str,
        /// The row.
        row: u32,
        /// How many rows there are.
        rows: usize,
    },
    /// A pair's behaviour counts do not match the table of behaviours.
    #[error("a pair carries {given} behaviour counts where the log has {expected} behaviours")]
    BehaviourCounts {
        /// How many counts were given.
        given: usize,
        /// How many behaviours there are.
        expected: usize,
    },
    /// Two parts of a split disagree about their sizes.
    #[error(
        "the {part} part counts {users} consumers and {items} products, the training part \
         {train_users} and {train_items}; relabel all parts with the training vocabulary"
    )]
    SplitShape {
        /// `validation` or `test`.
        part: &'static str,
        /// Its number of consumers.
        users: usize,
        /// Its number of products.
        items: usize,
        /// The training part's number of consumers.
        train_users: usize,
        /// The training part's number of products.
        train_items: usize,
    },
    /// The same purchase stands in two parts of a split.
    #[error(
        "the pair (consumer row {user}, product row {item}) stands in both {first} and {second}; \
         remove it from one of them, or the figures would be dishonest"
    )]
    Leak {
        /// The consumer's row.
        user: u32,
        /// The product's row.
        item: u32,
        /// The one part.
        first: &'static str,
        /// The other part.
        second: &'static str,
    },
}
