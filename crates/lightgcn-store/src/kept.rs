//! Earlier versions of a model, kept next to it to go back to.

use crate::atomic::{exchange, flush_folder, free_name};
use crate::files::{beside, list, parent_of, remove_folder};
use crate::kind::Kind;
use crate::{Artifact, StoreError, write_folder_atomically};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The ending of the folder with the earlier versions of a model.
const KEPT: &str = ".kept";
/// The ending of the folder with the run of a model.
const RUN: &str = ".run";
/// Digits of an artifact's SHA-256 that name it.
const DIGITS: usize = 16;

/// An earlier version of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptModel {
    /// Its place in the order of versions: the latest has the highest number.
    pub number: u32,
    /// The first 16 digits of its SHA-256.
    pub version: String,
    /// Its folder, `MODEL.kept/NUMBER`.
    pub path: PathBuf,
}

impl KeptModel {
    /// Where its run is kept, if it had one.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        beside(&self.path, RUN)
    }

    /// Removes it and its run.
    fn remove(&self) -> Result<(), StoreError> {
        for path in [self.run(), self.path.clone()] {
            remove_folder(&path).map_err(|error| StoreError::io("remove", &path, error))?;
        }
        Ok(())
    }
}

/// The earlier versions of the model at `model`, latest first. What is not an artifact is left out.
///
/// # Errors
/// [`StoreError::Io`] if their folder cannot be read.
pub fn kept_models(model: &Path) -> Result<Vec<KeptModel>, StoreError> {
    let folder = beside(model, KEPT);
    let entries = match list(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("list", &folder, error)),
    };
    let kept = entries.iter().filter_map(|(name, _)| {
        let path = folder.join(name);
        Some(KeptModel {
            number: name.parse().ok()?,
            version: version_at(&path).ok()?,
            path,
        })
    });
    let mut kept: Vec<KeptModel> = kept.collect();
    kept.sort_by_key(|kept| std::cmp::Reverse(kept.number));
    Ok(kept)
}

/// Keeps what is at `model` as its latest earlier version, before it is replaced, and removes the
/// oldest ones beyond `keep`. Takes no space while the model is unchanged: the files are hard links
/// where the file system has them. Returns `None`, and does nothing, if `keep` is 0 or there is no
/// model.
///
/// # Errors
/// [`StoreError`] if the model is damaged, or its earlier versions cannot be written.
pub fn keep_model(model: &Path, keep: usize) -> Result<Option<KeptModel>, StoreError> {
    if keep == 0 || fs::symlink_metadata(model).is_err() {
        return Ok(None);
    }
    let version = version_at(model)?;
    let before = kept_models(model)?;
    let number = before.first().map_or(1, |latest| latest.number + 1);
    let kept = KeptModel {
        number,
        path: beside(model, KEPT).join(format!("{number:06}")),
        version,
    };
    write_folder_atomically(&kept.path, Kind::ARTIFACT.format, |folder| {
        let entries = list(model).map_err(|error| StoreError::io("list", model, error))?;
        for (name, _) in entries {
            let (from, to) = (model.join(&name), folder.join(&name));
            let linked = fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(|_| ()));
            linked.map_err(|error| StoreError::io("copy", &from, error))?;
        }
        Ok::<(), StoreError>(())
    })?;
    // The same version is kept once.
    let (same, others): (Vec<_>, Vec<_>) = before
        .iter()
        .partition(|known| known.version == kept.version);
    let old = others.into_iter().skip(keep - 1);
    same.into_iter()
        .chain(old)
        .try_for_each(KeptModel::remove)?;
    Ok(Some(kept))
}

/// Replaces the model at `model` by an earlier version, the latest or the one whose version starts
/// with `version`, and keeps the replaced one in its place: doing it again goes forward again. The
/// runs in `MODEL.run` change places too. Returns the version that is now at `model`.
///
/// # Errors
/// [`StoreError::NotKept`] if no such version is kept, and those of [`Artifact::load`] if it is
/// damaged; then nothing changes.
pub fn roll_back(model: &Path, version: Option<&str>) -> Result<KeptModel, StoreError> {
    let current = version_at(model)?;
    let kept = kept_models(model)?;
    let is_wanted = |kept: &&KeptModel| match version {
        Some(version) => kept.version.starts_with(version),
        None => kept.version != current,
    };
    let Some(wanted) = kept.iter().find(is_wanted) else {
        return Err(StoreError::NotKept {
            path: model.to_owned(),
            wanted: version.unwrap_or("an earlier version").to_owned(),
            kept: kept.iter().map(|kept| kept.version.clone()).collect(),
        });
    };
    Artifact::load(&wanted.path)?;
    swap(&wanted.path, model)?;
    swap(&wanted.run(), &beside(model, RUN))?;
    Ok(KeptModel {
        path: model.to_owned(),
        ..wanted.clone()
    })
}

