//! From raw shop event logs to interactions and leak-free splits, and a synthetic shop.
//!
//! [`prepare`] runs the whole pipeline: it reads the log's files ([`read_events`]), splits the
//! events ([`SplitConfig`]), reduces the training part to its k-core ([`KCoreConfig`]), computes
//! the weight of each (user, item) pair ([`interactions`]) and returns a
//! [`Dataset`](lightgcn_core::Dataset) whose lineage says how many rows each stage kept and
//! dropped, and why. [`PairFiles`] reads the `user item item ...` format of research benchmarks. A
//! log may be CSV or Parquet, in files, folders or object stores.
//!
//! ```
//! use lightgcn_data::{PrepareConfig, prepare};
//!
//! let folder = std::env::temp_dir().join(format!("lightgcn-data-doctest-{}", std::process::id()));
//! std::fs::create_dir_all(&folder)?;
//! let log = folder.join("log.csv");
//! std::fs::write(
//!     &log,
//!     "event_time,event_type,product_id,user_id\n\
//!      2019-10-01 08:00:00 UTC,view,lipstick,ann\n\
//!      2019-10-01 08:05:00 UTC,purchase,lipstick,ann\n\
//!      2019-10-02 09:00:00 UTC,purchase,brush,bob\n\
//!      2019-10-03 10:00:00 UTC,view,brush,ann\n\
//!      2019-10-03 10:01:00 UTC,purchase,lipstick,bob\n\
//!      2019-10-04 11:00:00 UTC,purchase,brush,ann\n",
//! )?;
//!
//! // By time: the last of the four purchases is test, the one before it validation.
//! let config = PrepareConfig {
//!     split: lightgcn_data::SplitConfig::by_time_shares(0.25, 0.25),
//!     ..PrepareConfig::default()
//! };
//! let dataset = prepare(&[&log], &config)?;
//! assert_eq!(dataset.split.train.interactions().n_pairs(), 3);
//! assert_eq!(dataset.split.validation.truth().n_pairs(), 1);
//! assert_eq!(dataset.split.test.truth().n_pairs(), 1);
//! for stage in &dataset.lineage.stages {
//!     assert!(stage.balances()); // rows in = kept + dropped, each with a reason
//! }
//! std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Crate layout
//!
//! | step | items |
//! |---|---|
//! | reading | [`LogFormat`], [`LogPreset`], [`ReadConfig`], [`behaviors_of`], [`read_events`], [`read_log`], [`EventLog`], [`EventLogBuilder`]; file by file: [`LogFile`] |
//! | weighting and k-core | [`interactions`], [`KCoreConfig`], [`k_core`] |
//! | splitting | [`SplitConfig`], [`TimeCut`], [`TimeCuts`] |
//! | all in one | [`PrepareConfig`], [`prepare`], [`prepare_with_progress`], [`prepare_log`] |
//! | facts about items | [`add_knowledge`], which [`prepare`] calls with its files of triples |
//! | pair files | [`PairFiles`], and tables of pairs: [`PairTable`] |
//! | Parquet files of a dataset | `export`, behind the feature `parquet` |
//! | inspecting a log | [`Inspection`], [`Quantiles`] |
//! | files of a folder in an object store | [`RemoteFolder`] |
//! | a shop without a log | `synthetic`, behind the feature of that name |
//!
//! # Features
//!
//! None of them is on by default.
//!
//! | feature | |
//! |---|---|
//! | `parquet` | Parquet files as logs, catalogues and tables of pairs; Parquet files of a dataset (`export`) |
//! | `object-store` | inputs, and other files ([`RemoteFolder`]), from `s3://`, `gs://`, `az://`, `http://` and `https://` URLs |
//! | `synthetic` | the synthetic shop, and the statistics of any log |
#![forbid(unsafe_code)]

mod error;
#[cfg(feature = "parquet")]
pub mod export;
pub mod inspect;
mod knowledge;
mod log;
mod pairs;
mod prepare;
mod quantiles;
mod remote;
mod split;
#[cfg(feature = "synthetic")]
pub mod synthetic;
pub mod time;
mod weigh;

pub use error::{DataError, Place, RowIssue, TripleIssue};
pub use inspect::{Inspection, TrainingMemory};
pub use knowledge::add_knowledge;
pub use log::address::is_url;
pub use log::behaviors::behaviors_of;
pub use log::catalogue_files::read_catalogue;
pub use log::events::{EventLog, EventLogBuilder};
pub use log::file::{LogEvent, LogFile, LogRow, log_files};
pub use log::form::FileForm;
pub use log::format::{Duplicates, FutureRows, LogFormat, ReadConfig};
pub use log::inputs::expand_paths;
pub use log::preset::LogPreset;
pub use log::reader::{Progress, read_events, read_events_with_progress};
pub use log::target::read_log;
pub use pairs::table::PairTable;
pub use pairs::{PairFiles, ValidationInTrain};
pub use prepare::{PrepareConfig, ValidPrepareConfig, prepare, prepare_log, prepare_with_progress};
pub use quantiles::Quantiles;
pub use remote::{RemoteError, RemoteFolder, RemoteVersion};
pub use split::{SplitConfig, TimeCut, TimeCuts};
pub use weigh::k_core::{KCore, KCoreConfig, k_core};
pub use weigh::pairs::{interactions, pair_weight};
