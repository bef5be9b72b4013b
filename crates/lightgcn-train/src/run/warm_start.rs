//! Starts training from an earlier model.

use crate::run::checkpoint::{Checkpoint, EPOCHS, LIMITS};
use crate::{Candidate, TrainError};
use lightgcn_core::Lineage;
use lightgcn_nn::ModelConfig;
use lightgcn_store::Artifact;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PREVIOUS: &str = "warm_start.previous";
const ADAM: &str = "warm_start.adam";
/// The option that marks the lineage of a refitted model, and the name of its run folder inside
/// that of the run in which everything was chosen.
pub(crate) const REFIT: &str = "refit";
/// Why training ended early, if it did.
pub(crate) const ENDED: &str = "ended";

/// An earlier model to start from: its embeddings and, with its run's checkpoint, Adam's state and all other
/// parameters.
///
/// The embeddings are the artifact's, of the best validated epoch; Adam's moments are those of the last epoch. Ids
/// are matched by their names in the log.
#[derive(Debug, Clone)]
pub struct WarmStart {
    artifact: Arc<Artifact>,
    pub(crate) run: Option<PathBuf>,
}

impl WarmStart {
    /// Starts from only an artifact, with a fresh Adam state. Models with other parameters (NGCF,
    /// learned layer weights) also need the checkpoint.
    #[must_use]
    pub fn new(artifact: Arc<Artifact>) -> Self {
        Self {
            artifact,
            run: None,
        }
    }

    /// Also uses the checkpoint in the run's folder, or that of its refit.
    ///
    /// # Errors
    /// [`TrainError::NoCheckpoint`] if there is none, [`TrainError::CheckpointMismatch`] if another run
    /// wrote it, [`TrainError::CheckpointDamaged`] if it cannot be read.
    pub fn with_run(mut self, folder: &Path) -> Result<Self, TrainError> {
        self.run = run_of(folder, &self.artifact)?;
        if self.run.is_some() {
            return Ok(self);
        }
        let checkpoint = Checkpoint::of_any_run(folder);
        let path = checkpoint.path().to_owned();
        Err(match checkpoint.exists() {
            true => TrainError::CheckpointMismatch {
                path,
                what: "model",
            },
            false => TrainError::NoCheckpoint { path },
        })
    }

    /// The earlier model.
    #[must_use]
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Whether Adam's state is carried over.
    #[must_use]
    pub fn has_checkpoint(&self) -> bool {
        self.run.is_some()
    }

    /// The configuration of the earlier model, from its artifact.
    ///
    /// # Errors
    /// [`TrainError::WarmStart`] if the artifact does not have it.
    pub fn candidate(&self) -> Result<Candidate, TrainError> {
        let invalid = |error: serde_json::Error| TrainError::WarmStart {
            detail: format!(
                "its options cannot be read ({error}); it was not made by this version's `train`"
            ),
        };
        let model = serde_json::from_value(self.artifact.model.config.clone()).map_err(invalid)?;
        // Models from before this setting depended on the size of the data had one batch per step.
        let mut options = Map::from_iter([("accumulate".to_owned(), 1.into())]);
        for (name, text) in &self.artifact.lineage.options {
            if let Some(name) = name.strip_prefix("train.") {
                // Strings are not quoted in a lineage.
                let value = serde_json::from_str(text);
                let value = value.unwrap_or_else(|_| Value::String(text.clone()));
                options.insert(name.to_owned(), value);
            }
        }
        let train = serde_json::from_value(Value::Object(options)).map_err(invalid)?;
        Ok(Candidate { model, train })
    }

    /// Checks that the parameters of the earlier model match a model with that description.
    pub(crate) fn check<M: ModelConfig>(&self, ours: &Value) -> Result<(), TrainError> {
        let theirs = &self.artifact.model.config;
        let shape_fields = ["name"].iter().chain(M::SHAPE_FIELDS);
        let differ = shape_fields
            .copied()
            .find(|key| ours.get(key) != theirs.get(key));
        match differ {
            None => Ok(()),
            Some(key) => Err(TrainError::WarmStart {
                detail: format!(
                    "its {key} is {}, that of the new model {}; keep it, or train from scratch",
                    theirs.get(key).unwrap_or(&Value::Null),
                    ours.get(key).unwrap_or(&Value::Null)
                ),
            }),
        }
    }

    /// Names the earlier model in the lineage of the new one.
    pub(crate) fn describe(&self, lineage: &mut Lineage) -> Result<(), TrainError> {
        let adam = if self.run.is_some() {
            "carried over"
        } else {
            "new"
        };
        let identity = self.artifact.identity()?;
        lineage.options.insert(PREVIOUS.to_owned(), identity);
        lineage.options.insert(ADAM.to_owned(), adam.to_owned());
        Ok(())
    }
}

/// Whether the checkpoint in a run's folder, or that of its refit, belongs to the run that made the artifact: the same
/// data, model, options and seed. False if there is no checkpoint.
///
/// # Errors
/// [`TrainError::CheckpointDamaged`] and [`TrainError::Io`] if it cannot be read.
pub fn checkpoint_is_of(folder: &Path, artifact: &Artifact) -> Result<bool, TrainError> {
    Ok(run_of(folder, artifact)?.is_some())
}

/// The folder whose checkpoint belongs to the run that made the artifact: this one or that of its refit.
fn run_of(folder: &Path, artifact: &Artifact) -> Result<Option<PathBuf>, TrainError> {
    for folder in [folder.to_owned(), folder.join(REFIT)] {
        if is_of(&folder, artifact)? {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

fn is_of(folder: &Path, artifact: &Artifact) -> Result<bool, TrainError> {
    let checkpoint = Checkpoint::of_any_run(folder);
    if !checkpoint.exists() {
        return Ok(false);
    }
    let job = checkpoint.written_job()?;
    let lineage: Lineage =
        serde_json::from_str(&job).map_err(|error| TrainError::CheckpointDamaged {
            path: checkpoint.path().to_owned(),
            detail: format!("its lineage cannot be read: {error}"),
        })?;
    let bare = |lineage: &Lineage| {
        let mut lineage = lineage.clone();
        lineage.figures.clear();
        for option in LIMITS.iter().chain([&EPOCHS, &ENDED]) {
            lineage.options.remove(*option);
        }
        lineage
    };
    Ok(bare(&lineage) == bare(&artifact.lineage))
}
