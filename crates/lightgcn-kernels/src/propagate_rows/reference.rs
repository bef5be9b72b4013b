//! Propagation for a batch's rows in plain tensor operations, on any backend.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::reference::{gather_rows, propagate, segment_sum_rows};
use crate::row_indices::RowIndices;
use crate::sparse_matrix::SparseMatrix;

/// The rows of the whole propagation, `[n_nodes, dim]` to `[n_indices, dim]`.
///
/// # Panics
///
/// As [`crate::propagate_rows`].
pub fn propagate_rows<B: Backend>(
    matrix: &SparseMatrix<B>,
    x: Tensor<B, 2>,
    alphas: &[f32],
    rows: &RowIndices<B>,
) -> Tensor<B, 2> {
    gather_rows(propagate(matrix, x, alphas), rows)
}

/// The rows' gradients summed into a table and propagated back, `[n_indices, dim]` to
/// `[n_nodes, dim]`.
///
/// # Panics
///
/// As [`crate::propagate_rows_transposed`].
pub fn propagate_rows_transposed<B: Backend>(
    matrix: &SparseMatrix<B>,
    gradients: Tensor<B, 2>,
    alphas: &[f32],
    rows: &RowIndices<B>,
) -> Tensor<B, 2> {
    propagate(
        &matrix.transpose(),
        segment_sum_rows(gradients, rows),
        alphas,
    )
}
