//! The single writer of a store.

use super::changes::{Encoded, append, prepare, prune_ids, prune_some};
use super::database::{FileIdentity, Guarded, check_regular, guarded, open_writer};
use super::encoding::decode;
use super::error::EventStoreError;
use super::export::{ExportReport, export};
use super::files::{create_private, lock, remove_unfinished, sync_folder_of};
use super::format::ExportFormat;
use super::{EVENTS, FORMAT_VERSION};
use crate::events::{
    EventError, EventSink, OutcomeCounts, OutcomeKey, ShownRecord, SinkState, StoredEvent,
};
use lightgcn_recommend::ContextEvent;
use redb::{Database, ReadableDatabase, WriteTransaction};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

/// The limits of an event store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventStoreConfig {
    /// The latest events of a user that answers take into account; older ones stay in the store for the next training.
    /// Default: 200.
    pub per_user: usize,
    /// The maximum number of events in the store; each takes about 200 bytes of disk. Default: 10
    /// million.
    pub limit: u64,
    /// Bytes of memory for pages of the file. Default: 64 MiB.
    pub cache_bytes: usize,
}

impl Default for EventStoreConfig {
    fn default() -> Self {
        Self {
            per_user: 200,
            limit: 10_000_000,
            cache_bytes: 64 << 20,
        }
    }
}

/// Events that were sent together, and the outcome.
#[derive(Debug)]
struct Ticket {
    events: Vec<Encoded>,
    /// How many of them were stored; the others already were.
    done: OnceLock<Result<u64, EventStoreError>>,
}

/// Events in one file, in redb.
///
/// [`EventStore::try_append`] returns when its events are flushed to disk, all of a batch or none;
/// they survive `kill -9` and, if the disk honors flushes, a power cut. Batches that arrive during
/// a flush share the next one. One process writes (a second one gets [`EventStoreError::InUse`]);
/// others may read and export at the same time ([`EventReader`](crate::EventReader)). An event with
/// an id ([`StoredEvent::id`]) is stored once, until it is pruned.
///
/// Memory is bounded by the configured cache and the batches in flight, the file by its limit.
/// After a failed write the store reopens its file, so it works again once there is space. It
/// writes only while its file is at its path, since anything written to a deleted file is lost.
pub struct EventStore {
    pub(super) path: PathBuf,
    pub(super) config: EventStoreConfig,
    /// `None` after a failure, until the file has been reopened.
    pub(super) database: RwLock<Option<Guarded<Database>>>,
    /// The identity of that file. It changes when the store is rewritten, while `writing` is held.
    pub(super) identity: Mutex<FileIdentity>,
    waiting: Mutex<Vec<Arc<Ticket>>>,
    /// Held while a batch is written.
    pub(super) writing: Mutex<()>,
    pub(super) n_events: AtomicU64,
}

impl fmt::Debug for EventStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut store = f.debug_struct("EventStore");
        store.field("path", &self.path);
        store.field("config", &self.config).finish_non_exhaustive()
    }
}

