//! The slots of a batch, by the row that each reads.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

/// The slots of a [`NodeBatch`](crate::NodeBatch) sorted by the row that each reads, on its device;
/// those of one row in the batch's order.
#[derive(Clone, Debug)]
pub struct SortedSlots<B: Backend> {
    /// The row that each reads, `[n_slots]`, `i32`, ascending.
    pub(crate) rows: Tensor<B, 1, Int>,
    /// The slots, `[n_slots]`, `i32`.
    pub(crate) order: Tensor<B, 1, Int>,
    /// Rows of the table.
    pub(crate) n_nodes: usize,
}

impl<B: Backend> SortedSlots<B> {
    /// The rows, ascending, and the slot that reads each, both `[n_slots]`, `i32`.
    pub fn tensors(&self) -> [Tensor<B, 1, Int>; 2] {
        [self.rows.clone(), self.order.clone()]
    }
}

/// The L2 penalty on a batch's rows: `factor / 2 · Σ_r n_r |table[r]|²`, where `n_r` counts the first
/// `n_own_slots` slots that read row `r`.
#[derive(Clone, Debug)]
pub struct L2Penalty<'a, B: Backend> {
    /// The table of layer 0, `[n_nodes, dim]`.
    pub table: Tensor<B, 2>,
    /// The batch's slots.
    pub slots: &'a SortedSlots<B>,
    /// The number of the batch's first slots that are penalized.
    pub n_own_slots: usize,
    /// Strength of the penalty; 0 for none.
    pub factor: f32,
}
