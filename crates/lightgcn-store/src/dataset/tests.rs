use super::*;
use crate::artifact::tests::{shown, tiny};
use crate::names::INTERACTIONS;
use crate::parts::encode_truth;
use crate::tensors::{Column, encode};
use lightgcn_core::{
    BehaviorId, CoreError, InteractionsBuilder, ItemId, Lineage, PairEvent, SessionMark, Truth,
    UserId, Vocabulary,
};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};

fn truth(pairs: &[(u32, u32)]) -> Truth {
    let pairs = pairs.iter().map(|&(u, i)| (UserId(u), ItemId(i))).collect();
    Truth::from_pairs(2, 2, pairs).unwrap()
}

fn dataset() -> Dataset {
    let artifact = tiny();
    Dataset::new(
        Split::new(artifact.train, truth(&[(0, 0)]), truth(&[(1, 0), (1, 1)])).unwrap(),
        artifact.users,
        artifact.items,
        artifact.catalogue,
        artifact.behaviors.check().unwrap(),
        artifact.lineage,
    )
    .unwrap()
}

/// Saves a small dataset at `path`.
pub(crate) fn save_tiny(path: &Path) -> Result<(), StoreError> {
    dataset().save(path)
}

/// The error after one file is replaced and the manifest made to fit.
fn error_with(name: &str, bytes: &[u8]) -> StoreError {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    save_tiny(&path).unwrap();
    fs::write(path.join(name), bytes).unwrap();
    fs::remove_file(path.join("manifest.json")).unwrap();
    Manifest::write(&path, Kind::DATASET).unwrap();
    Dataset::load(&path).unwrap_err()
}

#[test]
fn ids_are_normalized_after_loading_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let mut accented = dataset();
    accented.items = Vocabulary::from_names(["caf\u{e9}", "lamp"]).unwrap();
    for (form, found) in [("none", None), ("nfc", Some(ItemId(0)))] {
        let option = (Lineage::NORMALIZE_IDS.to_owned(), form.to_owned());
        accented.lineage.options.extend([option]);
        accented.save(&path).unwrap();
        let loaded = Dataset::load(&path).unwrap();
        assert_eq!(loaded.items.get("cafe\u{301}"), found);
    }
}

#[test]
fn round_trip_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    dataset().save(&a).unwrap();
    let loaded = Dataset::load(&a).unwrap();
    assert_eq!(loaded, dataset());
    // User 1 viewed item 0 and carted item 1 in training.
    assert_eq!(
        loaded.split.test.truth().familiar_of(UserId(1)),
        [true, true]
    );
    loaded.save(&b).unwrap();
    let mut names = names();
    names.push("manifest.json");
    assert_eq!(fs::read_dir(&a).unwrap().count(), names.len());
    for name in names {
        assert_eq!(
            fs::read(a.join(name)).unwrap(),
            fs::read(b.join(name)).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn every_damaged_byte_is_detected() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    save_tiny(&path).unwrap();
    for name in names().into_iter().chain(["manifest.json"]) {
        let file = path.join(name);
        let bytes = fs::read(&file).unwrap();
        let mut open = File::options().write(true).open(&file).unwrap();
        let mut poke = |place: usize, byte: u8| {
            open.seek(SeekFrom::Start(place as u64)).unwrap();
            open.write_all(&[byte]).unwrap();
        };
        for (n, &byte) in bytes.iter().enumerate() {
            poke(n, byte ^ (1 << (n % 8)));
            assert!(Dataset::load(&path).is_err(), "{name}, byte {n}");
            poke(n, byte);
        }
        for length in [0, 1, 8, bytes.len() / 2, bytes.len() - 1] {
            fs::write(&file, &bytes[..length]).unwrap();
            assert!(Dataset::load(&path).is_err(), "{name} of {length} bytes");
        }
        fs::remove_file(&file).unwrap();
        assert!(Dataset::load(&path).is_err(), "without {name}");
        fs::write(&file, &bytes).unwrap();
    }
    assert_eq!(Dataset::load(&path).unwrap(), dataset());
}

#[test]
fn leaks_are_errors_on_reading() {
    let error = |item| error_with(TEST, &encode_truth(TEST, &truth(&[(0, item)])).unwrap());
    // User 0 bought item 1 in training and has item 0 in validation.
    for (item, first) in [(1, "training"), (0, "validation")] {
        let error = error(item);
        assert!(
            matches!(&error, StoreError::Content { source: CoreError::Leak { user: 0, item: at, first: part, second: "test" }, .. }
                if (*at, *part) == (item, first)),
            "{error}"
        );
    }
}

#[test]
fn damaged_truths_are_named() {
    use crate::tensors::{Column, encode};
    let mut messages = Vec::new();
    let error = |users: &[u32], items: &[u32]| {
        let columns = [
            Column::new("users", users.to_vec()),
            Column::new("items", items.to_vec()),
        ];
        shown(&error_with(
            VALIDATION,
            &encode(Path::new(""), &columns).unwrap(),
        ))
    };
    messages.push(error(&[1, 0], &[0, 0]));
    messages.push(error(&[0, 0], &[0, 0]));
    messages.push(error(&[0, 1], &[0]));
    messages.push(error(&[2], &[0]));
    messages.push(error(&[0], &[2]));
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn parts_that_were_changed_since_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let mut changed = dataset();
    changed.users = Vocabulary::new();
    changed.lineage.figures.insert("x".to_owned(), f64::NAN);
    let error = changed.save(&path).unwrap_err();
    assert!(matches!(&error, StoreError::Inconsistent { issues, .. } if issues.len() == 2));
    insta::assert_snapshot!(shown(&error));
    assert!(!path.exists());
}

#[test]
fn an_artifact_is_not_a_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    tiny().save(&path).unwrap();
    let error = Dataset::load(&path).unwrap_err();
    assert!(matches!(error, StoreError::WrongFormat { .. }), "{error}");
}

