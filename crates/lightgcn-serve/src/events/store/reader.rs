//! Reads a store while it may have a writer.

use super::database::{
    Guarded, check_and_repair, check_regular, guarded, open_damaged, open_reader,
};
use super::export::{ExportReport, export};
use super::format::ExportFormat;
use super::{EventStoreError, FORMAT_VERSION, META, VERSION};
use redb::{ReadOnlyDatabase, ReadableDatabase};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often to try a store that another process is repairing, and the pause before each retry.
const TRIES: usize = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// A store open for reading, while another process may write to it.
pub struct EventReader {
    path: PathBuf,
    database: Guarded<ReadOnlyDatabase>,
    /// The damage of the file, if it could not be repaired.
    damage: Option<String>,
}

impl fmt::Debug for EventReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reader = f.debug_struct("EventReader");
        reader.field("path", &self.path).finish_non_exhaustive()
    }
}

impl EventReader {
    /// Opens the store at `path`. If no one is writing to it, it is fully checked first, and
    /// repaired if it was not closed, as after a crash; one that cannot be repaired is read as far
    /// as possible ([`ExportReport::damage`]).
    ///
    /// # Errors
    /// [`EventStoreError::Missing`] if there is none, and the errors of [`EventStore::open`](crate::EventStore::open);
    /// [`EventStoreError::Unreadable`] if it is so damaged that nothing can be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EventStoreError> {
        let path = path.as_ref().to_owned();
        check_regular(&path)?;
        let (database, mut damage) = open(&path).map_err(EventStoreError::in_export)?;
        match version(&database) {
            // A damaged store's own metadata may be wrong.
            Ok(FORMAT_VERSION) => {}
            _ if damage.is_some() => {}
            Ok(found) => {
                return Err(EventStoreError::NewerVersion {
                    path,
                    found,
                    supported: FORMAT_VERSION,
                });
            }
            Err(redb::Error::TableDoesNotExist(_)) => {
                return Err(EventStoreError::NotAStore {
                    path,
                    detail: "a database with other tables".to_owned(),
                });
            }
            Err(error) => damage = Some(error.to_string()),
        }
        Ok(Self {
            path,
            database,
            damage,
        })
    }

    /// Writes a snapshot of all events as a log that `lightgcn prepare` reads, in order of arrival.
    /// An event that represents several has as many rows (rounded, at least 1 and at most 100).
    ///
    /// The column `event_number` makes rows distinct, so that `prepare` drops as duplicates only events that were
    /// exported twice.
    ///
    /// From a damaged store, writes the readable events; [`ExportReport::check`] turns the damage
    /// into an error. Some of these events may be wrong: the checksums of a damaged file cannot
    /// tell which.
    ///
    /// # Errors
    /// [`EventStoreError::Io`] and [`EventStoreError::DiskFull`] if `out` cannot be written,
    /// [`EventStoreError::Unreadable`] if nothing can be read, [`EventStoreError::NotInFormat`] for an id with the
    /// delimiter of a format without quotes, [`EventStoreError::NoExportFormat`] for a format that is not a table or has one
    /// behavior.
    pub fn export(
        &self,
        format: &ExportFormat,
        out: impl Write,
    ) -> Result<ExportReport, EventStoreError> {
        let damage = self.damage.clone();
        export(&*self.database, &self.path, format, damage, out)
    }
}

fn version(database: &ReadOnlyDatabase) -> Result<u64, redb::Error> {
    guarded(|| {
        let meta = database.begin_read()?.open_table(META)?;
        Ok(meta.get(VERSION)?.map_or(0, |value| value.value()))
    })
}

/// Opens the database, checked and repaired if no one is writing to it, and returns the damage if
/// that is not possible.
fn open(path: &Path) -> Result<(Guarded<ReadOnlyDatabase>, Option<String>), EventStoreError> {
    let failed = |error| EventStoreError::database("open", path, error);
    let mut tries = 0;
    loop {
        let detail = match check_and_repair(path).map_err(failed) {
            Err(EventStoreError::Damaged { detail, .. }) => Some(detail),
            // A service that has checked it has it open, or the file is read-only.
            Ok(()) | Err(EventStoreError::InUse { .. } | EventStoreError::Io { .. }) => None,
            Err(error) => return Err(error),
        };
        if let Some(detail) = detail {
            return match open_damaged(path) {
                Ok(database) => Ok((database, Some(detail))),
                Err(_) => Err(EventStoreError::damaged(path, detail)),
            };
        }
        match open_reader(path) {
            Ok(database) => return Ok((database, None)),
            // A service that has just started is repairing it.
            Err(redb::Error::RepairAborted) if tries < TRIES => std::thread::sleep(PAUSE),
            Err(error) => return Err(failed(error)),
        }
        tries += 1;
    }
}
