//! Cosines in plain tensor operations, on any backend.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::reference::gather_rows;
use crate::row_indices::RowIndices;

/// The minimum squared length that a vector is divided by.
const LEAST_SQUARED_LENGTH: f64 = 1e-24;

/// As [`crate::pair_cosines`], which checks the rows.
pub fn pair_cosines<B: Backend>(
    embeddings: Tensor<B, 2>,
    first: &RowIndices<B>,
    second: &RowIndices<B>,
) -> Tensor<B, 1> {
    let pairs = first.len();
    let unit = |rows: &RowIndices<B>| {
        let rows = gather_rows(embeddings.clone(), rows);
        let squared = rows.clone().powi_scalar(2).sum_dim(1);
        rows / squared.clamp_min(LEAST_SQUARED_LENGTH).sqrt()
    };
    (unit(first) * unit(second)).sum_dim(1).reshape([pairs])
}