/// The dataset with events, of which `session` may be the mark of one.
fn with_events(session: SessionMark) -> Dataset {
    let mut changed = dataset();
    let behaviors = changed.behaviors.behaviors();
    let names: Vec<&str> = behaviors.iter().map(|b| &b.name[..]).collect();
    let targets = behaviors.iter().filter(|b| b.target);
    let targets: Vec<&str> = targets.map(|b| &b.name[..]).collect();
    let mut pairs = InteractionsBuilder::from_names(&names, &targets).unwrap();
    let event = |time| PairEvent::new(BehaviorId(0), time);
    let events = [event(-5), event(7), event(7).in_session(session)];
    let (user, item) = (UserId(1), ItemId(0));
    pairs.push_events(user, item, 0.5, &events).unwrap();
    pairs
        .push_events(UserId(0), item, 1.0, &[event(9)])
        .unwrap();
    let none = || Truth::empty(2, 2);
    changed.split = Split::new(pairs.build(2, 2).unwrap(), none(), none()).unwrap();
    changed
}

#[test]
fn sessions_are_written_only_if_the_log_names_any() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, named) = (folder.path().join("plain"), folder.path().join("named"));
    let of_log = with_events(SessionMark::of_number(7));
    of_log.save(&named).unwrap();
    let loaded = Dataset::load(&named).unwrap();
    assert_eq!(loaded, of_log);
    let events = loaded.split.train.interactions().events_of(1);
    let marks: Vec<u8> = events.iter().map(|e| e.session().to_byte()).collect();
    assert_eq!(marks, [0, 0, 8]);
    let unknown = with_events(SessionMark::UNKNOWN);
    unknown.save(&plain).unwrap();
    assert_eq!(Dataset::load(&plain).unwrap(), unknown);
    // One byte for each event, with nothing else changed but the header.
    let bytes = |path: &Path| fs::read(path.join(INTERACTIONS)).unwrap();
    let (plain, named) = (bytes(&plain), bytes(&named));
    assert!(!String::from_utf8_lossy(&plain).contains("sessions"));
    assert!(named.ends_with(&[0, 0, 0, 8]));
    let numbers = |bytes: &[u8]| {
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        bytes[8 + header..].to_vec()
    };
    assert_eq!(numbers(&plain), numbers(&named[..named.len() - 4]));
}

#[test]
fn sessions_that_do_not_fit_the_events_are_named() {
    let offsets = || Column::new("offsets", [0u64, 1, 1]);
    let items = || Column::new("items", [0u32]);
    let weights = || Column::new("weights", [1f32]);
    let counts = || {
        let n = dataset().behaviors.behaviors().len();
        Column::new("counts", (0..n).map(|n| u32::from(n == 0))).with_shape(1, n)
    };
    let error = |others: Vec<Column>| {
        let columns = [offsets(), items(), weights(), counts()];
        let columns: Vec<Column> = columns.into_iter().chain(others).collect();
        let error = error_with(INTERACTIONS, &encode(Path::new(""), &columns).unwrap());
        let StoreError::Tensor { tensor, detail, .. } = error else {
            panic!("{error:?}");
        };
        (tensor, detail)
    };
    let events = || Column::new("events", [0i64]);
    let sessions = |n: usize| Column::new("sessions", vec![1u8; n]);
    let (tensor, detail) = error(vec![sessions(1)]);
    assert_eq!(
        (&tensor[..], &detail[..]),
        ("sessions", "there are no events")
    );
    for n in [0, 2] {
        let (tensor, detail) = error(vec![events(), sessions(n)]);
        assert_eq!(tensor, "sessions");
        assert!(detail.contains(&n.to_string()), "{detail}");
    }
}
