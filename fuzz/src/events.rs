//! Files of an event store: valid ones with other bytes in some places, or any bytes at all.

use lightgcn_serve::{
    EventReader, EventStore, EventStoreConfig, ExportFormat, StoredEvent,
};
use std::path::{Path, PathBuf};

/// Events of the valid stores.
const N_EVENTS: u64 = 60;

/// Set in the first byte where the rest is a whole file; else the lowest bit chooses the valid store.
pub(crate) const WHOLE: u8 = 0x80;

/// Bytes of a change: where, little-endian, and what is put there.
const CHANGE: usize = 4;

fn event(n: u64) -> StoredEvent {
    StoredEvent {
        user: format!("user {}", n % 7),
        item: format!("item {}", n % 11),
        behavior: "view".to_owned(),
        time: 1_580_000_000 + n as i64,
        count: 1.0,
        id: n.is_multiple_of(3).then(|| format!("id {n}")),
    }
}

fn open(path: &Path) -> Option<EventStore> {
    EventStore::open(path, EventStoreConfig::default()).ok()
}

/// The bytes of a store while it is open, as a crash leaves them, and after it was closed.
pub(crate) fn valid(folder: &Path) -> [Vec<u8>; 2] {
    let path = folder.join("valid.redb");
    let store = open(&path).expect("a new store");
    for n in 0..N_EVENTS {
        store.try_append(&[event(n)]).expect("a valid event");
    }
    let unclosed = std::fs::read(&path).expect("a file in memory");
    drop(store);
    [unclosed, std::fs::read(&path).expect("a file in memory")]
}

struct Saved {
    _folder: tempfile::TempDir,
    path: PathBuf,
    valid: [Vec<u8>; 2],
}

thread_local! {
    static SAVED: Saved = {
        let folder = crate::folder();
        let valid = valid(folder.path());
        Saved { path: folder.path().join("events.redb"), valid, _folder: folder }
    };
}

/// The first byte chooses the file, the rest is the file, or the changes to it.
pub fn fuzz_one(bytes: &[u8]) {
    let Some((&choice, rest)) = bytes.split_first() else {
        return;
    };
    SAVED.with(|saved| {
        let file = match choice & WHOLE {
            0 => changed(&saved.valid[usize::from(choice & 1)], rest),
            _ => rest.to_vec(),
        };
        // Reading may repair the file, so each look gets its own.
        for look in [read, write] {
            std::fs::write(&saved.path, &file).expect("a file in memory");
            look(&saved.path);
        }
    });
}

fn changed(valid: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut file = valid.to_vec();
    for change in changes.chunks_exact(CHANGE) {
        let at = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize;
        let at = at % file.len();
        file[at] = change[3];
    }
    file
}

/// Exports what can be read, and reports what is wrong.
fn read(path: &Path) {
    let Ok(reader) = EventReader::open(path) else {
        return;
    };
    if let Ok(report) = reader.export(&ExportFormat::default(), std::io::sink()) {
        assert_eq!(report.check(path).is_err(), report.damage.is_some());
    }
}

/// A store that opens was checked, so it can be used.
fn write(path: &Path) {
    let Some(store) = open(path) else {
        return;
    };
    let before = store.n_events();
    if store.try_append(&[event(1)]).is_ok() {
        assert_eq!(store.n_events(), before + 1);
    }
    drop(store.try_of_user("user 1"));
    if let Ok(report) = store.export(&ExportFormat::default(), std::io::sink())
        && let Some(last) = report.last
    {
        drop(store.prune(last, |event| event.user == "user 1"));
    }
}
