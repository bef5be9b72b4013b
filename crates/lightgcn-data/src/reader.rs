//! Reading the files of a log.

use crate::catalogue::{Observations, parse_price, read_catalogue_files};
use crate::digest::SeenRows;
use crate::log::Events;
use crate::table::Table;
use crate::{DataError, EventLog, LogFormat, RowFault, expand_paths, time};
use lightgcn_core::{BehaviorId, BehaviorWeights, ItemId, StageReport};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What becomes of rows that are the same in every field, in one file or across files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// The first one is kept; the others are counted and dropped.
    #[default]
    Drop,
    /// All are kept, and none is looked for.
    Keep,
}

/// How to read a log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadConfig {
    /// The names of columns and behaviors.
    pub format: LogFormat,
    /// What becomes of exact duplicates.
    pub duplicates: Duplicates,
    /// Whether rows that cannot be used are counted and dropped; otherwise the first one is an
    /// error.
    pub skip_bad_rows: bool,
    /// Catalogue files or patterns: CSV with the format's item column and any of its category,
    /// brand and price columns, one or several rows an item. They tell what the log does not: a
    /// value of the log, which is dated, goes before theirs.
    pub catalogue: Vec<String>,
}

/// How far reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Stored bytes read so far, of all files.
    pub bytes: u64,
    /// Stored bytes of all files.
    pub total_bytes: u64,
    /// Rows read so far.
    pub rows: u64,
}

/// Rows between two calls of the progress function.
const ROWS_PER_CALL: u64 = 16_384;

/// How many rows of a fault are shown in full.
const EXAMPLES: u64 = 3;

/// Reads the files that `paths` name (see [`expand_paths`]) into memory: plain, gzip or zstd, told
/// by their content. `progress` is called now and then, and at the end.
///
/// Files are read in the order of their names, so the result does not depend on the order of
/// `paths`. Exact duplicates are rows whose fields are all the same, found by a 128-bit digest: for
/// 20 million rows the chance of taking two different rows for duplicates is below 1 in 10^24. It
/// takes about 17 bytes of memory an event, and 16 to 32 more a row while duplicates are looked
/// for.
///
/// # Errors
/// Those of [`expand_paths`]; [`DataError::Config`] for a faulty format; [`DataError::Read`] and
/// [`DataError::Compressed`] for files that cannot be read to their end; [`DataError::EmptyFile`],
/// [`DataError::NoRows`], [`DataError::MissingColumn`] and the like for files that are no log;
/// [`DataError::Row`] for the first row that cannot be used (unless `skip_bad_rows` is set);
/// [`DataError::NoEvents`] if nothing is left.
pub fn read_events<P: AsRef<Path>>(
    paths: &[P],
    config: &ReadConfig,
    behaviors: &BehaviorWeights,
    mut progress: impl FnMut(Progress),
) -> Result<EventLog, DataError> {
    let faults = config.format.faults(behaviors);
    if !faults.is_empty() {
        return Err(DataError::Config { faults });
    }
    let files = expand_paths(paths)?;
    let sizes = files.iter().map(|f| f.metadata().map_or(0, |m| m.len()));
    let mut reading = Reading::new(config, behaviors, sizes.sum());
    let mut inputs = Vec::with_capacity(files.len());
    for file in &files {
        let mut table = Table::open(file, config.format.delimiter as u8)?;
        reading.read(&mut table, &mut progress)?;
        if table.n_rows() == 0 {
            let path = table.path().to_owned();
            if !config.skip_bad_rows {
                return Err(DataError::NoRows { path });
            }
            tracing::warn!("{} holds a header and no row", path.display());
        }
        let input = table.finish()?;
        reading.progress.bytes += input.bytes;
        inputs.push(input);
    }
    let Reading {
        events,
        report,
        progress: last,
        ..
    } = reading;
    progress(last);
    tracing::info!("{report}");
    if report.kept == 0 {
        return Err(DataError::NoEvents {
            report: report.to_string(),
        });
    }
    let mut stages = vec![report];
    let mut other = Observations::default();
    if !config.catalogue.is_empty() {
        let files = read_catalogue_files(config, events.item_ids.names())?;
        tracing::info!("{}", files.report);
        inputs.extend(files.inputs);
        stages.push(files.report);
        other = files.observations;
    }
    events.finish(&other, inputs, stages)
}

/// The positions of the columns in a file.
struct Columns {
    time: usize,
    behavior: usize,
    item: usize,
    user: usize,
    category_id: Option<usize>,
    category_code: Option<usize>,
    brand: Option<usize>,
    price: Option<usize>,
}

impl Columns {
    fn find(table: &Table, format: &LogFormat) -> Result<Self, DataError> {
        let optional = |name: &Option<String>| match name.as_deref() {
            Some(name) if !name.is_empty() => {
                let column = table.optional(name)?;
                if column.is_none() {
                    tracing::info!("{} has no column {name:?}", table.path().display());
                }
                Ok::<_, DataError>(column)
            }
            _ => Ok(None),
        };
        Ok(Self {
            time: table.required(&format.event_time, "event_time")?,
            behavior: table.required(&format.event_type, "event_type")?,
            item: table.required(&format.product_id, "product_id")?,
            user: table.required(&format.user_id, "user_id")?,
            category_id: optional(&format.category_id)?,
            category_code: optional(&format.category_code)?,
            brand: optional(&format.brand)?,
            price: optional(&format.price)?,
        })
    }
}

