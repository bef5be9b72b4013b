//! Propagation in plain tensor operations, on any backend.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::{check_arguments, horner};
use crate::sparse_dense::reference::EdgeChunks;
use crate::sparse_matrix::SparseMatrix;

/// `sum_k alphas[k] A^k x` by the reference product, `[n_nodes, dim]` to `[n_nodes, dim]`. On an
/// autodiff backend it differentiates through burn's own operations.
///
/// # Panics
///
/// If `alphas` is empty, if the matrix is not square, or if `x` does not have a row per node.
pub fn propagate<B: Backend>(
    matrix: &SparseMatrix<B>,
    x: Tensor<B, 2>,
    alphas: &[f32],
) -> Tensor<B, 2> {
    check_arguments(matrix, &x, alphas);
    let edges = EdgeChunks::new(matrix, x.dims()[1], x.dtype());
    horner(x, alphas, |y| edges.product(y))
}
