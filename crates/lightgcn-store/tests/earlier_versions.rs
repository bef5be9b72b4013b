//! Folders of earlier format versions load, and mean the same when they are saved again.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use lightgcn_core::{Dataset, ItemId, UserId};
use lightgcn_graph::AdjacencyRequest;
use lightgcn_store::{Artifact, DatasetFolder, Storage, StoreError};
use std::fs;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

/// The names of the files in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn datasets_of_version_1_load() {
    let dataset = Dataset::load(data("version-1/dataset")).unwrap();
    let train = dataset.split.train.interactions();
    assert_eq!((train.n_users(), train.n_items()), (8, 6));
    assert_eq!((train.n_pairs(), train.n_targets()), (27, 14));
    let names = ["view", "cart", "remove_from_cart", "purchase"];
    assert_eq!(train.behaviors(), names);
    assert_eq!(dataset.behaviors.config().floor, Some(0.01));
    assert_eq!(dataset.split.validation.truth().n_pairs(), 7);
    assert_eq!(dataset.split.test.truth().n_pairs(), 7);
    assert_eq!(dataset.lineage.seed, 42);
    let item = dataset.items.get("p1").unwrap();
    assert_eq!(dataset.catalogue.brand().get(item), Some("irisk"));
    assert_eq!(dataset.catalogue.get(item).price, Some(2.5));
    assert!(dataset.users.get("u7").is_some());

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dataset");
    dataset.save(&path).unwrap();
    let today = [
        "behaviors.json",
        "catalogue.safetensors",
        "interactions.safetensors",
        "items.safetensors",
        "lineage.json",
        "manifest.json",
        "test.safetensors",
        "users.safetensors",
        "validation.safetensors",
    ];
    assert_eq!(self::names(&path), today);
    assert_eq!(Dataset::load(&path).unwrap(), dataset);
}

#[test]
fn artifacts_of_version_1_load() {
    let artifact = Artifact::load(data("version-1/artifact")).unwrap();
    assert_eq!(artifact.model.name, "lightgcn");
    assert_eq!(artifact.model.graphs, [AdjacencyRequest::default()]);
    assert_eq!(artifact.model.layer_weights, Some(vec![0.5, 0.5]));
    assert!(artifact.model.further_nodes.is_empty());
    assert_eq!(
        (artifact.layer0.rows(), artifact.layer0.dimension()),
        (14, 2)
    );
    assert_eq!(artifact.embeddings.storage(), Storage::F32);
    assert_eq!(artifact.popularity.iter().sum::<u64>(), 14);
    let dataset = Dataset::load(data("version-1/dataset")).unwrap();
    assert_eq!(&artifact.train, dataset.split.train.interactions());
    assert_eq!(
        artifact.users.name(UserId(0)),
        dataset.users.name(UserId(0))
    );

    // Half of layer 0 and half of what one layer over the stored graph makes of it.
    let adjacency = artifact.graph().unwrap();
    let adjacency = adjacency.adjacency(&artifact.model.graphs[0]).unwrap();
    for (row, columns) in adjacency.as_sprs().outer_iterator().enumerate() {
        for (place, &found) in artifact.embeddings.row(row).iter().enumerate() {
            let layer0 = |node: usize| f64::from(artifact.layer0.row(node)[place]);
            let sum: f64 = columns
                .iter()
                .map(|(column, &value)| f64::from(value) * layer0(column))
                .sum();
            let expected = 0.5 * (layer0(row) + sum);
            assert!((f64::from(found) - expected).abs() < 1e-6, "row {row}");
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("artifact");
    artifact.save(&path).unwrap();
    assert_eq!(Artifact::load(&path).unwrap(), artifact);
    assert_ne!(
        Artifact::identity_at(&path).unwrap(),
        Artifact::identity_at(data("version-1/artifact")).unwrap()
    );
}

#[test]
fn artifacts_of_version_2_load() {
    let artifact = Artifact::load(data("version-2/artifact")).unwrap();
    let first = Artifact::load(data("version-1/artifact")).unwrap();
    let rounded = first.embeddings.clone().into_storage(Storage::Bf16);
    assert_eq!(artifact.embeddings, rounded.unwrap());
    assert_eq!(artifact.layer0, first.layer0);
    assert_eq!(artifact.items.name(ItemId(0)), first.items.name(ItemId(0)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("artifact");
    artifact.save(&path).unwrap();
    assert_eq!(Artifact::load(&path).unwrap(), artifact);
}

/// A version has one way of writing: new names in an old folder are unknown files.
#[test]
fn names_of_today_in_an_old_folder_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("artifact");
    fs::create_dir(&path).unwrap();
    for name in names(&data("version-1/artifact")) {
        fs::copy(data("version-1/artifact").join(&name), path.join(&name)).unwrap();
    }
    fs::rename(path.join("behaviours.json"), path.join("behaviors.json")).unwrap();
    let error = Artifact::load(&path).unwrap_err();
    let StoreError::FileSet {
        missing, unknown, ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(missing, ["behaviours.json"]);
    assert_eq!(unknown, ["behaviors.json"]);
}
