//! Reads the files of a log.

use crate::error::shown_path;
use crate::log::catalogue::{MissingCounts, Moment, Observations, skip_row};
use crate::log::catalogue_files::read_catalogue_files;
use crate::log::duplicates::{DuplicateFinder, Limits, Seen, WaitingRow};
use crate::log::events::Events;
use crate::log::inputs::expand;
use crate::log::messages;
use crate::log::row::{Columns, RowParser};
use crate::log::table::Table;
use crate::log::tables::Tables;
use crate::log::wanted::Wanted;
use crate::{DataError, Duplicates, EventLog, ReadConfig, RowIssue, time};
use lightgcn_core::{BehaviorWeights, StageReport, TimeSpan};
use std::path::Path;

/// Progress of reading a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Bytes on disk read so far, over all files.
    pub bytes: u64,
    /// Bytes on disk of all files.
    pub total_bytes: u64,
    /// Rows read so far.
    pub rows: u64,
}

impl Progress {
    /// An estimate of the number of rows in all files, with a small margin; unknown for pipes.
    fn expected_rows(&self) -> usize {
        let rows = u128::from(self.rows) * u128::from(self.total_bytes);
        let rows = rows / u128::from(self.bytes.max(1));
        (rows + rows / 16).min(u128::from(u32::MAX)) as usize
    }
}

/// Rows between two calls of the progress function.
const ROWS_PER_CALL: u64 = 16_384;

/// For longer logs, the total number of rows is estimated after this many.
const ROWS_OF_ESTIMATE: u64 = 1 << 20;

/// Reads a log into memory. `paths` are files, folders, patterns or URLs (see
/// [`expand_paths`](crate::expand_paths)): CSV, plain, gzip or zstd, and Parquet with the feature
/// `parquet`, distinguished by their content. Each is read once, from start to end, so it may be a
/// pipe. A folder such as `event_type=view` adds a column that its files lack.
///
/// A Parquet row means the same as a CSV line with the same values; a null is an empty field. A row
/// of a CSV file is a line: a quoted field that does not end on it is a bad row. An invalid price
/// or label counts as unknown, and the row is kept; a label that is not UTF-8 is a bad row unless these
/// are skipped. Rows whose time is more than a day from now are bad rows unless
/// [`ReadConfig::future_rows`] says otherwise. The report has the first and the last time, and a
/// warning is logged if the first is before 1995.
///
/// Empty files, with or without a header, are errors if named explicitly, and skipped with a
/// warning if found in a folder or by a pattern.
///
/// Files are read in the order of their names, so the result does not depend on the order of
/// `paths`. Exact duplicates are rows that are equal in every field, found by a 128-bit digest: in
/// 20 million rows, the chance of taking two different rows for duplicates is below 1 in 10^24.
/// Takes about 17 bytes of memory per event, and 4 more if the log names sessions. Finding duplicates takes up to 0.2 GB more; beyond 3.7
/// million rows, digests go to temporary files ([`std::env::temp_dir`]): 16 bytes per row, and
/// about 100 per duplicate.
///
/// # Errors
/// Those of [`expand_paths`](crate::expand_paths); [`DataError::Config`] if the format is invalid;
/// [`DataError::Read`] and [`DataError::Compressed`] if a file cannot be read to its end,
/// [`DataError::UnreadFormat`] for zip and the like; [`DataError::EmptyFile`],
/// [`DataError::NoRows`], [`DataError::MissingColumn`] and the like for files that are not a log;
/// [`DataError::Row`] for the first invalid row (unless `skip_bad_rows` is set);
/// [`DataError::Write`] if the temporary files of a long log cannot be written;
/// [`DataError::NoEvents`] if nothing is left.
pub fn read_events<P: AsRef<Path>>(
    paths: &[P],
    config: &ReadConfig,
    behaviors: &BehaviorWeights,
) -> Result<EventLog, DataError> {
    read_events_with_progress(paths, config, behaviors, &mut |_| {})
}

/// Like [`read_events`], but calls `progress` periodically and at the end.
///
/// # Errors
/// Those of [`read_events`].
pub fn read_events_with_progress<P: AsRef<Path>>(
    paths: &[P],
    config: &ReadConfig,
    behaviors: &BehaviorWeights,
    progress: &mut dyn FnMut(Progress),
) -> Result<EventLog, DataError> {
    let limits = Limits::default();
    read_within(limits, paths, (config, behaviors), progress)
}

fn read_within<P: AsRef<Path>>(
    limits: Limits,
    paths: &[P],
    (config, behaviors): (&ReadConfig, &BehaviorWeights),
    progress: &mut dyn FnMut(Progress),
) -> Result<EventLog, DataError> {
    let issues = config.format.issues(behaviors);
    if !issues.is_empty() {
        return Err(DataError::Config { issues });
    }
    let files = expand(paths)?;
    let total_bytes = files.iter().map(|file| file.bytes).sum();
    let mut reading = Reading::new(config, behaviors, limits);
    reading.progress.total_bytes = total_bytes;
    let needed = config.format.named_columns();
    let needed: Vec<&str> = needed.into_iter().map(|(_, column)| column).collect();
    let wanted = Wanted::of_log(config.duplicates, &needed);
    let mut tables = Tables::new(files, config, &wanted)?;
    let mut inputs = std::mem::take(&mut tables.inputs);
    while let Some(mut table) = tables.next()? {
        reading.read(&mut table, progress)?;
        if table.n_rows() == 0 {
            let path = table.path().to_owned();
            if !config.skip_bad_rows && !tables.is_found {
                return Err(DataError::NoRows { path });
            }
            messages::warn(format_args!(
                "{} has columns but no rows",
                shown_path(&path)
            ));
        }
        let input = table.finish()?;
        reading.progress.bytes += input.bytes;
        inputs.push(input);
    }
    progress(reading.progress);
    let (events, report) = reading.finish()?;
    messages::info(&report);
    if report.kept == 0 {
        return Err(DataError::NoEvents {
            report: report.to_string(),
        });
    }
    let mut stages = vec![report];
    stages.append(&mut tables.stages);
    let mut other = Observations::default();
    if !config.catalogue.is_empty() {
        let files = read_catalogue_files(config, events.item_ids.names())?;
        messages::info(&files.report);
        inputs.extend(files.inputs);
        stages.push(files.report);
        other = files.observations;
    }
    events.finish(&other, inputs, stages)
}

