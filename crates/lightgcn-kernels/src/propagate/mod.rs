//! K layers of propagation as one operation.

pub(crate) mod autodiff;
#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "flex")]
pub(crate) mod flex;
pub(crate) mod reference;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::backend::{GraphBackend, float_primitive, float_tensor};
use crate::sparse_matrix::SparseMatrix;

/// All layers of linear propagation and their weighted sum, `sum_k alphas[k] A^k x`:
/// `[n_nodes, dim]` to `[n_nodes, dim]`. With `alphas = [1 / (K + 1); K + 1]` and a symmetrically
/// normalized adjacency this is LightGCN's layer combination (He et al., SIGIR 2020, equation 4).
///
/// Evaluated by Horner's rule, `y ← A y + alphas[k] x` from the last layer down, so that no layer
/// is stored; on an autodiff backend it is a single step, whose gradient is the same operation on
/// the transposed matrix and keeps nothing but the matrix alive.
///
/// O(layers · edges · dim). On the CPU the bits of the result do not depend on the number of
/// threads.
///
/// # Panics
///
/// If `alphas` is empty, if the matrix is not square, or if `x` does not have a row per node.
pub fn propagate<B: GraphBackend>(
    matrix: &SparseMatrix<B>,
    x: Tensor<B, 2>,
    alphas: &[f32],
) -> Tensor<B, 2> {
    check_arguments(matrix, &x, alphas);
    float_tensor(B::propagate(matrix, float_primitive(x), alphas))
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
