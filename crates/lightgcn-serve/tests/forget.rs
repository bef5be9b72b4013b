//! Forgetting a person, on disk.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{ITEMS, TRAINED, USERS, artifact};
use lightgcn_core::{Dataset, ItemId, Split, Truth, UserId, Vocabulary};
use lightgcn_recommend::{RecommendOptions, Recommender};
use lightgcn_serve::{
    EventSink, EventStore, EventStoreConfig, EventStoreError, ForgetOptions, ServeError,
    StoredEvent, forget,
};
use lightgcn_store::{Artifact, DatasetFolder, keep_model, kept_models};
use std::fs;
use std::path::Path;

/// An id that no other bytes contain by chance.
const PERSON: &str = "person-7306-of-arnhem";
/// The person's row.
const ROW: usize = 3;

fn users() -> Vocabulary<UserId> {
    let names = (0..USERS).map(|n| match n {
        ROW => PERSON.to_owned(),
        n => format!("u{n}"),
    });
    Vocabulary::from_names(names).unwrap()
}

fn model() -> Artifact {
    let mut model = artifact(1.0);
    model.users = users();
    model
}

fn dataset() -> Dataset {
    let Artifact {
        train,
        items,
        catalogue,
        behaviors,
        lineage,
        ..
    } = artifact(1.0);
    let held_out = vec![(UserId(ROW as u32), ItemId(9)), (UserId(7), ItemId(9))];
    let truth = Truth::from_pairs(USERS, ITEMS, held_out).unwrap();
    let split = Split::new(train, truth, Truth::empty(USERS, ITEMS)).unwrap();
    let behaviors = behaviors.check().unwrap();
    Dataset::new(split, users(), items, catalogue, behaviors, lineage).unwrap()
}

fn event(user: &str, item: &str) -> StoredEvent {
    StoredEvent {
        user: user.to_owned(),
        item: item.to_owned(),
        behavior: "view".to_owned(),
        time: TRAINED + 1,
        count: 1.0,
        id: Some(format!("{user}:{item}")),
    }
}

/// The files under a folder that have a text in their bytes.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else {
            let bytes = fs::read(&path).unwrap();
            if bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
            {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn no_byte_of_any_file_is_left_of_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    model().save(at("shop.model")).unwrap();
    // An earlier version, whose files are those of the model.
    let kept = keep_model(&at("shop.model"), 1).unwrap().unwrap().path;
    fs::create_dir(at("shop.model.refit")).unwrap();
    fs::write(at("shop.model.refit/events.csv"), PERSON).unwrap();
    fs::create_dir(at("events.redb.download")).unwrap();
    fs::write(at("events.redb.download/users.safetensors"), PERSON).unwrap();
    dataset().save(at("shop.dataset")).unwrap();
    dataset().save(at("shop.dataset.whole")).unwrap();
    fs::create_dir_all(at("shop.model.run/checkpoint")).unwrap();
    fs::write(at("shop.model.run/checkpoint/tensors"), "their vector").unwrap();
    fs::write(at("shop.model.run/run.jsonl"), "{}").unwrap();
    let store = EventStore::open(at("events.redb"), EventStoreConfig::default()).unwrap();
    store
        .append(&[event(PERSON, "p1"), event("u1", "p2"), event(PERSON, "p3")])
        .unwrap();
    drop(store);
    assert_eq!(files_with(folder.path(), PERSON).len(), 7);

    let options = ForgetOptions {
        events: Some(at("events.redb")),
        datasets: vec![at("shop.dataset/")],
        models: vec![at("shop.model")],
    };
    let report = forget(PERSON, &options).unwrap();
    assert_eq!(files_with(folder.path(), PERSON), [""; 0]);
    assert_eq!((report.events, report.datasets.len()), (2, 2));
    assert_eq!(report.models, [kept, at("shop.model")]);
    assert_eq!(kept_models(&at("shop.model")).unwrap().len(), 1);
    assert!(report.not_propagated.is_empty());
    assert_eq!(report.checkpoints, [at("shop.model.run/checkpoint")]);
    assert!(at("shop.model.run/run.jsonl").exists());

    // Everybody else is as before, and the person a stranger.
    let shop = Recommender::open(at("shop.model")).unwrap();
    let options_of = RecommendOptions::default();
    assert!(!shop.recommend(PERSON, &options_of).unwrap().known);
    let before = Recommender::from_artifact(model()).unwrap();
    for user in ["u0", "u4", "u29"] {
        let answer = shop.recommend(user, &options_of).unwrap();
        assert_eq!(
            answer.items,
            before.recommend(user, &options_of).unwrap().items
        );
    }
    let rest = Dataset::load(at("shop.dataset")).unwrap();
    assert_eq!(rest.users.len(), USERS - 1);
    let held_out = rest.split.validation.truth().iter().collect::<Vec<_>>();
    assert_eq!(held_out, [(UserId(6), ItemId(9))]);
    let store = EventStore::open(at("events.redb"), EventStoreConfig::default()).unwrap();
    assert_eq!((store.n_events(), store.of_user("u1").len()), (1, 1));
    drop(store);
    // Again there is nothing to do.
    let again = forget(PERSON, &options).unwrap();
    assert_eq!(
        (again.events, again.datasets.len(), again.models.len()),
        (0, 0, 0)
    );
}

#[test]
fn a_missing_store_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let options = ForgetOptions {
        events: Some(folder.path().join("events.redb")),
        ..ForgetOptions::default()
    };
    let error = forget(PERSON, &options).unwrap_err();
    assert!(
        matches!(error, ServeError::Events(EventStoreError::Missing { .. })),
        "{error}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
