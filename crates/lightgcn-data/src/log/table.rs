//! A table of rows: columns by name, fields as text, for any file format.

use crate::error::shorten;
use crate::log::digest::row_digest;
use crate::log::fields::Fields;
use crate::log::form::FileForm;
use crate::log::hint;
use crate::log::layout::Layout;
use crate::log::orders::Orders;
use crate::log::otto::Sessions;
#[cfg(feature = "parquet")]
use crate::log::parquet::ParquetRows;
use crate::log::partitions::partitions;
use crate::log::source::Source;
use crate::log::wanted::Wanted;
use crate::{DataError, LogFormat, Place, RowIssue};
use lightgcn_core::{IdIssue, InputFile, check_id};
use lines::Lines;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use xxhash_rust::xxh3::xxh3_64;

mod lines;

/// A CSV or Parquet file that is being read row by row. Its folders may name further columns.
pub(crate) struct Table {
    path: PathBuf,
    rows: Rows,
    /// The columns to read, those from folder names last.
    header: Vec<String>,
    /// How many of the columns are in the file.
    n_stored: usize,
    /// The values of the others.
    partitions: Vec<String>,
    /// What distinguishes the row from those of other partitions.
    marks: Vec<usize>,
    fields: Fields,
    n_rows: u64,
    /// The rows' orders, and the column with their ids.
    orders: Option<(Rc<Orders>, usize)>,
    /// The issue found while building the row.
    issue: Option<RowIssue>,
}

/// Where the rows come from.
enum Rows {
    Csv(Lines),
    /// Each line is a session with several rows.
    Otto(Lines, Sessions),
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetRows>),
}

impl Table {
    /// Opens the file and determines its columns. Columns that the format names but the file lacks
    /// may come from the names of its folders.
    pub(crate) fn open(
        path: &Path,
        format: &LogFormat,
        wanted: &Wanted<'_>,
    ) -> Result<Self, DataError> {
        let source = Source::open(path)?;
        let (mut table, behavior) = match source.is_parquet() {
            true => {
                let behavior = format.behavior.clone();
                (open_parquet(source, format, wanted)?, behavior)
            }
            false => open_lines(source, format)?,
        };
        let needed = format.named_columns();
        for (name, value) in partitions(path) {
            let is_needed = needed.iter().any(|(_, column)| *column == name);
            if is_needed && !table.header.contains(&name) {
                table.add_constant(name, value);
            }
        }
        if let Some(label) = behavior {
            table.add_constant(format.event_type.clone(), label);
        }
        Ok(table)
    }

    /// Adds a column with the same value in all rows.
    fn add_constant(&mut self, name: String, value: String) {
        self.header.push(name);
        self.marks.push(xxh3_64(value.as_bytes()) as usize);
        self.partitions.push(value);
    }

    /// Adds the columns of each row's order, whose id is in column `id`.
    pub(super) fn join(&mut self, orders: &Rc<Orders>, id: usize) {
        let added = Orders::COLUMNS.map(str::to_owned);
        self.header.splice(self.n_stored..self.n_stored, added);
        self.n_stored += Orders::COLUMNS.len();
        self.orders = Some((Rc::clone(orders), id));
    }

    fn new(path: PathBuf, rows: Rows, header: Vec<String>, fields: Fields) -> Self {
        Self {
            path,
            rows,
            n_stored: header.len(),
            header,
            partitions: Vec::new(),
            marks: Vec::new(),
            fields,
            n_rows: 0,
            orders: None,
            issue: None,
        }
    }

    fn read_header(&mut self) -> Result<(), DataError> {
        self.check_quotes().map_err(|issue| self.row_error(issue))?;
        self.n_stored = self.fields.ends.len();
        for n in 0..self.n_stored {
            let Ok(name) = std::str::from_utf8(self.field(n)) else {
                return Err(DataError::HeaderNotUtf8 {
                    path: self.path.clone(),
                });
            };
            let name = name.trim().to_owned();
            self.header.push(name);
        }
        Ok(())
    }

