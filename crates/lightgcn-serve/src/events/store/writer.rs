//! The one writer of a store.

use super::encoding::{decode, encode, issue};
use super::error::EventStoreError;
use super::export::{ExportReport, export};
use super::{COUNT, EVENTS, FORMAT_VERSION, META, NEXT, ORDER, VERSION};
use crate::events::{EventError, EventSink, StoredEvent};
use lightgcn_recommend::ContextEvent;
use redb::{
    Builder, ConcurrencyMode, Database, ReadableDatabase, ReadableTable, TableError,
    WriteTransaction,
};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

/// Events that pruning visits in one transaction.
const PRUNED_AT_ONCE: usize = 10_000;

/// The size of an event store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventStoreConfig {
    /// The latest events of a user that answers take into account; older ones stay in the store for the next training.
    /// Default: 200.
    pub per_user: usize,
    /// The most events in the store; each takes about 200 bytes of disk. Default: 10 million.
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
    /// The events with their users, encoded.
    events: Vec<(String, Vec<u8>)>,
    done: OnceLock<Result<(), EventStoreError>>,
}

/// Events in one file, in redb.
///
/// [`EventStore::try_append`] returns when its events are flushed to disk, all of a batch or none; they survive
/// `kill -9` and, as far as the disk keeps its promises, a power cut. Batches that arrive during a flush share the next
/// one. One process writes (a second one gets [`EventStoreError::InUse`]); others may read and export at the same time
/// ([`EventReader`](crate::EventReader)).
///
/// Memory is bounded by the configured cache and the batches in flight, the file by its limit. After a failed write the
/// store reopens its file, so that it works again once there is space.
#[derive(Debug)]
pub struct EventStore {
    path: PathBuf,
    config: EventStoreConfig,
    /// None after a failure, until the file has been reopened.
    database: RwLock<Option<Database>>,
    waiting: Mutex<Vec<Arc<Ticket>>>,
    /// Held while a batch is written.
    writing: Mutex<()>,
    n_events: AtomicU64,
}

