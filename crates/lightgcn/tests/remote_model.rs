//! Models on a web server on this machine, as a service fetches them.
#![cfg(all(feature = "serve", feature = "object-store"))]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

#[path = "../../lightgcn-data/tests/servers/folder.rs"]
mod folder;

use folder::{Fault, FolderServer};
use lightgcn::core::{
    BehaviorWeightsConfig, Catalogue, InteractionsBuilder, ItemId, Lineage, UserId, Vocabulary,
};
use lightgcn::data::RemoteError;
use lightgcn::serve::{FetchedModel, ModelSource};
use lightgcn::store::{Artifact, EmbeddingTable, ModelDescription, StoreError, popularity_of};
use lightgcn::{Error, RemoteModel};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// One user who bought one of two items, with these embeddings of the items.
fn artifact(first: f32) -> Artifact {
    let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
    pairs.push(UserId(0), ItemId(1), 1.0, &[1], None).unwrap();
    let train = pairs.build(1, 2).unwrap();
    let table = EmbeddingTable::new(3, 1, vec![1.0, first, 1.0]).unwrap();
    Artifact {
        model: ModelDescription {
            name: "mf".to_owned(),
            dimension: 1,
            n_layers: 0,
            layer_weights: Some(vec![1.0]),
            graphs: Vec::new(),
            further_nodes: Vec::new(),
            config: serde_json::json!({}),
        },
        layer0: table.clone(),
        embeddings: table,
        popularity: popularity_of(&train),
        ranking: None,
        attention: None,
        train,
        users: Vocabulary::from_names(["ann"]).unwrap(),
        items: Vocabulary::from_names(["glove", "lamp"]).unwrap(),
        catalogue: Catalogue::unknown(2),
        behaviors: BehaviorWeightsConfig::single("purchase"),
        lineage: Lineage::default(),
    }
}

/// A server of the folder `model`, and the model there.
struct Place {
    root: TempDir,
    server: FolderServer,
    scratch: TempDir,
    model: RemoteModel,
}

impl Place {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let server = FolderServer::start(root.path());
        let scratch = TempDir::new().unwrap();
        let url = server.url("model?sig=secret");
        let model = RemoteModel::open(&url, scratch.path().join("download")).unwrap();
        Self {
            root,
            server,
            scratch,
            model,
        }
    }

    fn path(&self) -> PathBuf {
        self.root.path().join("model")
    }

    fn put(&self, artifact: &Artifact) {
        artifact.save(self.path()).unwrap();
    }

    fn fetch(&self, known: Option<&str>) -> Option<FetchedModel> {
        self.model.fetch(known).unwrap()
    }

    /// The error of a fetch, which leaves nothing.
    fn fails(&self, known: Option<&str>) -> Error {
        let error = self.model.fetch(known).unwrap_err();
        self.assert_empty();
        let error = *error.downcast::<Error>().unwrap();
        let text = error.to_string();
        assert!(text.contains(&self.server.url("model")), "{text}");
        assert!(!text.contains("secret"), "{text}");
        error
    }

    fn assert_empty(&self) {
        assert_eq!(fs::read_dir(self.scratch.path()).unwrap().count(), 0);
    }
}

fn load(copy: &FetchedModel) -> Result<Artifact, StoreError> {
    Artifact::load(copy.path())
}

#[test]
fn a_model_is_fetched_once_per_version() {
    let place = Place::new();
    let (one, two) = (artifact(0.5), artifact(0.25));
    place.put(&one);
    assert_eq!(place.model.location(), place.server.url("model"));
    let copy = place.fetch(None).unwrap();
    assert_eq!(load(&copy).unwrap(), one);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(copy.path()).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o700);
    }
    drop(copy);
    place.assert_empty();

    // Known: the manifest is compared, and from then on only its tag.
    let known = one.identity().unwrap();
    assert!(place.fetch(Some(&known)).is_none());
    place.server.requests();
    assert!(place.fetch(Some(&known)).is_none());
    let manifest = "GET /model/manifest.json?sig=secret";
    assert_eq!(place.server.requests(), [format!("{manifest} 304")]);
    place.assert_empty();

    place.put(&two);
    assert_eq!(load(&place.fetch(Some(&known)).unwrap()).unwrap(), two);
    // The former one again is known, too.
    let known = two.identity().unwrap();
    place.put(&one);
    assert_eq!(load(&place.fetch(Some(&known)).unwrap()).unwrap(), one);
}

