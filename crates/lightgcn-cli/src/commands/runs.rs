//! Where a model's runs are, and how a retrained model's run replaces the previous one.

use anyhow::{Context, ensure};
use lightgcn::store::{Artifact, KeptModel, beside};
use lightgcn::train::checkpoint_is_of;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The contents of a run folder: what training and refitting write, and the evaluation you may add
/// for the page.
const PARTS: [&str; 4] = ["run.jsonl", "checkpoint", "refit", "evaluation.json"];

/// The default run of a model.
pub(super) fn of(model: &Path) -> PathBuf {
    beside(model, ".run")
}

/// The run of a retraining until its model is published.
pub(super) fn next_of(model: &Path) -> PathBuf {
    beside(model, ".run.next")
}

/// Makes the retraining's run the run of the published model at `model`; the run of the previous one
/// stays with it if it is kept. After a crash between publishing and this, the next retraining does it.
pub(super) fn follow(
    model: &Path,
    artifact: &Artifact,
    kept: Option<&KeptModel>,
) -> anyhow::Result<()> {
    let (run, next) = (of(model), next_of(model));
    if !checkpoint_is_of(&next, artifact)? {
        return Ok(());
    }
    let rename = |from: &Path, to: &Path| {
        fs::rename(from, to)
            .with_context(|| format!("renaming {} to {}", from.display(), to.display()))
    };
    match kept {
        Some(kept) if run.exists() => rename(&run, &kept.run())?,
        _ => remove(&run)?,
    }
    rename(&next, &run)
}

/// Removes a run's folder, unless it has anything else in it.
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
            "{} has {:?}, which is not part of a run; move it elsewhere",
            run.display(),
            name
        );
    }
    fs::remove_dir_all(run).with_context(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_beside_its_model_with_or_without_a_slash() {
        for model in ["models/a", "models/a/", "models/a//"] {
            assert_eq!(of(Path::new(model)), Path::new("models/a.run"));
        }
        assert_eq!(next_of(Path::new("./b/")), Path::new("./b.run.next"));
    }

    #[test]
    fn a_runs_folder_goes_with_its_evaluation_and_not_with_anything_else() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("m.run");
        fs::create_dir_all(run.join("checkpoint")).unwrap();
        for part in ["run.jsonl", "evaluation.json", "notes.txt"] {
            fs::write(run.join(part), "{}").unwrap();
        }
        let refused = remove(&run).unwrap_err().to_string();
        assert!(refused.contains("notes.txt"), "{refused}");
        assert!(run.join("run.jsonl").exists());
        fs::remove_file(run.join("notes.txt")).unwrap();
        remove(&run).unwrap();
        assert!(!run.exists());
    }
}
