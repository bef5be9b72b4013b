//! The errors of this crate.

use lightgcn_core::CoreError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// What can be wrong with files, rows, configs and splits.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// The list of inputs is empty.
    #[error("no input file was given; name at least one file or pattern")]
    NoInput,
    /// A pattern matches no file.
    #[error("no file matches {pattern:?}; check the path (patterns know *, ?, ** and [..])")]
    NoMatch {
        /// The pattern as it was given.
        pattern: String,
    },
    /// A pattern cannot be read as one.
    #[error("{pattern:?} is not a usable pattern: {detail}")]
    Pattern {
        /// The pattern as it was given.
        pattern: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A folder was given where a file is needed.
    #[error("{} is a folder; name its files, for example {}/*.csv", path.display(), path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be opened.
    #[error("{} cannot be opened: {source}; check that it exists and may be read", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading a file failed midway.
    #[error("{} could not be read to its end: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Writing a file failed.
    #[error(
        "{} could not be written: {source}; free some space or choose another path", path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A compressed file is damaged or cut short.
    #[error(
        "{} is not a whole {format} file: {source}; fetch or compress it again", path.display()
    )]
    Compressed {
        /// The file.
        path: PathBuf,
        /// `gzip` or `zstd`.
        format: &'static str,
        /// What the decoder said.
        source: io::Error,
    },
    /// A file holds nothing, not even a header.
    #[error("{} is empty; its first line must name the columns", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// A file holds a header and no row.
    #[error(
        "{} holds a header and no row; leave the file out, or skip bad rows", path.display()
    )]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// The header is not UTF-8.
    #[error(
        "{}, line 1: the header is not UTF-8 text; convert the file to UTF-8", path.display()
    )]
    HeaderNotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// A required column is not in the header.
    #[error(
        "{}, line 1: there is no column {column:?}; the columns present are {}; name the column \
         in the format's {option:?}, or check the delimiter",
        path.display(),
        quoted(present)
    )]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// The option of the format that names it.
        option: &'static str,
        /// The columns of the header.
        present: Vec<String>,
    },
    /// A column that is read stands twice in the header.
    #[error("{}, line 1: column {column:?} occurs twice; rename one of them", path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
    },
    /// A row cannot be used.
    #[error("{}, line {line}: {fault}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line on which the row begins, from 1.
        line: u64,
        /// What is wrong with the row.
        fault: RowFault,
    },
    /// No event is left after reading.
    #[error("there is no event to work on ({report}); check the files and the format")]
    NoEvents {
        /// What became of the rows.
        report: String,
    },
    /// More events than this crate can number.
    #[error("the log has more than {limit} events; read it in parts")]
    TooManyEvents {
        /// The largest number of events supported.
        limit: u64,
    },
    /// The options are not usable; every fault is listed.
    #[error("the options are not usable: {}", faults.join("; "))]
    Config {
        /// Every fault found, each a sentence that says how to fix it.
        faults: Vec<String>,
    },
    /// The synthetic log cannot be written to the given writer.
    #[error("the log could not be written: {source}; check where it goes and the free space")]
    WriteLog {
        /// What the system said.
        source: io::Error,
    },
    /// A log that was to be measured cannot be read.
    #[error("the log could not be measured: {reason}")]
    Statistics {
        /// What is wrong, where, and how to fix it.
        reason: String,
    },
    /// The split leaves no training pair with a target event.
    #[error(
        "the split leaves no target to learn from ({report}); hold out less, move the cut to a \
         later time, or lower the k-core"
    )]
    NothingToTrain {
        /// What became of the events.
        report: String,
    },
    /// The split leaves no target to test on.
    #[error(
        "the split leaves no target to test on ({report}); hold out more, move the cut to an \
         earlier time, or lower the k-core"
    )]
    NothingToTest {
        /// What became of the held-out targets.
        report: String,
    },
    /// A time given for a split does not lie where it must.
    #[error("the split's times do not fit the log: {detail}")]
    SplitTime {
        /// What does not fit, and how to fix it.
        detail: String,
    },
    /// A line of a pair file is not UTF-8.
    #[error("{}, line {line}: not UTF-8 text; convert the file to UTF-8", path.display())]
    PairNotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// A pair file holds no pair.
    #[error(
        "{} holds no pair; each line is a user and its items, with spaces between",
        path.display()
    )]
    NoPairs {
        /// The file.
        path: PathBuf,
    },
    /// The same pair stands in two pair files that must be disjoint.
    #[error(
        "{}, line {line}: the pair (user {user:?}, item {item:?}) also stands in {}; remove \
         it from one of them, or the figures would be dishonest",
        path.display(),
        other.display()
    )]
    PairOverlap {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The user.
        user: String,
        /// The item.
        item: String,
        /// The other file.
        other: PathBuf,
    },
    /// Ids, weights or parts do not fit together.
    #[error(transparent)]
    Core(#[from] CoreError),
}

/// What makes one row of a log unusable.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RowFault {
    /// The row has another number of fields than the header.
    #[error(
        "the row has {found} fields where the header has {expected}; repair the row, and quote \
         fields that hold the delimiter"
    )]
    FieldCount {
        /// The row's number of fields.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// A field that is read is not UTF-8.
    #[error("column {column:?} is not UTF-8 text (it reads {value:?}); convert the file to UTF-8")]
    NotUtf8 {
        /// The column.
        column: String,
        /// The value, with replacement characters.
        value: String,
    },
    /// A user or item id is empty.
    #[error("column {column:?} is empty; every event needs its id")]
    EmptyId {
        /// The column.
        column: String,
    },
    /// A behavior that is not in the table of weights.
    #[error(
        "column {column:?} holds the unknown behavior {value:?}; the known ones are {}; give it a \
         weight, rename it, or list it among the behaviors to ignore",
        quoted(known)
    )]
    UnknownBehavior {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// The labels that are known, renamed and ignored ones included.
        known: Vec<String>,
    },
    /// A time that cannot be read.
    #[error(
        "column {column:?} holds {value:?}, which is no time; write 2019-10-01 08:00:00 UTC, \
         RFC 3339, 2019-10-01, or seconds or milliseconds since 1970"
    )]
    Time {
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
    /// A price that is not a finite number.
    #[error(
        "column {column:?} holds {value:?}, which is no price; write a number with a decimal point, \
         or leave it empty"
    )]
    Price {
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
}

impl RowFault {
    /// The reason in a few words, under which rows of this fault are counted in a report.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::FieldCount { .. } => "wrong number of fields",
            Self::NotUtf8 { .. } => "not UTF-8",
            Self::EmptyId { .. } => "empty id",
            Self::UnknownBehavior { .. } => "unknown behavior",
            Self::Time { .. } => "bad time",
            Self::Price { .. } => "bad price",
        }
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    names.join(", ")
}
