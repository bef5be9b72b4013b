//! The lines of a CSV file, split into fields.

use crate::log::fields::Fields;
use crate::log::source::Source;
use crate::log::stream::StoredFile;
use crate::{DataError, LogFormat};
use lightgcn_core::InputFile;
use memchr::memchr;
use std::io::BufRead;

/// A CSV file that is being read line by line.
pub(crate) struct Lines {
    file: StoredFile,
    delimiter: u8,
    quoting: bool,
    line: Vec<u8>,
    number: u64,
    /// Whether to read the line again.
    is_ahead: bool,
}

impl Lines {
    pub(crate) fn start(source: Source, format: &LogFormat) -> Result<Self, DataError> {
        Ok(Self {
            file: StoredFile::start(source)?,
            delimiter: format.delimiter as u8,
            quoting: format.quoting,
            line: Vec::new(),
            number: 0,
            is_ahead: false,
        })
    }

    /// Reads and splits the next line that is not empty; false at the end. A byte order mark is skipped.
    #[inline]
    pub(crate) fn next(&mut self, fields: &mut Fields) -> Result<bool, DataError> {
        if std::mem::take(&mut self.is_ahead) {
            self.split(fields);
            return Ok(true);
        }
        loop {
            self.line.clear();
            match self.file.read_until(b'\n', &mut self.line) {
                Ok(0) => return Ok(false),
                Ok(_) => self.number += 1,
                Err(error) => return Err(self.file.error(error)),
            }
            self.split(fields);
            if fields.ends[..] != [0] || fields.unclosed.is_some() {
                return Ok(true);
            }
        }
    }

    #[inline]
    fn split(&self, fields: &mut Fields) {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = match self.number {
            1 => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
            _ => line,
        };
        let quoted = self.quoting && memchr(b'"', line).is_some();
        match quoted {
            true => fields.split_quoted(line, self.delimiter),
            false => fields.split(line, self.delimiter),
        }
    }

    /// Rereads the current line, and uses this delimiter from there on.
    pub(super) fn again(&mut self, delimiter: u8) {
        self.delimiter = delimiter;
        self.is_ahead = true;
    }

    /// Takes each line as one field.
    pub(super) fn whole(&mut self) {
        self.again(b'\n');
        self.quoting = false;
    }

    /// The line as it was read.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The line's number, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes on disk read so far.
    pub(crate) fn stored_read(&self) -> u64 {
        self.file.stored_read()
    }

    /// The file's name, size and hash, once all lines are read.
    pub(crate) fn finish(self) -> Result<InputFile, DataError> {
        self.file.finish()
    }
}
