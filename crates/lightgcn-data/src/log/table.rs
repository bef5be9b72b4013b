//! A table of rows: columns by name, fields as text, whatever the file's format.

use crate::error::shorten;
use crate::log::digest::row_digest;
#[cfg(feature = "parquet")]
use crate::log::parquet::ParquetRows;
use crate::log::partitions::partitions;
use crate::log::source::Source;
use crate::{DataError, LogFormat, Place, RowIssue};
use lightgcn_core::{IdFault, InputFile, check_id};
use lines::Lines;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

mod lines;

pub(crate) use lines::Fields;

/// A CSV or Parquet file that is being read row by row. Its folders may name further columns.
pub(crate) struct Table {
    path: PathBuf,
    rows: Rows,
    /// The columns that are read, those of the folders last.
    header: Vec<String>,
    /// How many of the columns are in the file.
    n_stored: usize,
    /// The values of the others.
    partitions: Vec<String>,
    /// What sets the row apart from those of other partitions.
    marks: Vec<usize>,
    fields: Fields,
    n_rows: u64,
}

/// Where the rows come from.
enum Rows {
    Csv(Lines),
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetRows>),
}

/// Which columns of a file are read. The fields of a CSV line are all read.
pub(crate) enum Wanted<'a> {
    /// All of them, since rows are compared.
    All,
    /// Those with these names.
    Named(
        #[cfg_attr(
            not(feature = "parquet"),
            expect(dead_code, reason = "a CSV line is read whole")
        )]
        &'a [&'a str],
    ),
}

