//! Graph recommender layers and models as burn modules.
//!
//! | layer | what it does | source |
//! |---|---|---|
//! | [`LgConv`] | `Â E` | He et al., *LightGCN*, SIGIR 2020 |
//! | [`NgcfConv`] | `LeakyReLU((Â E + E) W₁ + (Â E ⊙ E) W₂)` | Wang et al., *NGCF*, SIGIR 2019 |
//!
//! | model | final embeddings |
//! |---|---|
//! | [`LightGcn`] | `Σ_k α_k Âᵏ E`, the weights α uniform, given or learned |
//! | [`LightGcnPlusPlus`] | `γ E + (1 − γ) · mean_k E_k`, where `E_k = Â · unit rows of E_{k-1}` |
//! | [`Ngcf`] | all layers side by side, `NgcfConv` after `NgcfConv` |
//! | [`MatrixFactorization`] | the table `E` itself |
//!
//! `Â` is the normalized adjacency of the bipartite graph, a
//! [`SparseMatrix`](lightgcn_kernels::SparseMatrix) over `n_users + n_items` nodes, **users
//! first**; `E` is the one parameter table `[n_users + n_items, dim]`. All models rank by dot
//! product of final embeddings and implement [`EmbeddingModel`], which is all that a training loop
//! needs to know of them.
//!
//! # Example
//!
//! Two users and two items; both users took item 0, and user 1 took item 1 too. One layer of
//! LightGCN mixes what the neighbors are into what each node is:
//!
//! ```
//! use burn::backend::Flex;
//! use lightgcn_kernels::{CsrSlices, SparseMatrix};
//! use lightgcn_nn::{EmbeddingModel, ForwardMode, LightGcnConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let device = Default::default();
//! // Edge (u, i) weighs 1 / sqrt(degree u · degree i).
//! let (a, b, c) = (0.5_f32.sqrt(), 0.5, 0.5_f32.sqrt());
//! let graph = SparseMatrix::<Flex>::from_csr(
//!     CsrSlices {
//!         n_columns: 4,
//!         row_offsets: &[0, 1, 3, 5, 6],
//!         columns: &[2, 2, 3, 0, 1, 1],
//!         values: &[a, b, c, a, b, c],
//!     },
//!     true,
//!     &device,
//! )?;
//!
//! let model = LightGcnConfig::new(2, 2)
//!     .with_dimension(8)
//!     .with_layers(2)
//!     .init::<Flex>(42, &device)?;
//! let embeddings = model.embeddings(&graph, ForwardMode::Inference);
//! assert_eq!(embeddings.dims(), [4, 8]);
//!
//! let scores = model.score(embeddings, &[0, 0, 1], &[0, 1, 1]);
//! assert_eq!(scores.dims(), [3]);
//! # Ok(())
//! # }
//! ```
//!
//! # Initialization
//!
//! `init(seed, device)` draws every element as a function of the seed, the table, the row and the
//! column: the same seed gives the same model on every backend, whatever else drew random numbers
//! before, and a user's row does not depend on how many users there are (under
//! [`EmbeddingInitializer::Normal`]). `init_with` takes a table of your own instead.
//!
//! # A new model
//!
//! One file `src/models/NAME.rs` with its config, its module and its implementation of
//! [`EmbeddingModel`], one line in `models/mod.rs`, and a test against numbers from elsewhere: a
//! golden one in `tests/goldens.rs`, or as `tests/light_gcn_plus_plus.rs` the formula in 64 bits.
//!
//! # Against PyTorch
//!
//! `goldens/*.json` hold forward passes and gradients of PyTorch Geometric's `LGConv` and
//! `LightGCN` and of a plain PyTorch writing of NGCF; `goldens/make_goldens.py` makes them, and the
//! tests hold these layers and models to 1e-5 of them.
#![forbid(unsafe_code)]

mod error;
mod init;
mod layers;
mod mode;
mod models;

pub use error::{Fault, NnError};
pub use init::EmbeddingInitializer;
pub use layers::{LgConv, NgcfConv, NgcfConvConfig};
pub use mode::ForwardMode;
pub use models::{
    EmbeddingModel, LayerWeights, LightGcn, LightGcnConfig, LightGcnPlusPlus,
    LightGcnPlusPlusConfig, MatrixFactorization, MatrixFactorizationConfig, Ngcf, NgcfConfig,
    split_embeddings,
};
