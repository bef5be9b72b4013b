//! Sorting on the host, and sums in plain tensor operations, for any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use super::SortedPlaces;
use crate::batch_loss::LossGradient;
use crate::node_batch::NodeBatch;
use crate::reference::segment_sum_rows;
use crate::row_indices::RowIndices;
use crate::sparse_matrix::upload_ints;

/// As [`crate::sort_places`].
pub fn sort_places<B: Backend>(batch: &NodeBatch<B>) -> SortedPlaces<B> {
    let device = batch.nodes.device();
    let rows: Vec<i64> = batch.nodes().into_data().iter().collect();
    let mut order: Vec<i32> = (0..rows.len() as i32).collect();
    order.sort_by_key(|&place| rows[place as usize]);
    let sorted = order.iter().map(|&place| rows[place as usize] as i32);
    SortedPlaces {
        rows: upload_ints(sorted.collect(), &device),
        order: upload_ints(order, &device),
        n_nodes: batch.n_nodes,
    }
}

/// The row of each place, in the batch's order.
fn rows<B: Backend>(places: &SortedPlaces<B>) -> Vec<u32> {
    let [rows, order] = places.tensors().map(|tensor| {
        let ints: Vec<i64> = tensor.into_data().iter().collect();
        ints
    });
    let mut found = vec![0; rows.len()];
    for (row, place) in rows.into_iter().zip(order) {
        found[place as usize] = row as u32;
    }
    found
}

/// As [`crate::sum_places`], which checks the arguments.
pub fn sum_places<B: Backend>(gradients: Tensor<B, 2>, places: &SortedPlaces<B>) -> Tensor<B, 2> {
    let device = gradients.device();
    let indices = RowIndices::from_slice(&rows(places), places.n_nodes, &device);
    segment_sum_rows(gradients, &indices)
}

/// As [`crate::add_l2`], which checks the arguments.
pub fn add_l2<B: Backend>(
    losses: Tensor<B, 1>,
    gradient: Tensor<B, 2>,
    table: Tensor<B, 2>,
    places: &SortedPlaces<B>,
    n_own_places: usize,
    factor: f32,
) -> LossGradient<B> {
    let mut counts = vec![0.0f32; places.n_nodes];
    for row in rows(places).into_iter().take(n_own_places) {
        counts[row as usize] += factor;
    }
    let counts = TensorData::new(counts, [places.n_nodes, 1]);
    let counts = Tensor::<B, 2>::from_data(counts, &table.device());
    let pull = table.clone() * counts;
    let l2 = (pull.clone() * table).sum_dim(1).sum().mul_scalar(0.5);
    LossGradient {
        loss: losses.sum() + l2,
        gradient: gradient + pull,
    }
}