/// What became of a row.
enum Outcome {
    Kept,
    Ignored,
    Duplicate,
}

/// The state that grows from file to file.
struct Reading<'a> {
    config: &'a ReadConfig,
    labels: Vec<(String, Option<BehaviorId>)>,
    seen: SeenRows,
    events: Events,
    report: StageReport,
    progress: Progress,
}

impl<'a> Reading<'a> {
    fn new(config: &'a ReadConfig, behaviors: &BehaviorWeights, total_bytes: u64) -> Self {
        Self {
            config,
            labels: config.format.labels(behaviors).into_iter().collect(),
            seen: SeenRows::default(),
            events: Events::default(),
            report: StageReport::new("read", "rows"),
            progress: Progress {
                total_bytes,
                ..Progress::default()
            },
        }
    }

    fn read(
        &mut self,
        table: &mut Table,
        progress: &mut impl FnMut(Progress),
    ) -> Result<(), DataError> {
        let columns = Columns::find(table, &self.config.format)?;
        let (mut kept, mut ignored, mut duplicates) = (0, 0, 0);
        while table.next_row()? {
            self.progress.rows += 1;
            match self.read_row(table, &columns) {
                Ok(Ok(Outcome::Kept)) => kept += 1,
                Ok(Ok(Outcome::Ignored)) => ignored += 1,
                Ok(Ok(Outcome::Duplicate)) => duplicates += 1,
                Ok(Err(fault)) => self.bad_row(table, fault)?,
                Err(error) => return Err(error),
            }
            if self.progress.rows.is_multiple_of(ROWS_PER_CALL) {
                let bytes = self.progress.bytes + table.stored_read();
                progress(Progress {
                    bytes,
                    ..self.progress
                });
            }
        }
        self.report.rows_in += table.n_rows();
        self.report.kept += kept;
        self.report.drop("ignored behavior", ignored);
        self.report.drop("exact duplicate", duplicates);
        Ok(())
    }

    fn bad_row(&mut self, table: &Table, fault: RowFault) -> Result<(), DataError> {
        if !self.config.skip_bad_rows {
            return Err(table.row_error(fault));
        }
        let reason = fault.reason();
        self.report.drop(reason, 1);
        if self.report.dropped[reason] <= EXAMPLES {
            tracing::warn!("skipped {}", table.row_error(fault));
        }
        Ok(())
    }

    /// Takes in a row. A fault of the row is the inner error, one that ends reading the outer.
    #[inline]
    fn read_row(
        &mut self,
        table: &Table,
        columns: &Columns,
    ) -> Result<Result<Outcome, RowFault>, DataError> {
        let row = match self.parse(table, columns) {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Ok(Outcome::Ignored)),
            Err(fault) => return Ok(Err(fault)),
        };
        if self.config.duplicates == Duplicates::Drop && !self.seen.insert(table.digest()) {
            return Ok(Ok(Outcome::Duplicate));
        }
        let item = self
            .events
            .push(row.user, row.item, row.behavior, row.time)?;
        self.observe(item, &row);
        Ok(Ok(Outcome::Kept))
    }

    /// The row's event, or none if its behavior is ignored.
    #[inline]
    fn parse<'t>(&self, table: &'t Table, columns: &Columns) -> Result<Option<Row<'t>>, RowFault> {
        table.check_field_count()?;
        let Some(behavior) = self.behavior(table, columns.behavior)? else {
            return Ok(None);
        };
        let time = time::parse(table.field(columns.time)).ok_or_else(|| RowFault::Time {
            column: table.column_name(columns.time),
            value: table.shown(columns.time),
        })?;
        let price = columns.price.map_or(Ok(None), |n| parse_price(table, n))?;
        let label = |column: Option<usize>| column.map_or(Ok(""), |n| table.text(n));
        Ok(Some(Row {
            user: id(table, columns.user)?,
            item: id(table, columns.item)?,
            behavior,
            time,
            category_id: label(columns.category_id)?,
            category_code: label(columns.category_code)?,
            brand: label(columns.brand)?,
            price,
        }))
    }

    #[inline]
    fn behavior(&self, table: &Table, column: usize) -> Result<Option<BehaviorId>, RowFault> {
        let label = table.field(column);
        let known = self.labels.iter().find(|(l, _)| l.as_bytes() == label);
        known
            .map(|&(_, behavior)| behavior)
            .ok_or_else(|| RowFault::UnknownBehavior {
                column: table.column_name(column),
                value: table.shown(column),
                known: self.labels.iter().map(|(l, _)| l.clone()).collect(),
            })
    }

    #[inline]
    fn observe(&mut self, item: ItemId, row: &Row<'_>) {
        let seen = &mut self.events.observations;
        seen.category_id.observe(item, row.time, row.category_id);
        seen.category_code
            .observe(item, row.time, row.category_code);
        seen.brand.observe(item, row.time, row.brand);
        if let Some(price) = row.price {
            seen.price.observe(item, row.time, price);
        }
    }
}

/// What a row says.
struct Row<'t> {
    user: &'t str,
    item: &'t str,
    behavior: BehaviorId,
    time: i64,
    category_id: &'t str,
    category_code: &'t str,
    brand: &'t str,
    price: Option<f64>,
}

#[inline]
fn id(table: &Table, column: usize) -> Result<&str, RowFault> {
    let id = table.text(column)?;
    if id.is_empty() {
        return Err(RowFault::EmptyId {
            column: table.column_name(column),
        });
    }
    Ok(id)
}

#[cfg(test)]
mod tests;
