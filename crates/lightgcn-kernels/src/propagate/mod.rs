//! K layers of propagation as one operation.

#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "flex")]
pub(crate) mod flex;
pub(crate) mod reference;

use burn::tensor::Tensor;

use crate::backend::SparseBackend;
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
pub fn propagate<B: SparseBackend>(
    matrix: &SparseMatrix<B>,
    x: Tensor<B, 2>,
    alphas: &[f32],
) -> Tensor<B, 2> {
    reference::check_arguments(matrix, &x, alphas);
    B::propagate(matrix, x, alphas)
}
