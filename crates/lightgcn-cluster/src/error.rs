//! What can go wrong with a preparation on a cluster.

use lightgcn_core::CoreError;
use lightgcn_data::DataError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a preparation on a cluster failed. Nothing of its result is left then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The options, the files or the events, as in a preparation on one machine.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The pairs or the parts of the dataset.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// An address that is neither `local` nor that of a scheduler.
    #[error(
        "{address:?} is not a cluster; give local, or a scheduler such as df://localhost:50050"
    )]
    Address {
        /// The address as given.
        address: String,
    },
    /// No scheduler answers.
    #[error(
        "no scheduler answers at {address} ({detail}); start one with `lightgcn-cluster scheduler`, or use \
         --cluster local"
    )]
    NoScheduler {
        /// Its address.
        address: String,
        /// What the connection said.
        detail: String,
    },
    /// The scheduler stopped answering during a step.
    #[error(
        "the scheduler at {address} vanished during the step {step:?} ({detail}); start it again and repeat the \
         preparation"
    )]
    SchedulerLost {
        /// Its address.
        address: String,
        /// The step.
        step: String,
        /// What the connection said.
        detail: String,
    },
    /// The first invalid row of the log.
    #[error("{detail}")]
    Row {
        /// The file, the line, and what is wrong with it.
        detail: String,
    },
    /// A file that an executor cannot read.
    #[error(
        "an executor cannot read the log: {detail}; mount its files at the same path on all executors, or put them into \
         an object store"
    )]
    Unreadable {
        /// The file, and what the executor said.
        detail: String,
    },
    /// A step does not fit into memory, although it may spill.
    #[error(
        "the step {step:?} does not fit into memory ({detail}); allow more with --memory, or use more partitions"
    )]
    Memory {
        /// The step.
        step: String,
        /// What the memory pool said.
        detail: String,
    },
    /// There is no room left for spilled rows or for a step's result.
    #[error(
        "no room left on disk in the step {step:?} ({detail}); free some, or name another folder with --work"
    )]
    DiskFull {
        /// The step.
        step: String,
        /// What the disk said.
        detail: String,
    },
    /// A step failed on the cluster.
    #[error("the step {step:?} failed on the cluster: {detail}")]
    Step {
        /// The step.
        step: String,
        /// What the scheduler said.
        detail: String,
    },
    /// Rows were lost or came twice between two steps.
    #[error(
        "the step {step:?} has {found} rows instead of {expected}; the executors may not see the same folder for the \
         results of steps, so name another one with --work"
    )]
    Rows {
        /// The step.
        step: &'static str,
        /// The rows that went into it.
        expected: u64,
        /// Those that came out.
        found: u64,
    },
    /// The folder for the results of steps cannot be used.
    #[error(
        "cannot use {path} for the results of steps: {source}; name another folder with --work"
    )]
    Work {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// What the preparation on a cluster does not do.
    #[error("{what} is not supported on a cluster; prepare on one machine")]
    Unsupported {
        /// The option.
        what: &'static str,
    },
}
