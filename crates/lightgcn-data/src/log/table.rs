//! A CSV file with a header: columns by name, rows with their line numbers.

use crate::log::digest::row_digest;
use crate::log::stream::StoredFile;
use crate::{DataError, RowIssue};
use csv::{ByteRecord, ReaderBuilder, Terminator};
use lightgcn_core::InputFile;
use std::path::{Path, PathBuf};

/// A CSV file that is being read row by row.
pub(crate) struct Table {
    path: PathBuf,
    reader: csv::Reader<StoredFile>,
    header: Vec<String>,
    record: ByteRecord,
    n_rows: u64,
}

impl Table {
    /// Opens the file and reads its header; a byte order mark is skipped.
    pub(crate) fn open(path: &Path, delimiter: u8) -> Result<Self, DataError> {
        let file = StoredFile::open(path)?;
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            // Lines end in \n, and we strip a \r before it ourselves: with the csv crate's own \r\n
            // handling, a line is not counted until the next one is read.
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(1 << 16)
            .from_reader(file);
        let mut table = Self {
            path: path.to_owned(),
            reader,
            header: Vec::new(),
            record: ByteRecord::new(),
            n_rows: 0,
        };
        if !table.read_record()? {
            return Err(DataError::EmptyFile { path: table.path });
        }
        for n in 0..table.record.len() {
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
                present: self.header.clone(),
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
    pub(crate) fn next_row(&mut self) -> Result<bool, DataError> {
        while self.read_record()? {
            if self.record.len() > 1 || !self.field(0).is_empty() {
                self.n_rows += 1;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read_record(&mut self) -> Result<bool, DataError> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(more) => Ok(more),
            Err(error) => {
                let source = match error.into_kind() {
                    csv::ErrorKind::Io(source) => source,
                    other => std::io::Error::other(format!("{other:?}")),
                };
                Err(self.reader.get_mut().error(source))
            }
        }
    }

    /// Checks that the row has as many fields as the header.
    #[inline]
    pub(crate) fn check_field_count(&self) -> Result<(), RowIssue> {
        if self.record.len() == self.header.len() {
            Ok(())
        } else {
            Err(RowIssue::FieldCount {
                found: self.record.len(),
                expected: self.header.len(),
            })
        }
    }

    /// Field `n` of the row.
    #[inline]
    pub(crate) fn field(&self, n: usize) -> &[u8] {
        let field = &self.record[n];
        if n + 1 == self.record.len() {
            field.strip_suffix(b"\r").unwrap_or(field)
        } else {
            field
        }
    }

    /// Field `n` of the row as text.
    #[inline]
    pub(crate) fn text(&self, n: usize) -> Result<&str, RowIssue> {
        std::str::from_utf8(self.field(n)).map_err(|_| RowIssue::NotUtf8 {
            column: self.header[n].clone(),
            value: self.shown(n),
        })
    }

    /// Field `n` of the row as an id, which must not be empty.
    #[inline]
    pub(crate) fn id(&self, n: usize) -> Result<&str, RowIssue> {
        let id = self.text(n)?;
        if id.is_empty() {
            let column = self.header[n].clone();
            return Err(RowIssue::EmptyId { column });
        }
        Ok(id)
    }

    /// The name of column `n`.
    pub(crate) fn column_name(&self, n: usize) -> String {
        self.header[n].clone()
    }

    /// Field `n` for a message, cut to 60 characters.
    pub(crate) fn shown(&self, n: usize) -> String {
        let text = String::from_utf8_lossy(self.field(n));
        let mut shown: String = text.chars().take(60).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
    }

    /// The digest of all fields of the row.
    #[inline]
    pub(crate) fn digest(&self) -> u128 {
        let bytes = self.record.as_slice();
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let ends = (0..self.record.len()).map(|n| {
            let end = self.record.range(n).map_or(0, |range| range.end);
            end.min(bytes.len())
        });
        row_digest(bytes, ends)
    }

    /// The line on which the row begins, from 1.
    pub(crate) fn line(&self) -> u64 {
        // A row ends with its \n; only the last one of a file may lack it.
        let position = self.reader.position();
        let ends_bare = self.reader.get_ref().ends_without(b'\n', position.byte());
        let last = position.line() - u64::from(!ends_bare);
        let inner = self.record.as_slice().iter().filter(|&&c| c == b'\n');
        last - inner.count() as u64
    }

    /// Rows read so far.
    pub(crate) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// Bytes on disk read so far.
    pub(crate) fn stored_read(&self) -> u64 {
        self.reader.get_ref().stored_read()
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
        self.reader.into_inner().finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, Vec<String>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        let mut table = Table::open(&path, b',').unwrap();
        let mut rows = Vec::new();
        while table.next_row().unwrap() {
            let fields = (0..table.record.len()).map(|n| table.text(n).unwrap().to_owned());
            rows.push((table.line(), fields.collect()));
        }
        assert_eq!(table.n_rows(), rows.len() as u64);
        rows
    }

    #[test]
    fn lines_are_numbered_with_any_line_ending() {
        let expected = [
            (2, vec!["1".to_owned(), "x\ny".to_owned()]),
            (4, vec!["2".to_owned(), "z".to_owned()]),
            (7, vec!["3".to_owned(), String::new()]),
            (8, vec!["4".to_owned()]),
        ];
        let text = "a,b\n1,\"x\ny\"\n2,z\n\n\n3,\n4";
        assert_eq!(rows(text), expected);
        assert_eq!(rows(&format!("{text}\n")), expected);
        assert_eq!(rows(&format!("{text}\n\n")), expected);
        assert_eq!(rows(&format!("\u{feff}{text}")), expected);
        let windows = text.replace('\n', "\r\n").replace("x\r\ny", "x\ny");
        assert_eq!(rows(&windows), expected);
        assert_eq!(rows(&format!("{windows}\r\n")), expected);
    }

    #[test]
    fn digests_ignore_line_endings() {
        let digests = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("t.csv");
            std::fs::write(&path, text).unwrap();
            let mut table = Table::open(&path, b',').unwrap();
            let mut digests = Vec::new();
            while table.next_row().unwrap() {
                digests.push(table.digest());
            }
            digests
        };
        let unix = digests("a,b\n1,2\n1,\n");
        assert_eq!(unix, digests("a,b\r\n1,2\r\n\"1\",\r\n"));
        assert_ne!(unix[0], unix[1]);
    }
}
