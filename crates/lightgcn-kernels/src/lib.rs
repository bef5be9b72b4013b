//! Operations on graphs for [burn](https://burn.dev), which has no sparse tensors.
//!
//! | operation | what it does | gradient |
//! |---|---|---|
//! | [`sparse_dense`] | a [`SparseMatrix`] times a dense one | the transpose's product |
//! | [`propagate`] | `sum_k alphas[k] A^k x`, all layers in one step | the same on the transpose |
//! | [`gather_rows`] | the rows of a batch | [`segment_sum_rows`] |
//! | [`segment_sum_rows`] | sums of a batch's rows, by row | [`gather_rows`] |
//! | [`propagate_rows`] | the rows of [`propagate`] that a batch reads | [`propagate_rows_transposed`] |
//! | [`bpr_loss_gradient`], [`softmax_loss_gradient`] | a batch's loss together with its gradient | – |
//! | [`pair_cosines`] | the cosines of a batch's pairs | – |
//! | [`pair_dots`] | dot products of rows of two tables | – |
//! | [`cut_batch`], [`bpr_slot_gradient`], [`softmax_slot_gradient`], [`sort_slots`], [`sum_slots`], [`add_l2`] | a training step whose batch never leaves the device | – |
//! | [`optim::FusedAdam`] | one Adam step in one pass | – |
//!
//! Sparse operations need a backend that implements [`SparseBackend`], the fused steps of training
//! one that implements [`TrainingBackend`]: burn's Flex through the loops of `lightgcn-simd`, the
//! CubeCL backends (wgpu, CUDA) through one set of kernels, NdArray and burn's fusion through the
//! [reference](mod@reference) bodies. `Autodiff` around each of them is a `SparseBackend`. Gradients
//! keep only the matrix or the indices alive, never an input or a layer.
//!
//! # Example
//!
//! LightGCN's forward pass in a custom burn module, and its gradient:
//!
//! ```
//! use burn::backend::Autodiff;
//! use burn::module::{Module, Param};
//! use burn::tensor::{Tensor, backend::Backend};
//! use lightgcn_kernels::{CpuBackend, CsrSlices, SparseBackend, SparseMatrix, propagate};
//!
//! #[derive(Module, Debug)]
//! struct Embeddings<B: Backend> {
//!     adjacency: SparseMatrix<B>,
//!     table: Param<Tensor<B, 2>>,
//! }
//!
//! impl<B: SparseBackend> Embeddings<B> {
//!     /// Mean over layers 0 to 2.
//!     fn forward(&self) -> Tensor<B, 2> {
//!         propagate(&self.adjacency, self.table.val(), &[1.0 / 3.0; 3])
//!     }
//! }
//!
//! # fn main() -> Result<(), lightgcn_kernels::KernelError> {
//! type B = Autodiff<CpuBackend>;
//! let device = Default::default();
//! // Two nodes joined by an edge of weight 0.5.
//! let (row_offsets, columns, values) = ([0, 1, 2], [1, 0], [0.5, 0.5]);
//! let model = Embeddings::<B> {
//!     adjacency: SparseMatrix::from_csr(
//!         CsrSlices {
//!             n_columns: 2,
//!             row_offsets: &row_offsets,
//!             columns: &columns,
//!             values: &values,
//!         },
//!         true,
//!         &device,
//!     )?,
//!     table: Param::from_tensor(Tensor::from_floats([[12.0], [24.0]], &device)),
//! };
//!
//! // Layer 0 is [12, 24], layer 1 [12, 6], layer 2 [3, 6].
//! let embeddings = model.forward();
//! let found: Vec<f32> = embeddings.to_data().iter().collect();
//! assert_eq!(found, [9.0, 12.0]);
//!
//! // Each node reaches the sum with weight (1 + 0.5 + 0.25) / 3.
//! let gradients = embeddings.sum().backward();
//! let gradient: Vec<f32> = model.table.grad(&gradients).unwrap().to_data().iter().collect();
//! assert!(gradient.iter().all(|g| (g - 1.75 / 3.0).abs() < 1e-6));
//! # Ok(())
//! # }
//! ```
//!
//! # Crate layout
//!
//! One folder per operation, with `reference.rs` (plain tensor operations, any backend), `flex.rs`
//! (CPU) and `cube.rs` (GPUs); `backend` ties them to burn's backends through the two traits, and
//! has their shared backward step; [`device`] finds GPUs without panics. Only this crate of the
//! workspace names burn's internals.
//!
//! # Features
//!
//! `flex` (default) is the CPU, `ndarray` burn's NdArray, `wgpu` and `cuda` are GPUs, and `fusion`
//! is needed if another crate in the program enables burn's operation fusion.
//!
//! # Determinism
//!
//! On the CPU every result has the same bits with any number of threads in rayon's current pool. On
//! GPUs no kernel of this crate uses atomics: the same call on the same device gives the same bits.

mod adam;
mod backend;
mod batch_loss;
#[cfg(feature = "flex")]
mod buffers;
mod concatenate;
mod csr;
#[cfg(feature = "cube")]
mod cube;
pub mod device;
mod error;
#[cfg(feature = "flex")]
mod flex;
mod gather_rows;
mod memory;
mod negatives;
mod node_batch;
mod node_loss;
pub mod optim;
mod pair_cosines;
mod pair_dots;
mod primitive;
mod propagate;
mod propagate_rows;
pub mod reference;
mod row_indices;
#[cfg(feature = "flex")]
mod row_order;
mod sorted_slots;
mod sparse_dense;
mod sparse_matrix;
mod split;
mod upload;

pub use adam::{AdamStep, AdamTensors};
#[cfg(feature = "flex")]
pub use backend::CpuBackend;
#[cfg(feature = "cuda")]
pub use backend::CudaBackend;
#[cfg(feature = "wgpu")]
pub use backend::WgpuBackend;
pub use backend::{SparseBackend, TrainingBackend};
pub use batch_loss::{
    BprBatch, LossGradient, SoftmaxBatch, SoftmaxOptions, bpr_loss_gradient, softmax_loss_gradient,
};
pub use concatenate::concatenate;
pub use csr::{CsrSlices, check_counts};
pub use error::KernelError;
pub use gather_rows::{add_rows, gather_rows, segment_sum_rows};
pub use memory::{DeviceMemory, MemoryError, MemoryInUse, TrainingSize};
pub use node_batch::{BatchCut, NodeBatch, PairOrder, PairTable, cut_batch};
pub use node_loss::{NodeSoftmax, SlotGradient, bpr_slot_gradient, softmax_slot_gradient};
pub use pair_cosines::pair_cosines;
pub use pair_dots::pair_dots;
pub use propagate::propagate;
pub use propagate_rows::{propagate_rows, propagate_rows_transposed};
pub use row_indices::RowIndices;
pub use sorted_slots::{L2Penalty, SortedSlots, add_l2, sort_slots, sum_slots};
pub use sparse_dense::sparse_dense;
pub use sparse_matrix::SparseMatrix;
