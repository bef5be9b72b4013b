//! A prepared dataset: what `prepare` writes and `train` reads.

use crate::atomic::write_file;
use crate::folder::Folder;
use crate::kind::Kind;
use crate::manifest::Manifest;
use crate::parts::{
    BEHAVIOURS, CATALOGUE, CONSUMERS, INTERACTIONS, LINEAGE, PRODUCTS, check_behaviours,
    check_numbers, encode_catalogue, encode_interactions, encode_json, encode_truth,
    encode_vocabulary, read_catalogue, read_interactions, read_truth, read_vocabulary,
};
use crate::{StoreError, write_folder_atomically};
use lightgcn_core::{BehaviourWeightsConfig, CoreError, Dataset, Split};
use std::path::Path;

const VALIDATION: &str = "validation.safetensors";
const TEST: &str = "test.safetensors";

/// The files of a dataset beside its manifest.
const FILES: [&str; 8] = [
    BEHAVIOURS,
    CATALOGUE,
    CONSUMERS,
    INTERACTIONS,
    LINEAGE,
    PRODUCTS,
    TEST,
    VALIDATION,
];

/// Writes a dataset as a folder: all of it or nothing, as [`write_folder_atomically`] says. The same
/// dataset gives the same bytes.
///
/// # Errors
/// [`StoreError::Inconsistent`] if the parts do not fit together, and as
/// [`write_folder_atomically`].
pub fn save_dataset(dataset: &Dataset, path: &Path) -> Result<(), StoreError> {
    check(dataset, "dataset".to_owned())?;
    let split = &dataset.split;
    write_folder_atomically(path, Kind::DATASET.format, |folder| {
        let write =
            |name: &str, bytes: Result<Vec<u8>, StoreError>| write_file(folder, name, &bytes?);
        write(
            BEHAVIOURS,
            encode_json(BEHAVIOURS, dataset.behaviours.config()),
        )?;
        write(CATALOGUE, encode_catalogue(&dataset.catalogue))?;
        write(CONSUMERS, encode_vocabulary(CONSUMERS, &dataset.users))?;
        write(PRODUCTS, encode_vocabulary(PRODUCTS, &dataset.items))?;
        write(
            INTERACTIONS,
            encode_interactions(split.train.interactions()),
        )?;
        write(
            VALIDATION,
            encode_truth(VALIDATION, split.validation.truth()),
        )?;
        write(TEST, encode_truth(TEST, split.test.truth()))?;
        write(LINEAGE, encode_json(LINEAGE, &dataset.lineage))?;
        Manifest::write(folder, Kind::DATASET)
    })
}

/// Reads a dataset, after a check of everything: format and version, files, sizes, checksums, types,
/// shapes, ranges, and that no held-out pair stands in another part.
///
/// # Errors
/// A [`StoreError`] that names the file and what is wrong with it.
pub fn load_dataset(path: &Path) -> Result<Dataset, StoreError> {
    let folder = Folder::open(path, Kind::DATASET)?;
    folder.expect_files(&FILES)?;
    let users = read_vocabulary(&folder, CONSUMERS)?;
    let items = read_vocabulary(&folder, PRODUCTS)?;
    let (n_users, n_items) = (users.len(), items.len());
    let behaviours: BehaviourWeightsConfig = folder.read_json(BEHAVIOURS)?;
    let train = read_interactions(&folder, &behaviours, n_users, n_items)?;
    let validation = read_truth(&folder, VALIDATION, n_users, n_items)?;
    let test = read_truth(&folder, TEST, n_users, n_items)?;
    let catalogue = read_catalogue(&folder, n_items)?;
    let lineage = folder.read_json(LINEAGE)?;
    let content = |source: CoreError| StoreError::Content {
        path: path.to_owned(),
        source,
    };
    let split = Split::new(train, validation, test).map_err(content)?;
    let behaviours = behaviours.check().map_err(content)?;
    let dataset = Dataset::new(split, users, items, catalogue, behaviours, lineage);
    let dataset = dataset.map_err(content)?;
    check(&dataset, format!("dataset {}", path.display()))?;
    Ok(dataset)
}

/// `what` names the dataset in the error.
fn check(dataset: &Dataset, what: String) -> Result<(), StoreError> {
    let mut faults = Vec::new();
    let train = dataset.split.train.interactions();
    // The fields are public: they may have changed since the dataset was put together.
    for (what, found, wanted) in [
        ("consumer ids", dataset.users.len(), train.n_users()),
        ("product ids", dataset.items.len(), train.n_items()),
        (
            "products in the catalogue",
            dataset.catalogue.n_items(),
            train.n_items(),
        ),
    ] {
        if found != wanted {
            faults.push(format!(
                "there are {found} {what} where {wanted} are needed"
            ));
        }
    }
    check_behaviours(dataset.behaviours.config(), train, &mut faults);
    check_numbers(&dataset.lineage, &dataset.catalogue, &mut faults);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(StoreError::Inconsistent { what, faults })
    }
}

#[cfg(test)]
pub(crate) mod tests;
