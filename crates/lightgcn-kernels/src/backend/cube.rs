use burn::tensor::ops::FloatTensor;
use burn::tensor::{Int, Tensor};
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};

use super::GraphBackend;
use crate::adam::{AdamStep, AdamTensors};
use crate::batch_loss::{BprBatch, LossGradient, SoftmaxBatch, SoftmaxSettings};
use crate::memory::DeviceMemory;
use crate::negatives::{NegativeDraws, PositiveTable};
use crate::row_indices::RowIndices;
use crate::sparse_matrix::SparseMatrix;
use crate::top_k::{LeaveOut, TopK};
use crate::{
    adam, batch_loss, gather_rows, negatives, propagate, propagate_rows, sparse_dense, top_k,
};

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

    fn device_memory(device: &Self::Device) -> Option<DeviceMemory> {
        let client = R::client(device);
        let largest_buffer = client.properties().memory.max_page_size;
        // CubeCL's limit on CUDA is a quarter of what the device has; wgpu does not tell.
        let total = (R::name(&client) == "cuda").then_some(largest_buffer.saturating_mul(4));
        Some(DeviceMemory {
            largest_buffer,
            total,
        })
    }

    fn bpr_loss_gradient(embeddings: Tensor<Self, 2>, batch: &BprBatch) -> LossGradient<Self> {
        batch_loss::cube::bpr_loss_gradient(embeddings, batch)
    }

    fn softmax_loss_gradient(
        embeddings: Tensor<Self, 2>,
        batch: &SoftmaxBatch,
        settings: &SoftmaxSettings,
    ) -> LossGradient<Self> {
        batch_loss::cube::softmax_loss_gradient(embeddings, batch, settings)
    }

    fn sample_negatives(
        positives: &PositiveTable<Self>,
        users: Tensor<Self, 1, Int>,
        draws: &NegativeDraws,
    ) -> Tensor<Self, 1, Int> {
        Tensor::from_primitive(negatives::cube::sample_negatives(
            positives,
            users.into_primitive(),
            draws,
        ))
    }

    fn top_k_of_scores(scores: Tensor<Self, 2>, leave_out: LeaveOut<'_>, k: usize) -> TopK<Self> {
        top_k::cube::top_k_of_scores(scores, leave_out, k)
    }

    fn adam_step<const D: usize>(
        step: &AdamStep,
        tensors: AdamTensors<Self, D>,
        gradients: Tensor<Self, D>,
    ) -> AdamTensors<Self, D> {
        adam::cube::adam_step(step, tensors, gradients)
    }
}
