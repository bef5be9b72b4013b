use super::*;
use half::bf16;
use lightgcn_core::{InputFile, InteractionsBuilder, ItemDetails, StageReport};
use lightgcn_graph::AdjacencyRequest;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use tempfile::TempDir;

mod content;
mod damage;
mod hostile;

/// Two users, two items; few bytes, but something of everything.
pub(crate) fn tiny() -> Artifact {
    let behaviors = BehaviorWeightsConfig::shop_log();
    let names: Vec<&str> = behaviors
        .behaviors
        .iter()
        .map(|b| b.name.as_str())
        .collect();
    let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"]).unwrap();
    for (user, item, weight, counts, time) in [
        (0, 1, 1.0, [2, 1, 0, 1], 1_600_000_000),
        (1, 0, 0.01, [1, 0, 0, 0], -5),
        (1, 1, 0.1, [0, 1, 0, 0], 7),
    ] {
        let (user, item) = (UserId(user), ItemId(item));
        pairs.push(user, item, weight, &counts, Some(time)).unwrap();
    }
    let train = pairs.build(2, 2).unwrap();
    let table = |dimension: usize| {
        let data = (0..4 * dimension).map(|n| (n as f32 - 2.5) / 3.0).collect();
        EmbeddingTable::new(4, dimension, data).unwrap()
    };
    let mut stage = StageReport::new("read", "rows");
    stage.drop("exact duplicate", 1);
    Artifact {
        model: ModelDescription {
            name: "lightgcn".to_owned(),
            dimension: 2,
            n_layers: 1,
            layer_weights: Some(vec![0.1, 0.9]),
            graphs: vec![AdjacencyRequest::default()],
            further_nodes: Vec::new(),
            config: json!({ "seed": u64::MAX, "learning_rate": 0.001, "losses": ["bpr", null] }),
        },
        layer0: table(2),
        embeddings: table(3),
        popularity: popularity_of(&train),
        ranking: None,
        attention: None,
        train,
        users: Vocabulary::from_names(["ann", ""]).unwrap(),
        items: Vocabulary::from_names(["5809910", "ünï"]).unwrap(),
        catalogue: Catalogue::from_details([
            ItemDetails {
                brand: Some("runail".to_owned()),
                price: Some(-0.5),
                ..ItemDetails::default()
            },
            ItemDetails::default(),
        ]),
        behaviors,
        lineage: Lineage {
            version: "0.1.0".to_owned(),
            seed: 42,
            inputs: vec![InputFile {
                name: "2019-Oct.csv".to_owned(),
                bytes: 1 << 40,
                sha256: "00".repeat(32),
            }],
            options: BTreeMap::from([("k-core".to_owned(), "5".to_owned())]),
            stages: vec![stage],
            figures: BTreeMap::from([("recall@20".to_owned(), 0.1 + 0.2)]),
        },
    }
}

/// The tiny artifact with its final embeddings in 16 bits.
fn tiny_in_16_bits() -> Artifact {
    let mut artifact = tiny();
    artifact.embeddings = artifact.embeddings.into_storage(Storage::Bf16).unwrap();
    artifact
}

/// The tiny artifact in a folder of its own. It is saved once and copied from then on, which is much
/// faster than flushing every copy to the disk.
fn saved() -> (TempDir, PathBuf) {
    saved_as(Storage::F32)
}

/// The same with the final embeddings kept as `storage`.
fn saved_as(storage: Storage) -> (TempDir, PathBuf) {
    static FILES: [OnceLock<BTreeMap<String, Vec<u8>>>; 2] = [const { OnceLock::new() }; 2];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let (slot, artifact): (_, fn() -> Artifact) = match storage {
        Storage::F32 => (0, tiny),
        Storage::Bf16 => (1, tiny_in_16_bits),
    };
    let files = FILES[slot].get_or_init(|| {
        let first = folder.path().join("first");
        artifact().save(&first).unwrap();
        all_files(&first)
    });
    fs::create_dir(&path).unwrap();
    for (name, bytes) in files {
        fs::write(path.join(name), bytes).unwrap();
    }
    (folder, path)
}

/// Makes the manifest fit what the folder holds, as an attacker would.
fn reseal(path: &Path) {
    fs::remove_file(path.join("manifest.json")).unwrap();
    Manifest::write(path, Kind::ARTIFACT).unwrap();
}