/// What happened to a row.
enum Outcome {
    Kept,
    Ignored,
    Duplicate,
    /// Kept until it is known to be new or a duplicate.
    Waiting,
}

/// What accumulates from file to file.
struct Reading<'a> {
    config: &'a ReadConfig,
    parser: RowParser,
    finder: DuplicateFinder,
    events: Events,
    report: StageReport,
    missing: MissingCounts,
    progress: Progress,
}

impl<'a> Reading<'a> {
    fn new(config: &'a ReadConfig, behaviors: &BehaviorWeights, limits: Limits) -> Self {
        Self {
            config,
            parser: RowParser::new(config, behaviors),
            missing: MissingCounts::default(),
            finder: DuplicateFinder::new(limits),
            events: Events::new(config.format.normalize_ids),
            report: StageReport::new("read", "rows"),
            progress: Progress::default(),
        }
    }

    fn read(
        &mut self,
        table: &mut Table,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        let columns = Columns::find(table, self.config)?;
        let (mut kept, mut ignored, mut duplicates) = (0, 0, 0);
        while table.next_row()? {
            self.progress.rows += 1;
            match self.read_row(table, &columns) {
                Ok(Ok(Outcome::Kept | Outcome::Waiting)) => kept += 1,
                Ok(Ok(Outcome::Ignored)) => ignored += 1,
                Ok(Ok(Outcome::Duplicate)) => duplicates += 1,
                Ok(Err(issue)) => skip_row(table, issue, self.config, &mut self.report)?,
                Err(error) => return Err(error),
            }
            if self.progress.rows.is_multiple_of(ROWS_PER_CALL) {
                let bytes = self.progress.bytes + table.stored_read();
                let far = Progress {
                    bytes,
                    ..self.progress
                };
                if far.rows == ROWS_OF_ESTIMATE {
                    self.events.expect(far.expected_rows());
                }
                progress(far);
            }
        }
        self.report.rows_in += table.n_rows();
        self.report.kept += kept;
        self.report.drop("ignored behavior", ignored);
        self.report.drop("exact duplicate", duplicates);
        Ok(())
    }

    /// What was read, and the report.
    fn finish(self) -> Result<(Events, StageReport), DataError> {
        let Self {
            mut events,
            mut report,
            mut missing,
            ..
        } = self;
        let observations = &mut events.observations;
        let duplicates = self.finder.resolve(|row| {
            observations.observe(row.item, row.moment, &row.details);
            missing.count(row.details.missing);
        })?;
        events.remove(&duplicates);
        let n_duplicates = duplicates.len() as u64;
        report.kept -= n_duplicates;
        report.drop("exact duplicate", n_duplicates);
        missing.report(&mut report);
        report.miss("time in the future", events.cap_times(self.parser.limit));
        let times = events.times.iter();
        if let (Some(&first), Some(&last)) = (times.clone().min(), times.max()) {
            report.times = Some(TimeSpan {
                first: time::display(first),
                last: time::display(last),
            });
        }
        Ok((events, report))
    }

    /// Adds a row. The outer error ends the read; the inner one concerns only this row.
    #[inline]
    fn read_row(
        &mut self,
        table: &Table,
        columns: &Columns,
    ) -> Result<Result<Outcome, RowIssue>, DataError> {
        let row = match self.parser.parse(table, columns) {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Ok(Outcome::Ignored)),
            Err(issue) => return Ok(Err(issue)),
        };
        let (digest, seen) = match self.config.duplicates {
            Duplicates::Drop => {
                let digest = table.digest(columns.details.price());
                (digest, self.finder.see(digest)?)
            }
            Duplicates::Keep => (0, Seen::New),
        };
        if seen == Seen::Duplicate {
            return Ok(Ok(Outcome::Duplicate));
        }
        let number = self.events.users.len() as u32;
        let item = self
            .events
            .push(row.user, row.item, row.behavior, row.time, row.session)?;
        let moment = Moment {
            // A row from the future must not win as the latest.
            time: if row.time > self.parser.limit {
                i64::MIN
            } else {
                row.time
            },
            row: number,
        };
        if seen == Seen::Maybe {
            let waiting = WaitingRow {
                item,
                moment,
                details: row.details,
            };
            self.finder.wait(digest, &waiting)?;
            return Ok(Ok(Outcome::Waiting));
        }
        self.missing
            .add(row.details.missing, table, &columns.details);
        let observations = &mut self.events.observations;
        observations.observe(item, moment, &row.details);
        Ok(Ok(Outcome::Kept))
    }
}

#[cfg(test)]
mod tests;
