//! Graph neural network recommenders in pure Rust on [burn]: from a raw shop event log to explained
//! recommendations.
//!
//! A shop logs what users do: view, cart, remove from cart, purchase. This library builds a
//! weighted bipartite graph of users and items from the log, learns embeddings by
//! propagating over it (LightGCN, He et al., SIGIR 2020; NGCF, Wang et al., SIGIR 2019), and
//! recommends the items that a user is likeliest to buy, with the paths through the graph
//! that explain each.
//!
//! Data flows in one direction, one crate per arrow: events → interactions → split → training graph
//! → model → embeddings → artifact → answers.
//!
//! ```
//! use lightgcn::prelude::*;
//! use lightgcn::data::synthetic::{ShopConfig, generate_to_path};
//!
//! # fn main() -> Result<(), lightgcn::Error> {
//! # let folder = tempfile::tempdir().expect("a temporary folder");
//! let log = folder.path().join("shop.csv");
//! let shop = ShopConfig { n_events: 5_000, seed: 1, ..ShopConfig::default() };
//! generate_to_path(&shop.check()?, &log, |_| {})?;
//!
//! let dataset = prepare(&[&log], &PrepareConfig::default())?;
//! let config = TrainConfig { epochs: 2, ..TrainConfig::default() };
//! let trained = Trainer::new(&dataset).config(config).run()?;
//! let user = dataset.users.iter().next().expect("a user").to_owned();
//! let recommender = Recommender::from_artifact(trained.artifact)?;
//! let answer = recommender.recommend(&user, &RecommendOptions::default())?;
//! assert_eq!(answer.items.len(), 10);
//! # Ok(())
//! # }
//! ```
//!
//! `Fit` does all of that in one call, learns a ranking, and says whether the result beats every
//! simpler method.
//!
//! # Crate layout
//!
//! | module | what it holds |
//! |---|---|
//! | [`core`] | ids, behaviors, interactions, splits, catalogue, random numbers |
//! | [`data`] | reading logs, weighting, k-core, splits, the synthetic shop |
//! | [`graph`] | the training graph, normalizations, edge index, paths |
//! | [`sample`] | negative samplers and batches |
//! | [`simd`] | hot loops of the CPU over plain slices |
//! | `kernels` | graph operations for burn, on any backend |
//! | `loss`, `nn` | losses, layers and models as burn modules |
//! | [`linear`] | models without gradient descent: item-kNN, RP3β, EASE, graph filters |
//! | `train` | the trainer, tuning (feature `train`, like the two rows above) |
//! | [`metrics`] | ranking metrics, intervals, paired tests |
//! | [`store`] | artifacts and datasets on disk |
//! | [`recommend`] | answers, explanations, evaluation, the learned ranking |
//! | `serve` | the HTTP service and its page (feature `serve`) |
//!
//! # Features
//!
//! `train` has layers, models, losses and the trainer; without it burn is not built. `flex`
//! (default) trains on the CPU; `wgpu` and `cuda` add GPUs and need no toolkit to build; `fusion`
//! supports programs that enable burn's operation fusion; `serve` is the HTTP service; `synthetic`
//! is the synthetic shop; `conformance` is the suite of tests that every model must pass.
//!
//! [burn]: https://docs.rs/burn/0.21.0
#![forbid(unsafe_code)]

pub use lightgcn_core as core;
pub use lightgcn_data as data;
pub use lightgcn_graph as graph;
#[cfg(feature = "train")]
pub use lightgcn_kernels as kernels;
pub use lightgcn_linear as linear;
#[cfg(feature = "train")]
pub use lightgcn_loss as loss;
pub use lightgcn_metrics as metrics;
#[cfg(feature = "train")]
pub use lightgcn_nn as nn;
pub use lightgcn_recommend as recommend;
pub use lightgcn_sample as sample;
#[cfg(feature = "serve")]
pub use lightgcn_serve as serve;
pub use lightgcn_simd as simd;
pub use lightgcn_store as store;
#[cfg(feature = "train")]
pub use lightgcn_train as train;

#[cfg(feature = "train")]
mod baselines;
#[cfg(feature = "train")]
mod compare;
mod error;
#[cfg(feature = "train")]
mod fit;
pub mod prelude;
#[cfg(feature = "serve")]
mod remote_model;
#[cfg(feature = "train")]
mod rolling;
#[cfg(feature = "train")]
mod spare;

#[cfg(feature = "train")]
pub use compare::{CompareConfig, ComparedModel, ModelComparison};
pub use error::Error;
#[cfg(feature = "train")]
pub use fit::{Fit, Fitted, Verdict};
#[cfg(feature = "serve")]
pub use remote_model::RemoteModel;
#[cfg(feature = "train")]
pub use rolling::{Rolling, RollingConfig, RollingRow, RollingWindow};

/// Compiles the examples in the project's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct FrontPage;
