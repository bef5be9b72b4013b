//! Rewrites a store into a new file, so that no removed bytes are left.

use super::database::{FileIdentity, Guarded, open_writer};
use super::files::{create_private, lock, remove_unfinished, sync_folder_of, unfinished};
use super::shown::{LIST_ORDER, LISTS, OUTCOMES};
use super::{EVENTS, EventStore, EventStoreError, IDS, META, ORDER, changes, shown};
use redb::{
    Database, Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    Value, WriteTransaction,
};
use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

impl EventStore {
    /// Removes all events of a user, with their ids, and returns how many there were. The store is
    /// then written to a new file that replaces the old one, so that none of their bytes are left;
    /// meanwhile posts wait, but answers continue. O(events).
    ///
    /// # Errors
    /// [`EventStoreError::Moved`], [`EventStoreError::DiskFull`], [`EventStoreError::Io`] and
    /// [`EventStoreError::Damaged`]. The events may be removed without the file being rewritten
    /// yet: call it again.
    pub fn try_forget(&self, user: &str) -> Result<u64, EventStoreError> {
        let _writing = lock(&self.writing);
        let n = self.change(|transaction| {
            shown::forget(transaction, user)?;
            changes::forget(transaction, user)
        })?;
        self.n_events.fetch_sub(n, Ordering::Relaxed);
        self.rewrite()?;
        Ok(n)
    }

    /// Copies the store into a new file, which then takes the place of the old one. redb reuses the
    /// pages of removed events only eventually, and until then they keep their bytes. The caller
    /// holds `writing`; reading continues. O(events), and the disk must have room for both files.
    ///
    /// # Errors
    /// [`EventStoreError::Moved`], [`EventStoreError::DiskFull`], [`EventStoreError::Io`] and
    /// [`EventStoreError::Damaged`]; the store is then unchanged or, if only syncing the folder
    /// failed, in its new file.
    fn rewrite(&self) -> Result<(), EventStoreError> {
        self.check_place()?;
        let fresh = unfinished(&self.path);
        let written = self.write_anew(&fresh);
        if written.is_err() {
            let _ = std::fs::remove_file(&fresh);
        }
        let (database, identity) = written?;
        *lock(&self.identity) = identity;
        let mut current = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Some(database);
        drop(current);
        // Done last: the new file is in place whether or not the folder can be synced.
        sync_folder_of(&self.path).map_err(|e| EventStoreError::io("write", &self.path, e))
    }

    fn write_anew(
        &self,
        fresh: &Path,
    ) -> Result<(Guarded<Database>, FileIdentity), EventStoreError> {
        let io = |source| EventStoreError::io("write", fresh, source);
        remove_unfinished(&self.path);
        create_private(fresh).map_err(io)?;
        let database = open_writer(fresh, self.config.cache_bytes, false);
        let database = database.map_err(|e| EventStoreError::database("write", fresh, e))?;
        self.with_database("read", |current| copy(current, &database))?;
        let identity = FileIdentity::of(fresh).map_err(io)?;
        std::fs::rename(fresh, &self.path).map_err(io)?;
        Ok((database, identity))
    }
}

/// Copies every table in one transaction.
fn copy(from: &Database, to: &Database) -> Result<(), redb::Error> {
    let read = from.begin_read()?;
    let write = to.begin_write()?;
    copy_table(&read, &write, ORDER)?;
    copy_table(&read, &write, EVENTS)?;
    copy_table(&read, &write, IDS)?;
    copy_table(&read, &write, LISTS)?;
    copy_table(&read, &write, LIST_ORDER)?;
    copy_table(&read, &write, OUTCOMES)?;
    copy_table(&read, &write, META)?;
    write.commit()?;
    Ok(())
}

fn copy_table<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    definition: TableDefinition<'_, K, V>,
) -> Result<(), redb::Error> {
    let table = match from.open_table(definition) {
        Ok(table) => table,
        // Stores of older versions lack some tables.
        Err(TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut copied = to.open_table(definition)?;
    for entry in table.iter()? {
        let (key, value) = entry?;
        copied.insert(key.value(), value.value())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{EventSink, StoredEvent};
    use crate::{EventReader, EventStoreConfig, ExportFormat};

    const PERSON: &str = "person-7306-of-arnhem";

    fn event(user: &str, n: usize) -> StoredEvent {
        StoredEvent {
            user: user.to_owned(),
            item: format!("p{n}"),
            behavior: "view".to_owned(),
            time: n as i64,
            count: 1.0,
            id: Some(format!("{user}/{n}")),
        }
    }

    fn contains(path: &Path, text: &str) -> bool {
        let bytes = std::fs::read(path).unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    }

    #[test]
    fn no_byte_of_a_forgotten_user_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.redb");
        let store = EventStore::open(&path, EventStoreConfig::default()).unwrap();
        for n in 0..50 {
            store.append(&[event(PERSON, n), event("ann", n)]).unwrap();
        }
        assert!(contains(&path, PERSON));
        // Removing alone leaves them in pages that are not used again yet.
        store.prune(u64::MAX, |event| event.user == PERSON).unwrap();
        assert!(contains(&path, PERSON));
        assert_eq!(store.forget(PERSON).unwrap(), 0);
        assert!(!contains(&path, PERSON));
        // Nothing else is lost, and the store goes on.
        assert_eq!((store.n_events(), store.of_user("ann").len()), (50, 50));
        assert_eq!(
            store.append(&[event("ann", 7), event("bob", 1)]).unwrap(),
            1
        );
        let reader = EventReader::open(&path).unwrap();
        let report = reader.export(&ExportFormat::default(), Vec::new()).unwrap();
        assert_eq!((report.n_events, report.n_lost), (51, 0));
        drop((store, reader));
        let store = EventStore::open(&path, EventStoreConfig::default()).unwrap();
        assert_eq!(store.n_events(), 51);
        let names = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 1);
    }

    #[test]
    fn what_a_crash_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.redb");
        std::fs::write(unfinished(&path), PERSON).unwrap();
        drop(EventStore::open(&path, EventStoreConfig::default()).unwrap());
        assert!(!unfinished(&path).exists());
    }
}
