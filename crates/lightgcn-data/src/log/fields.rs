//! The fields of a row.

use memchr::{memchr, memchr_iter};

/// The fields of a row, separated by the delimiter and without their quotes.
#[derive(Default)]
pub(crate) struct Fields {
    pub(crate) text: Vec<u8>,
    /// Where each field ends in `text`.
    pub(crate) ends: Vec<usize>,
    /// Whether a field contains the delimiter.
    pub(crate) ambiguous: bool,
    /// The start of an unclosed quote.
    pub(crate) unclosed: Option<usize>,
    /// The time column and the row's time in seconds since 1970, if the file stores it as a time.
    pub(crate) instant: Option<(usize, i64)>,
}

impl Fields {
    /// Field `n`.
    #[inline]
    pub(crate) fn get(&self, n: usize) -> &[u8] {
        let start = match n {
            0 => 0,
            n => self.ends[n - 1] + 1,
        };
        &self.text[start..self.ends[n]]
    }

    /// Adds a field.
    pub(crate) fn push(&mut self, field: &[u8], delimiter: u8) {
        if !self.ends.is_empty() {
            self.text.push(delimiter);
        }
        self.text.extend_from_slice(field);
        self.ends.push(self.text.len());
        self.ambiguous |= memchr(delimiter, field).is_some();
    }

    /// Splits a line without quotes.
    pub(crate) fn split(&mut self, line: &[u8], delimiter: u8) {
        self.clear();
        self.text.extend_from_slice(line);
        self.ends.extend(memchr_iter(delimiter, line));
        self.ends.push(line.len());
    }

    /// Splits a line in which fields may be quoted. A quote within a field that does not start with
    /// one is an ordinary character. An unclosed quote ends the row.
    pub(crate) fn split_quoted(&mut self, line: &[u8], delimiter: u8) {
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
