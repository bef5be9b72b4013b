//! Training operations.

use burn::tensor::Tensor;

use super::SparseBackend;
use crate::adam::{AdamStep, AdamTensors};
use crate::batch_loss::batch::{BprBatch, LossGradient, SoftmaxBatch, SoftmaxOptions};
use crate::device::DeviceError;
use crate::node_batch::batch::{BatchCut, NodeBatch};
use crate::node_batch::pair_table::{PairOrder, PairTable};
use crate::node_loss::node_softmax::NodeSoftmax;
use crate::node_loss::slot_gradient::SlotGradient;
use crate::reference;
use crate::row_indices::RowIndices;
use crate::sorted_slots::slots::{L2Penalty, SortedSlots};

/// A [`SparseBackend`] with the operations of a fused training step: batches and negatives, losses
/// with their gradients, sums over a batch, and Adam.
///
/// As there, every method has a default body, and the free functions check shapes. `Autodiff` does
/// not implement it: fused steps and optimizers run on the backend inside.
pub trait TrainingBackend: SparseBackend {
    /// The BPR loss of a batch's embeddings and its gradient.
    fn bpr_loss_gradient(embeddings: Tensor<Self, 2>, batch: &BprBatch) -> LossGradient<Self> {
        reference::bpr_loss_gradient(embeddings, batch)
    }

    /// The softmax loss of a batch's embeddings and its gradient.
    fn softmax_loss_gradient(
        embeddings: Tensor<Self, 2>,
        batch: &SoftmaxBatch,
        options: &SoftmaxOptions,
    ) -> LossGradient<Self> {
        reference::softmax_loss_gradient(embeddings, batch, options)
    }

    /// The cosines of pairs of a batch's embeddings, `[n_rows, dim]` to `[pairs]`.
    fn pair_cosines(
        embeddings: Tensor<Self, 2>,
        first: &RowIndices<Self>,
        second: &RowIndices<Self>,
    ) -> Tensor<Self, 1> {
        reference::pair_cosines(embeddings, first, second)
    }

    /// Whether a training step runs entirely on the device: it cuts batches, draws negatives and adds
    /// up losses there. `false` on the CPU, where the host is the device.
    fn runs_steps_on_device() -> bool {
        false
    }

    /// Frees the buffers that steps keep for the next one, on the CPU several tables of the model's
    /// size. Steps afterwards allocate anew.
    fn release_buffers() {}

    /// `n` devices that share a run's steps, `device` being the first. Default: `device` itself,
    /// `n` times, which is right if the host is the device.
    ///
    /// # Errors
    ///
    /// [`DeviceError::TooFewDevices`] if the machine has fewer than `n` of its kind.
    fn peers(device: &Self::Device, n: usize) -> Result<Vec<Self::Device>, DeviceError> {
        Ok(vec![device.clone(); n])
    }

    /// Cuts a batch from an epoch's order and draws its negatives.
    fn cut_batch(
        table: &PairTable<Self>,
        order: &PairOrder<Self>,
        cut: &BatchCut,
    ) -> NodeBatch<Self> {
        reference::cut_batch(table, order, cut)
    }

    /// A batch's slots, sorted by the row that each reads.
    fn sort_slots(batch: &NodeBatch<Self>) -> SortedSlots<Self> {
        reference::sort_slots(batch)
    }

    /// Sums of a batch's slots, `[n_slots, dim]` to `[n_nodes, dim]`.
    fn sum_slots(gradients: Tensor<Self, 2>, slots: &SortedSlots<Self>) -> Tensor<Self, 2> {
        reference::sum_slots(gradients, slots)
    }

    /// The sum of `losses` and the L2 penalty on a batch's rows, and `gradient` plus the penalty's own.
    fn add_l2(
        losses: Tensor<Self, 1>,
        gradient: Tensor<Self, 2>,
        penalty: L2Penalty<'_, Self>,
    ) -> LossGradient<Self> {
        reference::add_l2(losses, gradient, penalty)
    }

    /// The BPR loss of a batch, given all embeddings, and its gradient slot by slot.
    fn bpr_slot_gradient(
        embeddings: Tensor<Self, 2>,
        batch: &NodeBatch<Self>,
    ) -> SlotGradient<Self> {
        reference::bpr_slot_gradient(embeddings, batch)
    }

    /// The softmax loss of a batch, given all embeddings, and its gradient slot by slot.
    fn softmax_slot_gradient(
        embeddings: Tensor<Self, 2>,
        batch: &NodeBatch<Self>,
        pairs: &PairTable<Self>,
        softmax: &NodeSoftmax<Self>,
    ) -> SlotGradient<Self> {
        reference::softmax_slot_gradient(embeddings, batch, pairs, softmax)
    }

    /// One step of Adam. All tensors have one shape.
    fn adam_step<const D: usize>(
        step: &AdamStep,
        tensors: AdamTensors<Self, D>,
        gradients: Tensor<Self, D>,
    ) -> AdamTensors<Self, D> {
        reference::adam_step(step, tensors, gradients)
    }
}
