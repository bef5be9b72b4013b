//! Training operations.

use burn::tensor::{Int, Tensor};

use super::SparseBackend;
use crate::adam::{AdamStep, AdamTensors};
use crate::batch_loss::{BprBatch, LossGradient, SoftmaxBatch, SoftmaxSettings};
use crate::device::DeviceError;
use crate::negatives::{NegativeDraws, PositiveTable};
use crate::node_batch::{BatchCut, NodeBatch, PairOrder, PairTable};
use crate::node_loss::{NodeSoftmax, PlaceGradient};
use crate::reference;
use crate::row_indices::RowIndices;
use crate::sorted_places::SortedPlaces;

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
        settings: &SoftmaxSettings,
    ) -> LossGradient<Self> {
        reference::softmax_loss_gradient(embeddings, batch, settings)
    }

    /// The cosines of pairs of a batch's embeddings, `[n_rows, dim]` to `[pairs]`.
    fn pair_cosines(
        embeddings: Tensor<Self, 2>,
        first: &RowIndices<Self>,
        second: &RowIndices<Self>,
    ) -> Tensor<Self, 1> {
        reference::pair_cosines(embeddings, first, second)
    }

    /// Negatives of each user, `[n_pairs]` to `[n_pairs * n_negatives]`.
    fn sample_negatives(
        positives: &PositiveTable<Self>,
        users: Tensor<Self, 1, Int>,
        draws: &NegativeDraws,
    ) -> Tensor<Self, 1, Int> {
        reference::sample_negatives(positives, users, draws)
    }

    /// Whether a training step runs entirely on the device: it cuts batches, draws negatives and adds
    /// up losses there. `false` on the CPU, where the host is the device.
    fn runs_steps_on_device() -> bool {
        false
    }

    /// `n` devices that share a run's steps, of which `device` is the first. By default the same one
    /// each time, as is right where the host is the device.
    ///
    /// # Errors
    ///
    /// [`DeviceError::TooFewDevices`] where there are not as many of its kind.
    fn peers(device: &Self::Device, n: usize) -> Result<Vec<Self::Device>, DeviceError> {
        Ok(vec![device.clone(); n])
    }

    /// A batch and its negatives from an epoch's order.
    fn cut_batch(
        table: &PairTable<Self>,
        order: &PairOrder<Self>,
        cut: &BatchCut,
    ) -> NodeBatch<Self> {
        reference::cut_batch(table, order, cut)
    }

    /// A batch's places by the row that they read.
    fn sort_places(batch: &NodeBatch<Self>) -> SortedPlaces<Self> {
        reference::sort_places(batch)
    }

    /// Sums of a batch's places, `[n_places, dim]` to `[n_nodes, dim]`.
    fn sum_places(gradients: Tensor<Self, 2>, places: &SortedPlaces<Self>) -> Tensor<Self, 2> {
        reference::sum_places(gradients, places)
    }

    /// The sum of `losses` and of the L2 of a batch's rows, and `gradient` with that of the latter.
    fn add_l2(
        losses: Tensor<Self, 1>,
        gradient: Tensor<Self, 2>,
        table: Tensor<Self, 2>,
        places: &SortedPlaces<Self>,
        n_own_places: usize,
        factor: f32,
    ) -> LossGradient<Self> {
        reference::add_l2(losses, gradient, table, places, n_own_places, factor)
    }

    /// The BPR loss of a batch on all embeddings and its gradient place by place.
    fn bpr_place_gradient(
        embeddings: Tensor<Self, 2>,
        batch: &NodeBatch<Self>,
    ) -> PlaceGradient<Self> {
        reference::bpr_place_gradient(embeddings, batch)
    }

    /// The softmax loss of a batch on all embeddings and its gradient place by place.
    fn softmax_place_gradient(
        embeddings: Tensor<Self, 2>,
        batch: &NodeBatch<Self>,
        pairs: &PairTable<Self>,
        softmax: &NodeSoftmax<Self>,
    ) -> PlaceGradient<Self> {
        reference::softmax_place_gradient(embeddings, batch, pairs, softmax)
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
