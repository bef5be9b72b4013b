use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::tensor::ops::FloatTensor;

use super::SparseBackend;
use crate::memory::{DeviceMemory, MemoryInUse};
use crate::row_indices::RowIndices;
use crate::sparse_matrix::SparseMatrix;
use crate::{gather_rows, propagate, sparse_dense};

/// One backward step per operation.
impl<B: SparseBackend, C: CheckpointStrategy> SparseBackend for Autodiff<B, C> {
    fn sparse_dense(matrix: &SparseMatrix<Self>, dense: FloatTensor<Self>) -> FloatTensor<Self> {
        sparse_dense::autodiff::sparse_dense(matrix, dense)
    }

    fn propagate(
        matrix: &SparseMatrix<Self>,
        x: FloatTensor<Self>,
        alphas: &[f32],
    ) -> FloatTensor<Self> {
        propagate::autodiff::propagate(matrix, x, alphas)
    }

    fn device_memory(device: &Self::Device) -> Option<DeviceMemory> {
        B::device_memory(device)
    }

    fn memory_in_use(device: &Self::Device) -> Option<MemoryInUse> {
        B::memory_in_use(device)
    }

    fn gather_rows(table: FloatTensor<Self>, indices: &RowIndices<Self>) -> FloatTensor<Self> {
        gather_rows::autodiff::gather_rows(table, indices)
    }

    fn segment_sum_rows(rows: FloatTensor<Self>, indices: &RowIndices<Self>) -> FloatTensor<Self> {
        gather_rows::autodiff::segment_sum_rows(rows, indices)
    }
}