#[test]
fn what_was_refused_is_fetched_again_once_it_has_changed() {
    let place = Place::new();
    let (one, two) = (artifact(0.5), artifact(0.25));
    let known = one.identity().unwrap();
    place.put(&two);
    let file = place.path().join("embeddings.safetensors");
    let good = fs::read(&file).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    fs::write(&file, &bad).unwrap();
    let copy = place.fetch(Some(&known)).unwrap();
    assert!(matches!(load(&copy), Err(StoreError::Checksum { .. })));
    drop(copy);
    place.server.requests();
    assert!(place.fetch(Some(&known)).is_none());
    let requests = place.server.requests();
    let others = &requests[1..];
    assert!(requests[0].starts_with("GET /model/manifest.json"));
    assert!(!others.is_empty() && others.iter().all(|request| request.starts_with("HEAD ")));
    fs::write(&file, &good).unwrap();
    assert_eq!(load(&place.fetch(Some(&known)).unwrap()).unwrap(), two);
}

#[test]
fn a_bad_manifest_is_refused_once() {
    let place = Place::new();
    let known = artifact(0.5).identity().unwrap();
    fs::create_dir(place.path()).unwrap();
    let manifest = place.path().join("manifest.json");
    for text in [
        "<html>",
        r#"{"format": "lightgcn-dataset", "format_version": 1}"#,
    ] {
        fs::write(&manifest, text).unwrap();
        let error = place.fails(Some(&known));
        assert!(
            matches!(
                &error,
                Error::RemoteModel {
                    source: StoreError::Json { .. } | StoreError::WrongFormat { .. },
                    ..
                }
            ),
            "{error}"
        );
        assert!(place.fetch(Some(&known)).is_none());
        place.assert_empty();
    }
    place.put_over(&artifact(0.25));
    assert!(place.fetch(Some(&known)).is_some());
}

impl Place {
    /// Replaces whatever is there.
    fn put_over(&self, artifact: &Artifact) {
        fs::remove_dir_all(self.path()).unwrap();
        self.put(artifact);
    }
}

#[test]
fn failed_downloads_leave_nothing_and_are_tried_again() {
    let place = Place::new();
    let error = place.fails(None);
    let manifest = place.server.url("model/manifest.json");
    assert!(
        matches!(&error, Error::Remote(RemoteError::NotFound { url }) if *url == manifest),
        "{error}"
    );
    place.put(&artifact(0.5));
    let name = "users.safetensors";
    for (fault, is_expected) in [
        (
            Fault::Status("403 Forbidden"),
            is_denied as fn(&RemoteError) -> bool,
        ),
        (Fault::Cut, is_truncated),
    ] {
        place.server.fault(name, Some(fault));
        for _ in 0..2 {
            let error = place.fails(None);
            assert!(
                matches!(&error, Error::Remote(error) if is_expected(error)),
                "{error}"
            );
        }
    }
    place.server.fault(name, None);
    assert_eq!(load(&place.fetch(None).unwrap()).unwrap(), artifact(0.5));
}

fn is_denied(error: &RemoteError) -> bool {
    matches!(error, RemoteError::Denied { .. })
}

fn is_truncated(error: &RemoteError) -> bool {
    matches!(error, RemoteError::Truncated { .. })
}

#[test]
fn a_folder_left_from_before_is_replaced_and_a_stopped_model_fetches_nothing() {
    let place = Place::new();
    place.put(&artifact(0.5));
    let left = place.scratch.path().join("download/old");
    fs::create_dir_all(&left).unwrap();
    let copy = place.fetch(None).unwrap();
    assert!(!left.exists());
    assert_eq!(load(&copy).unwrap(), artifact(0.5));
    // As at the end of a service that is loading a model.
    place.model.stop();
    assert!(!Path::new(copy.path()).exists());
    assert!(place.fetch(None).is_none());
    drop(copy);
    place.assert_empty();
}
