//! Exports all readable events of a store as a log.

use super::database::guarded;
use super::encoding::decode;
use super::format::{BEHAVIOR, ExportFormat, ITEM, TIME, USER};
use super::{COUNT, EVENTS, EventStoreError, META, NEXT, ORDER};
use chrono::DateTime;
use csv::QuoteStyle;
use lightgcn_recommend::ContextEvent;
use redb::{ReadOnlyTable, ReadableDatabase, ReadableTable};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

/// The maximum number of rows of an event.
const MAX_ROWS: f64 = 100.0;

/// After this many failed reads in a row, the rest of the order is considered unreadable.
const GIVE_UP_AFTER: u32 = 1000;

/// The result of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportReport {
    /// The number of events.
    pub n_events: u64,
    /// The number of rows: an event that represents several has as many rows.
    pub n_rows: u64,
    /// The number of the last event; `None` if the store is empty.
    pub last: Option<u64>,
    /// The time of the latest event, in seconds since 1970; `None` if the store is empty.
    pub latest: Option<i64>,
    /// A lower bound on the lost events: those that the store has but that cannot be read.
    pub n_lost: u64,
    /// What is wrong with the store's file, if it is damaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

impl ExportReport {
    /// Returns an error for the export of a damaged store, after writing what can be read.
    ///
    /// # Errors
    /// [`EventStoreError::Salvaged`] if the store of this path is damaged.
    pub fn check(&self, path: &Path) -> Result<(), EventStoreError> {
        match &self.damage {
            None => Ok(()),
            Some(detail) => Err(EventStoreError::Salvaged {
                path: path.to_owned(),
                n_events: self.n_events,
                n_lost: self.n_lost,
                detail: detail.clone(),
            }),
        }
    }
}

/// The tables of one state of a store.
struct Tables {
    order: ReadOnlyTable<u64, &'static str>,
    events: ReadOnlyTable<(&'static str, u64), &'static [u8]>,
    /// The number of the next event and how many there are, if they can be read.
    numbers: Option<(u64, u64)>,
}

impl Tables {
    fn open(database: &impl ReadableDatabase) -> Result<Self, redb::Error> {
        let transaction = guarded(|| Ok(database.begin_read()?))?;
        let number = |name| {
            guarded(|| {
                let meta = transaction.open_table(META)?;
                Ok(meta.get(name)?.map_or(0, |value| value.value()))
            })
        };
        Ok(Self {
            order: guarded(|| Ok(transaction.open_table(ORDER)?))?,
            events: guarded(|| Ok(transaction.open_table(EVENTS)?))?,
            numbers: number(NEXT).ok().zip(number(COUNT).ok()),
        })
    }

    /// A number after a damaged one from which the order can be read again. O(log) reads.
    fn readable_after(&self, damaged: u64) -> Option<u64> {
        let (end, _) = self.numbers?;
        let is_readable = |number| guarded(|| Ok(self.order.get(number)?.is_some())).is_ok();
        let (mut bad, mut step) = (damaged, 1);
        let mut good = loop {
            let number = damaged.checked_add(step)?;
            if number >= end {
                return None;
            }
            if is_readable(number) {
                break number;
            }
            (bad, step) = (number, step * 2);
        };
        while good - bad > 1 {
            let middle = bad + (good - bad) / 2;
            match is_readable(middle) {
                true => good = middle,
                false => bad = middle,
            }
        }
        Some(good)
    }

    fn event(&self, user: &str, number: u64) -> Result<ContextEvent, redb::Error> {
        guarded(|| match self.events.get((user, number))? {
            Some(bytes) => decode(bytes.value()).map_err(redb::Error::Corrupted),
            None => Err(redb::Error::Corrupted(format!("event {number} is missing"))),
        })
    }
}

/// Writes all readable events; `damage` is the known damage.
pub(super) fn export(
    database: &impl ReadableDatabase,
    path: &Path,
    format: &ExportFormat,
    damage: Option<String>,
    out: impl Write,
) -> Result<ExportReport, EventStoreError> {
    if let Some(reason) = format.issue() {
        let path = path.to_owned();
        return Err(EventStoreError::NoExportFormat { path, reason });
    }
    let tables = Tables::open(database);
    let tables =
        tables.map_err(|error| EventStoreError::database("read", path, error).in_export())?;
    let mut export = Export::new(path, format, damage, out)?;
    let mut first_damage = None;
    let mut from = Some(0);
    while let Some(first) = from {
        let next = export.in_order(&tables, first)?;
        first_damage = first_damage.or(next);
        let next = next.filter(|_| export.failed_in_a_row < GIVE_UP_AFTER);
        from = next.and_then(|damaged| tables.readable_after(damaged));
    }
    if export.report.damage.is_some() {
        export.by_user(&tables, first_damage)?;
    }
    if let Some((_, count)) = tables.numbers {
        let lost = count.saturating_sub(export.report.n_events);
        export.report.n_lost = lost;
        if lost > 0 {
            export.damaged("events are missing");
        }
    }
    export.finish()
}

/// An export under way.
struct Export<'a, W: Write> {
    path: &'a Path,
    format: &'a ExportFormat,
    out: csv::Writer<W>,
    report: ExportReport,
    /// The numbers of the events that were written after the first damage.
    written: HashSet<u64>,
    /// How many of the latest consecutive reads failed.
    failed_in_a_row: u32,
}

