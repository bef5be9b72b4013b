//! Parses the rows of a log.

use crate::log::catalogue::{DetailColumns, Details};
use crate::log::field_time::read_time;
use crate::log::session::SessionId;
use crate::log::table::Table;
use crate::time::TimeUnit;
use crate::{DataError, FutureRows, ReadConfig, RowIssue, time};
use lightgcn_core::{BehaviorId, BehaviorWeights};

/// The positions of the columns in a file.
pub(crate) struct Columns {
    time: usize,
    behavior: usize,
    item: usize,
    user: usize,
    session: Option<usize>,
    pub(crate) details: DetailColumns,
}

impl Columns {
    pub(crate) fn find(table: &Table, config: &ReadConfig) -> Result<Self, DataError> {
        let format = &config.format;
        Ok(Self {
            time: table.required(&format.event_time, "event_time")?,
            behavior: table.required(&format.event_type, "event_type")?,
            item: table.required(&format.product_id, "product_id")?,
            user: table.required(&format.user_id, "user_id")?,
            session: match format.user_session.as_deref() {
                Some(name) if !name.is_empty() => table.optional(name)?,
                _ => None,
            },
            details: DetailColumns::find(table, config)?,
        })
    }
}

/// Turns rows into events by the options for reading.
pub(crate) struct RowParser {
    labels: Vec<(String, Option<BehaviorId>)>,
    future_rows: FutureRows,
    time_unit: TimeUnit,
    now: i64,
    /// The last time that is not in the future.
    pub(crate) limit: i64,
}

impl RowParser {
    pub(crate) fn new(config: &ReadConfig, behaviors: &BehaviorWeights) -> Self {
        let now = config.now.unwrap_or_else(time::now);
        Self {
            labels: config.format.labels(behaviors).into_iter().collect(),
            future_rows: config.future_rows,
            time_unit: config.format.time_unit,
            now,
            limit: match config.future_rows {
                FutureRows::Refuse | FutureRows::Cap => time::future_from(now),
                FutureRows::Keep => i64::MAX,
            },
        }
    }

    /// The row's event, or `None` if its behavior is ignored.
    #[inline]
    pub(crate) fn parse<'t>(
        &self,
        table: &'t Table,
        columns: &Columns,
    ) -> Result<Option<Row<'t>>, RowIssue> {
        table.check_shape()?;
        let Some(behavior) = self.behavior(table, columns.behavior)? else {
            return Ok(None);
        };
        let time = self.time(table, columns.time)?;
        Ok(Some(Row {
            details: columns.details.read(table)?,
            user: table.id(columns.user)?,
            item: table.id(columns.item)?,
            behavior,
            time,
            session: columns
                .session
                .map_or(SessionId::NONE, |n| SessionId::of(table.field(n))),
        }))
    }

    #[inline]
    fn time(&self, table: &Table, column: usize) -> Result<i64, RowIssue> {
        let last = match self.future_rows {
            FutureRows::Refuse => self.limit,
            FutureRows::Cap | FutureRows::Keep => i64::MAX,
        };
        read_time(table, column, self.time_unit, self.now, last)
    }

    #[inline]
    fn behavior(&self, table: &Table, column: usize) -> Result<Option<BehaviorId>, RowIssue> {
        let label = table.field(column);
        let known = self.labels.iter().find(|(l, _)| l.as_bytes() == label);
        known
            .map(|&(_, behavior)| behavior)
            .ok_or_else(|| self.behavior_issue(table, column))
    }

    #[cold]
    fn behavior_issue(&self, table: &Table, column: usize) -> RowIssue {
        let (column, value) = (table.column_name(column), table.shown(column));
        if value == column {
            return RowIssue::Header;
        }
        RowIssue::UnknownBehavior {
            column,
            value,
            known: self.labels.iter().map(|(l, _)| l.clone()).collect(),
        }
    }
}

/// The fields of a row.
pub(crate) struct Row<'t> {
    pub(crate) user: &'t str,
    pub(crate) item: &'t str,
    pub(crate) behavior: BehaviorId,
    pub(crate) time: i64,
    pub(crate) session: SessionId,
    pub(crate) details: Details<'t>,
}