    /// The position of a required column, which the format's `option` names.
    pub(crate) fn required(&self, name: &str, option: &'static str) -> Result<usize, DataError> {
        self.optional(name)?
            .ok_or_else(|| self.missing_column(name, option))
    }

    /// The error for a file without the column that the format's `option` names.
    pub(crate) fn missing_column(&self, name: &str, option: &'static str) -> DataError {
        let (path, column) = (self.path.clone(), name.to_owned());
        let present = self.columns();
        let advice = hint::advice(&present, name, option);
        match &self.rows {
            Rows::Csv(_) | Rows::Otto(..) => DataError::MissingColumn {
                path,
                column,
                option,
                present,
                advice,
            },
            #[cfg(feature = "parquet")]
            Rows::Parquet(_) => DataError::MissingParquetColumn {
                path,
                column,
                option,
                present,
                advice,
            },
        }
    }

    /// The columns of the file, long names truncated.
    pub(crate) fn columns(&self) -> Vec<String> {
        let read = match &self.rows {
            Rows::Csv(_) | Rows::Otto(..) => &self.header[..],
            #[cfg(feature = "parquet")]
            Rows::Parquet(rows) => rows.all_columns(),
        };
        read.iter().map(|name| shorten(name).into()).collect()
    }

    /// The position of a column that may be absent.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<usize>, DataError> {
        let mut positions = (0..self.header.len()).filter(|&n| self.header[n] == name);
        let first = positions.next();
        if positions.next().is_some() {
            return Err(DataError::DuplicateColumn {
                path: self.path.clone(),
                column: name.to_owned(),
            });
        }
        Ok(first)
    }

    /// Reads the next row; false at the end. Empty lines are skipped.
    #[inline]
    pub(crate) fn next_row(&mut self) -> Result<bool, DataError> {
        let more = match &mut self.rows {
            Rows::Csv(lines) => lines.next(&mut self.fields)?,
            Rows::Otto(lines, sessions) => {
                let fields = &mut self.fields;
                next_of_session(lines, sessions, fields, &mut self.issue)?
            }
            #[cfg(feature = "parquet")]
            Rows::Parquet(rows) => rows.next(&mut self.fields)?,
        };
        self.n_rows += u64::from(more);
        if more && self.orders.is_some() {
            self.issue = self.add_order().err();
        }
        Ok(more)
    }

    /// Adds the row's order, if the row has as many fields as the file.
    fn add_order(&mut self) -> Result<(), RowIssue> {
        let Some((orders, id)) = &self.orders else {
            return Ok(());
        };
        let n_own = self.n_stored - Orders::COLUMNS.len();
        match self.fields.ends.len() == n_own && self.fields.unclosed.is_none() {
            true => orders.complete(&mut self.fields, *id),
            false => Ok(()),
        }
    }

    /// Checks that all quotes are closed and that the row has as many fields as the header.
    #[inline]
    pub(crate) fn check_shape(&self) -> Result<(), RowIssue> {
        if let Some(issue) = &self.issue {
            return Err(issue.clone());
        }
        self.check_quotes()?;
        let (found, expected) = (self.fields.ends.len(), self.n_stored);
        match (found == expected, &self.orders) {
            (true, _) => Ok(()),
            (false, None) => Err(RowIssue::FieldCount { found, expected }),
            (false, Some(_)) => Err(RowIssue::FieldCount {
                found,
                expected: expected - Orders::COLUMNS.len(),
            }),
        }
    }

    #[inline]
    fn check_quotes(&self) -> Result<(), RowIssue> {
        match (self.fields.unclosed, &self.rows) {
            (Some(start), Rows::Csv(lines)) => {
                let n = self.fields.ends.len();
                let column = self.header.get(n).filter(|name| !name.is_empty());
                Err(RowIssue::UnclosedQuote {
                    column: column.map(|name| shorten(name).into()),
                    field: n + 1,
                    value: shown(lines.line()[start..].trim_ascii_end()),
                })
            }
            _ => Ok(()),
        }
    }

    /// Field `n` of the row.
    #[inline]
    pub(crate) fn field(&self, n: usize) -> &[u8] {
        let partition = n.checked_sub(self.n_stored);
        if let Some(value) = partition.and_then(|n| self.partitions.get(n)) {
            return value.as_bytes();
        }
        self.fields.get(n)
    }

    /// The time in field `n`, in seconds since 1970, if the file stores it as a time and not as
    /// text.
    #[inline]
    pub(crate) fn instant(&self, n: usize) -> Option<i64> {
        let (column, seconds) = self.fields.instant?;
        (column == n).then_some(seconds)
    }

    /// Field `n` of the row as text.
    #[inline]
    pub(crate) fn text(&self, n: usize) -> Result<&str, RowIssue> {
        std::str::from_utf8(self.field(n)).map_err(|_| RowIssue::NotUtf8 {
            column: self.column_name(n),
            value: self.shown(n),
        })
    }

    /// Field `n` of the row as an id.
    #[inline]
    pub(crate) fn id(&self, n: usize) -> Result<&str, RowIssue> {
        let id = self.text(n)?;
        match check_id(id) {
            Ok(()) => Ok(id),
            Err(issue) => Err(self.id_issue(n, issue)),
        }
    }

    #[cold]
    fn id_issue(&self, n: usize, issue: IdIssue) -> RowIssue {
        let (column, value) = (self.column_name(n), self.shown(n));
        match issue {
            IdIssue::Empty => RowIssue::EmptyId { column },
            issue => RowIssue::BadId {
                column,
                value,
                issue,
            },
        }
    }

    /// The name of column `n`, truncated.
    pub(crate) fn column_name(&self, n: usize) -> String {
        shorten(&self.header[n]).into()
    }

    /// Field `n` for a message, truncated.
    pub(crate) fn shown(&self, n: usize) -> String {
        shown(self.field(n))
    }

    /// The digest of all fields of the row. Zeros at the end of the price's fraction do not count, since a file with
    /// numbers has none.
    #[inline]
    pub(crate) fn digest(&self, price: Option<usize>) -> u128 {
        if let Some(column) = price.filter(|&n| n < self.fields.ends.len())
            && let Some(zeros) = trailing_zeros(self.fields.get(column))
        {
            return self.digest_without(column, zeros);
        }
        let Fields {
            text,
            ends,
            ambiguous,
            ..
        } = &self.fields;
        // If no field contains the delimiter, the line itself determines where each field ends.
        let ends = if *ambiguous { &ends[..] } else { &[] };
        row_digest(text, ends.iter().chain(&self.marks).copied())
    }

    /// The digest without the last `n` bytes of field `column`.
    fn digest_without(&self, column: usize, n: usize) -> u128 {
        let Fields {
            text,
            ends,
            ambiguous,
            ..
        } = &self.fields;
        let end = ends[column];
        let text = [&text[..end - n], &text[end..]].concat();
        let ends = if *ambiguous { &ends[..] } else { &[] };
        let ends = ends.iter().map(|&e| if e < end { e } else { e - n });
        row_digest(&text, ends.chain(self.marks.iter().copied()))
    }

    /// Where the row is in the file.
    pub(crate) fn place(&self) -> Place {
        match &self.rows {
            Rows::Csv(lines) | Rows::Otto(lines, _) => Place::Line(lines.number()),
            #[cfg(feature = "parquet")]
            Rows::Parquet(_) => Place::Row(self.n_rows),
        }
    }

    /// Rows read so far.
    pub(crate) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Bytes on disk read so far.
    pub(crate) fn stored_read(&self) -> u64 {
        match &self.rows {
            Rows::Csv(lines) | Rows::Otto(lines, _) => lines.stored_read(),
            #[cfg(feature = "parquet")]
            Rows::Parquet(rows) => rows.stored_read(),
        }
    }

    /// The error for the current row.
    pub(crate) fn row_error(&self, issue: RowIssue) -> DataError {
        DataError::Row {
            path: self.path.clone(),
            at: self.place(),
            issue,
        }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's name, size and hash, once all rows are read.
    pub(crate) fn finish(self) -> Result<InputFile, DataError> {
        match self.rows {
            Rows::Csv(lines) | Rows::Otto(lines, _) => lines.finish(),
            #[cfg(feature = "parquet")]
            Rows::Parquet(rows) => rows.finish(),
        }
    }
}

