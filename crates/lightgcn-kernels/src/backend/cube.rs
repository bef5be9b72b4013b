use burn::tensor::Tensor;
use burn_cubecl::cubecl::device::Device as _;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};

use super::{SparseBackend, TrainingBackend};
use crate::adam::{AdamStep, AdamTensors};
use crate::batch_loss::batch::{BprBatch, LossGradient};
use crate::device::DeviceError;
use crate::memory::{DeviceMemory, MemoryInUse};
use crate::node_batch::batch::{BatchCut, NodeBatch};
use crate::node_batch::pair_table::{PairOrder, PairTable};
use crate::node_loss::node_softmax::NodeSoftmax;
use crate::node_loss::slot_gradient::SlotGradient;
use crate::row_indices::RowIndices;
use crate::sorted_slots::slots::{L2Penalty, SortedSlots};
use crate::sparse_matrix::SparseMatrix;
use crate::{
    adam, batch_loss, gather_rows, node_batch, node_loss, propagate, propagate_rows, sorted_slots,
    sparse_dense,
};

/// One set of kernels for CUDA and wgpu. Operations without a kernel, and element types other than
/// `f32`, `f16` and `bf16`, go through the reference bodies.
impl<R: CubeRuntime, F: FloatElement, I: IntElement, BT: BoolElement> SparseBackend
    for CubeBackend<R, F, I, BT>
{
    fn sparse_dense(matrix: &SparseMatrix<Self>, dense: Tensor<Self, 2>) -> Tensor<Self, 2> {
        sparse_dense::cube::sparse_dense(matrix, dense)
    }

    fn propagate(
        matrix: &SparseMatrix<Self>,
        x: Tensor<Self, 2>,
        alphas: &[f32],
    ) -> Tensor<Self, 2> {
        propagate::cube::propagate(matrix, x, alphas)
    }

    fn gather_rows(table: Tensor<Self, 2>, indices: &RowIndices<Self>) -> Tensor<Self, 2> {
        gather_rows::cube::gather_rows(table, indices)
    }

    fn segment_sum_rows(rows: Tensor<Self, 2>, indices: &RowIndices<Self>) -> Tensor<Self, 2> {
        gather_rows::cube::segment_sum_rows(rows, indices)
    }

    fn propagate_rows(
        matrix: &SparseMatrix<Self>,
        x: Tensor<Self, 2>,
        alphas: &[f32],
        rows: &RowIndices<Self>,
    ) -> Tensor<Self, 2> {
        propagate_rows::cube::propagate_rows(matrix, x, alphas, rows)
    }

    fn device_memory(device: &Self::Device) -> Option<DeviceMemory> {
        let client = R::client(device);
        let largest_buffer = client.properties().memory.max_page_size;
        // On CUDA, CubeCL sets the limit to a quarter of the device's memory; wgpu reports no total.
        let total = (R::name(&client) == "cuda").then_some(largest_buffer.saturating_mul(4));
        Some(DeviceMemory {
            largest_buffer,
            total,
        })
    }

    fn memory_in_use(device: &Self::Device) -> Option<MemoryInUse> {
        let usage = R::client(device).memory_usage().ok()?;
        Some(MemoryInUse {
            used: usage.bytes_in_use,
            reserved: usage.bytes_reserved,
        })
    }
}

/// As above; a training step runs entirely on the device.
impl<R: CubeRuntime, F: FloatElement, I: IntElement, BT: BoolElement> TrainingBackend
    for CubeBackend<R, F, I, BT>
{
    fn bpr_loss_gradient(embeddings: Tensor<Self, 2>, batch: &BprBatch) -> LossGradient<Self> {
        batch_loss::cube::bpr_loss_gradient(embeddings, batch)
    }

    fn runs_steps_on_device() -> bool {
        true
    }

    fn peers(device: &Self::Device, n: usize) -> Result<Vec<Self::Device>, DeviceError> {
        if n == 1 {
            return Ok(vec![device.clone()]);
        }
        let first = device.to_id();
        let client = R::client(device);
        let mut devices = client.enumerate_all_devices();
        devices.retain(|id| id.type_id == first.type_id && id.index_id >= first.index_id);
        devices.sort_by_key(|id| id.index_id);
        if devices.len() < n {
            return Err(DeviceError::TooFewDevices {
                device: format!("{device:?}"),
                asked: n,
                available: devices.len(),
            });
        }
        let devices = devices.into_iter().take(n);
        Ok(devices.map(Self::Device::from_id).collect())
    }

    fn cut_batch(
        table: &PairTable<Self>,
        order: &PairOrder<Self>,
        cut: &BatchCut,
    ) -> NodeBatch<Self> {
        node_batch::cube::cut_batch(table, order, cut)
    }

    fn sort_slots(batch: &NodeBatch<Self>) -> SortedSlots<Self> {
        sorted_slots::cube::sort_slots(batch)
    }

    fn sum_slots(gradients: Tensor<Self, 2>, slots: &SortedSlots<Self>) -> Tensor<Self, 2> {
        sorted_slots::cube::sum_slots(gradients, slots)
    }

    fn add_l2(
        losses: Tensor<Self, 1>,
        gradient: Tensor<Self, 2>,
        penalty: L2Penalty<'_, Self>,
    ) -> LossGradient<Self> {
        sorted_slots::cube::add_l2(losses, gradient, penalty)
    }

    fn bpr_slot_gradient(
        embeddings: Tensor<Self, 2>,
        batch: &NodeBatch<Self>,
    ) -> SlotGradient<Self> {
        node_loss::cube::bpr_slot_gradient(embeddings, batch)
    }

    fn softmax_slot_gradient(
        embeddings: Tensor<Self, 2>,
        batch: &NodeBatch<Self>,
        pairs: &PairTable<Self>,
        softmax: &NodeSoftmax<Self>,
    ) -> SlotGradient<Self> {
        node_loss::cube::softmax_slot_gradient(embeddings, batch, pairs, softmax)
    }

    fn adam_step<const D: usize>(
        step: &AdamStep,
        tensors: AdamTensors<Self, D>,
        gradients: Tensor<Self, D>,
    ) -> AdamTensors<Self, D> {
        adam::cube::adam_step(step, tensors, gradients)
    }
}
