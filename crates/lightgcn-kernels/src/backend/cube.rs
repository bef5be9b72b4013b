use burn::tensor::ops::FloatTensor;
use burn::tensor::Tensor;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};

use super::GraphBackend;
use crate::adam::{AdamStep, AdamTensors};
use crate::row_indices::RowIndices;
use crate::sparse_matrix::SparseMatrix;
use crate::{adam, gather_rows, propagate, propagate_rows, sparse_dense};

/// CUDA and wgpu by one set of kernels; what has no kernel, and element types other than `f32`,
/// `f16` and `bf16`, by the reference bodies.
impl<R: CubeRuntime, F: FloatElement, I: IntElement, BT: BoolElement> GraphBackend
    for CubeBackend<R, F, I, BT>
{
    fn sparse_dense(matrix: &SparseMatrix<Self>, dense: FloatTensor<Self>) -> FloatTensor<Self> {
        sparse_dense::cube::sparse_dense(matrix, dense)
    }

    fn propagate(
        matrix: &SparseMatrix<Self>,
        x: FloatTensor<Self>,
        alphas: &[f32],
    ) -> FloatTensor<Self> {
        propagate::cube::propagate(matrix, x, alphas)
    }

    fn gather_rows(table: FloatTensor<Self>, indices: &RowIndices<Self>) -> FloatTensor<Self> {
        gather_rows::cube::gather_rows(table, indices)
    }

    fn segment_sum_rows(rows: FloatTensor<Self>, indices: &RowIndices<Self>) -> FloatTensor<Self> {
        gather_rows::cube::segment_sum_rows(rows, indices)
    }

    fn propagate_rows(
        matrix: &SparseMatrix<Self>,
        x: FloatTensor<Self>,
        alphas: &[f32],
        rows: &RowIndices<Self>,
    ) -> FloatTensor<Self> {
        propagate_rows::cube::propagate_rows(matrix, x, alphas, rows)
    }

    fn adam_step<const D: usize>(
        step: &AdamStep,
        tensors: AdamTensors<Self, D>,
        gradients: Tensor<Self, D>,
    ) -> AdamTensors<Self, D> {
        adam::cube::adam_step(step, tensors, gradients)
    }
}
