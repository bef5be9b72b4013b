//! Reads the time in a field of a table.

use crate::RowIssue;
use crate::log::table::Table;
use crate::time::{self, TimeIssue, TimeUnit};

/// The time in a field, in seconds since 1970, which must not be after `last`.
#[inline]
pub(crate) fn read_time(
    table: &Table,
    column: usize,
    unit: TimeUnit,
    now: i64,
    last: i64,
) -> Result<i64, RowIssue> {
    let parsed = match table.instant(column) {
        Some(seconds) => time::check_range(seconds),
        None => time::parse_with(table.field(column), unit, now),
    };
    match parsed {
        Ok(time) if time <= last => Ok(time),
        other => Err(time_issue(table, column, other)),
    }
}

/// The issue with an invalid or future time.
#[cold]
fn time_issue(table: &Table, column: usize, parsed: Result<i64, TimeIssue>) -> RowIssue {
    let value = table.shown(column);
    let column = table.column_name(column);
    match parsed {
        Ok(time) => RowIssue::Future {
            column,
            value,
            read: time::display(time),
        },
        Err(TimeIssue::Invalid) => RowIssue::Time { column, value },
        Err(issue) => RowIssue::AmbiguousTime {
            column,
            value,
            issue,
        },
    }
}
