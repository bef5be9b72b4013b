//! Sorting on the host, and sums in plain tensor operations, for any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::slots::{L2Penalty, SortedSlots};
use crate::batch_loss::batch::LossGradient;
use crate::node_batch::batch::NodeBatch;
use crate::reference::segment_sum_rows;
use crate::row_indices::RowIndices;
use crate::upload::upload_ints;

/// As [`crate::sort_slots`].
pub fn sort_slots<B: Backend>(batch: &NodeBatch<B>) -> SortedSlots<B> {
    let device = batch.nodes.device();
    let rows: Vec<i64> = batch.nodes().into_data().iter().collect();
    let mut order: Vec<i32> = (0..rows.len() as i32).collect();
    order.sort_by_key(|&slot| rows[slot as usize]);
    let sorted = order.iter().map(|&slot| rows[slot as usize] as i32);
    SortedSlots {
        rows: upload_ints(sorted.collect(), &device),
        order: upload_ints(order, &device),
        n_nodes: batch.n_nodes,
    }
}

/// The row of each slot, in the batch's order.
fn rows<B: Backend>(slots: &SortedSlots<B>) -> Vec<u32> {
    let [rows, order] = slots.tensors().map(|tensor| {
        let ints: Vec<i64> = tensor.into_data().iter().collect();
        ints
    });
    let mut found = vec![0; rows.len()];
    for (row, slot) in rows.into_iter().zip(order) {
        found[slot as usize] = row as u32;
    }
    found
}

/// As [`crate::sum_slots`], which checks the arguments.
pub fn sum_slots<B: Backend>(gradients: Tensor<B, 2>, slots: &SortedSlots<B>) -> Tensor<B, 2> {
    let device = gradients.device();
    let indices = RowIndices::from_slice(&rows(slots), slots.n_nodes, &device);
    segment_sum_rows(gradients, &indices)
}

/// As [`crate::add_l2`], which checks the arguments.
pub fn add_l2<B: Backend>(
    losses: Tensor<B, 1>,
    gradient: Tensor<B, 2>,
    penalty: L2Penalty<'_, B>,
) -> LossGradient<B> {
    let n_nodes = penalty.slots.n_nodes;
    let mut counts = vec![0.0f32; n_nodes];
    for row in rows(penalty.slots).into_iter().take(penalty.n_own_slots) {
        counts[row as usize] += penalty.factor;
    }
    let counts = TensorData::new(counts, [n_nodes, 1]);
    let counts = Tensor::<B, 2>::from_data(counts, &penalty.table.device());
    let pull = penalty.table.clone() * counts;
    let l2 = (pull.clone() * penalty.table)
        .sum_dim(1)
        .sum()
        .mul_scalar(0.5);
    LossGradient {
        loss: losses.sum() + l2,
        gradient: gradient + pull,
    }
}
