//! What can be wrong with a row.

use super::{quoted, shorten};
use crate::time::TimeIssue;
use lightgcn_core::{IdIssue, TitleIssue, UrlIssue};
use std::fmt;
use thiserror::Error;

/// Where a row is in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The line of a text file, from 1.
    Line(u64),
    /// The row of a Parquet file, from 1.
    Row(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(n) => write!(f, "line {n}"),
            Self::Row(n) => write!(f, "row {n}"),
        }
    }
}

/// Why a row of a log cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RowIssue {
    /// The row and the header have different numbers of fields.
    #[error(
        "the row has {found} field{} instead of {expected}; fix the row, and quote fields that contain \
         the delimiter",
        if *found == 1 { "" } else { "s" }
    )]
    FieldCount {
        /// The row's number of fields.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// A field begins with a quote, but does not end with one on the same line.
    #[error(
        "{} has an unclosed quote ({value:?}); close it on its line, double the quotes within quoted fields, or \
         set the format's quoting = false",
        match column {
            Some(column) => format!("column {column:?}"),
            None => format!("field {field}"),
        }
    )]
    UnclosedQuote {
        /// The column, if it has a name.
        column: Option<String>,
        /// The field's position in the row, from 1.
        field: usize,
        /// The rest of the line from the quote on, cut.
        value: String,
    },
    /// A line is not a session of OTTO's data.
    #[error(
        "the line is not a session ({detail}, at character {character}); it must be an object with \
         \"session\" and \"events\", each with \"aid\", \"ts\" and \"type\""
    )]
    Session {
        /// What is wrong with it.
        detail: String,
        /// Where, from 1.
        character: usize,
    },
    /// A value is not a whole number.
    #[error("column {column:?} has {value:?}, which is not a whole number; fix the row")]
    Number {
        /// The column.
        column: String,
        /// The value, cut.
        value: String,
    },
    /// A row belongs to an order that is in none of the files.
    #[error("order {order:?} is in none of the files; give the complete orders.csv")]
    UnknownOrder {
        /// The order's id, cut.
        order: String,
    },
    /// A field is not UTF-8.
    #[error("column {column:?} is not UTF-8 text ({value:?}); convert the file to UTF-8")]
    NotUtf8 {
        /// The column.
        column: String,
        /// The value, with replacement characters.
        value: String,
    },
    /// A user or item id is empty.
    #[error("column {column:?} is empty; every event needs an id")]
    EmptyId {
        /// The column.
        column: String,
    },
    /// A behavior that has no weight.
    #[error(
        "column {column:?} has the unknown behavior {value:?}, not one of {}; give it a weight, rename \
         it, or ignore it",
        quoted(known)
    )]
    UnknownBehavior {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// The known labels, including renamed and ignored ones.
        known: Vec<String>,
    },
    /// A row repeats the column names, as in files concatenated with their headers.
    #[error(
        "the row is a header; remove the line or, if it is the file's only header, remove \
        `columns` from the format"
    )]
    Header,
    /// A user or item id that cannot be used.
    #[error(
        "column {column:?} has the id {value:?}, which {issue}; every event needs an id, so fix the row"
    )]
    BadId {
        /// The column.
        column: String,
        /// The value, cut.
        value: String,
        /// What is wrong with it.
        issue: IdIssue,
    },
    /// An invalid time.
    #[error(
        "column {column:?} has {value:?}, which is not a valid time; write 2019-10-01 08:00:00 UTC, \
         RFC 3339, 2019-10-01, or seconds or milliseconds since 1970"
    )]
    Time {
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
    /// A number that looks like a calendar date, a count of days or a time that does not count from 1970.
    #[error(
        "column {column:?} has {value:?}, {issue}; write it as 2019-10-01 08:00:00 or in seconds since \
         1970, or set the format's time_unit if it is seconds, milliseconds, microseconds or \
         nanoseconds since 1970"
    )]
    AmbiguousTime {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// What it looks like.
        issue: TimeIssue,
    },
    /// A time more than a day from now.
    #[error(
        "column {column:?} has {value:?}, which is in the future ({read}); fix the row, or set \
         future_rows to \"cap\" or \"keep\""
    )]
    Future {
        /// The column.
        column: String,
        /// The value.
        value: String,
        /// The time as it was read.
        read: String,
    },
    /// A field in a table of pairs that is invalid for its column.
    #[error("column {column:?} has {value:?}, which is not {needed}; fix the row")]
    Value {
        /// The column.
        column: String,
        /// The value, cut.
        value: String,
        /// What the column needs.
        needed: &'static str,
    },
    /// A title that cannot be shown.
    #[error("column {column:?} has the title {value:?}, which {issue}; fix the row")]
    Title {
        /// The column.
        column: String,
        /// The value, cut.
        value: String,
        /// What is wrong with it.
        issue: TitleIssue,
    },
    /// An address of a picture or a page that cannot be used.
    #[error(
        "column {column:?} has the address {value:?}, which {issue}; write it as \
         https://shop.example/item, or leave it empty"
    )]
    Url {
        /// The column.
        column: String,
        /// The value, cut.
        value: String,
        /// What is wrong with it.
        issue: UrlIssue,
    },
    /// A training pair of a table of pairs without an event.
    #[error(
        "the pair has neither a weight nor an event, since all its counts are 0; leave the row out"
    )]
    NoEvents,
    /// A training pair that already has a row in the table of pairs.
    #[error(
        "the pair (user {:?}, item {:?}) already has a row; merge the rows and add up their counts",
        shorten(user),
        shorten(item)
    )]
    RepeatedPair {
        /// The user.
        user: String,
        /// The item.
        item: String,
    },
}

impl RowIssue {
    /// The reason in a few words, as counted in reports.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::FieldCount { .. } => "wrong number of fields",
            Self::NotUtf8 { .. } => "not UTF-8",
            Self::Session { .. } => "not a session",
            Self::Number { .. } => "not a number",
            Self::UnknownOrder { .. } => "unknown order",
            Self::UnclosedQuote { .. } => "unclosed quote",
            Self::EmptyId { .. } => "empty id",
            Self::BadId { issue, .. } => match issue {
                IdIssue::NoValue => "missing id",
                IdIssue::TooLong { .. } => "id too long",
                IdIssue::Invisible { .. } => "invisible character in id",
                _ => "control character in id",
            },
            Self::UnknownBehavior { .. } => "unknown behavior",
            Self::Header => "header",
            Self::Time { .. } => "bad time",
            Self::AmbiguousTime { .. } => "ambiguous time",
            Self::Future { .. } => "in the future",
            Self::Value { .. } => "bad value",
            Self::Title { .. } => "control character in title",
            Self::Url { .. } => "bad address",
            Self::NoEvents => "no events",
            Self::RepeatedPair { .. } => "repeated pair",
        }
    }
}
