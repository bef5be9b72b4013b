//! The lines of a CSV file, split into fields.

use crate::log::source::Source;
use crate::log::stream::StoredFile;
use crate::{DataError, LogFormat};
use lightgcn_core::InputFile;
use memchr::{memchr, memchr_iter};
use std::io::BufRead;

/// A CSV file that is being read line by line.
pub(crate) struct Lines {
    file: StoredFile,
    delimiter: u8,
    quoting: bool,
    line: Vec<u8>,
    number: u64,
}

/// The fields of a row, separated by the delimiter and without their quotes.
#[derive(Default)]
pub(crate) struct Fields {
    pub(crate) text: Vec<u8>,
    /// Where each field ends in `text`.
    pub(crate) ends: Vec<usize>,
    /// Whether a field contains the delimiter.
    pub(crate) ambiguous: bool,
    /// Where a quote begins that is not closed.
    pub(crate) unclosed: Option<usize>,
    /// The column of times and the row's time, in seconds since 1970, if the file has it as a time.
    pub(crate) instant: Option<(usize, i64)>,
}

impl Lines {
    pub(crate) fn start(source: Source, format: &LogFormat) -> Result<Self, DataError> {
        Ok(Self {
            file: StoredFile::start(source)?,
            delimiter: format.delimiter as u8,
            quoting: format.quoting,
            line: Vec::new(),
            number: 0,
        })
    }

    /// Reads and splits the next line that is not empty; false at the end. A byte order mark is skipped.
    #[inline]
    pub(crate) fn next(&mut self, fields: &mut Fields) -> Result<bool, DataError> {
        loop {
            self.line.clear();
            match self.file.read_until(b'\n', &mut self.line) {
                Ok(0) => return Ok(false),
                Ok(_) => self.number += 1,
                Err(error) => return Err(self.file.error(error)),
            }
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
            if fields.ends[..] != [0] || fields.unclosed.is_some() {
                return Ok(true);
            }
        }
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

    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.ambiguous = false;
        self.unclosed = None;
        self.instant = None;
    }
}
