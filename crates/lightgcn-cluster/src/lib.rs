//! Preparation of event logs on a cluster, with Apache DataFusion and Ballista.
//!
//! [`Preparation::read`] reads a log, and [`Preparation::dataset`] turns it into the dataset that
//! [`lightgcn_data::prepare`] makes of the same files on one machine: the same rows, weights, vocabularies and reports.
//! Every step is a DataFusion plan, which runs in this process or on the executors of a Ballista scheduler:
//!
//! | step | where |
//! |---|---|
//! | files are read, rows parsed, checked and hashed, by the functions of `lightgcn-data` | a task for each file |
//! | exact duplicates, vocabularies, the catalogue, the split, the k-core, weights | tasks for partitions of rows |
//! | the dataset is put together from pairs in their order | this process |
#![forbid(unsafe_code)]

mod assemble;
mod checkpoint;
mod codec;
mod error;
mod k_core;
mod read;
mod rows;
mod scan;
pub mod services;
mod session;
mod split;
mod weight;

pub use error::ClusterError;
pub use read::Preparation;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a preparation runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this process.
    Local,
    /// On the executors of this scheduler, such as `df://localhost:50050`.
    Scheduler(String),
}

impl FromStr for Place {
    type Err = ClusterError;

    /// `local`, or the address of a scheduler.
    fn from_str(text: &str) -> Result<Self, ClusterError> {
        match text {
            "local" => Ok(Self::Local),
            address if address.starts_with("df://") => Ok(Self::Scheduler(address.to_owned())),
            _ => Err(ClusterError::Address {
                address: text.to_owned(),
            }),
        }
    }
}

/// Where and with what a preparation runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterOptions {
    /// Where it runs.
    pub place: Place,
    /// The folder in which a temporary folder for the results of steps is created. All executors must see it at this
    /// path.
    pub work: PathBuf,
    /// The number of partitions of a step. Default: 16.
    pub partitions: Option<NonZeroUsize>,
    /// The memory of steps in this process in bytes, beyond which they spill to disk. Default: unlimited.
    pub memory: Option<u64>,
    /// How much steps in this process may spill in bytes. Default: DataFusion's, 100 GB.
    pub spill_limit: Option<u64>,
}
