//! From raw shop event logs to interactions and splits without leakage, and a synthetic shop.
//!
//! The road is [`prepare`]: it reads the log's files ([`read_events`]), splits the events
//! ([`SplitConfig`]), thins the training part to its k-core ([`KCoreConfig`]), weighs each
//! (user, item) pair ([`interactions`]) and gives a [`Dataset`](lightgcn_core::Dataset)
//! whose lineage says how many rows each stage kept and dropped, and why. Data sets in the field's
//! `user item item ...` format come in through [`PairFiles`].
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
//! // By time: of the four purchases the last is the test, the one before it the validation.
//! let config = PrepareConfig {
//!     split: lightgcn_data::SplitConfig::by_time_shares(0.25, 0.25),
//!     ..PrepareConfig::default()
//! };
//! let dataset = prepare(&[&log], &config, |_| {})?;
//! assert_eq!(dataset.split.train.interactions().n_pairs(), 3);
//! assert_eq!(dataset.split.validation.truth().n_pairs(), 1);
//! assert_eq!(dataset.split.test.truth().n_pairs(), 1);
//! for stage in &dataset.lineage.stages {
//!     assert!(stage.balances()); // rows in = kept + dropped, with a reason for every dropped one
//! }
//! std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Crate layout
//!
//! | step | items |
//! |---|---|
//! | reading | [`LogFormat`], [`ReadConfig`], [`read_events`], [`EventLog`], [`EventLogBuilder`] |
//! | weighing and thinning | [`interactions`], [`KCoreConfig`], [`k_core`] |
//! | splitting | [`SplitConfig`], [`TimeCut`] |
//! | all in one | [`PrepareConfig`], [`prepare`], [`prepare_log`] |
//! | pair files | [`PairFiles`] |
//! | a shop without a log | [`synthetic`] |
#![forbid(unsafe_code)]

mod catalogue;
mod digest;
mod error;
mod format;
mod group;
mod inputs;
mod kcore;
mod log;
mod pairs;
mod prepare;
mod reader;
mod split;
mod stream;
pub mod synthetic;
mod table;
pub mod time;

pub use error::{DataError, RowFault};
pub use format::LogFormat;
pub use group::interactions;
pub use inputs::expand_paths;
pub use kcore::{KCore, KCoreConfig, k_core};
pub use log::{EventLog, EventLogBuilder};
pub use pairs::{PairFiles, ValidationInTrain};
pub use prepare::{PrepareConfig, ValidPrepareConfig, prepare, prepare_log};
pub use reader::{Duplicates, Progress, ReadConfig, read_events};
pub use split::{SplitConfig, TimeCut};
