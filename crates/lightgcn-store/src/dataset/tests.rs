use super::*;
use crate::artifact::tests::{shown, tiny};
use crate::parts::encode_truth;
use lightgcn_core::{CoreError, ItemId, Lineage, Truth, UserId, Vocabulary};
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
