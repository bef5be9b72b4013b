//! The slots of a batch, sorted by the row that each reads, and sums over them.

#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;
pub(crate) mod slots;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::backend::TrainingBackend;
use crate::batch_loss::LossGradient;
use crate::node_batch::NodeBatch;

pub use slots::{L2Penalty, SortedSlots};

/// Sorts the slots of a batch by the row that each reads, stably and on the device. The result does
/// not depend on which worker comes first. O(n log² n) for n slots.
pub fn sort_slots<B: TrainingBackend>(batch: &NodeBatch<B>) -> SortedSlots<B> {
    B::sort_slots(batch)
}

/// Sums the gradients of a batch's slots by the row that each reads: `[n_slots, dim]` to
/// `[n_nodes, dim]`; rows that no slot reads are zero. Like
/// [`segment_sum_rows`](crate::segment_sum_rows()), with indices that lie on the device.
///
/// # Panics
///
/// If there is not one row per slot.
pub fn sum_slots<B: TrainingBackend>(
    gradients: Tensor<B, 2>,
    slots: &SortedSlots<B>,
) -> Tensor<B, 2> {
    check_slots("sum_slots", gradients.dims()[0], slots);
    B::sum_slots(gradients, slots)
}

/// Adds `penalty` to the sum of `losses` (`[n]`), and its gradient to `gradient` (`[n_nodes, dim]`),
/// which may be overwritten.
///
/// # Panics
///
/// If the table or the gradient does not have one row per node.
pub fn add_l2<B: TrainingBackend>(
    losses: Tensor<B, 1>,
    gradient: Tensor<B, 2>,
    penalty: L2Penalty<'_, B>,
) -> LossGradient<B> {
    let (found, expected) = (gradient.dims(), penalty.table.dims());
    let n_nodes = penalty.slots.n_nodes;
    assert!(
        found == expected && found[0] == n_nodes,
        "add_l2: the gradient is {found:?} and the table {expected:?}, but there are {n_nodes} nodes"
    );
    B::add_l2(losses, gradient, penalty)
}

fn check_slots<B: Backend>(what: &str, rows: usize, slots: &SortedSlots<B>) {
    let n_slots = slots.order.dims()[0];
    assert!(
        rows == n_slots,
        "{what}: there are {n_slots} slots, but {rows} rows"
    );
}