/// Lets two folders change places, either of which may be missing; in one step where the system
/// can do that.
fn swap(one: &Path, other: &Path) -> Result<(), StoreError> {
    let rename = |from: &Path, to: &Path| {
        fs::rename(from, to).map_err(|error| StoreError::io("rename", from, error))
    };
    match (one.exists(), other.exists()) {
        (false, false) => return Ok(()),
        (true, false) => rename(one, other)?,
        (false, true) => rename(other, one)?,
        (true, true) if exchange(one, other) => {}
        (true, true) => {
            let aside = free_name(parent_of(other), "swap.old-")?;
            rename(other, &aside)?;
            rename(one, other)?;
            rename(&aside, one)?;
        }
    }
    flush_folder(parent_of(other))
}

/// The version that a model is shown by: the first 16 digits of its identity.
#[must_use]
pub fn version_of(identity: &str) -> String {
    identity.chars().take(DIGITS).collect()
}

fn version_at(model: &Path) -> Result<String, StoreError> {
    Ok(version_of(&Artifact::identity_at(model)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::tests::tiny;

    /// Saves a model of its own version with a run, keeping the previous one, and returns the version.
    fn publish(model: &Path, n: u32, keep: usize) -> String {
        let kept = keep_model(model, keep).unwrap();
        let run = beside(model, RUN);
        if let Some(kept) = kept {
            fs::rename(&run, kept.run()).unwrap();
        }
        let mut artifact = tiny();
        artifact.lineage.figures.insert("n".to_owned(), n.into());
        artifact.save(model).unwrap();
        let _ = fs::remove_dir_all(&run);
        fs::create_dir(&run).unwrap();
        fs::write(run.join("run.jsonl"), n.to_string()).unwrap();
        version_at(model).unwrap()
    }

    fn run(model: &Path) -> String {
        fs::read_to_string(beside(model, RUN).join("run.jsonl")).unwrap()
    }

    fn versions(model: &Path) -> Vec<String> {
        let kept = kept_models(model).unwrap();
        kept.into_iter().map(|kept| kept.version).collect()
    }

    #[test]
    fn the_latest_versions_are_kept_and_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("shop.model");
        assert_eq!(keep_model(&model, 3).unwrap(), None);
        let v: Vec<String> = (0..4).map(|n| publish(&model, n, 2)).collect();
        assert_eq!(versions(&model), [&*v[2], &*v[1]]);

        let back = roll_back(&model, None).unwrap();
        assert_eq!((&*back.version, &*back.path), (&*v[2], &*model));
        assert_eq!(
            (version_at(&model).unwrap(), run(&model)),
            (v[2].clone(), "2".to_owned())
        );
        assert_eq!(versions(&model), [&*v[3], &*v[1]]);
        let kept = kept_models(&model).unwrap();
        assert_eq!(Artifact::identity_at(&kept[0].path).unwrap()[..16], *v[3]);
        assert_eq!(
            fs::read_to_string(kept[0].run().join("run.jsonl")).unwrap(),
            "3"
        );

        // Again goes forward, and a version further back can be named.
        assert_eq!(roll_back(&model, None).unwrap().version, v[3]);
        assert_eq!(roll_back(&model, Some(&v[1][..8])).unwrap().version, v[1]);
        assert_eq!(
            (versions(&model), run(&model)),
            (vec![v[2].clone(), v[3].clone()], "1".to_owned())
        );

        // A version is kept once.
        assert_eq!(publish(&model, 2, 3), v[2]);
        assert_eq!(publish(&model, 5, 3).len(), DIGITS);
        assert_eq!(versions(&model), [&*v[2], &*v[1], &*v[3]]);
    }

    #[test]
    fn unknown_and_damaged_versions_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("shop.model");
        let first = publish(&model, 0, 0);
        assert!(matches!(
            roll_back(&model, None),
            Err(StoreError::NotKept { kept, .. }) if kept.is_empty()
        ));
        let second = publish(&model, 1, 1);
        let error = roll_back(&model, Some("f00")).unwrap_err();
        assert!(
            matches!(&error, StoreError::NotKept { kept, .. } if *kept == [first.clone()]),
            "{error}"
        );
        let kept = kept_models(&model).unwrap();
        let file = kept[0].path.join("model.json");
        let mut bytes = fs::read(&file).unwrap();
        bytes[5] ^= 1;
        fs::write(&file, bytes).unwrap();
        assert!(roll_back(&model, None).is_err());
        assert_eq!(version_at(&model).unwrap(), second);
        assert_eq!(versions(&model), [first]);
    }
}