impl EventStore {
    /// Opens the store at `path`, or creates an empty one that only its owner may read. The whole
    /// file is read and checked.
    ///
    /// # Errors
    /// [`EventStoreError::InUse`] if it is already open for writing, [`EventStoreError::NotAStore`] if the path is
    /// something else (such as a symbolic link or a device), [`EventStoreError::NewerVersion`],
    /// [`EventStoreError::DiskFull`], [`EventStoreError::Io`] and [`EventStoreError::Damaged`].
    pub fn open(path: impl AsRef<Path>, config: EventStoreConfig) -> Result<Self, EventStoreError> {
        let path = path.as_ref().to_owned();
        let (database, identity, n_events) = open(&path, &config, Opening::First)?;
        Ok(Self {
            path,
            config,
            identity: Mutex::new(identity),
            database: RwLock::new(Some(database)),
            waiting: Mutex::default(),
            writing: Mutex::default(),
            n_events: AtomicU64::new(n_events),
        })
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of events.
    #[must_use]
    pub fn n_events(&self) -> u64 {
        self.n_events.load(Ordering::Relaxed)
    }

    /// Stores all of `events` or, on failure, none; they are on disk when it returns, written by
    /// this thread or by another one together with its own. Returns how many are new: an event
    /// whose id is already stored is skipped.
    ///
    /// # Errors
    /// [`EventStoreError::Event`] for an event with an empty id, a count that is not positive and finite, or a time
    /// outside the years 0 to 9999; [`EventStoreError::Moved`] if the file is no longer at its path;
    /// [`EventStoreError::Full`], [`EventStoreError::DiskFull`], [`EventStoreError::Io`] and
    /// [`EventStoreError::Damaged`].
    pub fn try_append(&self, events: &[StoredEvent]) -> Result<u64, EventStoreError> {
        let encoded = Encoded::batch(events)?;
        if encoded.is_empty() {
            return Ok(0);
        }
        let ticket = Arc::new(Ticket {
            events: encoded,
            done: OnceLock::new(),
        });
        lock(&self.waiting).push(Arc::clone(&ticket));
        let writing = lock(&self.writing);
        if ticket.done.get().is_none() {
            let tickets = std::mem::take(&mut *lock(&self.waiting));
            self.write(&tickets);
        }
        drop(writing);
        // It is missing only if the thread that took the ticket panicked.
        let stopped = || {
            Err(EventStoreError::damaged(
                &self.path,
                "a writing thread stopped",
            ))
        };
        ticket.done.get().cloned().unwrap_or_else(stopped)
    }

    /// Writes the waiting batches in one transaction and reports the outcome to each waiting caller.
    fn write(&self, tickets: &[Arc<Ticket>]) {
        let mut room = self.config.limit.saturating_sub(self.n_events());
        let mut taken = Vec::with_capacity(tickets.len());
        for ticket in tickets {
            let size = ticket.events.len() as u64;
            if size <= room {
                room -= size;
                taken.push(ticket);
            } else {
                let _ = ticket.done.set(Err(EventStoreError::Full {
                    path: self.path.clone(),
                    limit: self.config.limit,
                }));
            }
        }
        if taken.is_empty() {
            return;
        }
        let written = self.change(|transaction| {
            let tickets = taken.iter();
            let stored = tickets.map(|ticket| append(transaction, &ticket.events));
            stored.collect::<Result<Vec<u64>, _>>()
        });
        match written {
            Ok(stored) => {
                let all = stored.iter().sum();
                self.n_events.fetch_add(all, Ordering::Relaxed);
                for (ticket, n) in taken.into_iter().zip(stored) {
                    let _ = ticket.done.set(Ok(n));
                }
            }
            Err(error) => {
                for ticket in taken {
                    let _ = ticket.done.set(Err(error.clone()));
                }
            }
        }
    }

    /// Returns an error if the file was moved, deleted or replaced.
    pub(super) fn check_place(&self) -> Result<(), EventStoreError> {
        match FileIdentity::of(&self.path) {
            Ok(found) if found == *lock(&self.identity) => Ok(()),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(EventStoreError::io("look at", &self.path, error))
            }
            _ => Err(EventStoreError::Moved {
                path: self.path.clone(),
            }),
        }
    }

    /// Runs a transaction. After a failure the file is reopened, now or at the next call.
    pub(super) fn change<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, EventStoreError> {
        self.check_place()
            .inspect_err(|error| tracing::error!("events were not stored: {error}"))?;
        let outcome = self.with_database("write", |database| {
            let mut transaction = database.begin_write()?;
            transaction.set_quick_repair(true);
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        });
        outcome.inspect_err(|error| {
            tracing::error!("events were not stored: {error}");
            // After a disk error, the database rejects all further work.
            let mut database = self
                .database
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            *database = None;
            let opened = self.reopened().inspect_err(|error| {
                tracing::error!("cannot reopen the event store yet: {error}");
            });
            *database = opened.ok();
        })
    }

    /// Reopens the file.
    fn reopened(&self) -> Result<Guarded<Database>, EventStoreError> {
        let (database, identity, n_events) = open(&self.path, &self.config, Opening::Again)?;
        if identity != *lock(&self.identity) {
            return Err(EventStoreError::Moved {
                path: self.path.clone(),
            });
        }
        self.n_events.store(n_events, Ordering::Relaxed);
        Ok(database)
    }

    /// Runs `work` on the database, which is reopened if an earlier failure closed it. Errors name `action`.
    pub(super) fn with_database<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, EventStoreError> {
        let failed = |error| EventStoreError::database(action, &self.path, error);
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = &*database {
            return guarded(|| work(database)).map_err(failed);
        }
        drop(database);
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let database = match &mut *database {
            Some(database) => database,
            closed => closed.insert(self.reopened()?),
        };
        guarded(|| work(database)).map_err(failed)
    }

    /// The latest events of a user that answers take into account, in order of arrival.
    ///
    /// # Errors
    /// [`EventStoreError::Io`] and [`EventStoreError::Damaged`] if they cannot be read.
    pub fn try_of_user(&self, user: &str) -> Result<Vec<ContextEvent>, EventStoreError> {
        let bytes: Vec<Vec<u8>> = self.with_database("read", |database| {
            let table = database.begin_read()?.open_table(EVENTS)?;
            let latest = table.range((user, 0)..=(user, u64::MAX))?.rev();
            let latest = latest.take(self.config.per_user);
            let read = |entry: Result<(_, redb::AccessGuard<'_, &[u8]>), _>| match entry {
                Ok((_, value)) => Ok(value.value().to_vec()),
                Err(error) => Err(redb::Error::from(error)),
            };
            latest.map(read).collect()
        })?;
        let decode = |bytes: &Vec<u8>| {
            decode(bytes).map_err(|detail| EventStoreError::damaged(&self.path, detail))
        };
        bytes.iter().rev().map(decode).collect()
    }

