//! The operations as a trait over burn's backends.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "fusion")]
mod fusion;
#[cfg(feature = "ndarray")]
mod ndarray;

use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;
use burn::tensor::{Int, Tensor, TensorPrimitive};

use crate::adam::{AdamStep, AdamTensors};
use crate::batch_loss::{BprBatch, LossGradient, SoftmaxBatch, SoftmaxSettings};
use crate::device::DeviceError;
use crate::memory::{DeviceMemory, MemoryInUse};
use crate::negatives::{NegativeDraws, PositiveTable};
use crate::node_batch::{BatchCut, NodeBatch, PairOrder, PairTable};
use crate::node_loss::{NodeSoftmax, PlaceGradient};
use crate::propagate::horner;
use crate::reference;
use crate::row_indices::RowIndices;
use crate::sorted_places::SortedPlaces;
use crate::sparse_matrix::SparseMatrix;
use crate::top_k::{LeaveOut, TopK};

/// burn's CPU backend with the fast loops of `lightgcn-simd`.
#[cfg(feature = "flex")]
pub type CpuBackend = burn::backend::Flex;

/// Vulkan, Metal, DirectX 12 and WebGPU through wgpu, without burn's operation fusion, whether or
/// not another crate turns that on.
#[cfg(feature = "wgpu")]
pub type WgpuBackend = burn_cubecl::CubeBackend<burn::backend::wgpu::WgpuRuntime, f32, i32, u32>;

/// NVIDIA GPUs, without burn's operation fusion, whether or not another crate turns that on.
#[cfg(feature = "cuda")]
pub type CudaBackend =
    burn_cubecl::CubeBackend<burn_cubecl::cubecl::cuda::CudaRuntime, f32, i32, u8>;

/// A burn backend with operations on graphs.
///
/// Every operation has a body in plain tensor operations (see [`reference`](crate::reference)), so
/// that an empty `impl GraphBackend for MyBackend {}` is enough for a backend of one's own; the
/// backends of this crate override them. Programs call the free functions
/// ([`sparse_dense`](crate::sparse_dense()), [`propagate`](crate::propagate()),
/// [`gather_rows`](crate::gather_rows()), ...), which check shapes, rather than these.
pub trait GraphBackend: Backend {
    /// `A x`, `[n_columns, dim]` to `[n_rows, dim]`.
    fn sparse_dense(matrix: &SparseMatrix<Self>, dense: FloatTensor<Self>) -> FloatTensor<Self> {
        float_primitive(reference::sparse_dense(matrix, float_tensor(dense)))
    }

    /// `sum_k alphas[k] A^k x`, `[n_nodes, dim]` to `[n_nodes, dim]`. By default Horner's rule over
    /// [`sparse_dense`](Self::sparse_dense).
    fn propagate(
        matrix: &SparseMatrix<Self>,
        x: FloatTensor<Self>,
        alphas: &[f32],
    ) -> FloatTensor<Self> {
        float_primitive(horner::<Self>(float_tensor(x), alphas, |y| {
            float_tensor(Self::sparse_dense(matrix, float_primitive(y)))
        }))
    }

    /// `table[indices]`, `[n_rows, dim]` to `[n_indices, dim]`.
    fn gather_rows(table: FloatTensor<Self>, indices: &RowIndices<Self>) -> FloatTensor<Self> {
        float_primitive(reference::gather_rows(float_tensor(table), indices))
    }

    /// `result[indices[r]] += rows[r]`, `[n_indices, dim]` to `[n_rows, dim]`, added in the order
    /// of `r`.
    fn segment_sum_rows(rows: FloatTensor<Self>, indices: &RowIndices<Self>) -> FloatTensor<Self> {
        float_primitive(reference::segment_sum_rows(float_tensor(rows), indices))
    }

    /// `table[indices[r]] += rows[r]`, `[n_rows, dim]` and `[n_indices, dim]` to `[n_rows, dim]`.
    fn add_rows(
        table: FloatTensor<Self>,
        rows: FloatTensor<Self>,
        indices: &RowIndices<Self>,
    ) -> FloatTensor<Self> {
        let sums = float_tensor::<Self, 2>(Self::segment_sum_rows(rows, indices));
        float_primitive(float_tensor::<Self, 2>(table) + sums)
    }

    /// Rows of [`propagate`](Self::propagate): `[n_nodes, dim]` to `[n_indices, dim]`. By default all
    /// rows, of which the wanted ones are gathered.
    fn propagate_rows(
        matrix: &SparseMatrix<Self>,
        x: FloatTensor<Self>,
        alphas: &[f32],
        rows: &RowIndices<Self>,
    ) -> FloatTensor<Self> {
        Self::gather_rows(Self::propagate(matrix, x, alphas), rows)
    }

    /// The gradient of [`propagate_rows`](Self::propagate_rows) by `x`: `[n_indices, dim]` to
    /// `[n_nodes, dim]`. By default the rows are summed into a table that is propagated back.
    fn propagate_rows_transposed(
        matrix: &SparseMatrix<Self>,
        gradients: FloatTensor<Self>,
        alphas: &[f32],
        rows: &RowIndices<Self>,
    ) -> FloatTensor<Self> {
        let table = Self::segment_sum_rows(gradients, rows);
        Self::propagate(&matrix.transpose(), table, alphas)
    }

    /// What memory a device has, where the backend knows; nothing is known by default.
    fn device_memory(_device: &Self::Device) -> Option<DeviceMemory> {
        None
    }

    /// What the device's allocator holds now, where the backend knows; waits for the work in hand.
    fn memory_in_use(_device: &Self::Device) -> Option<MemoryInUse> {
        None
    }

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

    /// Whether the fused steps of training run wholly where the tables are: batches are cut, negatives
    /// drawn and losses added up there. Not on the CPU, where the host is the device.
    fn cuts_batches() -> bool {
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

    /// The `k` largest of each row of `scores`, `[n_users, n_items]`, which may be written over.
    fn top_k_of_scores(scores: Tensor<Self, 2>, leave_out: LeaveOut<'_>, k: usize) -> TopK<Self> {
        reference::top_k_of_scores(scores, leave_out, k)
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

/// The backend's own tensor inside a float tensor.
pub(crate) fn float_primitive<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> FloatTensor<B> {
    tensor.into_primitive().tensor()
}

/// A float tensor around the backend's own.
pub(crate) fn float_tensor<B: Backend, const D: usize>(primitive: FloatTensor<B>) -> Tensor<B, D> {
    Tensor::from_primitive(TensorPrimitive::Float(primitive))
}
