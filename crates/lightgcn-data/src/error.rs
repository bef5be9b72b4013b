//! The errors of this crate.

use lightgcn_core::{CoreError, IdIssue};
use std::io;
use std::path::PathBuf;
use thiserror::Error;

mod row;
mod shown;
mod triple;

pub use row::{Place, RowIssue};
pub(crate) use shown::{quoted, shorten, shown_path};
pub use triple::TripleIssue;

/// What can be wrong with files, rows, configs and splits.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// The list of inputs is empty.
    #[error("no input files; give at least one file or pattern")]
    NoInput,
    /// A pattern matches no file.
    #[error("no file matches {pattern:?}; check the path (patterns may use *, ?, ** and [..])")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// A pattern is malformed.
    #[error("{pattern:?} is not a valid pattern: {detail}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A folder has no files.
    #[error(
        "{} has no files to read (names that begin with a dot or an underscore are ignored); check \
        the path",
        shown_path(path)
    )]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// An input needs a feature that this build does not have.
    #[error(
        "{} is {what}, which this build does not support; build with the feature {feature:?}, or \
        {instead}",
        shown_path(path)
    )]
    MissingFeature {
        /// The input.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// The feature of this crate.
        feature: &'static str,
        /// What to do without the feature.
        instead: &'static str,
    },
    /// A folder was given where a file is needed.
    #[error("{} is a folder; give one file", shown_path(path))]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be opened.
    #[error(
        "{} cannot be opened: {source}; check that it exists and is readable",
        shown_path(path)
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading a file failed midway.
    #[error("{} could not be read to the end: {source}", shown_path(path))]
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
    /// A compressed file is damaged or truncated.
    #[error(
        "{} is not a complete {format} file: {source}; download or compress it again",
        shown_path(path)
    )]
    Compressed {
        /// The file.
        path: PathBuf,
        /// `gzip` or `zstd`.
        format: &'static str,
        /// What the decoder said.
        source: io::Error,
    },
    /// A file is compressed or stored in an unsupported format.
    #[error(
        "{} is {format} data, which is not supported; {advice}",
        shown_path(path)
    )]
    UnreadFormat {
        /// The file.
        path: PathBuf,
        /// The format's name, such as `zip`.
        format: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// A file is empty, without even a header.
    #[error(
        "{} is empty; remove it from the inputs, or check how it was written",
        shown_path(path)
    )]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// A file has columns but no rows.
    #[error(
        "{} has columns but no rows; remove it from the inputs, or skip bad rows",
        shown_path(path)
    )]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// The first line of a file matches none of the format's layouts.
    #[error(
        "{}, line 1: the file has a different layout: {expected}",
        shown_path(path)
    )]
    UnknownLayout {
        /// The file.
        path: PathBuf,
        /// What files in that format look like.
        expected: &'static str,
    },
    /// The header is not UTF-8.
    #[error(
        "{}, line 1: the header is not UTF-8 text; convert the file to UTF-8",
        shown_path(path)
    )]
    HeaderNotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// A required column is not in the header.
    #[error(
        "{}, line 1: there is no column {:?}, only {}; {advice}",
        shown_path(path),
        shorten(column),
        quoted(present)
    )]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// The option of the format that names it.
        option: &'static str,
        /// The columns of the header, long names truncated.
        present: Vec<String>,
        /// What to do.
        advice: String,
    },
    /// A needed column is in the header twice.
    #[error(
        "{} has the column {:?} twice; rename one of them",
        shown_path(path),
        shorten(column)
    )]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
    },
    /// A required column is not in a Parquet file.
    #[error(
        "{} has no column {:?}, only {}; {advice}",
        shown_path(path),
        shorten(column),
        quoted(present)
    )]
    MissingParquetColumn {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// The option of the format that names it.
        option: &'static str,
        /// The columns of the file, long names truncated.
        present: Vec<String>,
        /// What to do.
        advice: String,
    },
    /// A column of a Parquet file has a type that its values cannot be read from.
    #[error(
        "{}: column {:?} is of type {found}, but must be {needed}; cast it, or set the format's \
         {option:?} to another column",
        shown_path(path),
        shorten(column)
    )]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// The option of the format that names it.
        option: &'static str,
        /// The column's Arrow type.
        found: String,
        /// The types that can be read.
        needed: &'static str,
    },
    /// A Parquet file is damaged, truncated, or uses an unsupported feature.
    #[error(
        "{} cannot be read as Parquet: {reason}; export or download it again",
        shown_path(path)
    )]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// A row cannot be used.
    #[error("{}, {at}: {issue}", shown_path(path))]
    Row {
        /// The file.
        path: PathBuf,
        /// Where the row is.
        at: Place,
        /// What is wrong with the row.
        issue: RowIssue,
    },
    /// No events are left after reading.
    #[error("there are no events ({report}); check the files and the format")]
    NoEvents {
        /// What happened to the rows.
        report: String,
    },
    /// More events than this crate supports.
    #[error("the log has more than {limit} events; read it in parts")]
    TooManyEvents {
        /// The largest number of events supported.
        limit: u64,
    },
    /// The options are invalid; lists every issue.
    #[error("invalid options: {}", issues.join("; "))]
    Config {
        /// Every issue found, one sentence each with how to fix it.
        issues: Vec<String>,
    },
    /// The synthetic log cannot be written to the given writer.
    #[error("the log could not be written: {source}; check the destination and the free space")]
    WriteLog {
        /// What the system said.
        source: io::Error,
    },
    /// The statistics of a log cannot be computed.
    #[error("could not compute statistics of the log: {reason}")]
    Statistics {
        /// What is wrong, where, and how to fix it.
        reason: String,
    },
    /// A plot cannot be drawn.
    #[error("the plot {name:?} could not be drawn: {reason}")]
    Plot {
        /// Its name.
        name: &'static str,
        /// What went wrong.
        reason: String,
    },
    /// The log has no event of a target behavior.
    #[error(
        "the log has no events of {}, the target; check the labels of its behaviors, or choose \
        another target",
        quoted(targets)
    )]
    NoTargets {
        /// The target behaviors.
        targets: Vec<String>,
    },
    /// The split leaves no target to train on.
    #[error(
        "the split leaves no targets to train on ({report}); hold out less, move the cut to a later \
         time, or lower the k-core"
    )]
    NothingToTrain {
        /// What happened to the events.
        report: String,
    },
    /// The split leaves no target to test on.
    #[error("the split leaves no targets to test on ({report}); {advice}")]
    NothingToTest {
        /// What happened to the held-out targets.
        report: String,
        /// What to do.
        advice: &'static str,
    },
    /// A time given for a split does not fit the log.
    #[error("the split's times do not fit the log: {detail}")]
    SplitTime {
        /// What does not fit and how to fix it.
        detail: String,
    },
    /// No target comes after the second that a split without a test part begins at, as in a night without purchases.
    #[error(
        "nothing was bought after {after} (the log ends at {last}); add newer logs, or try again later"
    )]
    NothingAfter {
        /// The last second before the held-out part.
        after: String,
        /// The time of the last target.
        last: String,
    },
    /// A line of a pair file is not UTF-8.
    #[error(
        "{}, line {line}: not UTF-8 text; convert the file to UTF-8",
        shown_path(path)
    )]
    PairNotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// An id in a pair file is invalid.
    #[error(
        "{}, line {line}: {id:?} is not a valid id: it {issue}; fix the line",
        shown_path(path)
    )]
    PairId {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The id, cut if it is long.
        id: String,
        /// What is wrong with it.
        issue: IdIssue,
    },
    /// A file given as a pair file has another format.
    #[error(
        "{} is not a pair file (`user item item ...`): line {line} looks like {looks}; {advice}",
        shown_path(path)
    )]
    NotPairs {
        /// The file.
        path: PathBuf,
        /// The line that gave it away, from 1.
        line: u64,
        /// What it looks like.
        looks: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// A table of pairs lacks a required column, or has an optional one under another name.
    #[error(
        "{} has no column {:?}, only {}; {advice}",
        shown_path(path),
        column,
        quoted(present)
    )]
    PairColumn {
        /// The file.
        path: PathBuf,
        /// The column's name.
        column: String,
        /// The columns of the file, long names truncated.
        present: Vec<String>,
        /// What to do.
        advice: String,
    },
    /// A table of pairs counts a behavior that has no weight.
    #[error(
        "{} has the column {column:?}, but the known behaviors are {}; rename the column, or give \
        the behavior a weight",
        shown_path(path),
        quoted(known)
    )]
    CountColumn {
        /// The file.
        path: PathBuf,
        /// The column's name, cut.
        column: String,
        /// The known behaviors.
        known: Vec<String>,
    },
    /// A pair file has no pairs.
    #[error(
        "{} has no pairs; each line must be a user and their items, separated by spaces; for a table of pairs, \
         use `lightgcn prepare --pairs`",
        shown_path(path)
    )]
    NoPairs {
        /// The file.
        path: PathBuf,
    },
    /// The same pair is in two pair files that must be disjoint.
    #[error(
        "{}, line {line}: the pair (user {:?}, item {:?}) is also in {}; remove it from \
         one of the files, or the metrics would be inflated",
        shown_path(path),
        shorten(user),
        shorten(item),
        shown_path(other)
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
    /// A pair in a table of pairs is in two parts: as a target of training, or in both held-out
    /// parts.
    #[error(
        "the pair (user {:?}, item {:?}) is in both {first} and {second}; remove it from one of them, or the \
         metrics would be inflated",
        shorten(user),
        shorten(item)
    )]
    PairLeak {
        /// The user.
        user: String,
        /// The item.
        item: String,
        /// The one part.
        first: &'static str,
        /// The other part.
        second: &'static str,
    },
    /// A line of a file of triples cannot be used.
    #[error("{}, line {line}: {issue}", shown_path(path))]
    Triple {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        issue: TripleIssue,
    },
    /// No triple is about an item of the dataset.
    #[error(
        "none of the {n_triples} triples is about an item in the training data; use the item ids of the log"
    )]
    NoKnownItem {
        /// How many triples there are.
        n_triples: u64,
    },
    /// Ids, weights or parts are inconsistent.
    #[error(transparent)]
    Core(#[from] CoreError),
}

#[cfg(test)]
mod tests;