impl<'a, W: Write> Export<'a, W> {
    fn new(
        path: &'a Path,
        format: &'a ExportFormat,
        damage: Option<String>,
        out: W,
    ) -> Result<Self, EventStoreError> {
        let style = match format.quoting() {
            true => QuoteStyle::Necessary,
            false => QuoteStyle::Never,
        };
        let out = csv::WriterBuilder::new()
            .delimiter(format.delimiter())
            .quote_style(style)
            .from_writer(out);
        let report = ExportReport {
            n_events: 0,
            n_rows: 0,
            last: None,
            latest: None,
            n_lost: 0,
            damage,
        };
        let mut export = Self {
            path,
            format,
            out,
            report,
            written: HashSet::new(),
            failed_in_a_row: 0,
        };
        if let Some(header) = format.header() {
            export.record(header)?;
        }
        Ok(export)
    }

    fn damaged(&mut self, detail: impl Into<String>) {
        self.report.damage.get_or_insert_with(|| detail.into());
    }

    fn record(&mut self, fields: Vec<&str>) -> Result<(), EventStoreError> {
        self.out
            .write_record(fields)
            .map_err(|error| EventStoreError::io("write the export of", self.path, error.into()))
    }

    /// Writes the events from number `first` on in order of arrival. Returns the number at which
    /// the order is damaged, or at which it gave up; `None` if it reached the end.
    fn in_order(&mut self, tables: &Tables, first: u64) -> Result<Option<u64>, EventStoreError> {
        let mut next = first;
        let mut written = Ok(());
        let walked = guarded(|| {
            for entry in tables.order.range(first..)? {
                let (number, user) = entry?;
                let (number, user) = (number.value(), user.value());
                // A loop in a damaged file would never end.
                if number < next {
                    return Err(redb::Error::Corrupted(
                        "numbers are out of order".to_owned(),
                    ));
                }
                next = number.saturating_add(1);
                written = self.look_up(tables, user, number);
                if written.is_err() {
                    break;
                }
                if self.failed_in_a_row >= GIVE_UP_AFTER {
                    return Err(redb::Error::Corrupted("too much is damaged".to_owned()));
                }
            }
            Ok(())
        });
        written?;
        Ok(walked.err().map(|error| {
            self.damaged(error.to_string());
            next
        }))
    }

    /// Writes the events not yet written since the first damage, user by user, from both ends.
    fn by_user(
        &mut self,
        tables: &Tables,
        first_damage: Option<u64>,
    ) -> Result<(), EventStoreError> {
        let first = first_damage.unwrap_or(u64::MAX);
        // Numbers beyond these are damaged keys.
        let end = tables.numbers.map_or(u64::MAX, |(end, _)| end);
        for backward in [false, true] {
            let mut written = Ok(());
            let mut last: Option<(String, u64)> = None;
            // After a failure, the rest is out of reach from this end.
            let _ = guarded(|| {
                let mut entries = tables.events.iter()?;
                loop {
                    let entry = match backward {
                        false => entries.next(),
                        true => entries.next_back(),
                    };
                    let Some(entry) = entry else { break };
                    let (key, bytes) = entry?;
                    let (user, number) = key.value();
                    let key = (user.to_owned(), number);
                    let in_order = last.as_ref().is_none_or(|last| (*last < key) != backward);
                    if !in_order {
                        break;
                    }
                    if (first..end).contains(&number) && !self.written.contains(&number) {
                        if let Ok(event) = decode(bytes.value()) {
                            written = self.write(number, user, &event);
                        }
                        if written.is_err() {
                            break;
                        }
                    }
                    last = Some(key);
                }
                Ok(())
            });
            written?;
        }
        Ok(())
    }

    /// Writes an event, or notes that it cannot be read.
    fn look_up(&mut self, tables: &Tables, user: &str, number: u64) -> Result<(), EventStoreError> {
        match tables.event(user, number) {
            Ok(event) => {
                self.failed_in_a_row = 0;
                self.write(number, user, &event)
            }
            Err(error) => {
                self.failed_in_a_row += 1;
                self.report.n_lost += 1;
                self.damaged(error.to_string());
                Ok(())
            }
        }
    }

    fn write(
        &mut self,
        number: u64,
        user: &str,
        event: &ContextEvent,
    ) -> Result<(), EventStoreError> {
        let seconds = event.time.unwrap_or_default();
        let Some(time) = DateTime::from_timestamp(seconds, 0) else {
            self.report.n_lost += 1;
            self.damaged(format!("event {number} has the time {seconds}"));
            return Ok(());
        };
        let time = time.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        let mut fields = [""; 9];
        (fields[TIME], fields[BEHAVIOR]) = (&time, &event.behavior);
        (fields[ITEM], fields[USER]) = (&event.item, user);
        self.check_fields(number, &fields)?;
        let rows = event.count.round().clamp(1.0, MAX_ROWS) as u64;
        let format = self.format;
        for row in 0..rows {
            let name = match row {
                0 => number.to_string(),
                row => format!("{number}.{row}"),
            };
            self.record(format.row(&fields, &name))?;
        }
        if self.report.damage.is_some() {
            self.written.insert(number);
        }
        let report = &mut self.report;
        report.n_events += 1;
        report.n_rows += rows;
        report.last = report.last.max(Some(number));
        report.latest = report.latest.max(Some(seconds));
        Ok(())
    }

    /// Rejects a field that would look like two if fields are not quoted.
    fn check_fields(&self, number: u64, fields: &[&str; 9]) -> Result<(), EventStoreError> {
        let delimiter = char::from(self.format.delimiter());
        let quoting = self.format.quoting();
        match fields.iter().find(|field| field.contains(delimiter)) {
            Some(field) if !quoting => Err(EventStoreError::NotInFormat {
                path: self.path.to_owned(),
                number,
                field: (*field).to_owned(),
                delimiter,
            }),
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Result<ExportReport, EventStoreError> {
        self.out
            .flush()
            .map_err(|error| EventStoreError::io("write the export of", self.path, error))?;
        Ok(self.report)
    }
}
