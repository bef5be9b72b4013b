//! What to train on which data, and where the run keeps its state.

use crate::ranks::Shards;
use crate::run::checkpoint::{Checkpoint, EPOCHS, LIMITS};
use crate::{Ranks, Schedule, StopSignal, TrainError, ValidTrainConfig};
use lightgcn_core::{Dataset, Lineage};
use lightgcn_graph::Adjacency;
use lightgcn_nn::{NodeCounts, Sequences};
use std::path::PathBuf;
use std::sync::Arc;

/// Where a run keeps its state, and how it is stopped.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunOptions {
    /// The folder of the run's record and checkpoint; nothing is written without one.
    pub(crate) folder: Option<PathBuf>,
    /// Continue from the checkpoint in that folder.
    pub(crate) resume: bool,
    /// When raised, the run is saved and ended.
    pub(crate) stop: StopSignal,
    /// The maximum bytes of memory that the program may use on the CPU.
    pub(crate) memory: Option<u64>,
}

impl RunOptions {
    /// The number of batches per step of the run to continue, which was chosen for the number of
    /// ranks that it began with; `None` if there is no such run.
    pub(crate) fn batches_so_far(&self) -> Option<usize> {
        let folder = self.folder.as_deref().filter(|_| self.resume)?;
        let job = Checkpoint::of_any_run(folder).written_job().ok()?;
        let lineage: Lineage = serde_json::from_str(&job).ok()?;
        lineage.options.get("train.accumulate")?.parse().ok()
    }
}

/// What to train on which data.
#[derive(Clone, Copy)]
pub(crate) struct FitJob<'a, L> {
    /// The data; only its training and validation parts are used.
    pub(crate) dataset: &'a Dataset,
    /// The graphs that the model requested.
    pub(crate) adjacencies: &'a [Adjacency],
    /// Users' items in order of time, if the model requested them.
    pub(crate) sequences: Option<&'a Sequences>,
    /// The nodes of these graphs: this rank's, if tables are split.
    pub(crate) nodes: &'a NodeCounts,
    /// How to train; its loss is ignored.
    pub(crate) config: &'a ValidTrainConfig,
    /// The loss.
    pub(crate) loss: &'a L,
    /// Where to keep state.
    pub(crate) run: &'a RunOptions,
    /// The processes that train together.
    pub(crate) ranks: &'a Arc<dyn Ranks>,
    /// If they split tables and graphs by user.
    pub(crate) shards: Option<&'a Arc<Shards>>,
    /// The model's name, for messages.
    pub(crate) model_name: &'a str,
    /// The device's name, for messages and the run record.
    pub(crate) device_name: &'a str,
    /// Everything that the result depends on. A checkpoint is resumed only with an equal lineage.
    pub(crate) lineage: &'a Lineage,
}

impl<L> FitJob<'_, L> {
    /// The checkpoint of the run, if it has a folder.
    ///
    /// # Errors
    /// [`TrainError::CheckpointExists`] if another run would be overwritten.
    pub(crate) fn checkpoint(&self) -> Result<Option<Checkpoint>, TrainError> {
        let Some(folder) = &self.run.folder else {
            if self.run.resume {
                let issue = "a run can only be resumed from its folder; give the folder";
                return Err(TrainError::config(issue));
            }
            return Ok(None);
        };
        let mut lineage = self.lineage.clone();
        // These may change on resuming, since they do not affect the steps so far.
        for key in LIMITS {
            lineage.options.remove(key);
        }
        if self.config.schedule == Schedule::Constant {
            lineage.options.remove(EPOCHS);
        }
        let lineage = serde_json::to_string(&lineage).map_err(TrainError::unwritable)?;
        let checkpoint = Checkpoint::new(folder, lineage, self.shards.cloned());
        if checkpoint.exists() && !self.run.resume {
            return Err(TrainError::CheckpointExists {
                path: checkpoint.path().to_owned(),
            });
        }
        Ok(Some(checkpoint))
    }
}