/// The message of an error, without the path of the test's temporary folder.
pub(crate) fn shown(error: &StoreError) -> String {
    let message = error.to_string();
    let words = message.split(' ').map(|word| match word.find("/.tmp") {
        Some(at) => word[at + 1..]
            .split_once('/')
            .map_or("TEMPORARY", |(_, rest)| rest),
        None => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The error after one file is replaced and the manifest made to fit.
fn error_with(name: &str, bytes: &[u8]) -> StoreError {
    let (_folder, path) = saved();
    fs::write(path.join(name), bytes).unwrap();
    reseal(&path);
    Artifact::load(&path).unwrap_err()
}

fn all_files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|e| {
            (
                e.file_name().into_string().unwrap(),
                fs::read(e.path()).unwrap(),
            )
        })
        .collect()
}

#[test]
fn round_trip_with_the_same_bytes() {
    let (_folder, path) = saved();
    let artifact = Artifact::load(&path).unwrap();
    assert_eq!(artifact, tiny());
    let again = path.with_file_name("again");
    artifact.save(&again).unwrap();
    assert_eq!(all_files(&path), all_files(&again));
    assert_eq!(all_files(&path).len(), FILES.len() + 1);
    let identity = Artifact::identity_at(&path).unwrap();
    assert_eq!(
        identity,
        sha256(&fs::read(path.join("manifest.json")).unwrap())
    );
    assert_eq!(identity, artifact.identity().unwrap());

    let mut other = tiny();
    other.lineage.seed += 1;
    assert_ne!(other.identity().unwrap(), identity);
    assert_eq!(artifact.graph().unwrap().n_edges(), 3);
}

/// The same content has the same bytes, whichever release of the library writes them.
#[test]
fn the_bytes_of_the_current_version_stay_the_same() {
    assert_eq!(
        tiny().identity().unwrap(),
        "e878bce681cbb93096001310cd9f77d5f3f27db46ce98ff47917922ec59e7504"
    );
    let (_folder, path) = saved();
    let manifest = fs::read_to_string(path.join("manifest.json")).unwrap();
    assert!(manifest.contains("\"format_version\": 3"), "{manifest}");
    let loaded = Artifact::load(&path).unwrap();
    assert_eq!(loaded.embeddings.storage(), Storage::F32);
}

#[test]
fn final_embeddings_in_16_bits_come_back_with_the_same_bytes() {
    let (_folder, path) = saved_as(Storage::Bf16);
    let manifest = fs::read_to_string(path.join("manifest.json")).unwrap();
    assert!(manifest.contains("\"format_version\": 3"), "{manifest}");
    let artifact = Artifact::load(&path).unwrap();
    assert_eq!(artifact, tiny_in_16_bits());
    assert_eq!(artifact.embeddings.storage(), Storage::Bf16);
    assert_eq!(artifact.layer0, tiny().layer0);
    assert_ne!(artifact.embeddings.data(), tiny().embeddings.data());
    let again = path.with_file_name("again");
    artifact.save(&again).unwrap();
    assert_eq!(all_files(&path), all_files(&again));

    // Little-endian: the upper halves of the numbers.
    let halves: Vec<u8> = artifact
        .embeddings
        .data()
        .iter()
        .flat_map(|x| ((x.to_bits() >> 16) as u16).to_le_bytes())
        .collect();
    let bytes = fs::read(path.join(EMBEDDINGS)).unwrap();
    assert!(bytes.windows(halves.len()).any(|window| window == halves));

    let identity = Artifact::identity_at(&path).unwrap();
    assert_eq!(identity, artifact.identity().unwrap());
    let mut wide = artifact;
    wide.embeddings = wide.embeddings.into_storage(Storage::F32).unwrap();
    assert_ne!(wide.identity().unwrap(), identity);
}

#[test]
fn layer_0_in_16_bits_is_an_issue() {
    let mut artifact = tiny();
    artifact.layer0 = artifact.layer0.into_storage(Storage::Bf16).unwrap();
    let error = artifact.check().unwrap_err();
    assert!(matches!(&error, StoreError::Inconsistent { issues, .. } if issues.len() == 1));
    insta::assert_snapshot!(error);
}

#[test]
fn without_times_and_without_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let mut artifact = tiny();
    let build = |pairs: &[(u32, u32)]| {
        let mut builder = InteractionsBuilder::from_names(&["buy"], &["buy"]).unwrap();
        for &(user, item) in pairs {
            builder
                .push(UserId(user), ItemId(item), 1.0, &[1], None)
                .unwrap();
        }
        builder.build(2, 2).unwrap()
    };
    artifact.behaviors = BehaviorWeightsConfig::single("buy");
    for (name, pairs) in [("a", &[(0, 0), (1, 1)][..]), ("b", &[])] {
        artifact.train = build(pairs);
        artifact.popularity = popularity_of(&artifact.train);
        let path = folder.path().join(name);
        artifact.save(&path).unwrap();
        assert_eq!(Artifact::load(&path).unwrap(), artifact);
    }
    assert!(matches!(artifact.graph(), Err(GraphError::Empty { .. })));
}

