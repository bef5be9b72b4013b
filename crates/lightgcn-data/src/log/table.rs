//! A file of a log: columns by name, rows with their line numbers.

use crate::error::shorten;
use crate::log::form::{FileForm, Layout};
use crate::log::instacart::Orders;
use crate::log::otto::Sessions;
use crate::log::stream::StoredFile;
use crate::{DataError, LogFormat, RowIssue};
use lightgcn_core::{IdFault, InputFile, check_id};
use memchr::memchr;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use fields::Fields;

/// A file that is being read row by row. In all forms but OTTO's, a row is a line.
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
    /// Whether the line that was read last is yet to become a row.
    is_ahead: bool,
    front: Front,
    /// What the front end found wrong with the row.
    issue: Option<RowIssue>,
}

/// How the fields of a line become those of a row.
pub(super) enum Front {
    /// They are the row.
    Plain,
    /// Each row has this behavior in a column of its own.
    Behavior(String),
    /// A line is a session of several rows.
    Otto(Sessions),
    /// Each row has the user and the time of its order in columns of their own.
    Instacart {
        orders: Rc<Orders>,
        /// The column of the order's id.
        id: usize,
    },
}

impl Table {
    /// Opens the file and reads its header, if it has one; a byte order mark is skipped.
    pub(crate) fn open(path: &Path, format: &LogFormat) -> Result<Self, DataError> {
        let is_otto = format.form == FileForm::Otto;
        let mut table = Self {
            path: path.to_owned(),
            file: StoredFile::open(path)?,
            // A session is one field.
            delimiter: if is_otto {
                b'\n'
            } else {
                format.delimiter as u8
            },
            quoting: format.quoting && !is_otto,
            header: Vec::new(),
            line: Vec::new(),
            line_number: 0,
            fields: Fields::default(),
            n_rows: 0,
            is_ahead: true,
            front: Front::Plain,
            issue: None,
        };
        if !table.next_line()? {
            return Err(DataError::EmptyFile { path: table.path });
        }
        let line = table.line.trim_ascii_end();
        let layout = Layout::find(format, line).map_err(|expected| DataError::UnknownLayout {
            path: path.to_owned(),
            expected,
        })?;
        table.delimiter = layout.delimiter;
        table.front = layout.front;
        match layout.columns {
            Some(columns) => table.header = columns,
            None => {
                table.split();
                table.read_header()?;
                table.is_ahead = false;
            }
        }
        table.header.extend(layout.added);
        Ok(table)
    }

    fn read_header(&mut self) -> Result<(), DataError> {
        self.check_quotes().map_err(|issue| self.row_error(issue))?;
        for n in 0..self.fields.len() {
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

    /// Adds the columns of each row's order, whose id is in column `id`.
    pub(super) fn join(&mut self, orders: &Rc<Orders>, id: usize) {
        let orders = Rc::clone(orders);
        self.front = Front::Instacart { orders, id };
        self.header.extend(Orders::COLUMNS.map(str::to_owned));
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
        let more = match self.front {
            Front::Otto(_) => self.next_of_session()?,
            _ => self.next_of_lines()?,
        };
        self.n_rows += u64::from(more);
        Ok(more)
    }

    #[inline]
    fn next_of_lines(&mut self) -> Result<bool, DataError> {
        if self.is_ahead {
            self.is_ahead = false;
            self.split();
        } else if !self.next_line()? {
            return Ok(false);
        }
        match &self.front {
            Front::Plain | Front::Otto(_) => {}
            Front::Behavior(label) if self.fields.unclosed.is_none() => {
                self.fields.push(label.as_bytes(), self.delimiter);
            }
            Front::Behavior(_) => {}
            Front::Instacart { orders, id } => {
                let n_own = self.header.len() - Orders::COLUMNS.len();
                let is_whole = self.fields.len() == n_own && self.fields.unclosed.is_none();
                self.issue = match is_whole {
                    true => orders.complete(&mut self.fields, *id, self.delimiter).err(),
                    false => None,
                };
            }
        }
        Ok(true)
    }

    fn next_of_session(&mut self) -> Result<bool, DataError> {
        loop {
            if let Front::Otto(sessions) = &mut self.front
                && sessions.next_row(&mut self.fields)
            {
                self.issue = None;
                return Ok(true);
            }
            if !std::mem::take(&mut self.is_ahead) && !self.next_line()? {
                return Ok(false);
            }
            let line = self.line.trim_ascii_end();
            if let Front::Otto(sessions) = &mut self.front
                && let Err(issue) = sessions.parse(line)
            {
                self.issue = Some(issue);
                return Ok(true);
            }
        }
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
            if self.line_number == 1 && self.line.starts_with(b"\xef\xbb\xbf") {
                self.line.drain(..3);
            }
            self.split();
            if !self.fields.is_blank() {
                return Ok(true);
            }
        }
    }

    #[inline]
    fn split(&mut self) {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let quoted = self.quoting && memchr(b'"', line).is_some();
        match quoted {
            true => self.fields.split_quoted(line, self.delimiter),
            false => self.fields.split(line, self.delimiter),
        }
    }

    /// Checks that all quotes are closed and that the row has as many fields as the header.
    #[inline]
    pub(crate) fn check_shape(&self) -> Result<(), RowIssue> {
        if let Some(issue) = &self.issue {
            return Err(issue.clone());
        }
        self.check_quotes()?;
        let (found, expected) = (self.fields.len(), self.header.len());
        match found == expected {
            true => Ok(()),
            false => Err(self.wrong_count()),
        }
    }

    /// Counts the fields of the line, without those that were added.
    #[cold]
    fn wrong_count(&self) -> RowIssue {
        let (found, expected) = (self.fields.len(), self.header.len());
        match self.front {
            Front::Plain | Front::Otto(_) => RowIssue::FieldCount { found, expected },
            Front::Behavior(_) => RowIssue::FieldCount {
                found: found - 1,
                expected: expected - 1,
            },
            Front::Instacart { .. } => RowIssue::FieldCount {
                found,
                expected: expected - Orders::COLUMNS.len(),
            },
        }
    }

    #[inline]
    fn check_quotes(&self) -> Result<(), RowIssue> {
        let Some(start) = self.fields.unclosed else {
            return Ok(());
        };
        let n = self.fields.len();
        let column = self.header.get(n).map(|name| shorten(name).into());
        Err(RowIssue::UnclosedQuote {
            column: column.unwrap_or_else(|| (n + 1).to_string()),
            value: shown(self.line[start..].trim_ascii_end()),
        })
    }

    /// Field `n` of the row.
    #[inline]
    pub(crate) fn field(&self, n: usize) -> &[u8] {
        self.fields.get(n)
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
        self.fields.digest()
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

/// A value for a message, cut.
fn shown(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(400)];
    shorten(&String::from_utf8_lossy(head)).into()
}

pub(super) mod fields;
#[cfg(test)]
mod tests;
