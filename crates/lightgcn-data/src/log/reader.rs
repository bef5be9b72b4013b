//! Reads the files of a log.

use crate::log::catalogue::{DetailColumns, Details, Observations, read_catalogue_files};
use crate::log::digest::SeenRows;
use crate::log::events::Events;
use crate::log::table::Table;
use crate::{DataError, Duplicates, EventLog, LogFormat, ReadConfig, RowIssue, expand_paths, time};
use lightgcn_core::{BehaviorId, BehaviorWeights, StageReport};
use std::path::Path;

/// How much has been read so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes on disk read so far, over all files.
    pub bytes: u64,
    /// Bytes on disk of all files together.
    pub total_bytes: u64,
    /// Rows read so far.
    pub rows: u64,
}

/// Rows between two calls of the progress function.
const ROWS_PER_CALL: u64 = 16_384;

/// How many bad rows are logged in full for each reason.
const EXAMPLES: u64 = 3;

/// Reads a log into memory. `paths` are files or patterns (see [`expand_paths`]), plain, gzip or
/// zstd, told apart by their content.
///
/// Files are read in the order of their names, so the result does not depend on the order of
/// `paths`. Exact duplicates are rows that agree in every field, found by a 128-bit digest: in
/// 20 million rows the chance that two different rows are taken for duplicates is below 1 in 10^24.
/// Takes about 17 bytes of memory an event, and 16 to 32 more a row while looking for duplicates.
///
/// # Errors
/// Those of [`expand_paths`]; [`DataError::Config`] if the format is invalid; [`DataError::Read`] and
/// [`DataError::Compressed`] if a file cannot be read to its end; [`DataError::EmptyFile`],
/// [`DataError::NoRows`], [`DataError::MissingColumn`] and the like for files that are not a log;
/// [`DataError::Row`] for the first row that cannot be used (unless `skip_bad_rows` is set);
/// [`DataError::NoEvents`] if nothing is left.
pub fn read_events<P: AsRef<Path>>(
    paths: &[P],
    config: &ReadConfig,
    behaviors: &BehaviorWeights,
) -> Result<EventLog, DataError> {
    read_with_progress(paths, config, behaviors, &mut |_| {})
}

/// [`read_events`] that calls `progress` every [`ROWS_PER_CALL`] rows and at the end.
pub(crate) fn read_with_progress<P: AsRef<Path>>(
    paths: &[P],
    config: &ReadConfig,
    behaviors: &BehaviorWeights,
    progress: &mut dyn FnMut(Progress),
) -> Result<EventLog, DataError> {
    let issues = config.format.issues(behaviors);
    if !issues.is_empty() {
        return Err(DataError::Config { issues });
    }
    let files = expand_paths(paths)?;
    let sizes = files.iter().map(|f| f.metadata().map_or(0, |m| m.len()));
    let mut reading = Reading::new(config, behaviors, sizes.sum());
    let mut inputs = Vec::with_capacity(files.len());
    for file in &files {
        let mut table = Table::open(file, config.format.delimiter as u8)?;
        reading.read(&mut table, progress)?;
        if table.n_rows() == 0 {
            let path = table.path().to_owned();
            if !config.skip_bad_rows {
                return Err(DataError::NoRows { path });
            }
            tracing::warn!("{} has a header but no rows", path.display());
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
    details: DetailColumns,
}

impl Columns {
    fn find(table: &Table, format: &LogFormat) -> Result<Self, DataError> {
        Ok(Self {
            time: table.required(&format.event_time, "event_time")?,
            behavior: table.required(&format.event_type, "event_type")?,
            item: table.required(&format.product_id, "product_id")?,
            user: table.required(&format.user_id, "user_id")?,
            details: DetailColumns::find(table, format)?,
        })
    }
}

/// What happened to a row.
enum Outcome {
    Kept,
    Ignored,
    Duplicate,
}

/// What accumulates from file to file.
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
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        let columns = Columns::find(table, &self.config.format)?;
        let (mut kept, mut ignored, mut duplicates) = (0, 0, 0);
        while table.next_row()? {
            self.progress.rows += 1;
            match self.read_row(table, &columns) {
                Ok(Ok(Outcome::Kept)) => kept += 1,
                Ok(Ok(Outcome::Ignored)) => ignored += 1,
                Ok(Ok(Outcome::Duplicate)) => duplicates += 1,
                Ok(Err(issue)) => self.bad_row(table, issue)?,
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

    fn bad_row(&mut self, table: &Table, issue: RowIssue) -> Result<(), DataError> {
        if !self.config.skip_bad_rows {
            return Err(table.row_error(issue));
        }
        let reason = issue.reason();
        self.report.drop(reason, 1);
        if self.report.dropped[reason] <= EXAMPLES {
            tracing::warn!("skipped {}", table.row_error(issue));
        }
        Ok(())
    }

    /// Adds a row. The outer error ends the read; the inner one is a problem with this row alone.
    #[inline]
    fn read_row(
        &mut self,
        table: &Table,
        columns: &Columns,
    ) -> Result<Result<Outcome, RowIssue>, DataError> {
        let row = match self.parse(table, columns) {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Ok(Outcome::Ignored)),
            Err(issue) => return Ok(Err(issue)),
        };
        if self.config.duplicates == Duplicates::Drop && !self.seen.insert(table.digest()) {
            return Ok(Ok(Outcome::Duplicate));
        }
        let item = self
            .events
            .push(row.user, row.item, row.behavior, row.time)?;
        let observations = &mut self.events.observations;
        observations.observe(item, row.time, &row.details);
        Ok(Ok(Outcome::Kept))
    }

    /// The row's event, or `None` if its behavior is ignored.
    #[inline]
    fn parse<'t>(&self, table: &'t Table, columns: &Columns) -> Result<Option<Row<'t>>, RowIssue> {
        table.check_field_count()?;
        let Some(behavior) = self.behavior(table, columns.behavior)? else {
            return Ok(None);
        };
        let time = time::parse(table.field(columns.time)).ok_or_else(|| RowIssue::Time {
            column: table.column_name(columns.time),
            value: table.shown(columns.time),
        })?;
        Ok(Some(Row {
            details: columns.details.read(table)?,
            user: table.id(columns.user)?,
            item: table.id(columns.item)?,
            behavior,
            time,
        }))
    }

    #[inline]
    fn behavior(&self, table: &Table, column: usize) -> Result<Option<BehaviorId>, RowIssue> {
        let label = table.field(column);
        let known = self.labels.iter().find(|(l, _)| l.as_bytes() == label);
        known
            .map(|&(_, behavior)| behavior)
            .ok_or_else(|| RowIssue::UnknownBehavior {
                column: table.column_name(column),
                value: table.shown(column),
                known: self.labels.iter().map(|(l, _)| l.clone()).collect(),
            })
    }
}

/// The fields of a row.
struct Row<'t> {
    user: &'t str,
    item: &'t str,
    behavior: BehaviorId,
    time: i64,
    details: Details<'t>,
}

#[cfg(test)]
mod tests;
