//! The places of a batch by the row that they read, and sums over them.

#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use crate::backend::TrainingBackend;
use crate::batch_loss::LossGradient;
use crate::node_batch::NodeBatch;

/// The places of a [`NodeBatch`] sorted by the row that they read, on its device; those of one row
/// in the batch's order.
#[derive(Clone, Debug)]
pub struct SortedPlaces<B: Backend> {
    /// The row of each, `[n_places]`, `i32`, ascending.
    pub(crate) rows: Tensor<B, 1, Int>,
    /// The places, `[n_places]`, `i32`.
    pub(crate) order: Tensor<B, 1, Int>,
    /// Rows of the table.
    pub(crate) n_nodes: usize,
}

impl<B: Backend> SortedPlaces<B> {
    /// The rows ascending and the place that each comes from, both `[n_places]`, `i32`.
    pub fn tensors(&self) -> [Tensor<B, 1, Int>; 2] {
        [self.rows.clone(), self.order.clone()]
    }
}

/// Sorts the places of a batch by the row that they read, stably, on the device: no count of it
/// depends on which worker comes first. O(n log² n) for n places.
pub fn sort_places<B: TrainingBackend>(batch: &NodeBatch<B>) -> SortedPlaces<B> {
    B::sort_places(batch)
}

/// Sums the gradients of a batch's places by the row that each reads: `[n_places, dim]` to
/// `[n_nodes, dim]`, rows that no place reads being zero. As
/// [`segment_sum_rows`](crate::segment_sum_rows()), with indices that lie on the device.
///
/// # Panics
///
/// If there is not one row a place.
pub fn sum_places<B: TrainingBackend>(
    gradients: Tensor<B, 2>,
    places: &SortedPlaces<B>,
) -> Tensor<B, 2> {
    check_places("sum_places", gradients.dims()[0], places);
    B::sum_places(gradients, places)
}

/// Adds the L2 of a batch's rows, `factor / 2 · Σ_r n_r |table[r]|²` where `n_r` counts the first
/// `n_own_places` places that read row `r`, to the sum of `losses` (`[n]`), and its gradient to
/// `gradient` (`[n_nodes, dim]`), which may be written over. `factor` may be 0.
///
/// # Panics
///
/// If the table or the gradient does not have a row a node.
pub fn add_l2<B: TrainingBackend>(
    losses: Tensor<B, 1>,
    gradient: Tensor<B, 2>,
    table: Tensor<B, 2>,
    places: &SortedPlaces<B>,
    n_own_places: usize,
    factor: f32,
) -> LossGradient<B> {
    let (found, expected) = (gradient.dims(), table.dims());
    assert!(
        found == expected && found[0] == places.n_nodes,
        "add_l2: the gradient is {found:?}, the table {expected:?}, and the places are of {} nodes",
        places.n_nodes
    );
    B::add_l2(losses, gradient, table, places, n_own_places, factor)
}

fn check_places<B: Backend>(what: &str, rows: usize, places: &SortedPlaces<B>) {
    let n_places = places.order.dims()[0];
    assert!(
        rows == n_places,
        "{what}: {rows} rows for {n_places} places"
    );
}
