//! The HTTP service of trained recommenders, and its page.
//!
//! [`Service`] answers questions for a model in JSON: recommendations, explanations, similar and popular
//! items; it takes events, which count at once; and it switches to another model without a failed
//! request. [`Server`] runs it on listeners of its own, with limits and an orderly end. `docs/operations.md`
//! has the endpoints, the configuration and the figures.
//!
//! - Every answer names the version of the one model that it was made with, in the header
//!   `x-model-version` and in the field `model_version`.
//! - Scores are computed on threads of their own ([`ServeConfig::workers`]); beyond a line of bounded length,
//!   questions are turned away with 503 and `Retry-After`.
//! - Every input has a limit ([`Limits`]), and what goes beyond or makes no sense is told precisely, as
//!   `{"error": {"code", "message", "faults"}}` with a status of 4xx.
//!
//! ```
//! use lightgcn_recommend::Recommender;
//! use lightgcn_serve::{MemoryEvents, ServeConfig, Server, Service};
//! use std::sync::Arc;
//! # use lightgcn_core::{
//! #     BehaviorWeightsConfig, Catalogue, InteractionsBuilder, ItemId, Lineage, UserId, Vocabulary,
//! # };
//! # use lightgcn_graph::Normalization;
//! # use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};
//! # fn artifact() -> Result<Artifact, Box<dyn std::error::Error>> {
//! # let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
//! # for (user, item) in [(0, 0), (1, 0), (1, 1)] {
//! #     pairs.push(UserId(user), ItemId(item), 1.0, &[1], None)?;
//! # }
//! # let train = pairs.build(2, 2)?;
//! # let table = EmbeddingTable::new(4, 1, vec![1.0; 4])?;
//! # Ok(Artifact {
//! #     model: ModelDescription {
//! #         name: "mf".to_owned(),
//! #         dimension: 1,
//! #         n_layers: 0,
//! #         layer_weights: Some(vec![1.0]),
//! #         normalization: Normalization::Symmetric,
//! #         edge_weights: true,
//! #         config: serde_json::json!({}),
//! #     },
//! #     layer0: table.clone(),
//! #     embeddings: table,
//! #     popularity: popularity_of(&train),
//! #     train,
//! #     users: Vocabulary::from_names(["ann", "bob"])?,
//! #     items: Vocabulary::from_names(["glove", "lamp"])?,
//! #     catalogue: Catalogue::unknown(2),
//! #     behaviors: BehaviorWeightsConfig::single("purchase"),
//! #     lineage: Lineage::default(),
//! # })
//! # }
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A free port on loopback, and no listener for models.
//! let mut config = ServeConfig { bind: "127.0.0.1:0".parse()?, ..ServeConfig::default() };
//! config.admin.enabled = false;
//! let recommender = Recommender::from_artifact(artifact()?)?;
//! let service = Service::from_recommender(recommender, config, Arc::new(MemoryEvents::default()))?;
//! let server = Server::bind(service).await?;
//! println!("answers at http://{}/", server.address());
//! // It runs until this future is done; a program waits for a signal instead.
//! server.run(async {}).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! The configuration: `config` and `layers`; what all requests share: `service`, with `model` and `registry` (what
//! answers), `events` (what came since), `pool` (threads that score) and `metrics`. One file a group of
//! routes in `routes/`; `admin` has those of the other listener, and `names` what may be loaded. `extract` and
//! `query` read requests, `error` tells faults, `server` listens.
#![forbid(unsafe_code)]

mod admin;
mod config;
mod error;
mod event_store;
mod events;
mod extract;
mod figures;
mod layers;
mod metrics;
mod model;
mod names;
mod pool;
mod query;
mod registry;
mod routes;
mod server;
mod service;
mod socket;

pub use config::{AdminConfig, Limits, ServeConfig, Token, ValidServeConfig};
pub use error::ServeError;
pub use event_store::{EventReader, EventStore, EventStoreConfig, EventStoreError, ExportReport};
pub use events::{EventError, EventSink, MemoryEvents, StoredEvent};
pub use server::{Server, raise_descriptor_limit, stop_signal};
pub use service::Service;
