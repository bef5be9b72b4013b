use burn::backend::Flex;
use burn::tensor::Tensor;

use super::{SparseBackend, TrainingBackend};
use crate::adam::{AdamStep, AdamTensors};
use crate::batch_loss::batch::{BprBatch, LossGradient, SoftmaxBatch, SoftmaxOptions};
use crate::row_indices::RowIndices;
use crate::sparse_matrix::SparseMatrix;
use crate::{
    adam, batch_loss, buffers, gather_rows, pair_cosines, pair_dots, propagate, propagate_rows,
    sparse_dense,
};

/// The loops of `lightgcn-simd` over the tensors' own buffers, on rayon's current pool. Element types
/// other than `f32` go through the reference bodies.
impl SparseBackend for Flex {
    fn sparse_dense(matrix: &SparseMatrix<Self>, dense: Tensor<Self, 2>) -> Tensor<Self, 2> {
        sparse_dense::flex::sparse_dense(matrix, dense)
    }

    fn propagate(
        matrix: &SparseMatrix<Self>,
        x: Tensor<Self, 2>,
        alphas: &[f32],
    ) -> Tensor<Self, 2> {
        propagate::flex::propagate(matrix, x, alphas)
    }

    fn gather_rows(table: Tensor<Self, 2>, indices: &RowIndices<Self>) -> Tensor<Self, 2> {
        gather_rows::flex::gather_rows(table, indices)
    }

    fn segment_sum_rows(rows: Tensor<Self, 2>, indices: &RowIndices<Self>) -> Tensor<Self, 2> {
        gather_rows::flex::segment_sum_rows(rows, indices)
    }

    fn add_rows(
        table: Tensor<Self, 2>,
        rows: Tensor<Self, 2>,
        indices: &RowIndices<Self>,
    ) -> Tensor<Self, 2> {
        gather_rows::flex::add_rows(table, rows, indices)
    }

    fn propagate_rows(
        matrix: &SparseMatrix<Self>,
        x: Tensor<Self, 2>,
        alphas: &[f32],
        rows: &RowIndices<Self>,
    ) -> Tensor<Self, 2> {
        propagate_rows::flex::propagate_rows(matrix, x, alphas, rows)
    }

    fn propagate_rows_transposed(
        matrix: &SparseMatrix<Self>,
        gradients: Tensor<Self, 2>,
        alphas: &[f32],
        rows: &RowIndices<Self>,
    ) -> Tensor<Self, 2> {
        propagate_rows::flex::propagate_rows_transposed(matrix, gradients, alphas, rows)
    }

    fn pair_dots(
        first: Tensor<Self, 2>,
        first_rows: &RowIndices<Self>,
        second: Tensor<Self, 2>,
        second_rows: &RowIndices<Self>,
    ) -> Tensor<Self, 1> {
        pair_dots::flex::pair_dots(first, first_rows, second, second_rows)
    }
}

/// As above; batches are built on the host.
impl TrainingBackend for Flex {
    fn bpr_loss_gradient(embeddings: Tensor<Self, 2>, batch: &BprBatch) -> LossGradient<Self> {
        batch_loss::flex::bpr_loss_gradient(embeddings, batch)
    }

    fn softmax_loss_gradient(
        embeddings: Tensor<Self, 2>,
        batch: &SoftmaxBatch,
        options: &SoftmaxOptions,
    ) -> LossGradient<Self> {
        batch_loss::flex::softmax_loss_gradient(embeddings, batch, options)
    }

    fn pair_cosines(
        embeddings: Tensor<Self, 2>,
        first: &RowIndices<Self>,
        second: &RowIndices<Self>,
    ) -> Tensor<Self, 1> {
        pair_cosines::flex::pair_cosines(embeddings, first, second)
    }

    fn adam_step<const D: usize>(
        step: &AdamStep,
        tensors: AdamTensors<Self, D>,
        gradients: Tensor<Self, D>,
    ) -> AdamTensors<Self, D> {
        adam::flex::adam_step(step, tensors, gradients)
    }

    fn release_buffers() {
        buffers::release();
        propagate_rows::flex::release_scratch();
    }
}
