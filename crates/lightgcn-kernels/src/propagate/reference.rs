//! Propagation in plain tensor operations, on any backend.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

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

pub(crate) fn check_arguments<B: Backend>(
    matrix: &SparseMatrix<B>,
    x: &Tensor<B, 2>,
    alphas: &[f32],
) {
    assert!(
        !alphas.is_empty(),
        "propagate: alphas is empty; it needs a weight for layer 0 at least"
    );
    let (n_rows, n_columns) = (matrix.n_rows(), matrix.n_columns());
    assert!(
        n_rows == n_columns,
        "propagate: the matrix must be square, but it is [{n_rows}, {n_columns}]"
    );
    let [rows, dim] = x.dims();
    assert!(
        rows == n_rows,
        "propagate: the matrix has {n_rows} nodes, but x is [{rows}, {dim}]"
    );
}

/// Horner's rule over any product.
pub(crate) fn horner<B: Backend>(
    x: Tensor<B, 2>,
    alphas: &[f32],
    product: impl Fn(Tensor<B, 2>) -> Tensor<B, 2>,
) -> Tensor<B, 2> {
    let mut weights = alphas.iter().rev();
    let last = weights.next().copied().unwrap_or_default();
    weights.fold(x.clone().mul_scalar(last), |y, &alpha| {
        product(y) + x.clone().mul_scalar(alpha)
    })
}