impl Table {
    /// Opens the file and finds out its columns. Those that the format names and the file lacks may be in the
    /// names of its folders.
    pub(crate) fn open(
        path: &Path,
        format: &LogFormat,
        wanted: &Wanted<'_>,
    ) -> Result<Self, DataError> {
        let source = Source::open(path)?;
        let mut table = match source.is_parquet() {
            true => open_parquet(source, format, wanted)?,
            false => open_csv(source, format)?,
        };
        let needed = format.named_columns();
        for (name, value) in partitions(path) {
            let is_needed = needed.iter().any(|(_, column)| *column == name);
            if is_needed && !table.header.contains(&name) {
                table.header.push(name);
                table.marks.push(xxh3_64(value.as_bytes()) as usize);
                table.partitions.push(value);
            }
        }
        Ok(table)
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
        }
    }

    /// The position of a required column, which the format's `option` names.
    pub(crate) fn required(&self, name: &str, option: &'static str) -> Result<usize, DataError> {
        self.optional(name)?
            .ok_or_else(|| self.missing_column(name, option))
    }

    fn missing_column(&self, name: &str, option: &'static str) -> DataError {
        let (path, column) = (self.path.clone(), name.to_owned());
        let present = self.columns();
        match &self.rows {
            Rows::Csv(_) => DataError::MissingColumn {
                path,
                column,
                option,
                present,
            },
            #[cfg(feature = "parquet")]
            Rows::Parquet(_) => DataError::MissingParquetColumn {
                path,
                column,
                option,
                present,
            },
        }
    }

    /// The columns of the file, long names cut.
    pub(crate) fn columns(&self) -> Vec<String> {
        let read = match &self.rows {
            Rows::Csv(_) => &self.header[..],
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
            #[cfg(feature = "parquet")]
            Rows::Parquet(rows) => rows.next(&mut self.fields)?,
        };
        self.n_rows += u64::from(more);
        Ok(more)
    }

    /// Checks that all quotes are closed and that the row has as many fields as the header.
    #[inline]
    pub(crate) fn check_shape(&self) -> Result<(), RowIssue> {
        self.check_quotes()?;
        let (found, expected) = (self.fields.ends.len(), self.n_stored);
        match found == expected {
            true => Ok(()),
            false => Err(RowIssue::FieldCount { found, expected }),
        }
    }

    #[inline]
    fn check_quotes(&self) -> Result<(), RowIssue> {
        match (self.fields.unclosed, &self.rows) {
            (Some(start), Rows::Csv(lines)) => {
                let n = self.fields.ends.len();
                let column = self.header.get(n).map(|name| shorten(name).into());
                Err(RowIssue::UnclosedQuote {
                    column: column.unwrap_or_else(|| (n + 1).to_string()),
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
        let start = match n {
            0 => 0,
            n => self.fields.ends[n - 1] + 1,
        };
        &self.fields.text[start..self.fields.ends[n]]
    }

    /// The time in field `n`, in seconds since 1970, where the file has it as a time rather than as text.
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
            Err(fault) => Err(self.id_issue(n, fault)),
        }
    }

    #[cold]
    fn id_issue(&self, n: usize, fault: IdFault) -> RowIssue {
        let (column, value) = (self.column_name(n), self.shown(n));
        match fault {
            IdFault::Empty => RowIssue::EmptyId { column },
            fault => RowIssue::BadId {
                column,
                value,
                fault,
            },
        }
    }

    /// The name of column `n`, cut.
    pub(crate) fn column_name(&self, n: usize) -> String {
        shorten(&self.header[n]).into()
    }

    /// Field `n` for a message, cut.
    pub(crate) fn shown(&self, n: usize) -> String {
        shown(self.field(n))
    }

    /// The digest of all fields of the row.
    #[inline]
    pub(crate) fn digest(&self) -> u128 {
        let Fields {
            text,
            ends,
            ambiguous,
            ..
        } = &self.fields;
        // Where no field contains the delimiter, the text tells where each field ends.
        let ends = if *ambiguous { &ends[..] } else { &[] };
        row_digest(text, ends.iter().chain(&self.marks).copied())
    }

    /// Where the row is in the file.
    pub(crate) fn place(&self) -> Place {
        match &self.rows {
            Rows::Csv(lines) => Place::Line(lines.number()),
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
            Rows::Csv(lines) => lines.stored_read(),
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
            Rows::Csv(lines) => lines.finish(),
            #[cfg(feature = "parquet")]
            Rows::Parquet(rows) => rows.finish(),
        }
    }
}

/// Opens a CSV file and reads its header.
fn open_csv(source: Source, format: &LogFormat) -> Result<Table, DataError> {
    let path = source.path().to_owned();
    let mut lines = Lines::start(source, format)?;
    let mut fields = Fields::default();
    if !lines.next(&mut fields)? {
        return Err(DataError::EmptyFile { path });
    }
    let mut table = Table::new(path, Rows::Csv(lines), Vec::new(), fields);
    table
        .check_quotes()
        .map_err(|issue| table.row_error(issue))?;
    table.n_stored = table.fields.ends.len();
    for n in 0..table.n_stored {
        let Ok(name) = std::str::from_utf8(table.field(n)) else {
            return Err(DataError::HeaderNotUtf8 { path: table.path });
        };
        let name = name.trim().to_owned();
        table.header.push(name);
    }
    Ok(table)
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

/// A value for a message, cut.
fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(400)];
    shorten(&String::from_utf8_lossy(head)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str, format: &LogFormat) -> Table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        Table::open(&path, format, &Wanted::All).unwrap()
    }

    /// The line and the fields of each row, or the column with an unclosed quote.
    fn rows_with(text: &str, format: &LogFormat) -> Vec<(u64, Vec<String>)> {
        let mut table = table(text, format);
        let mut rows = Vec::new();
        while table.next_row().unwrap() {
            let fields = match table.check_quotes() {
                Ok(()) => {
                    let fields = 0..table.fields.ends.len();
                    fields.map(|n| table.text(n).unwrap().to_owned()).collect()
                }
                Err(RowIssue::UnclosedQuote { column, .. }) => vec![format!("unclosed {column}")],
                Err(other) => panic!("{other}"),
            };
            let Place::Line(line) = table.place() else {
                panic!("rows of a CSV file are lines");
            };
            rows.push((line, fields));
        }
        assert_eq!(table.n_rows(), rows.len() as u64);
        rows
    }

    fn rows(text: &str) -> Vec<(u64, Vec<String>)> {
        rows_with(text, &LogFormat::default())
    }

    fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
        (line, fields.iter().map(|&field| field.to_owned()).collect())
    }

    #[test]
    fn lines_are_numbered_with_any_line_ending() {
        let expected = [
            row(2, &["1", "x\"y"]),
            row(3, &["2", "z"]),
            row(6, &["3", ""]),
            row(7, &["4"]),
        ];
        let text = "a,b\n1,\"x\"\"y\"\n2,z\n\n\n3,\n4";
        assert_eq!(rows(text), expected);
        assert_eq!(rows(&format!("{text}\n")), expected);
        assert_eq!(rows(&format!("{text}\n\n")), expected);
        assert_eq!(rows(&format!("\u{feff}{text}")), expected);
        let windows = text.replace('\n', "\r\n");
        assert_eq!(rows(&windows), expected);
        assert_eq!(rows(&format!("{windows}\r\n")), expected);
    }

    #[test]
    fn unclosed_quotes_do_not_swallow_the_next_line() {
        let text =
            "a,b\n\"1,2\n1,\"2\n1,\"2\"x\n1,\"2\" \n1,2\",\n1,\"\"\"\n1,\"\"2\"\"\n1,2,\"3\n1,\"";
        let expected = [
            row(2, &["unclosed a"]),
            row(3, &["unclosed b"]),
            row(4, &["unclosed b"]),
            row(5, &["unclosed b"]),
            row(6, &["1", "2\"", ""]), // a quote within a field is a character
            row(7, &["unclosed b"]),
            row(8, &["unclosed b"]),
            row(9, &["unclosed 3"]),
            row(10, &["unclosed b"]),
        ];
        assert_eq!(rows(text), expected);
        assert_eq!(rows(&text.replace('\n', "\r\n")), expected);
        let tabs = LogFormat {
            delimiter: '\t',
            ..LogFormat::default()
        };
        assert_eq!(rows_with(&text.replace(',', "\t"), &tabs), expected);
        let plain = LogFormat {
            quoting: false,
            ..LogFormat::default()
        };
        let lines = rows_with(text, &plain);
        assert_eq!(lines[0], row(2, &["\"1", "2"]));
        assert_eq!(lines[6], row(8, &["1", "\"\"2\"\""]));
        assert_eq!(lines.len(), 9);
    }

    #[test]
    fn closed_quotes_are_removed() {
        let text = "a,b,c\n\"\",\"x,y\",\"\"\"\"\n1,\"\",\"é\"";
        let expected = [row(2, &["", "x,y", "\""]), row(3, &["1", "", "é"])];
        assert_eq!(rows(text), expected);
    }

    #[test]
    fn digests_ignore_line_endings_and_quotes() {
        let digests = |text: &str| {
            let mut table = table(text, &LogFormat::default());
            let mut digests = Vec::new();
            while table.next_row().unwrap() {
                digests.push(table.digest());
            }
            digests
        };
        let unix = digests("a,b\n1,2\n1,\n\"1,2\",3\n1,\"2,3\"\n1,2,3\n");
        let windows = "a,b\r\n1,2\r\n\"1\",\r\n\"1,2\",\"3\"\r\n1,\"2,3\"\r\n1,\"2\",3";
        assert_eq!(unix, digests(windows));
        let distinct: std::collections::HashSet<_> = unix.iter().collect();
        assert_eq!(distinct.len(), 5);
    }
}