/// Opens a file of lines and reads its header, if it has one. Also returns the behavior of all
/// rows, if it is not in a column.
fn open_lines(source: Source, format: &LogFormat) -> Result<(Table, Option<String>), DataError> {
    let path = source.path().to_owned();
    let mut lines = Lines::start(source, format)?;
    let mut fields = Fields::default();
    if !lines.next(&mut fields)? {
        return Err(DataError::EmptyFile { path });
    }
    if format.form == FileForm::Otto {
        lines.whole();
        let rows = Rows::Otto(lines, Sessions::default());
        let header = Sessions::COLUMNS.map(str::to_owned).into();
        return Ok((Table::new(path, rows, header, fields), None));
    }
    let layout = Layout::find(format, lines.line().trim_ascii_end());
    let layout = match layout {
        Ok(layout) => layout,
        Err(expected) => return Err(DataError::UnknownLayout { path, expected }),
    };
    lines.again(layout.delimiter);
    if let Some(columns) = layout.columns {
        let table = Table::new(path, Rows::Csv(lines), columns, fields);
        return Ok((table, layout.behavior));
    }
    if let Some(expected) = hint::no_header(lines.line()) {
        return Err(DataError::UnknownLayout { path, expected });
    }
    lines.next(&mut fields)?;
    let mut table = Table::new(path, Rows::Csv(lines), Vec::new(), fields);
    table.read_header()?;
    Ok((table, layout.behavior))
}

