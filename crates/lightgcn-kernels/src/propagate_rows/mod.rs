//! Propagation for the rows of a batch.

#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "flex")]
pub(crate) mod flex;
pub(crate) mod reference;

use burn::tensor::Tensor;

use crate::backend::SparseBackend;
use crate::propagate::reference::check_arguments;
use crate::row_indices::RowIndices;
use crate::sparse_matrix::SparseMatrix;

/// The rows of [`propagate`](crate::propagate()) that a batch reads: `[n_nodes, dim]` to
/// `[n_indices, dim]`. On the CPU the last layer is computed only at those rows.
///
/// Differentiable on an autodiff backend, where it is a propagation and a gather.
///
/// # Panics
///
/// As [`propagate`](crate::propagate()), and if the indices were made for another number of rows.
pub fn propagate_rows<B: SparseBackend>(
    matrix: &SparseMatrix<B>,
    x: Tensor<B, 2>,
    alphas: &[f32],
    rows: &RowIndices<B>,
) -> Tensor<B, 2> {
    check_arguments(matrix, &x, alphas);
    rows.check_table(&x);
    B::propagate_rows(matrix, x, alphas, rows)
}

/// The gradient of [`propagate_rows`] with respect to `x`, given that with respect to its result:
/// `[n_indices, dim]` to `[n_nodes, dim]`. On the CPU the first layer is computed only from those
/// rows.
///
/// # Panics
///
/// If `alphas` is empty, if the matrix is not square, or if there is not one gradient per index.
pub fn propagate_rows_transposed<B: SparseBackend>(
    matrix: &SparseMatrix<B>,
    gradients: Tensor<B, 2>,
    alphas: &[f32],
    rows: &RowIndices<B>,
) -> Tensor<B, 2> {
    assert!(
        !alphas.is_empty(),
        "propagate_rows_transposed: alphas is empty; it needs a weight for layer 0 at least"
    );
    let (n_rows, n_columns) = (matrix.n_rows(), matrix.n_columns());
    assert!(
        n_rows == n_columns && n_rows == rows.n_rows(),
        "propagate_rows_transposed: the matrix is [{n_rows}, {n_columns}], and the indices were \
         made for {} rows",
        rows.n_rows()
    );
    rows.check_rows(&gradients);
    B::propagate_rows_transposed(matrix, gradients, alphas, rows)
}
