use burn::backend::Flex;
use burn::tensor::Tensor;
use burn::tensor::ops::FloatTensor;

use super::GraphBackend;
use crate::adam::{AdamStep, AdamTensors};
use crate::row_indices::RowIndices;
use crate::sparse_matrix::SparseMatrix;
use crate::{adam, gather_rows, propagate, sparse_dense};

/// The loops of `lightgcn-simd` over the tensors' own buffers, on rayon's current pool; other
/// element types than `f32` by the reference bodies.
impl GraphBackend for Flex {
    fn sparse_dense(matrix: &SparseMatrix<Self>, dense: FloatTensor<Self>) -> FloatTensor<Self> {
        sparse_dense::flex::sparse_dense(matrix, dense)
    }

    fn propagate(
        matrix: &SparseMatrix<Self>,
        x: FloatTensor<Self>,
        alphas: &[f32],
    ) -> FloatTensor<Self> {
        propagate::flex::propagate(matrix, x, alphas)
    }

    fn gather_rows(table: FloatTensor<Self>, indices: &RowIndices<Self>) -> FloatTensor<Self> {
        gather_rows::flex::gather_rows(table, indices)
    }

    fn segment_sum_rows(rows: FloatTensor<Self>, indices: &RowIndices<Self>) -> FloatTensor<Self> {
        gather_rows::flex::segment_sum_rows(rows, indices)
    }

    fn adam_step<const D: usize>(
        step: &AdamStep,
        tensors: AdamTensors<Self, D>,
        gradients: Tensor<Self, D>,
    ) -> AdamTensors<Self, D> {
        adam::flex::adam_step(step, tensors, gradients)
    }
}
