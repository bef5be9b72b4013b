//! The errors of this crate.

use crate::DeviceError;
use lightgcn_core::CoreError;
use lightgcn_graph::GraphError;
use lightgcn_kernels::{KernelError, MemoryError};
use lightgcn_loss::LossError;
use lightgcn_recommend::RecommendError;
use lightgcn_sample::SampleError;
use lightgcn_store::StoreError;
use std::path::PathBuf;
use thiserror::Error;

/// What can go wrong in training.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration is invalid; lists every issue.
    #[error("the training configuration is invalid: {}", issues.join("; "))]
    Config {
        /// Every issue found, and how to fix it.
        issues: Vec<String>,
    },
    /// The model reads users' items in order of time, and the events have no times.
    #[error(
        "{model} needs the times of events, but the training part has none; prepare the log with its column of \
         times, or use another model"
    )]
    NoTimes {
        /// The model.
        model: &'static str,
    },
    /// The loss became infinite or not a number.
    #[error(
        "the loss became {loss} in epoch {epoch}, batch {batch}; likely causes: a learning rate \
         that is too high ({learning_rate}), edge weights of very different sizes, or damaged \
         input; lower the learning rate or set gradient_clipping. The last checkpoint, if one was \
         written, is untouched"
    )]
    NonFiniteLoss {
        /// The loss.
        loss: f64,
        /// The epoch, from 1.
        epoch: u32,
        /// The batch, from 1.
        batch: usize,
        /// The learning rate at that step.
        learning_rate: f64,
    },
    /// An embedding became infinite or not a number.
    #[error(
        "an embedding became infinite or not a number in epoch {epoch}; lower the learning rate or \
         set gradient_clipping. The last checkpoint, if one was written, is untouched"
    )]
    NonFiniteEmbedding {
        /// The epoch, from 1.
        epoch: u32,
    },
    /// The device failed during a run: it ran out of memory, its driver was reset, or it was lost.
    #[error(
        "{device} failed in epoch {epoch}, at or before batch {batch}: {detail}; if it ran out of memory, free \
         some, or choose a smaller dimension or batch_size. The last checkpoint, if one was written, \
         is untouched: continue it with --resume"
    )]
    DeviceFailed {
        /// The device.
        device: String,
        /// The epoch, from 1; 0 before the first.
        epoch: u32,
        /// The last batch that was submitted, from 1; 0 before the first.
        batch: usize,
        /// What the driver reported.
        detail: String,
    },
    /// There is nothing to resume.
    #[error("there is no checkpoint in {}; start without --resume", path.display())]
    NoCheckpoint {
        /// Where it was expected.
        path: PathBuf,
    },
    /// The run folder already has a checkpoint, which a fresh run would overwrite.
    #[error(
        "{} already has a checkpoint; continue it with --resume, delete it, or choose another run folder",
        path.display()
    )]
    CheckpointExists {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The checkpoint belongs to another run.
    #[error(
        "the checkpoint in {} belongs to another run: its {what} differs; resume with the same \
         data and configuration, or choose another run folder",
        path.display()
    )]
    CheckpointMismatch {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// The checkpoint cannot be read.
    #[error("the checkpoint in {} is damaged: {detail}; delete it and start over", path.display())]
    CheckpointDamaged {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A rank would not train the same model as the others.
    #[error(
        "rank {rank} differs from rank 0: its {what} is {found}, not {expected}; start all ranks \
         with the same build, data and options, on processors of one kind"
    )]
    RanksDiffer {
        /// The first rank that differs from rank 0.
        rank: usize,
        /// What differs: `build`, `data`, or the name of an option.
        what: String,
        /// Its value on that rank.
        found: String,
        /// Its value on rank 0.
        expected: String,
    },
    /// The earlier model cannot be used as a starting point.
    #[error("cannot start from the earlier model: {detail}")]
    WarmStart {
        /// What does not fit, and how to fix it.
        detail: String,
    },
    /// Two models cannot be compared on a dataset.
    #[error("cannot compare the earlier and the new model: {detail}")]
    NotComparable {
        /// Why, and how to fix it.
        detail: String,
    },
    /// Most of an earlier model's users or items are not in the data to retrain on.
    #[error(
        "only {known} of the {of} {what} of the earlier model are in the dataset (it knows {lost:?}, the dataset has \
         {new:?}); if the format of the ids changed, change it back or train from scratch; if \
             these {what} really are different, use --allow-other-ids"
    )]
    OtherIds {
        /// `users` or `items`.
        what: &'static str,
        /// How many of the earlier model's the dataset has.
        known: usize,
        /// How many the earlier model has.
        of: usize,
        /// An id of the earlier model that the dataset lacks.
        lost: String,
        /// An id of the dataset that the earlier model lacks; empty if there is none.
        new: String,
    },
    /// The search space is invalid; lists every issue.
    #[error("the search space is invalid: {}", issues.join("; "))]
    SearchSpace {
        /// Every issue found, each with its place and how to fix it.
        issues: Vec<String>,
    },
    /// The folder already has a search record.
    #[error(
        "{} already records a search; continue it with --resume, or choose another folder",
        path.display()
    )]
    SearchExists {
        /// The record.
        path: PathBuf,
    },
    /// There is no search to resume.
    #[error("{} records no search; start without --resume", path.display())]
    NoSearch {
        /// Where its record was expected.
        path: PathBuf,
    },
    /// The record belongs to another search.
    #[error(
        "{} records another search: its {} differ{}; resume with the same ones, or choose another \
        folder",
        path.display(),
        what.join(" and "),
        if what.len() == 1 { "s" } else { "" }
    )]
    SearchMismatch {
        /// The record.
        path: PathBuf,
        /// What differs: `space`, `data`, `seed`, `strategy`.
        what: Vec<&'static str>,
    },
    /// The search's record cannot be read.
    #[error(
        "line {line} of {} is damaged: {detail}; delete it and the lines after it, or start in \
        another folder",
        path.display()
    )]
    SearchDamaged {
        /// The record.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// A file or folder could not be written or read.
    #[error("{action} {} failed: {source}; free space or choose another folder", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The requested device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Another worker's device cannot be used.
    #[error(transparent)]
    Peers(#[from] lightgcn_kernels::device::DeviceError),
    /// The graph could not be built.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The loss has invalid settings.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// The graph does not fit the device.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The run does not fit the device's memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The batches could not be set up.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The model's configuration is invalid.
    #[error(transparent)]
    Model(#[from] lightgcn_nn::NnError),
    /// An evaluation failed.
    #[error(transparent)]
    Recommend(#[from] RecommendError),
    /// Writing or reading a folder failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data is inconsistent.
    #[error(transparent)]
    Core(#[from] CoreError),
}

impl TrainError {
    /// A configuration with one issue.
    pub(crate) fn config(issue: impl Into<String>) -> Self {
        let issues = vec![issue.into()];
        Self::Config { issues }
    }

    /// Options that have no form in JSON.
    pub(crate) fn unwritable(error: serde_json::Error) -> Self {
        Self::config(format!("the options cannot be written as JSON: {error}"))
    }

    pub(crate) fn io(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
