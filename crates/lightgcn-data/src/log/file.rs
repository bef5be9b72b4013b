//! One file of a log, for engines that read its files in parallel.

use crate::log::catalogue::Missing;
use crate::log::form::FileForm;
use crate::log::inputs::expand;
use crate::log::row::{Columns, RowParser};
use crate::log::table::Table;
use crate::log::tables::open_unless_empty;
use crate::log::wanted::Wanted;
use crate::{DataError, Duplicates, ReadConfig, RowIssue};
use lightgcn_core::{BehaviorId, BehaviorWeights, IdNormalization, InputFile};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// A file of a log that is being read row by row, as [`read_events`](crate::read_events) reads it. What concerns
/// all files (exact duplicates, the catalogue, capped times) is left to the caller.
///
/// ```no_run
/// use lightgcn_core::BehaviorWeightsConfig;
/// use lightgcn_data::{LogFile, LogRow, ReadConfig, log_files};
///
/// let (config, weights) = (ReadConfig::default(), BehaviorWeightsConfig::shop_log().check()?);
/// for (path, is_found) in log_files(&["2019-*.csv"], &config)? {
///     let Some(mut file) = LogFile::open(&path, is_found, &config, &weights)? else { continue };
///     while let Some(row) = file.next_row()? {
///         if let LogRow::Event(event) = row {
///             println!("{} {}", event.user, event.item);
///         }
///     }
///     println!("{}", file.finish()?.sha256);
/// }
/// # Ok::<(), lightgcn_data::DataError>(())
/// ```
pub struct LogFile {
    table: Table,
    columns: Columns,
    parser: RowParser,
    normalization: IdNormalization,
    duplicates: Duplicates,
    may_be_empty: bool,
}

/// A row of a log.
pub enum LogRow<'a> {
    /// A valid row.
    Event(LogEvent<'a>),
    /// A row whose behavior the format ignores.
    Ignored,
    /// A row that cannot be used.
    Bad(RowIssue),
}

/// The fields of a valid row.
pub struct LogEvent<'a> {
    /// The user's id, in the format's Unicode form.
    pub user: Cow<'a, str>,
    /// The item's id, in the format's Unicode form.
    pub item: Cow<'a, str>,
    /// What the user did.
    pub behavior: BehaviorId,
    /// When, in seconds since 1970.
    pub time: i64,
    /// A hash of the session's id, by which a user's sessions are told apart; 0 if it has none.
    pub session: u32,
    /// The digest of all fields, by which exact duplicates are found; 0 if they are kept.
    pub digest: u128,
    /// The item's category, or empty.
    pub category_id: &'a str,
    /// The readable code of the category, or empty.
    pub category_code: &'a str,
    /// The item's brand, or empty.
    pub brand: &'a str,
    /// The item's price.
    pub price: Option<f64>,
    /// Which optional fields have no usable value: one bit for each of [`LogEvent::MISSING`].
    pub missing: u8,
}

impl LogEvent<'_> {
    /// What the bits of [`LogEvent::missing`] mean, as reports name it.
    pub const MISSING: [&'static str; 5] = Missing::REASONS;
}

/// The files of a log in the order in which they are read, each with whether it was found in a folder or by a pattern
/// (such a file may be empty).
///
/// # Errors
/// Those of [`expand_paths`](crate::expand_paths); [`DataError::Config`] for files that must be read together.
pub fn log_files<P: AsRef<Path>>(
    paths: &[P],
    config: &ReadConfig,
) -> Result<Vec<(PathBuf, bool)>, DataError> {
    if config.format.form == FileForm::Instacart {
        let issue =
            "format.form is \"instacart\", whose files are joined; read them on one machine";
        return Err(DataError::Config {
            issues: vec![issue.to_owned()],
        });
    }
    let files = expand(paths)?.into_iter();
    Ok(files.map(|file| (file.path, file.is_found)).collect())
}