/// Builds the next row of a session, or records the issue with its line; false at the end.
fn next_of_session(
    lines: &mut Lines,
    sessions: &mut Sessions,
    fields: &mut Fields,
    issue: &mut Option<RowIssue>,
) -> Result<bool, DataError> {
    *issue = None;
    loop {
        if sessions.next_row(fields) {
            return Ok(true);
        }
        if !lines.next(fields)? {
            return Ok(false);
        }
        if let Err(found) = sessions.parse(fields.get(0)) {
            *issue = Some(found);
            return Ok(true);
        }
    }
}

#[cfg(feature = "parquet")]
fn open_parquet(
    source: Source,
    format: &LogFormat,
    wanted: &Wanted<'_>,
) -> Result<Table, DataError> {
    let path = source.path().to_owned();
    let (rows, header) = ParquetRows::open(source, format, wanted)?;
    let rows = Rows::Parquet(Box::new(rows));
    Ok(Table::new(path, rows, header, Fields::default()))
}

#[cfg(not(feature = "parquet"))]
fn open_parquet(source: Source, _: &LogFormat, _: &Wanted<'_>) -> Result<Table, DataError> {
    Err(DataError::MissingFeature {
        path: source.path().to_owned(),
        what: "a Parquet file",
        feature: "parquet",
        instead: "convert it to CSV",
    })
}

/// The number of redundant bytes at the end of a decimal number: `5.40` is `5.4`, and `5.0` is `5`.
#[inline]
fn trailing_zeros(field: &[u8]) -> Option<usize> {
    if !field.ends_with(b"0") {
        return None;
    }
    let point = field.iter().position(|&byte| byte == b'.')?;
    let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let (whole, fraction) = (&field[..point], &field[point + 1..]);
    let zeros = fraction
        .iter()
        .rev()
        .take_while(|&&byte| byte == b'0')
        .count();
    let is_number = is_digits(whole) && is_digits(fraction);
    is_number.then_some(zeros + usize::from(zeros == fraction.len()))
}

/// A value for a message, truncated.
fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(400)];
    shorten(&String::from_utf8_lossy(head)).into()
}

#[cfg(test)]
mod tests;
