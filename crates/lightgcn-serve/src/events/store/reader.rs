//! Reads a store beside its writer.

use super::database::{Guarded, check_regular, guarded, open_damaged, open_reader, open_writer};
use super::export::{ExportReport, export};
use super::format::ExportFormat;
use super::{EventStoreConfig, EventStoreError, FORMAT_VERSION, META, VERSION};
use redb::{ReadOnlyDatabase, ReadableDatabase, TableError};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a store is tried that another process is repairing, and the pause before each further time.
const TRIES: usize = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// A store open for reading, while another process may write to it.
pub struct EventReader {
    path: PathBuf,
    database: Guarded<ReadOnlyDatabase>,
    /// What is wrong with the file, if it could not be repaired.
    damage: Option<String>,
}

impl fmt::Debug for EventReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reader = f.debug_struct("EventReader");
        reader.field("path", &self.path).finish_non_exhaustive()
    }
}

impl EventReader {
    /// Opens the store at `path`. A store that was not closed, as after a crash, is repaired first; one that cannot be
    /// repaired is read as far as possible ([`ExportReport::damage`]).
    ///
    /// # Errors
    /// [`EventStoreError::Missing`] if there is none, and the errors of [`EventStore::open`](crate::EventStore::open);
    /// [`EventStoreError::Damaged`] only if nothing can be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EventStoreError> {
        let path = path.as_ref().to_owned();
        check_regular(&path)?;
        let (database, damage) = open(&path)?;
        match version(&database) {
            Ok(FORMAT_VERSION) => Ok(Self {
                path,
                database,
                damage,
            }),
            Ok(found) if found > FORMAT_VERSION => Err(EventStoreError::NewerVersion {
                path,
                found,
                supported: FORMAT_VERSION,
            }),
            Ok(found) => Err(EventStoreError::damaged(
                &path,
                format!("its format version is {found}"),
            )),
            Err(redb::Error::TableDoesNotExist(_)) => Err(EventStoreError::NotAStore {
                path,
                detail: "a database with other tables".to_owned(),
            }),
            Err(error) => Ok(Self {
                path,
                database,
                damage: damage.or(Some(error.to_string())),
            }),
        }
    }

    /// Writes a snapshot of all events as a log that `lightgcn prepare` reads, in order of arrival. An event that
    /// stands for several has as many rows (rounded, at least 1 and at most 100).
    ///
    /// The column `event_number` makes rows distinct, so that `prepare` drops as duplicates only events that were
    /// exported twice.
    ///
    /// Of a damaged store, the events are written that can be read; [`ExportReport::check`] makes an error of it. The
    /// content of an event is not protected by a checksum while it is read: a damaged byte within an id goes unnoticed.
    ///
    /// # Errors
    /// [`EventStoreError::Io`] and [`EventStoreError::DiskFull`] if `out` cannot be written,
    /// [`EventStoreError::Damaged`] if nothing can be read, [`EventStoreError::NotInFormat`] for an id with the
    /// delimiter of a format without quotes.
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
        let meta = match database.begin_read()?.open_table(META) {
            // Its message, not its kind, says that another type of table has this name.
            Err(TableError::TableTypeMismatch { table, .. }) => {
                return Err(redb::Error::TableDoesNotExist(table));
            }
            meta => meta?,
        };
        Ok(meta.get(VERSION)?.map_or(0, |value| value.value()))
    })
}

/// Opens the database, repaired if possible, and says what is wrong if not.
fn open(path: &Path) -> Result<(Guarded<ReadOnlyDatabase>, Option<String>), EventStoreError> {
    let failed = |error| EventStoreError::database("open", path, error);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let found = match open_reader(path) {
            Ok(database) => return Ok((database, None)),
            // Only a writer repairs.
            Err(redb::Error::RepairAborted) => {
                let cache = EventStoreConfig::default().cache_bytes;
                open_writer(path, cache, false).map(drop)
            }
            Err(error) => Err(error),
        };
        let detail = match found.map_err(failed) {
            Ok(()) if attempt < TRIES => continue,
            Err(EventStoreError::InUse { .. }) if attempt < TRIES => {
                // A service that has just started repairs it.
                std::thread::sleep(PAUSE);
                continue;
            }
            Ok(()) => "it cannot be repaired".to_owned(),
            Err(EventStoreError::Damaged { detail, .. }) => detail,
            Err(error) => return Err(error),
        };
        return match open_damaged(path) {
            Ok(database) => Ok((database, Some(detail))),
            Err(_) => Err(EventStoreError::damaged(path, detail)),
        };
    }
}