impl LogFile {
    /// Opens a file; `None` if it is empty and was found in a folder or by a pattern.
    ///
    /// # Errors
    /// Those of [`read_events`](crate::read_events) that concern one file.
    pub fn open(
        path: &Path,
        is_found: bool,
        config: &ReadConfig,
        behaviors: &BehaviorWeights,
    ) -> Result<Option<Self>, DataError> {
        let needed = config.format.named_columns();
        let needed: Vec<&str> = needed.into_iter().map(|(_, column)| column).collect();
        let wanted = Wanted::of_log(config.duplicates, &needed);
        let Some(table) = open_unless_empty(path, is_found, config, &wanted)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            columns: Columns::find(&table, config)?,
            table,
            parser: RowParser::new(config, behaviors),
            normalization: config.format.normalize_ids,
            duplicates: config.duplicates,
            may_be_empty: config.skip_bad_rows || is_found,
        }))
    }

    /// Reads the next row; `None` at the end.
    ///
    /// # Errors
    /// [`DataError::Read`] and the like if the file cannot be read to its end, [`DataError::NoRows`] if it has no row.
    pub fn next_row(&mut self) -> Result<Option<LogRow<'_>>, DataError> {
        if !self.table.next_row()? {
            if self.table.n_rows() == 0 && !self.may_be_empty {
                let path = self.table.path().to_owned();
                return Err(DataError::NoRows { path });
            }
            return Ok(None);
        }
        let (table, columns) = (&self.table, &self.columns);
        let row = match self.parser.parse(table, columns) {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Some(LogRow::Ignored)),
            Err(issue) => return Ok(Some(LogRow::Bad(issue))),
        };
        let digest = match self.duplicates {
            Duplicates::Drop => table.digest(columns.details.price()),
            Duplicates::Keep => 0,
        };
        let details = row.details;
        Ok(Some(LogRow::Event(LogEvent {
            user: self.normalization.apply(row.user),
            item: self.normalization.apply(row.item),
            behavior: row.behavior,
            time: row.time,
            session: row.session.to_number(),
            digest,
            category_id: details.category_id,
            category_code: details.category_code,
            brand: details.brand,
            price: details.price,
            missing: details.missing.bits(),
        })))
    }

    /// The number of rows so far.
    #[must_use]
    pub fn n_rows(&self) -> u64 {
        self.table.n_rows()
    }

    /// The last time that is not in the future, in seconds since 1970. Later ones are moved if
    /// [`ReadConfig::future_rows`] says so.
    #[must_use]
    pub fn limit(&self) -> i64 {
        self.parser.limit
    }

    /// The error for the current row.
    #[must_use]
    pub fn row_error(&self, issue: RowIssue) -> DataError {
        self.table.row_error(issue)
    }

    /// The file's name, size and hash, once all rows are read.
    ///
    /// # Errors
    /// [`DataError::Read`] if the rest of the file cannot be read.
    pub fn finish(self) -> Result<InputFile, DataError> {
        self.table.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_events;
    use lightgcn_core::BehaviorWeightsConfig;

    const LOG: &str = "event_time,event_type,product_id,brand,price,user_id\n\
         2019-10-01,view,a,,1.50,u\n\
         2019-10-01,view,a,,1.5,u\n\
         2019-10-02,purchase,b,runail,free,v\n\
         2019-10-03,wish,b,,2,v\n\
         2019-10-04,cart,c,,,w\n";

    #[test]
    fn a_file_has_the_rows_of_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        std::fs::write(&path, LOG).unwrap();
        let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
        let config = ReadConfig {
            skip_bad_rows: true,
            ..ReadConfig::default()
        };
        let files = log_files(&[&path], &config).unwrap();
        assert_eq!(files, [(path.clone(), false)]);
        let mut file = LogFile::open(&path, false, &config, &weights)
            .unwrap()
            .unwrap();
        let (mut times, mut digests, mut missing, mut bad) = (vec![], vec![], vec![], vec![]);
        while let Some(row) = file.next_row().unwrap() {
            match row {
                LogRow::Event(event) => {
                    times.push(event.time);
                    digests.push(event.digest);
                    missing.push(event.missing);
                }
                LogRow::Bad(issue) => bad.push(issue.reason()),
                LogRow::Ignored => panic!("no behavior is ignored"),
            }
        }
        assert_eq!(file.n_rows(), 5);
        assert_eq!(bad, ["unknown behavior"]);
        // The first two rows are the same, whatever zeros their prices end with.
        assert_eq!(digests[0], digests[1]);
        digests.dedup();
        assert_eq!(digests.len(), 3);
        let named = |bits: u8| LogEvent::MISSING[bits.trailing_zeros() as usize];
        assert_eq!(named(missing[2]), "bad price");
        assert_eq!(named(missing[3]), "no price");
        let log = read_events(&[&path], &config, &weights).unwrap();
        assert_eq!(log.times(), &times[1..]);
        assert_eq!(log.inputs(), [file.finish().unwrap()]);
    }

    #[test]
    fn an_empty_file_is_an_error_if_it_was_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.csv");
        std::fs::write(&path, "").unwrap();
        let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
        let config = ReadConfig::default();
        assert!(
            LogFile::open(&path, true, &config, &weights)
                .unwrap()
                .is_none()
        );
        assert!(matches!(
            LogFile::open(&path, false, &config, &weights),
            Err(DataError::EmptyFile { .. })
        ));
    }
}