#[test]
fn popularity_counts_users_with_a_target() {
    assert_eq!(popularity_of(&tiny().train), [0, 1]);
}

/// Every issue is found before anything is written.
#[test]
fn parts_that_do_not_fit_are_all_listed() {
    let mut artifact = tiny();
    artifact.model.name.clear();
    artifact.model.dimension = 5;
    artifact.model.n_layers = 3;
    artifact.users = Vocabulary::from_names(["ann"]).unwrap();
    artifact.catalogue = Catalogue::from_details([ItemDetails {
        price: Some(f64::NAN),
        ..ItemDetails::default()
    }]);
    artifact.popularity[1] = 9;
    artifact.behaviors.behaviors[0].name = "look".to_owned();
    artifact
        .lineage
        .figures
        .insert("loss".to_owned(), f64::INFINITY);
    let folder = tempfile::tempdir().unwrap();
    let error = artifact.save(folder.path().join("model")).unwrap_err();
    let StoreError::Inconsistent { issues, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(issues.len(), 9, "{issues:?}");
    insta::assert_snapshot!("nine_parts_that_do_not_fit", issues.join("\n"));
    assert!(artifact.identity().is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    let mut artifact = tiny();
    artifact.model.layer_weights = Some(vec![f32::NAN, 1.0]);
    artifact.embeddings = EmbeddingTable::new(3, 1, vec![0.0; 3]).unwrap();
    let error = artifact.check().unwrap_err();
    assert!(matches!(&error, StoreError::Inconsistent { issues, .. } if issues.len() == 2));
    insta::assert_snapshot!("two_parts_that_do_not_fit", error);
}

/// Any artifact of a few nodes.
fn artifacts() -> impl Strategy<Value = Artifact> {
    let finite = any::<f32>().prop_filter("finite", |x| x.is_finite());
    (1usize..5, 1usize..5, 1usize..4, any::<bool>())
        .prop_flat_map(move |(n_users, n_items, dimension, timed)| {
            let cell = prop::option::of((1e-30f32..1e30, any::<[u32; 4]>(), any::<i64>()));
            let label = || prop::option::of(".{0,5}");
            let price = prop::option::of(any::<f64>().prop_filter("finite", |x| x.is_finite()));
            let n_nodes = n_users + n_items;
            (
                Just((n_users, n_items, dimension, timed)),
                prop::collection::vec(cell, n_users * n_items),
                prop::collection::vec(finite.clone(), n_nodes * dimension),
                prop::collection::vec((label(), label(), label(), price), n_items),
                prop::collection::hash_set(".{0,8}", n_nodes),
                any::<bool>(),
            )
        })
        .prop_map(|(sizes, cells, data, details, names, narrow)| {
            let (n_users, n_items, dimension, timed) = sizes;
            let mut artifact = tiny();
            let names: Vec<String> = names.into_iter().collect();
            artifact.users = Vocabulary::from_names(&names[..n_users]).unwrap();
            artifact.items = Vocabulary::from_names(&names[n_users..]).unwrap();
            let behaviors = artifact.train.behaviors().to_vec();
            let mut pairs = InteractionsBuilder::from_names(&behaviors, &["purchase"]).unwrap();
            for (n, cell) in cells.into_iter().enumerate() {
                let (user, item) = (UserId((n / n_items) as u32), ItemId((n % n_items) as u32));
                if let Some((weight, counts, time)) = cell {
                    let time = timed.then_some(time);
                    pairs.push(user, item, weight, &counts, time).unwrap();
                }
            }
            artifact.train = pairs.build(n_users, n_items).unwrap();
            artifact.popularity = popularity_of(&artifact.train);
            artifact.model.dimension = dimension;
            let table = EmbeddingTable::new(n_users + n_items, dimension, data).unwrap();
            artifact.layer0 = table.clone();
            artifact.embeddings = match table.clone().into_storage(Storage::Bf16) {
                Ok(rounded) if narrow => rounded,
                _ => table,
            };
            let detail = |(category_id, category_code, brand, price)| ItemDetails {
                category_id,
                category_code,
                brand,
                price,
                ..ItemDetails::default()
            };
            artifact.catalogue = Catalogue::from_details(details.into_iter().map(detail));
            artifact
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_artifact_comes_back(artifact in artifacts()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        artifact.save(&path).unwrap();
        prop_assert_eq!(Artifact::load(&path).unwrap(), artifact);
    }
}
