//! The fields of a row.

use crate::log::digest::row_digest;
use memchr::{memchr, memchr_iter};

/// The fields of a row, separated by the delimiter and without their quotes.
#[derive(Default)]
pub(in crate::log) struct Fields {
    text: Vec<u8>,
    /// Where each field ends in `text`.
    ends: Vec<usize>,
    /// Whether a field contains the delimiter.
    ambiguous: bool,
    /// Where a quote begins that is not closed.
    pub(in crate::log) unclosed: Option<usize>,
}

impl Fields {
    pub(in crate::log) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the line was empty.
    pub(in crate::log) fn is_blank(&self) -> bool {
        self.ends[..] == [0] && self.unclosed.is_none()
    }

    #[inline]
    pub(in crate::log) fn get(&self, n: usize) -> &[u8] {
        let start = match n {
            0 => 0,
            n => self.ends[n - 1] + 1,
        };
        &self.text[start..self.ends[n]]
    }

    /// Adds a field.
    pub(in crate::log) fn push(&mut self, field: &[u8], delimiter: u8) {
        if !self.ends.is_empty() {
            self.text.push(delimiter);
        }
        self.text.extend_from_slice(field);
        self.ends.push(self.text.len());
        self.ambiguous |= memchr(delimiter, field).is_some();
    }

    /// The digest of all fields.
    #[inline]
    pub(in crate::log) fn digest(&self) -> u128 {
        // Where no field contains the delimiter, the text tells where each field ends.
        let ends = if self.ambiguous { &self.ends[..] } else { &[] };
        row_digest(&self.text, ends.iter().copied())
    }

    /// Splits a line without quotes.
    pub(in crate::log) fn split(&mut self, line: &[u8], delimiter: u8) {
        self.clear();
        self.text.extend_from_slice(line);
        self.ends.extend(memchr_iter(delimiter, line));
        self.ends.push(line.len());
    }

    /// Splits a line in which fields may be quoted. A quote within a field that does not begin with one is
    /// a character like any other. An unclosed quote ends the row.
    pub(in crate::log) fn split_quoted(&mut self, line: &[u8], delimiter: u8) {
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

    pub(in crate::log) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.ambiguous = false;
        self.unclosed = None;
    }
}
