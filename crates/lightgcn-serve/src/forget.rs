//! Removes a person from everything that is kept on disk.

use crate::error::ServeError;
use crate::events::{EventStore, EventStoreConfig, EventStoreError};
use lightgcn_core::Dataset;
use lightgcn_recommend::propagate_anew;
use lightgcn_store::{Artifact, DatasetFolder, StoreError, beside, kept_models, remove_folder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The suffix of a dataset's name for the one with the whole log.
const WHOLE: &str = ".whole";
/// The suffixes of a model's name for its run, and for a run that was not published.
const RUNS: [&str; 2] = [".run", ".run.next"];
/// The suffix of a model's name for the folder in which a scheduled retraining works.
const WORK: &str = ".refit";
/// The suffix of the event store's name for the folder with a model that is being downloaded.
const DOWNLOAD: &str = ".download";
/// Where a run has checkpoints: its own, and its refit's.
const CHECKPOINTS: [&str; 2] = ["checkpoint", "refit/checkpoint"];

/// Where to remove a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForgetOptions {
    /// The event store of a stopped service. Default: none.
    pub events: Option<PathBuf>,
    /// Prepared datasets; for each, also the one next to it with the whole log (`NAME.whole`), if
    /// there is one.
    pub datasets: Vec<PathBuf>,
    /// Models; for each, also its earlier versions (`NAME.kept`), and the checkpoints of its runs
    /// (`NAME.run`, `NAME.run.next`).
    pub models: Vec<PathBuf>,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgetReport {
    /// How many of the person's events the store had.
    pub events: u64,
    /// The datasets that had the person, now rewritten.
    pub datasets: Vec<PathBuf>,
    /// The models that had the person, now rewritten.
    pub models: Vec<PathBuf>,
    /// Those of them whose final embeddings were not recomputed from the remaining graph, since
    /// they are not sums over it: they may include parts of the person's vector until the next
    /// training.
    pub not_propagated: Vec<PathBuf>,
    /// Checkpoints that were deleted: they had the person's vector, and their rows no longer match
    /// the model.
    pub checkpoints: Vec<PathBuf>,
}

/// Removes a user's events from the store, their pairs and id from the datasets, and their pairs,
/// id and vectors from the models. Each is replaced in one step, and afterwards none of its bytes
/// are the user's.
///
/// What other vectors learned from the person in training stays until the next training. Raw logs,
/// exports, backups and other copies are not searched.
///
/// The steps are logged, without the user's id. After an error, call it again: completed steps are
/// not repeated.
///
/// # Errors
/// [`ServeError::Events`] if the store is missing, in use or cannot be written; [`ServeError::Store`] if a folder cannot be
/// read or written, or a model has no other user's pairs; [`ServeError::System`] if a checkpoint cannot be deleted.
pub fn forget(user: &str, options: &ForgetOptions) -> Result<ForgetReport, ServeError> {
    let mut report = ForgetReport::default();
    if let Some(path) = &options.events {
        report.events = forget_events(user, path)?;
        // Left over if a service was killed.
        remove(&beside(path, DOWNLOAD), "delete the download of a model")?;
    }
    let mut forms = BTreeSet::from([user.to_owned()]);
    for path in &options.datasets {
        let whole = beside(path, WHOLE);
        for path in [Some(path), Some(&whole).filter(|path| path.exists())] {
            if let Some(path) = path
                && forget_in_dataset(user, path, &mut forms)?
            {
                report.datasets.push(path.clone());
            }
        }
    }
    for path in &options.models {
        // Left over if a retraining was killed.
        remove(&beside(path, WORK), "delete the folder of a retraining")?;
        for kept in kept_models(path)? {
            forget_in_model(user, &kept.path, &mut report, &mut forms)?;
        }
        forget_in_model(user, path, &mut report, &mut forms)?;
    }
    forms.remove(user);
    if let Some(path) = &options.events {
        for user in &forms {
            report.events += forget_events(user, path)?;
        }
    }
    Ok(report)
}

fn forget_events(user: &str, path: &Path) -> Result<u64, ServeError> {
    // Opening would create a missing store.
    if !path.exists() {
        let path = path.to_owned();
        return Err(EventStoreError::Missing { path }.into());
    }
    let store = EventStore::open(path, EventStoreConfig::default())?;
    let events = store.try_forget(user)?;
    tracing::info!(events, path = %path.display(), "removed a person from the event store");
    Ok(events)
}

/// Also adds the form of the id that the dataset has.
fn forget_in_dataset(
    user: &str,
    path: &Path,
    forms: &mut BTreeSet<String>,
) -> Result<bool, ServeError> {
    let dataset = Dataset::load(path)?;
    forms.insert(dataset.users.normalized(user).into_owned());
    let rest = dataset.without_user(user);
    let Some(rest) = rest.map_err(|source| StoreError::Content {
        path: path.to_owned(),
        source,
    })?
    else {
        return Ok(false);
    };
    rest.save(path)?;
    tracing::info!(path = %path.display(), "removed a person from a dataset");
    Ok(true)
}

/// Also adds the form of the id that the model has.
fn forget_in_model(
    user: &str,
    path: &Path,
    report: &mut ForgetReport,
    forms: &mut BTreeSet<String>,
) -> Result<(), ServeError> {
    let artifact = Artifact::load(path)?;
    forms.insert(artifact.users.normalized(user).into_owned());
    let Some(mut rest) = artifact.without_user(user)? else {
        return Ok(());
    };
    let is_propagated = propagate_anew(&artifact, &mut rest)?;
    // Before the model, so that no checkpoint is left if this fails and the call is repeated.
    for run in RUNS {
        for checkpoint in CHECKPOINTS {
            let checkpoint = beside(path, run).join(checkpoint);
            if remove(&checkpoint, "delete a checkpoint")? {
                report.checkpoints.push(checkpoint);
            }
        }
    }
    rest.save(path)?;
    tracing::info!(path = %path.display(), is_propagated, "removed a person from a model");
    report.models.push(path.to_owned());
    if !is_propagated {
        report.not_propagated.push(path.to_owned());
    }
    Ok(())
}

fn remove(folder: &Path, what: &'static str) -> Result<bool, ServeError> {
    remove_folder(folder).map_err(|source| ServeError::System { what, source })
}
