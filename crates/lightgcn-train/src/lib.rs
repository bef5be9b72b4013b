//! Training for graph recommenders on burn.
//!
//! [`Trainer`] turns a [`Dataset`](lightgcn_core::Dataset) into an artifact, optionally with
//! checkpoints, a run record and progress. It trains any model whose config is a
//! [`ModelConfig`](lightgcn_nn::ModelConfig), on a [`Device`] or on any backend. [`run_search`]
//! searches a space of configurations, and [`tune`] a list of them, on validation data only.
//!
//! ```
//! use lightgcn_core::{
//!     BehaviorWeightsConfig, Catalogue, Dataset, InteractionsBuilder, ItemId, Lineage, Split,
//!     Truth, UserId, Vocabulary,
//! };
//! use lightgcn_train::{TrainConfig, Trainer};
//!
//! // Four users who each bought two of three items.
//! let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
//! for (user, item) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 1), (2, 2), (3, 1), (3, 2)] {
//!     pairs.push(UserId(user), ItemId(item), 1.0, &[1], None)?;
//! }
//! let split = Split::new(pairs.build(4, 3)?, Truth::empty(4, 3), Truth::empty(4, 3))?;
//! let dataset = Dataset::new(
//!     split,
//!     Vocabulary::from_names(["ann", "bob", "cleo", "dan"])?,
//!     Vocabulary::from_names(["soap", "comb", "towel"])?,
//!     Catalogue::unknown(3),
//!     BehaviorWeightsConfig::single("purchase").check()?,
//!     Lineage::default(),
//! )?;
//! let config = TrainConfig { epochs: 3, ..TrainConfig::default() };
//! let trained = Trainer::new(&dataset).config(config).run()?;
//! assert_eq!(trained.artifact.embeddings.rows(), 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod candidate;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod engine;
mod error;
mod ranks;
mod run;
mod tune;
mod weights;

pub use candidate::Candidate;
pub use config::{Schedule, TrainConfig, ValidTrainConfig};
pub use engine::{Device, DeviceError};
pub use error::TrainError;
pub use lightgcn_loss::{Loss, LossConfig, SoftmaxConfig, TopKConfig};
#[cfg(feature = "mpi")]
pub use ranks::MpiRanks;
pub use ranks::{Ranks, SingleRank, agree};
pub use run::{
    Chosen, ConsoleProgress, EndReason, EpochRecord, Margin, Observer, Preset, RetrainFigures,
    RetrainReport, Retraining, RunLine, Silent, StopSignal, TrainEvent, Trained, Trainer,
    WarmStart, checkpoint_is_of, peak_memory, read_run_record, reset_peak_memory, training_size,
};
pub use tune::{
    BestTrial, ParameterRange, Point, RandomSearch, SearchEnd, SearchEvent, SearchObserver,
    SearchOptions, SearchOutcome, SearchProgress, SearchSpace, SearchStrategy, StrategyChoice,
    SuccessiveHalving, TpeSearch, TrialEnd, TrialRecord, Tuned, read_trials, run_search,
    run_search_with, tune,
};
pub use weights::GraphWeights;
