//! Cuts batches on the device that trains on them.

pub(crate) mod batch;
#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod pair_table;
pub(crate) mod reference;

use crate::backend::TrainingBackend;

pub use batch::{BatchCut, NodeBatch};
pub use pair_table::{PairOrder, PairTable};

/// Cuts a batch from an epoch's order and draws its negatives, all on the device: uniformly among
/// the items that the user does not have, and the shared ones among all items. The draws are those
/// of `lightgcn_sample`, bit for bit. O(batch · negatives · log of a user's positives).
///
/// A user who has every item has no negative; the first item is used instead.
///
/// # Panics
///
/// If the cut is empty or reaches past the order, or the order was made for another table.
pub fn cut_batch<B: TrainingBackend>(
    table: &PairTable<B>,
    order: &PairOrder<B>,
    cut: &BatchCut,
) -> NodeBatch<B> {
    assert!(
        order.n_pairs == table.n_pairs(),
        "cut_batch: the order was made for a table of {} pairs, but this one has {}",
        order.n_pairs,
        table.n_pairs()
    );
    let end = cut.first_pair.saturating_add(cut.n_pairs);
    assert!(
        cut.n_pairs > 0 && end <= order.len(),
        "cut_batch: pairs {}..{end} of an order of {}",
        cut.first_pair,
        order.len()
    );
    B::cut_batch(table, order, cut)
}
