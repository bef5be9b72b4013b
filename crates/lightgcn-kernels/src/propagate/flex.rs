//! Propagation on the CPU.

use burn::backend::Flex;
use burn::tensor::{DType, Tensor};
use lightgcn_simd::Polynomial;

use crate::buffers::{give, take};
use crate::flex::{CsrBuffers, dims, floats, matrix as matrix_of};
use crate::primitive::float_primitive;
use crate::sparse_matrix::SparseMatrix;

pub(crate) fn propagate(
    matrix: &SparseMatrix<Flex>,
    x: Tensor<Flex, 2>,
    alphas: &[f32],
) -> Tensor<Flex, 2> {
    if x.dtype() != DType::F32 {
        return super::reference::propagate(matrix, x, alphas);
    }
    let x = float_primitive(x).to_contiguous();
    let [rows, dim] = dims(&x);
    let buffers = CsrBuffers::new(matrix);
    let view = buffers.ordered_view();
    let mut out = take(rows * dim);
    let mut work = take(if alphas.len() > 2 { rows * dim } else { 0 });
    let polynomial = Polynomial {
        a: view,
        alphas,
        dim,
    };
    lightgcn_simd::propagate_into(&polynomial, floats(&x), &mut out, &mut work);
    give(work);
    matrix_of(out, rows, dim)
}
