//! The product on the CPU.

use burn::backend::Flex;
use burn::tensor::{DType, Tensor};

use crate::buffers::take;
use crate::flex::{CsrBuffers, dims, floats, matrix as matrix_of};
use crate::primitive::float_primitive;
use crate::sparse_matrix::SparseMatrix;

pub(crate) fn sparse_dense(matrix: &SparseMatrix<Flex>, dense: Tensor<Flex, 2>) -> Tensor<Flex, 2> {
    if dense.dtype() != DType::F32 {
        return super::reference::sparse_dense(matrix, dense);
    }
    let dense = float_primitive(dense).to_contiguous();
    let [_, dim] = dims(&dense);
    let buffers = CsrBuffers::new(matrix);
    let mut product = take(matrix.n_rows() * dim);
    lightgcn_simd::sparse_dense(buffers.ordered_view(), floats(&dense), dim, &mut product);
    matrix_of(product, matrix.n_rows(), dim)
}
