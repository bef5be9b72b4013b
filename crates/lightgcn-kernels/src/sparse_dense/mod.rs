//! Sparse matrix times dense matrix.

#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "cube")]
pub(crate) mod device_csr;
#[cfg(feature = "flex")]
pub(crate) mod flex;
#[cfg(feature = "cube")]
pub(crate) mod packed;
pub(crate) mod reference;
#[cfg(feature = "cube")]
mod walk;

use burn::tensor::Tensor;

use crate::backend::SparseBackend;
use crate::sparse_matrix::SparseMatrix;

/// The product `A x`: `[n_columns, dim]` to `[n_rows, dim]`. Differentiable with respect to `x`
/// (not to the matrix); the gradient is the product with the transpose, and keeps nothing but the
/// matrix alive until then.
///
/// O(edges · dim). On the CPU the bits of the result do not depend on the number of threads.
///
/// # Panics
///
/// If `dense` does not have as many rows as the matrix has columns.
pub fn sparse_dense<B: SparseBackend>(
    matrix: &SparseMatrix<B>,
    dense: Tensor<B, 2>,
) -> Tensor<B, 2> {
    reference::check_shapes(matrix, &dense);
    B::sparse_dense(matrix, dense)
}
