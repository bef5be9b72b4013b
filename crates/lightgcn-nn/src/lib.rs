//! Graph recommender layers and models as burn modules.
//!
//! | layer | what it does | source |
//! |---|---|---|
//! | [`LgConv`] | `Â E` | He et al., *LightGCN*, SIGIR 2020 |
//! | [`NgcfConv`] | `LeakyReLU((Â E + E) W₁ + (Â E ⊙ E) W₂)` | Wang et al., *NGCF*, SIGIR 2019 |
//! | [`BiInteraction`] | `LeakyReLU((Â E + E) W₁) + LeakyReLU((Â E ⊙ E) W₂)` | Wang et al., *KGAT*, KDD 2019 |
//! | [`CausalBlock`] | self-attention over earlier places, and a feed-forward network | Kang and McAuley, *SASRec*, ICDM 2018 |
//!
//! | model | final embeddings |
//! |---|---|
//! | [`LightGcn`] | `Σ_k α_k Âᵏ E`, the weights α uniform, given or learned |
//! | [`LightGcnPlusPlus`] | `γ E + (1 − γ) · mean_k E_k`, where `E_k = Â · unit rows of E_{k-1}` |
//! | [`Ngcf`] | all layers side by side, `NgcfConv` after `NgcfConv` |
//! | [`Kgat`] | all layers side by side, `BiInteraction` after `BiInteraction`, attention in place of `Â` |
//! | [`XSimGcl`] | `mean_k Âᵏ E` without layer 0; noise and a contrast of layers in training |
//! | [`Egcf`] | `Σ_k E_k`, where `E_k = tanh(Â E_{k-1})`; only items have rows of `E` |
//! | [`MatrixFactorization`] | the table `E` itself |
//! | [`SasRec`] | users: a transformer over their latest items; items: the table |
//!
//! `Â` is the normalized adjacency, a [`SparseMatrix`](lightgcn_kernels::SparseMatrix) over all
//! nodes, **users first**, then items, then other kinds; `E` is the one parameter table `[n_nodes,
//! dim]`. All models rank by dot product of final embeddings. Each has a config, which implements
//! [`ModelConfig`], and a module, which implements [`EmbeddingModel`]; training needs nothing else.
//!
//! # Example
//!
//! Two users and two items; both users bought item 0, and user 1 also bought item 1:
//!
//! ```
//! use burn::backend::Flex;
//! use lightgcn_kernels::{CsrSlices, SparseMatrix};
//! use lightgcn_nn::{EmbeddingModel, ForwardMode, LightGcnConfig, NodeCounts};
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
//! let config = LightGcnConfig { dimension: 8, layers: 2, ..LightGcnConfig::default() };
//! let model = config.init::<Flex>(&NodeCounts::new(2, 2)?, 42, &device)?;
//! let embeddings = model.embeddings(&graph.into(), ForwardMode::Inference);
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
//! `init(nodes, seed, device)` draws every element as a function of the seed, the table, the row
//! and the column: the same seed gives the same model on every backend, whatever other random
//! numbers were drawn before, and a user's row does not depend on how many users there are (under
//! [`EmbeddingInitializer::Normal`]). [`EmbeddingModel::with_table`] starts from your own table.
//!
//! # A new model
//!
//! One file `src/models/NAME.rs` with its config and its module, one `mod` line and one line of the
//! registry in `models/mod.rs`, and a test against numbers from an independent source: a golden in
//! `tests/goldens.rs`, or the formula in 64 bits, as in `tests/light_gcn_plus_plus.rs`. Outside
//! this workspace, only the file is needed: see `examples/own_model.rs`.
//!
//! # Against PyTorch
//!
//! `goldens/*.json` contain forward passes and gradients of PyTorch Geometric's `LGConv` and
//! `LightGCN` and of plain PyTorch implementations of NGCF and of the multi-behavior models;
//! `goldens/make_goldens.py` generates them, and the tests check that these layers and models agree
//! to within 1e-5.
#![forbid(unsafe_code)]

mod config;
mod edge_attention;
mod embedding_model;
mod error;
mod facts;
mod graphs;
mod init;
mod layers;
mod mode;
mod models;
mod relations;
mod sequences;
mod training_pass;

pub use config::{Footprint, GradientBackend, ModelConfig, ModelVisitor, VisitModel};
pub use edge_attention::EdgeAttention;
pub use embedding_model::{EmbeddingModel, split_embeddings};
pub use error::{ConfigIssue, NnError};
pub use facts::Fact;
pub use graphs::Graphs;
pub use init::EmbeddingInitializer;
pub use layers::{BiInteraction, CausalBlock, LgConv, NgcfConv, NgcfConvConfig};
pub use lightgcn_graph::{AdjacencyRequest, NodeCounts};
pub use mode::ForwardMode;
pub use models::*;
pub use sequences::Sequences;
pub use training_pass::{TrainingPass, TrainingStep};
