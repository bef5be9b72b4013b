//! Files that were not closed, were moved or are damaged.

use super::*;
use crate::events::{EventError, EventSink, StoredEvent};
use lightgcn_core::random::philox4x32;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: usize = 4096;
const BATCH: u64 = 50;
const EVENTS: u64 = 20 * BATCH;

fn event(n: u64) -> StoredEvent {
    StoredEvent {
        user: format!("user {}", n * 7 % 31),
        item: format!("item {}", n * 5 % 97),
        behavior: "view".to_owned(),
        time: 1_580_000_000 + n as i64,
        count: 1.0,
        id: n.is_multiple_of(3).then(|| format!("id {n}")),
    }
}

fn open(path: &Path) -> Result<EventStore, EventStoreError> {
    EventStore::open(path, EventStoreConfig::default())
}

/// A store of [`EVENTS`] events, and its bytes while it is open and after it was closed.
fn store_bytes(folder: &Path) -> [Vec<u8>; 2] {
    let path = folder.join("whole.redb");
    let store = open(&path).unwrap();
    for first in (0..EVENTS).step_by(BATCH as usize) {
        let batch: Vec<StoredEvent> = (first..first + BATCH).map(event).collect();
        assert_eq!(store.try_append(&batch).unwrap(), BATCH);
    }
    let unclosed = fs::read(&path).unwrap();
    drop(store);
    [unclosed, fs::read(&path).unwrap()]
}

/// The rows of an export by event number.
fn rows(csv: &[u8]) -> BTreeMap<u64, String> {
    let text = std::str::from_utf8(csv).unwrap();
    let rows = text.lines().skip(1).filter_map(|line| {
        let (row, number) = line.rsplit_once(',')?;
        Some((number.parse().ok()?, row.to_owned()))
    });
    rows.collect()
}

fn export_all(store: &EventStore) -> (ExportReport, BTreeMap<u64, String>) {
    let mut csv = Vec::new();
    let report = store.export(&ExportFormat::default(), &mut csv).unwrap();
    (report, rows(&csv))
}

#[test]
fn an_export_repairs_a_store_that_was_not_closed() {
    let folder = tempfile::tempdir().unwrap();
    let [unclosed, _] = store_bytes(folder.path());
    let path = folder.path().join("copy.redb");
    fs::write(&path, &unclosed).unwrap();
    let report = EventReader::open(&path)
        .unwrap()
        .export(&ExportFormat::default(), std::io::sink())
        .unwrap();
    assert_eq!((report.n_events, report.n_lost), (EVENTS, 0));
    assert_eq!((report.last, report.damage), (Some(EVENTS - 1), None));
    // A file that is not there is not made.
    let gone = folder.path().join("gone.redb");
    assert!(matches!(
        EventReader::open(&gone),
        Err(EventStoreError::Missing { .. })
    ));
    assert!(!gone.exists());
    // While a service has the store open, nothing is repaired and all is read.
    let store = open(&path).unwrap();
    let reader = EventReader::open(&path).unwrap();
    store.try_append(&[event(0)]).unwrap();
    store.try_append(&[event(1)]).unwrap();
    let report = reader.export(&ExportFormat::default(), std::io::sink());
    assert_eq!(report.unwrap().n_events, EVENTS + 1);
}

/// A damaged copy of a file: flipped bytes, pages of zeros, pages of noise, an early end, or a later page's content.
fn damaged(bytes: &[u8], seed: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let used: Vec<usize> = (0..bytes.len() / PAGE)
        .filter(|page| {
            bytes[page * PAGE..(page + 1) * PAGE]
                .iter()
                .any(|&b| b != 0)
        })
        .collect();
    let draw = |n: u32| philox4x32([seed, n, 0, 0], [17, 4]);
    let place = |n: u32| used[draw(n)[0] as usize % used.len()] * PAGE;
    let times = 1 + draw(0)[1] % 4;
    match seed % 5 {
        0 => {
            for n in 0..times {
                // Half of the damage goes to the first bytes of a page, which structure it.
                let span = if draw(n)[2] % 2 == 0 { 64 } else { PAGE };
                bytes[place(n) + draw(n)[3] as usize % span] ^= 1 << (draw(n)[1] % 8);
            }
        }
        1 => (0..times).for_each(|n| bytes[place(n)..][..PAGE].fill(0)),
        2 => {
            for (n, byte) in bytes[place(0)..][..PAGE].iter_mut().enumerate() {
                *byte = draw(1 + n as u32)[0] as u8;
            }
        }
        3 => bytes.truncate(place(0) + draw(0)[2] as usize % PAGE),
        _ => {
            let (from, to) = (place(1), place(2));
            bytes.copy_within(from..from + PAGE, to);
        }
    }
    bytes
}

/// What reading damaged files came to.
#[derive(Debug, Default)]
struct Outcomes {
    whole: usize,
    salvaged: usize,
    refused: usize,
}

