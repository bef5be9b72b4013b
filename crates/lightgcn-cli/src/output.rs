//! Prints results as text or as one JSON object.

use serde::Serialize;
use std::io::Write;

/// Prints results to standard output: text, or one JSON object with `--json`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a result: `value` as one JSON object, or `text`.
    pub(crate) fn result<T: Serialize>(self, value: &T, text: &str) -> anyhow::Result<()> {
        let line = if self.json {
            serde_json::to_string(value)?
        } else {
            text.to_owned()
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", line.trim_end())?;
        out.flush()?;
        Ok(())
    }

    /// Prints an error to standard error and, with `--json`, as an object to standard output.
    pub(crate) fn error(self, error: &anyhow::Error) {
        let text = whole_text(error);
        eprintln!("error: {text}");
        self.error_object(&text);
    }

    /// With `--json`, prints an error as an object to standard output.
    pub(crate) fn error_object(self, text: &str) {
        if self.json {
            let object = serde_json::json!({ "error": text });
            // If standard output is gone, there is nowhere to report it.
            let _ = writeln!(std::io::stdout(), "{object}");
        }
    }
}

/// An error with its causes, except those that the text already contains.
fn whole_text(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text += ": ";
            text += &cause;
        }
    }
    cut(text)
}

/// The most characters of an error.
const LONGEST_ERROR: usize = 4_000;

/// The end of a long error, which says how to fix it.
const KEPT_END: usize = 1_000;

/// Leaves out the middle of a text that is too long to read, such as one that quotes a whole file.
fn cut(text: String) -> String {
    let n = text.chars().count();
    if n <= LONGEST_ERROR {
        return text;
    }
    let begin = text.chars().take(LONGEST_ERROR - KEPT_END);
    let end = text.chars().skip(n - KEPT_END);
    begin.chain([' ', '…', ' ']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_errors_keep_their_begin_and_their_end() {
        let error = anyhow::anyhow!("the key \"{}\"; rename it", "é".repeat(2_000_000));
        let text = whole_text(&error);
        assert_eq!(text.chars().count(), LONGEST_ERROR + 3);
        assert!(text.starts_with("the key \"éé") && text.ends_with("éé\"; rename it"));
        assert_eq!(whole_text(&anyhow::anyhow!("short")), "short");
    }
    use anyhow::Context;

    #[test]
    fn causes_are_printed_once() {
        let full = std::io::Error::other("the disk is full");
        let error = Err::<(), _>(full).context("x: the disk is full; free space");
        let error = error.context("saving").unwrap_err();
        assert_eq!(
            whole_text(&error),
            "saving: x: the disk is full; free space"
        );
    }
}