    /// Exports the events like [`EventReader::export`](crate::EventReader::export).
    ///
    /// # Errors
    /// As there.
    pub fn export(
        &self,
        format: &ExportFormat,
        out: impl Write,
    ) -> Result<ExportReport, EventStoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        match &*database {
            Some(database) => export(&**database, &self.path, format, None, out),
            None => Err(EventStoreError::damaged(
                &self.path,
                "closed after a failure",
            )),
        }
    }

    /// Removes the events up to number `last` (of an [`ExportReport`]) for which `is_done` returns
    /// true; it is called once per event, without the event's id.
    /// [`TrainedEvents::prune`](crate::TrainedEvents::prune) chooses those that a model was trained
    /// on: removing more would lose them for the next training. Returns how many were removed.
    /// Events can be appended at the same time; the space is reused. Ids of removed events are
    /// forgotten.
    ///
    /// # Errors
    /// [`EventStoreError::Moved`], [`EventStoreError::DiskFull`], [`EventStoreError::Io`] and [`EventStoreError::Damaged`]; some events may have been
    /// removed by then.
    pub fn prune(
        &self,
        last: u64,
        mut is_done: impl FnMut(&StoredEvent) -> bool,
    ) -> Result<u64, EventStoreError> {
        let mut removed = 0;
        let mut from = Some(0);
        while let Some(first) = from {
            let writing = lock(&self.writing);
            let (n, next) =
                self.change(|transaction| prune_some(transaction, first..=last, &mut is_done))?;
            self.n_events.fetch_sub(n, Ordering::Relaxed);
            drop(writing);
            removed += n;
            from = next;
        }
        if removed > 0 {
            let _writing = lock(&self.writing);
            self.change(prune_ids)?;
        }
        tracing::info!("pruned {removed} events from {}", self.path.display());
        Ok(removed)
    }
}

impl EventSink for EventStore {
    fn append(&self, events: &[StoredEvent]) -> Result<u64, EventError> {
        self.try_append(events).map_err(EventError::from)
    }

    /// If the store cannot be read, the error is logged and answers continue without its events.
    fn of_user(&self, user: &str) -> Vec<ContextEvent> {
        self.try_of_user(user).unwrap_or_else(|error| {
            tracing::error!("ignoring stored events: {error}");
            Vec::new()
        })
    }

    fn state(&self) -> SinkState {
        let bytes = std::fs::metadata(&self.path).ok();
        let disk = rustix::fs::statvfs(&self.path).ok();
        SinkState {
            events: Some(self.n_events()),
            bytes: bytes.map(|metadata| metadata.len()),
            free_bytes: disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
        }
    }

    fn record(
        &self,
        records: &[ShownRecord],
    ) -> Result<Vec<(OutcomeKey, OutcomeCounts)>, EventError> {
        self.try_record(records).map_err(EventError::from)
    }

    fn outcomes(&self) -> Result<Vec<(OutcomeKey, OutcomeCounts)>, EventError> {
        self.try_outcomes().map_err(EventError::from)
    }

    fn forget(&self, user: &str) -> Result<u64, EventError> {
        self.try_forget(user).map_err(EventError::from)
    }

    /// Writes a transaction that changes nothing.
    fn check(&self) -> Result<(), EventError> {
        let _writing = lock(&self.writing);
        self.change(|transaction| append(transaction, &[]))?;
        Ok(())
    }
}

impl From<EventStoreError> for EventError {
    fn from(error: EventStoreError) -> Self {
        match error {
            EventStoreError::Full { limit, .. } => Self::Full {
                limit: usize::try_from(limit).unwrap_or(usize::MAX),
            },
            error @ EventStoreError::Moved { .. } => Self::Moved {
                detail: error.to_string(),
            },
            error => Self::Store {
                detail: error.to_string(),
            },
        }
    }
}

/// How to open a database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// For the first time: created if missing, else fully checked.
    First,
    /// After a failure: it must exist.
    Again,
}

/// A database, which file it is, and its number of events.
fn open(
    path: &Path,
    config: &EventStoreConfig,
    opening: Opening,
) -> Result<(Guarded<Database>, FileIdentity, u64), EventStoreError> {
    let io = |source| EventStoreError::io("write", path, source);
    check_regular(path)?;
    let new = !path.exists();
    if new && opening == Opening::Again {
        return Err(EventStoreError::Moved {
            path: path.to_owned(),
        });
    }
    create_private(path).map_err(io)?;
    let identity = FileIdentity::of(path).map_err(io)?;
    let checked = opening == Opening::First && !new;
    let database = open_writer(path, config.cache_bytes, checked)
        .map_err(|error| EventStoreError::database("open", path, error))?;
    let n_events = guarded(|| prepare(&database));
    let n_events = n_events.map_err(|error| EventStoreError::database("write", path, error))?;
    if new {
        sync_folder_of(path).map_err(io)?;
    }
    remove_unfinished(path);
    match n_events {
        Ok(n_events) => Ok((database, identity, n_events)),
        Err(found) => Err(EventStoreError::NewerVersion {
            path: path.to_owned(),
            found,
            supported: FORMAT_VERSION,
        }),
    }
}
