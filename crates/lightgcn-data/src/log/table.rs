//! A CSV file with a header: columns by name, rows with their line numbers.

use crate::error::shorten;
use crate::log::digest::row_digest;
use crate::log::stream::StoredFile;
use crate::{DataError, LogFormat, RowIssue};
use lightgcn_core::{IdFault, InputFile, check_id};
use memchr::{memchr, memchr_iter};
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// A CSV file that is being read row by row. A row is a line.
pub(crate) struct Table {
    path: PathBuf,
    file: StoredFile,
    delimiter: u8,
    quoting: bool,
    header: Vec<String>,
    line: Vec<u8>,
    line_number: u64,
    fields: Fields,
    n_rows: u64,
}

/// The fields of a row, separated by the delimiter and without their quotes.
#[derive(Default)]
struct Fields {
    text: Vec<u8>,
    /// Where each field ends in `text`.
    ends: Vec<usize>,
    /// Whether a field contains the delimiter.
    ambiguous: bool,
    /// Where a quote begins that is not closed.
    unclosed: Option<usize>,
}

impl Table {
    /// Opens the file and reads its header; a byte order mark is skipped.
    pub(crate) fn open(path: &Path, format: &LogFormat) -> Result<Self, DataError> {
        let mut table = Self {
            path: path.to_owned(),
            file: StoredFile::open(path)?,
            delimiter: format.delimiter as u8,
            quoting: format.quoting,
            header: Vec::new(),
            line: Vec::new(),
            line_number: 0,
            fields: Fields::default(),
            n_rows: 0,
        };
        if !table.next_line()? {
            return Err(DataError::EmptyFile { path: table.path });
        }
        table
            .check_quotes()
            .map_err(|issue| table.row_error(issue))?;
        for n in 0..table.fields.ends.len() {
            let Ok(name) = std::str::from_utf8(table.field(n)) else {
                return Err(DataError::HeaderNotUtf8 { path: table.path });
            };
            let name = name.trim().to_owned();
            table.header.push(name);
        }
        Ok(table)
    }

    /// The position of a required column, which the format's `option` names.
    pub(crate) fn required(&self, name: &str, option: &'static str) -> Result<usize, DataError> {
        self.optional(name)?
            .ok_or_else(|| DataError::MissingColumn {
                path: self.path.clone(),
                column: name.to_owned(),
                option,
                present: self.header.iter().map(|c| shorten(c).into()).collect(),
            })
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
        let more = self.next_line()?;
        self.n_rows += u64::from(more);
        Ok(more)
    }

    /// Reads and splits the next line that is not empty; false at the end.
    fn next_line(&mut self) -> Result<bool, DataError> {
        loop {
            self.line.clear();
            match self.file.read_until(b'\n', &mut self.line) {
                Ok(0) => return Ok(false),
                Ok(_) => self.line_number += 1,
                Err(error) => return Err(self.file.error(error)),
            }
            let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let line = match self.line_number {
                1 => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
                _ => line,
            };
            let quoted = self.quoting && memchr(b'"', line).is_some();
            match quoted {
                true => self.fields.split_quoted(line, self.delimiter),
                false => self.fields.split(line, self.delimiter),
            }
            if self.fields.ends[..] != [0] || self.fields.unclosed.is_some() {
                return Ok(true);
            }
        }
    }

    /// Checks that all quotes are closed and that the row has as many fields as the header.
    #[inline]
    pub(crate) fn check_shape(&self) -> Result<(), RowIssue> {
        self.check_quotes()?;
        let (found, expected) = (self.fields.ends.len(), self.header.len());
        match found == expected {
            true => Ok(()),
            false => Err(RowIssue::FieldCount { found, expected }),
        }
    }

    #[inline]
    fn check_quotes(&self) -> Result<(), RowIssue> {
        let Some(start) = self.fields.unclosed else {
            return Ok(());
        };
        let n = self.fields.ends.len();
        let column = self.header.get(n).map(|name| shorten(name).into());
        Err(RowIssue::UnclosedQuote {
            column: column.unwrap_or_else(|| (n + 1).to_string()),
            value: shown(self.line[start..].trim_ascii_end()),
        })
    }

    /// Field `n` of the row.
    #[inline]
    pub(crate) fn field(&self, n: usize) -> &[u8] {
        let start = match n {
            0 => 0,
            n => self.fields.ends[n - 1] + 1,
        };
        &self.fields.text[start..self.fields.ends[n]]
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
        row_digest(text, ends.iter().copied())
    }

    /// The line of the row, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line_number
    }

    /// Rows read so far.
    pub(crate) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Bytes on disk read so far.
    pub(crate) fn stored_read(&self) -> u64 {
        self.file.stored_read()
    }

    /// The error for the current row.
    pub(crate) fn row_error(&self, issue: RowIssue) -> DataError {
        DataError::Row {
            path: self.path.clone(),
            line: self.line(),
            issue,
        }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file's name, size and hash, once all rows are read.
    pub(crate) fn finish(self) -> Result<InputFile, DataError> {
        self.file.finish()
    }
}

impl Fields {
    /// Splits a line without quotes.
    fn split(&mut self, line: &[u8], delimiter: u8) {
        self.clear();
        self.text.extend_from_slice(line);
        self.ends.extend(memchr_iter(delimiter, line));
        self.ends.push(line.len());
    }

    /// Splits a line in which fields may be quoted. A quote within a field that does not begin with one is
    /// a character like any other. An unclosed quote ends the row.
    fn split_quoted(&mut self, line: &[u8], delimiter: u8) {
        self.clear();
        let mut at = 0;
        loop {
            let start = at;
            if line.get(at) == Some(&b'"') {
                match self.unquote(line, at + 1, delimiter) {
                    Some(end) => at = end,
                    None => {
                        self.unclosed = Some(start);
                        return;
                    }
                }
            } else {
                let rest = &line[at..];
                at += memchr(delimiter, rest).unwrap_or(rest.len());
                self.text.extend_from_slice(&line[start..at]);
            }
            self.ends.push(self.text.len());
            if at == line.len() {
                return;
            }
            self.text.push(delimiter);
            at += 1;
        }
    }

    /// Adds the quoted text from `at` on, and returns the position after its closing quote; `None` if there is
    /// no such quote before a delimiter or the end of the line.
    fn unquote(&mut self, line: &[u8], mut at: usize, delimiter: u8) -> Option<usize> {
        let begin = self.text.len();
        loop {
            let quote = at + memchr(b'"', &line[at..])?;
            self.text.extend_from_slice(&line[at..quote]);
            at = quote + 1;
            match line.get(at) {
                Some(b'"') => {
                    self.text.push(b'"');
                    at += 1;
                }
                Some(&next) if next != delimiter => return None,
                _ => break,
            }
        }
        self.ambiguous |= memchr(delimiter, &self.text[begin..]).is_some();
        Some(at)
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.ambiguous = false;
        self.unclosed = None;
    }
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
        Table::open(&path, format).unwrap()
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
            rows.push((table.line(), fields));
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