impl EventStore {
    /// Opens the store at `path`, or creates an empty one that only its owner may read.
    ///
    /// # Errors
    /// [`EventStoreError::InUse`] if it is already open for writing, [`EventStoreError::NotAStore`] if the path is
    /// something else (such as a symbolic link or a device), [`EventStoreError::NewerVersion`],
    /// [`EventStoreError::DiskFull`], [`EventStoreError::Io`] and [`EventStoreError::Damaged`].
    pub fn open(path: impl AsRef<Path>, config: EventStoreConfig) -> Result<Self, EventStoreError> {
        let path = path.as_ref().to_owned();
        let (database, n_events) = open(&path, &config)?;
        Ok(Self {
            path,
            config,
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

    /// Stores all of `events` or, on failure, none; they are on disk when it returns, written by this thread or
    /// by another one together with its own.
    ///
    /// # Errors
    /// [`EventStoreError::Event`] for an event with an empty id, a count that is not positive and finite, or a time
    /// outside the years 0 to 9999; [`EventStoreError::Full`], [`EventStoreError::DiskFull`],
    /// [`EventStoreError::Io`] and [`EventStoreError::Damaged`].
    pub fn try_append(&self, events: &[StoredEvent]) -> Result<(), EventStoreError> {
        let mut encoded = Vec::with_capacity(events.len());
        for (n, event) in events.iter().enumerate() {
            let refuse = |detail| EventStoreError::Event {
                number: n + 1,
                detail,
            };
            if let Some(detail) = issue(event) {
                return Err(refuse(detail));
            }
            encoded.push((event.user.clone(), encode(event).map_err(refuse)?));
        }
        if encoded.is_empty() {
            return Ok(());
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
        // There is none only where the thread that took the ticket panicked.
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
            let mut n = 0;
            for ticket in &taken {
                n += append(transaction, &ticket.events)?;
            }
            Ok(n)
        });
        let outcome = written.map(|n| {
            self.n_events.fetch_add(n, Ordering::Relaxed);
        });
        for ticket in taken {
            let _ = ticket.done.set(outcome.clone());
        }
    }

    /// Runs a transaction. After a failure the file is reopened, now or at the next call.
    fn change<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, EventStoreError> {
        let outcome = self.with_database("write", |database| {
            let mut transaction = database.begin_write()?;
            transaction.set_quick_repair(true);
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        });
        outcome.inspect_err(|error| {
            tracing::error!("events were not stored: {error}");
            // After a disk error the database refuses all further work.
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
    fn reopened(&self) -> Result<Database, EventStoreError> {
        let (database, n_events) = open(&self.path, &self.config)?;
        self.n_events.store(n_events, Ordering::Relaxed);
        Ok(database)
    }

    /// Runs `work` on the database, which is reopened if an earlier failure closed it. Errors name `action`.
    fn with_database<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, EventStoreError> {
        let failed = |error| EventStoreError::database(action, &self.path, error);
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = &*database {
            return work(database).map_err(failed);
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
        work(database).map_err(failed)
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
    pub fn export(&self, out: impl Write) -> Result<ExportReport, EventStoreError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        match &*database {
            Some(database) => export(database, &self.path, out),
            None => Err(EventStoreError::damaged(
                &self.path,
                "closed after a failure",
            )),
        }
    }

    /// Removes the events up to number `last` (of an [`ExportReport`]) whose time is at most `until` (seconds since 1970):
    /// those that were exported and that the active model was trained on. Removing more would lose them for the next
    /// training. Returns how many were removed. Events can be appended at the same time; the space is reused.
    ///
    /// # Errors
    /// [`EventStoreError::DiskFull`], [`EventStoreError::Io`] and [`EventStoreError::Damaged`]; some events may have been
    /// removed by then.
    pub fn prune(&self, last: u64, until: i64) -> Result<u64, EventStoreError> {
        let mut removed = 0;
        let mut from = Some(0);
        while let Some(first) = from {
            let writing = lock(&self.writing);
            let (n, next) =
                self.change(|transaction| prune_some(transaction, first..=last, until))?;
            self.n_events.fetch_sub(n, Ordering::Relaxed);
            drop(writing);
            removed += n;
            from = next;
        }
        tracing::info!("pruned {removed} events from {}", self.path.display());
        Ok(removed)
    }
}

impl EventSink for EventStore {
    fn append(&self, events: &[StoredEvent]) -> Result<(), EventError> {
        self.try_append(events).map_err(|error| match error {
            EventStoreError::Full { limit, .. } => EventError::Full {
                limit: usize::try_from(limit).unwrap_or(usize::MAX),
            },
            error => EventError::Store {
                detail: error.to_string(),
            },
        })
    }

    /// If the store cannot be read, the error is logged and answers go on without its events.
    fn of_user(&self, user: &str) -> Vec<ContextEvent> {
        self.try_of_user(user).unwrap_or_else(|error| {
            tracing::error!("stored events are ignored: {error}");
            Vec::new()
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(table: &impl ReadableTable<&'static str, u64>, name: &str) -> Result<u64, redb::Error> {
    Ok(table.get(name)?.map_or(0, |value| value.value()))
}

/// Appends events and returns how many.
fn append(transaction: &WriteTransaction, new: &[(String, Vec<u8>)]) -> Result<u64, redb::Error> {
    let mut meta = transaction.open_table(META)?;
    let mut order = transaction.open_table(ORDER)?;
    let mut events = transaction.open_table(EVENTS)?;
    let (first, count) = (number(&meta, NEXT)?, number(&meta, COUNT)?);
    let mut next = first;
    for (user, bytes) in new {
        order.insert(next, user.as_str())?;
        events.insert((user.as_str(), next), bytes.as_slice())?;
        next += 1;
    }
    meta.insert(NEXT, next)?;
    meta.insert(COUNT, count + (next - first))?;
    Ok(next - first)
}

/// Removes old events among the first [`PRUNED_AT_ONCE`] of a range of numbers. Returns how many, and where to continue;
/// none at the end.
fn prune_some(
    transaction: &WriteTransaction,
    range: RangeInclusive<u64>,
    until: i64,
) -> Result<(u64, Option<u64>), redb::Error> {
    let mut order = transaction.open_table(ORDER)?;
    let mut events = transaction.open_table(EVENTS)?;
    let mut old = Vec::new();
    let mut next = None;
    for (n, entry) in order.range(range)?.enumerate() {
        let (number, user) = entry?;
        let (number, user) = (number.value(), user.value());
        if n == PRUNED_AT_ONCE {
            next = Some(number);
            break;
        }
        let Some(bytes) = events.get((user, number))? else {
            return Err(redb::Error::Corrupted(format!("event {number} is missing")));
        };
        let event = decode(bytes.value()).map_err(redb::Error::Corrupted)?;
        if event.time.is_some_and(|time| time <= until) {
            old.push((user.to_owned(), number));
        }
    }
    for (user, number) in &old {
        order.remove(number)?;
        events.remove((user.as_str(), *number))?;
    }
    let mut meta = transaction.open_table(META)?;
    let count = number(&meta, COUNT)?.saturating_sub(old.len() as u64);
    meta.insert(COUNT, count)?;
    Ok((old.len() as u64, next))
}

/// Opens or creates the database, and returns its number of events.
fn open(path: &Path, config: &EventStoreConfig) -> Result<(Database, u64), EventStoreError> {
    let io = |source| EventStoreError::io("write", path, source);
    super::export::check_regular(path)?;
    let new = !path.exists();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path).map_err(io)?);
    let database = Builder::new()
        .set_cache_size(config.cache_bytes)
        .set_concurrency_mode(ConcurrencyMode::SingleWriter)
        .create(path)
        .map_err(|error| EventStoreError::database("open", path, error.into()))?;
    let failed = |error| EventStoreError::database("write", path, error);
    let n_events = prepare(&database).map_err(failed)?;
    if new && cfg!(unix) {
        // The file's name must survive a power cut too.
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        File::open(parent)
            .and_then(|folder| folder.sync_all())
            .map_err(io)?;
    }
    match n_events {
        Ok(n_events) => Ok((database, n_events)),
        Err(found) => Err(EventStoreError::NewerVersion {
            path: path.to_owned(),
            found,
            supported: FORMAT_VERSION,
        }),
    }
}

/// Creates the tables of a new database. Returns the number of events, or the version if it is not supported.
fn prepare(database: &Database) -> Result<Result<u64, u64>, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => {
            let version = number(&meta, VERSION)?;
            return Ok(match version {
                FORMAT_VERSION => Ok(number(&meta, COUNT)?),
                newer => Err(newer),
            });
        }
        Err(TableError::TableDoesNotExist(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(VERSION, FORMAT_VERSION)?;
        transaction.open_table(ORDER)?;
        transaction.open_table(EVENTS)?;
    }
    transaction.commit()?;
    Ok(Ok(0))
}
