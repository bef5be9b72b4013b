//! The HTTP service for trained recommenders, and its page.
//!
//! [`Service`] answers requests in JSON: recommendations, explanations, similar and popular items.
//! It accepts events, which take effect at once, and switches to another model without failing a
//! request. [`Server`] runs it on its own listeners, with limits and a graceful shutdown.
//! `docs/operations.md` describes the routes, the configuration and the performance.
//!
//! - Every answer names the version of the model that made it, in the header `x-model-version` and in the field
//!   `model_version`.
//! - Scores are computed on their own threads ([`ServeConfig::workers`]); when the queue in front of them is full,
//!   requests are rejected with 503 and `Retry-After`.
//! - Every input is limited ([`Limits`]); an invalid request gets a 4xx status and `{"error":
//!   {"code", "message", "issues"}}`.
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
//! #         graphs: vec![Normalization::Symmetric.into()],
//! #         further_nodes: Vec::new(),
//! #         config: serde_json::json!({}),
//! #     },
//! #     layer0: table.clone(),
//! #     embeddings: table,
//! #     popularity: popularity_of(&train),
//! #     ranking: None,
//! #     attention: None,
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
//! // A free port on loopback, and no admin listener.
//! let mut config = ServeConfig { bind: "127.0.0.1:0".parse()?, ..ServeConfig::default() };
//! config.admin.enabled = false;
//! let recommender = Recommender::from_artifact(artifact()?)?;
//! let service = Service::from_recommender(recommender, config, Arc::new(MemoryEvents::default()))?;
//! let server = Server::bind(service).await?;
//! println!("answers at http://{}/", server.address());
//! // It runs until this future completes; a program waits for a signal instead.
//! server.run(async {}).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! `config`, `experiment`, `env_config`, `address` and `keys` have the configuration, `service` the
//! state that all requests to a model share, and `shops` many of these: `models` (which model
//! answers which user), `events` (events since training), `catalogue` (changes of items since
//! then), `recorder` (shown lists), `shadow` (a second model), `refit` (retraining) and
//! `source` (models from elsewhere), `work` (the cost of requests, the
//! scoring threads and their queue) and `metrics`. `routes` has a file per group of routes,
//! `middleware` what wraps them, `front` the state for that, `access` access control, `cached`
//! entity tags, `observe` the logs of requests, `otlp` their export; `extract` and `checks` read requests, `answer`,
//! `api_error` and `plain` write responses. `server` and `socket` listen. `forget` removes a person
//! from everything on disk.
#![forbid(unsafe_code)]

mod access;
mod address;
mod answer;
mod api_error;
mod cached;
mod catalogue;
mod checks;
mod config;
mod env_config;
mod error;
mod events;
mod experiment;
mod extract;
mod forget;
mod front;
mod json;
mod keys;
mod metrics;
mod middleware;
mod models;
mod observe;
#[cfg(feature = "otlp")]
mod otlp;
mod page_settings;
mod plain;
mod recorder;
mod refit;
mod routes;
mod server;
mod service;
mod shadow;
mod shops;
mod socket;
mod source;
mod trace_context;
mod work;

pub use address::listen_address;
pub use catalogue::CatalogueError;
pub use config::{
    AdminConfig, Limits, MetricsListener, ServeConfig, ShopConfig, ShopLimits, Token,
    UnknownBehaviors, ValidServeConfig,
};
pub use error::{ConfigIssue, ServeError};
pub use events::{
    EventError, EventReader, EventSink, EventStore, EventStoreConfig, EventStoreError,
    ExportFormat, ExportReport, Impression, MemoryEvents, Outcome, OutcomeCounts, OutcomeKey,
    PruneReport, ShownRecord, SinkState, StoredEvent, TrainedEvents, check_archive_path,
    check_export_path,
};
pub use experiment::{ArmConfig, ExperimentConfig};
pub use forget::{ForgetOptions, ForgetReport, forget};
pub use keys::{ApiKey, Scope};
#[cfg(feature = "otlp")]
pub use otlp::OtlpExport;
pub use refit::{RefitSchedule, Refitted};
pub use server::{Server, raise_descriptor_limit, stop_signal};
pub use service::Service;
pub use shops::Shops;
pub use source::{FetchedModel, ModelSource, SourceError};
