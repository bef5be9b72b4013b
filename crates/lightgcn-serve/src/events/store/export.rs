//! Reads a store beside its writer, and exports its events as a log.

use super::EventStoreError;
use super::encoding::decode;
use super::{EVENTS, FORMAT_VERSION, META, ORDER, VERSION};
use chrono::DateTime;
use redb::{Builder, ConcurrencyMode, ReadOnlyDatabase, ReadableDatabase, ReadableTable};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The columns of a log, and the event's number, which identifies events that were exported twice.
const COLUMNS: [&str; 10] = [
    "event_time",
    "event_type",
    "product_id",
    "category_id",
    "category_code",
    "brand",
    "price",
    "user_id",
    "user_session",
    "event_number",
];

/// The most rows of an event.
const MAX_ROWS: f64 = 100.0;

/// The result of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportReport {
    /// The number of events.
    pub n_events: u64,
    /// The number of rows: an event that stands for several has as many rows.
    pub n_rows: u64,
    /// The number of the last event; none if the store is empty.
    pub last: Option<u64>,
    /// The time of the latest event, in seconds since 1970; none if the store is empty.
    pub latest: Option<i64>,
}

/// A store open for reading, while another process may write to it.
pub struct EventReader {
    path: PathBuf,
    database: ReadOnlyDatabase,
}

impl fmt::Debug for EventReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reader = f.debug_struct("EventReader");
        reader.field("path", &self.path).finish_non_exhaustive()
    }
}

impl EventReader {
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// [`EventStoreError::Missing`] if there is none, and the errors of [`EventStore::open`](crate::EventStore::open).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EventStoreError> {
        let path = path.as_ref().to_owned();
        check_regular(&path)?;
        let database = Builder::new()
            .set_cache_size(16 << 20)
            .set_concurrency_mode(ConcurrencyMode::SingleWriter)
            .open_read_only(&path)
            .map_err(|error| EventStoreError::database("open", &path, error.into()))?;
        let version = || -> Result<u64, redb::Error> {
            let meta = database.begin_read()?.open_table(META)?;
            Ok(meta.get(VERSION)?.map_or(0, |value| value.value()))
        };
        match version().map_err(|error| EventStoreError::database("open", &path, error))? {
            FORMAT_VERSION => Ok(Self { path, database }),
            found => Err(EventStoreError::NewerVersion {
                path,
                found,
                supported: FORMAT_VERSION,
            }),
        }
    }

    /// Writes a snapshot of all events as a CSV log that `lightgcn prepare` reads, in order of arrival. An event that
    /// stands for several has as many rows (rounded, at least 1 and at most 100).
    ///
    /// The column `event_number` makes rows distinct, so that `prepare` drops as duplicates only events that were
    /// exported twice.
    ///
    /// # Errors
    /// [`EventStoreError::Io`] and [`EventStoreError::DiskFull`] if `out` cannot be written,
    /// [`EventStoreError::Damaged`] if the store cannot be read.
    pub fn export(&self, out: impl Write) -> Result<ExportReport, EventStoreError> {
        export(&self.database, &self.path, out)
    }
}

/// Refuses an existing path that is not a regular file.
pub(super) fn check_regular(path: &Path) -> Result<(), EventStoreError> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(EventStoreError::NotAStore {
            path: path.to_owned(),
            detail: "not a regular file".to_owned(),
        }),
        _ => Ok(()),
    }
}

pub(super) fn export(
    database: &impl ReadableDatabase,
    path: &Path,
    out: impl Write,
) -> Result<ExportReport, EventStoreError> {
    let failed = |error: redb::Error| EventStoreError::database("read", path, error);
    let written = |error: csv::Error| {
        let error = std::io::Error::from(error);
        EventStoreError::io("write the export of", path, error)
    };
    let damaged = |detail: String| EventStoreError::damaged(path, detail);
    let read = || -> Result<_, redb::Error> {
        let transaction = database.begin_read()?;
        Ok((
            transaction.open_table(ORDER)?,
            transaction.open_table(EVENTS)?,
        ))
    };
    let (order, events) = read().map_err(failed)?;
    let mut out = csv::Writer::from_writer(out);
    out.write_record(COLUMNS).map_err(written)?;
    let mut report = ExportReport {
        n_events: 0,
        n_rows: 0,
        last: None,
        latest: None,
    };
    for entry in order.iter().map_err(|error| failed(error.into()))? {
        let (number, user) = entry.map_err(|error| failed(error.into()))?;
        let (number, user) = (number.value(), user.value());
        let bytes = events.get((user, number));
        let bytes = bytes.map_err(|error| failed(error.into()))?;
        let bytes = bytes.ok_or_else(|| damaged(format!("event {number} is missing")))?;
        let event = decode(bytes.value()).map_err(damaged)?;
        let seconds = event.time.unwrap_or_default();
        let time = DateTime::from_timestamp(seconds, 0)
            .ok_or_else(|| damaged(format!("event {number} has the time {seconds}")))?;
        let time = time.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        let rows = event.count.round().clamp(1.0, MAX_ROWS) as u64;
        for row in 0..rows {
            let name = match row {
                0 => number.to_string(),
                row => format!("{number}.{row}"),
            };
            let (behavior, item) = (event.behavior.as_str(), event.item.as_str());
            let fields = [&*time, behavior, item, "", "", "", "", user, "", &*name];
            out.write_record(fields).map_err(written)?;
        }
        report.n_events += 1;
        report.n_rows += rows;
        report.last = Some(number);
        report.latest = report.latest.max(Some(seconds));
    }
    out.flush()
        .map_err(|error| EventStoreError::io("write the export of", path, error))?;
    Ok(report)
}
