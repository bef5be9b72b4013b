//! Artifacts and datasets on disk, written atomically and validated before use.
//!
//! Two kinds of folder: an [`Artifact`] is what training makes and answers need, a dataset is what
//! preparation makes and training reads ([`DatasetFolder`]). Each has a
//! `manifest.json` with its format, its format version and every file's size and SHA-256; numbers
//! are in safetensors files, small things in JSON. The same content gives the same bytes, and the
//! manifest's own SHA-256 names them all.
//!
//! An artifact's `embeddings.safetensors` has the tensors `layer0` (F32, `[nodes, dimension]`) and
//! `final` (F32 or BF16 as its [`Storage`] says, `[nodes, any]`), users first. Earlier format versions
//! are read as well.
//!
//! A folder is written next to its destination and renamed ([`write_folder_atomically`], which
//! serves for other kinds too), so that a full disk or a crash leaves no half of one. On reading
//! nothing is used before it is checked, nothing is ever executed, and hostile bytes give an error
//! that names the file ([`StoreError`]).
//!
//! ```
//! use lightgcn_core::{
//!     BehaviorWeightsConfig, Catalogue, InteractionsBuilder, ItemId, Lineage, UserId, Vocabulary,
//! };
//! use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};
//!
//! // One user who bought one of two items.
//! let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
//! pairs.push(UserId(0), ItemId(1), 1.0, &[1], None)?;
//! let train = pairs.build(1, 2)?;
//! let table = EmbeddingTable::new(3, 2, vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0])?;
//! let artifact = Artifact {
//!     model: ModelDescription {
//!         name: "mf".to_owned(),
//!         dimension: 2,
//!         n_layers: 0,
//!         layer_weights: Some(vec![1.0]),
//!         graphs: Vec::new(),
//!         further_nodes: Vec::new(),
//!         config: serde_json::json!({ "learning_rate": 0.001 }),
//!     },
//!     layer0: table.clone(),
//!     embeddings: table,
//!     popularity: popularity_of(&train),
//!     ranking: None,
//!     attention: None,
//!     train,
//!     users: Vocabulary::from_names(["ann"])?,
//!     items: Vocabulary::from_names(["glove", "lamp"])?,
//!     catalogue: Catalogue::unknown(2),
//!     behaviors: BehaviorWeightsConfig::single("purchase"),
//!     lineage: Lineage::default(),
//! };
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("model");
//! artifact.save(&path)?;
//! assert_eq!(Artifact::load(&path)?, artifact);
//! assert_eq!(Artifact::identity_at(&path)?, artifact.identity()?);
//!
//! // Damage is found before anything is used.
//! std::fs::write(path.join("model.json"), "{}")?;
//! assert!(Artifact::load(&path).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod artifact;
mod atomic;
mod attention;
mod dataset;
mod embeddings;
mod error;
mod files;
mod folder;
mod forget;
mod kept;
mod kind;
mod knowledge;
mod listing;
mod manifest;
mod model;
mod names;
mod parts;
mod ranking;
mod storage;
mod tensors;

pub use artifact::{Artifact, popularity_of};
pub use atomic::write_folder_atomically;
pub use attention::{AttentionEdge, StoredAttention};
pub use dataset::DatasetFolder;
pub use embeddings::EmbeddingTable;
pub use error::StoreError;
pub use files::{beside, remove_folder};
pub use kept::{KeptModel, keep_model, kept_models, roll_back, version_of};
pub use listing::ArtifactListing;
pub use model::ModelDescription;
pub use ranking::StoredRanking;
pub use storage::Storage;