/// Opens damaged files both ways: nothing panics, and what is not reported as damaged is what was written.
fn damage_and_look(seeds: std::ops::Range<u32>) {
    let folder = tempfile::tempdir().unwrap();
    let kinds = store_bytes(folder.path());
    let whole = open(&folder.path().join("whole.redb")).unwrap();
    let expected = export_all(&whole).1;
    assert_eq!(expected.len() as u64, EVENTS);
    let path: PathBuf = folder.path().join("damaged.redb");
    let (mut read, mut written) = (Outcomes::default(), Outcomes::default());
    for seed in seeds {
        let kind = &kinds[seed as usize / 5 % 2];
        let bytes = damaged(kind, seed);
        fs::write(&path, &bytes).unwrap();
        let mut csv = Vec::new();
        let exported = EventReader::open(&path)
            .and_then(|reader| reader.export(&ExportFormat::default(), &mut csv));
        match exported {
            Ok(report) => {
                let found = rows(&csv);
                assert_eq!(found.len() as u64, report.n_events, "seed {seed}");
                assert_eq!(report.check(&path).is_err(), report.damage.is_some());
                match report.damage {
                    // All was checked, so the events of some first posts are there, and nothing else.
                    None => {
                        assert!(report.n_events.is_multiple_of(BATCH), "seed {seed}");
                        let first = expected.iter().take(found.len());
                        assert!(found.iter().eq(first), "seed {seed}");
                        read.whole += 1;
                    }
                    Some(_) => {
                        let known = found.keys().all(|number| *number < EVENTS);
                        assert!(known && report.n_events + report.n_lost <= EVENTS);
                        read.salvaged += 1;
                    }
                }
            }
            Err(
                EventStoreError::Damaged { .. }
                | EventStoreError::Unreadable { .. }
                | EventStoreError::NotAStore { .. },
            ) => {
                read.refused += 1;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
        fs::write(&path, &bytes).unwrap();
        match open(&path) {
            Ok(store) => {
                let (report, found) = export_all(&store);
                assert_eq!(report.damage, None, "seed {seed}");
                assert!(report.n_events.is_multiple_of(BATCH), "seed {seed}");
                let first = expected.iter().take(found.len());
                assert!(found.iter().eq(first), "seed {seed}");
                store.try_append(&[event(1)]).unwrap();
                store.try_of_user("user 7").unwrap();
                written.whole += 1;
            }
            Err(
                EventStoreError::Damaged { .. }
                | EventStoreError::Unreadable { .. }
                | EventStoreError::NotAStore { .. },
            ) => {
                written.refused += 1;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    eprintln!("read: {read:?}, opened for writing: {written:?}");
    assert!(read.salvaged > 0 && read.whole > 0 && read.refused > 0);
    assert!(written.whole > 0 && written.refused > 0);
}

#[test]
fn damaged_files_give_errors_or_events_and_never_panics() {
    damage_and_look(0..200);
}

#[test]
#[ignore = "minutes; cargo test -p lightgcn-serve --lib -- --ignored thousands_of_damaged_files"]
fn thousands_of_damaged_files_give_errors_or_events() {
    damage_and_look(200..5_000);
}

/// A damaged page loses the events on it, not those after it.
#[test]
fn events_beyond_the_damage_are_salvaged() {
    let folder = tempfile::tempdir().unwrap();
    let [_, closed] = store_bytes(folder.path());
    let path = folder.path().join("damaged.redb");
    // The page may be one that is no longer used.
    let needle = b"item 10\"";
    let pages = closed.chunks(PAGE).enumerate();
    let mut pages = pages.filter(|(_, page)| page.windows(needle.len()).any(|w| w == needle));
    let mut csv = Vec::new();
    let report = loop {
        let (page, _) = pages.next().unwrap();
        let mut bytes = closed.clone();
        bytes[page * PAGE..][..PAGE].fill(0);
        fs::write(&path, &bytes).unwrap();
        csv.clear();
        let reader = EventReader::open(&path).unwrap();
        let report = reader.export(&ExportFormat::default(), &mut csv).unwrap();
        if report.damage.is_some() {
            break report;
        }
    };
    assert!(
        report.n_lost > 0 && report.n_events > EVENTS / 2,
        "{report:?}"
    );
    assert_eq!(report.n_events + report.n_lost, EVENTS);
    assert_eq!(rows(&csv).len() as u64, report.n_events);
    let error = report.check(&path).unwrap_err();
    assert!(
        matches!(error, EventStoreError::Salvaged { n_lost, .. } if n_lost == report.n_lost),
        "{error}"
    );
    // Nothing is pruned from it, and no service starts on it.
    assert!(matches!(open(&path), Err(EventStoreError::Damaged { .. })));
}

#[test]
fn a_moved_or_deleted_file_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let [path, aside] = ["events.redb", "aside.redb"].map(|name| folder.path().join(name));
    let store = open(&path).unwrap();
    assert_eq!(store.try_append(&[event(1)]).unwrap(), 1);
    let refused = |what: &str| {
        let error = store.try_append(&[event(2)]).unwrap_err();
        assert!(
            matches!(error, EventStoreError::Moved { .. }),
            "{what}: {error}"
        );
        let error = store.append(&[event(2)]).unwrap_err();
        assert!(matches!(error, EventError::Moved { .. }), "{what}: {error}");
        let error = store.prune(9, |_| true).unwrap_err();
        assert!(
            matches!(error, EventStoreError::Moved { .. }),
            "{what}: {error}"
        );
        // What is known stays known.
        assert_eq!(store.try_of_user("user 7").unwrap().len(), 1);
    };
    fs::rename(&path, &aside).unwrap();
    refused("moved");
    assert!(!path.exists());
    fs::copy(&aside, &path).unwrap();
    refused("replaced");
    fs::rename(&aside, &path).unwrap();
    assert_eq!(store.try_append(&[event(2)]).unwrap(), 1);
    fs::remove_file(&path).unwrap();
    refused("deleted");
    assert!(!path.exists());
}
