//! Breaks ties independently of the order of the log.

use lightgcn_core::ItemId;
use lightgcn_core::random::{Random, Stream};

/// The maximum that a tie-break adds to a score.
const JITTER: f64 = 2e-5;

/// The key that orders items of equal rank.
pub(crate) fn tie_key(item: ItemId) -> u64 {
    Random::new(0, Stream::Ties)
        .at(0, u64::from(item.0))
        .next_u64()
}

/// A number from 0 to 2 · 10⁻⁵ that belongs to the item. Rows follow the order of first appearance
/// in the log, so breaking ties by row would leak what came first.
pub(crate) fn jitter(item: ItemId) -> f64 {
    JITTER * Random::new(0, Stream::Ties).at(1, u64::from(item.0)).unit()
}
