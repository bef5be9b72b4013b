//! Where the runs of a model are, and how a retrained model's run takes the place of the one before it.

use anyhow::{Context, ensure};
use lightgcn::store::Artifact;
use lightgcn::train::checkpoint_is_of;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// What a run's folder holds.
const PARTS: [&str; 2] = ["run.jsonl", "checkpoint"];

/// The path whose name is that of another one and an ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// The run of a model, unless told otherwise.
pub(super) fn of(model: &Path) -> PathBuf {
    beside(model, ".run")
}

/// The run of a retraining until its model is published.
pub(super) fn next_of(model: &Path) -> PathBuf {
    beside(model, ".run.next")
}

/// Lets the run of the model that stands at `model` follow it. Where a crash came between the publishing of a
/// model and this, the next retraining does it.
pub(super) fn follow(model: &Path, artifact: &Artifact) -> anyhow::Result<()> {
    let (run, next) = (of(model), next_of(model));
    if !checkpoint_is_of(&next, artifact)? {
        return Ok(());
    }
    remove(&run)?;
    fs::rename(&next, &run)
        .with_context(|| format!("renaming {} to {}", next.display(), run.display()))
}

/// Removes a run's folder; one that holds anything else is left alone.
pub(super) fn remove(run: &Path) -> anyhow::Result<()> {
    if fs::symlink_metadata(run).is_err() {
        return Ok(());
    }
    let what = || format!("removing the old run in {}", run.display());
    for entry in fs::read_dir(run).with_context(what)? {
        let name = entry.with_context(what)?.file_name();
        let known = PARTS.iter().any(|part| OsStr::new(part) == name)
            || name.to_string_lossy().starts_with("checkpoint.tmp-");
        ensure!(
            known,
            "{} holds {:?}, which is not part of a run; move it elsewhere",
            run.display(),
            name
        );
    }
    fs::remove_dir_all(run).with_context(what)
}
