//! A prepared dataset: what `prepare` writes and `train` reads.

use crate::files::write_file;
use crate::folder::Folder;
use crate::kind::Kind;
use crate::knowledge::{encode_knowledge, read_knowledge};
use crate::manifest::Manifest;
use crate::names::{BEHAVIORS, CATALOGUE, INTERACTIONS, ITEMS, KNOWLEDGE, LINEAGE, USERS};
use crate::parts::{
    check_behaviors, check_counts, check_numbers, encode_catalogue, encode_json, encode_truth,
    encode_vocabulary, read_catalogue, read_interactions, read_truth, read_vocabulary,
    write_interactions,
};
use crate::{StoreError, write_folder_atomically};
use lightgcn_core::{BehaviorWeightsConfig, CoreError, Dataset, Split};
use std::path::Path;

const VALIDATION: &str = "validation.safetensors";
const TEST: &str = "test.safetensors";

type Encode = fn(&Dataset) -> Result<Vec<u8>, StoreError>;

/// The files of a dataset, except its manifest and its interactions.
const FILES: [(&str, Encode); 7] = [
    (BEHAVIORS, |d| encode_json(BEHAVIORS, d.behaviors.config())),
    (CATALOGUE, |d| encode_catalogue(&d.catalogue)),
    (USERS, |d| encode_vocabulary(USERS, &d.users)),
    (ITEMS, |d| encode_vocabulary(ITEMS, &d.items)),
    (VALIDATION, |d| {
        encode_truth(VALIDATION, d.split.validation.truth())
    }),
    (TEST, |d| encode_truth(TEST, d.split.test.truth())),
    (LINEAGE, |d| encode_json(LINEAGE, &d.lineage)),
];

/// A dataset as a folder: what `prepare` writes and `train` reads.
pub trait DatasetFolder: Sized {
    /// Writes the dataset as a folder, all or nothing, as [`write_folder_atomically`] says. The
    /// same dataset gives the same bytes.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] if the parts are inconsistent, and as
    /// [`write_folder_atomically`].
    fn save(&self, path: impl AsRef<Path>) -> Result<(), StoreError>;

    /// Reads a dataset and checks everything: format and version, files, sizes, checksums, types,
    /// shapes, ranges, and that no held-out pair is in another part.
    ///
    /// # Errors
    /// A [`StoreError`] that names the file and what is wrong with it.
    fn load(path: impl AsRef<Path>) -> Result<Self, StoreError>;
}

/// The names of all files except the manifest and optional parts.
fn names() -> Vec<&'static str> {
    let encoded = FILES.map(|(name, _)| name);
    [&[INTERACTIONS], &encoded[..]].concat()
}

impl DatasetFolder for Dataset {
    fn save(&self, path: impl AsRef<Path>) -> Result<(), StoreError> {
        check(self, "dataset".to_owned())?;
        write_folder_atomically(path.as_ref(), Kind::DATASET.format, |folder| {
            write_interactions(folder, self.split.train.interactions())?;
            for (name, encode) in FILES {
                write_file(folder, name, &encode(self)?)?;
            }
            if !self.knowledge.is_empty() {
                write_file(folder, KNOWLEDGE, &encode_knowledge(&self.knowledge)?)?;
            }
            Manifest::write(folder, Kind::DATASET)
        })
    }

    fn load(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let folder = Folder::open(path, Kind::DATASET)?;
        let has_knowledge = folder.has(KNOWLEDGE);
        let optional = has_knowledge.then_some(KNOWLEDGE);
        folder.expect_files(&[&names()[..], optional.as_slice()].concat())?;
        let users = read_vocabulary(&folder, USERS)?;
        let items = read_vocabulary(&folder, ITEMS)?;
        let (n_users, n_items) = (users.len(), items.len());
        let behaviors: BehaviorWeightsConfig = folder.read_json(BEHAVIORS)?;
        let train = read_interactions(&folder, &behaviors, n_users, n_items)?;
        let validation = read_truth(&folder, VALIDATION, n_users, n_items)?;
        let test = read_truth(&folder, TEST, n_users, n_items)?;
        let catalogue = read_catalogue(&folder, n_items)?;
        let lineage = folder.read_json(LINEAGE)?;
        let content = |source: CoreError| StoreError::Content {
            path: path.to_owned(),
            source,
        };
        let split = Split::new(train, validation, test).map_err(content)?;
        let behaviors = behaviors.check().map_err(content)?;
        let dataset = Self::new(split, users, items, catalogue, behaviors, lineage);
        let mut dataset = dataset.map_err(content)?;
        if has_knowledge {
            let knowledge = read_knowledge(&folder, n_items)?;
            dataset = dataset.with_knowledge(knowledge).map_err(content)?;
        }
        check(&dataset, format!("dataset {}", path.display()))?;
        Ok(dataset)
    }
}

/// `what` names the dataset in the error.
fn check(dataset: &Dataset, what: String) -> Result<(), StoreError> {
    let mut issues = Vec::new();
    let train = dataset.split.train.interactions();
    // The fields are public, so they may have changed since the dataset was created.
    let counts = [
        ("user ids", dataset.users.len(), train.n_users()),
        ("item ids", dataset.items.len(), train.n_items()),
        (
            "items in the catalogue",
            dataset.catalogue.n_items(),
            train.n_items(),
        ),
    ];
    check_counts(&counts, &mut issues);
    if !dataset.knowledge.is_empty() {
        let about = dataset.knowledge.n_items();
        check_counts(
            &[("items in the knowledge graph", about, train.n_items())],
            &mut issues,
        );
    }
    check_behaviors(dataset.behaviors.config(), train, &mut issues);
    check_numbers(&dataset.lineage, &dataset.catalogue, &mut issues);
    if issues.is_empty() {
        Ok(())
    } else {
        Err(StoreError::Inconsistent { what, issues })
    }
}

#[cfg(test)]
pub(crate) mod tests;
