//! The rule for valid ids.

use thiserror::Error;

/// The maximum length of an id, in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// Placeholders that programs write for a missing value, in lower case: pandas' list without its
/// numbers, and those of databases, spreadsheets and JavaScript.
const NO_VALUES: [&str; 22] = [
    "null",
    "nan",
    "-nan",
    "none",
    "nil",
    "na",
    "n/a",
    "#n/a",
    "#na",
    "<na>",
    "<null>",
    "(null)",
    "\\n",
    "nat",
    "undefined",
    "[null]",
    "#null!",
    "#ref!",
    "#value!",
    "#name?",
    "#num!",
    "#div/0!",
];

/// Why a text is not a valid id. Its message completes a sentence after "it" or "which".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdFault {
    /// It is empty or blank.
    #[error("is empty")]
    Empty,
    /// It denotes a missing value, such as `NULL` or `NaN`.
    #[error("denotes a missing value")]
    NoValue,
    /// It has more than [`MAX_ID_BYTES`] bytes.
    #[error("has {bytes} bytes; the maximum is {MAX_ID_BYTES}")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It has a control character, such as a carriage return.
    #[error("contains a control character ({character:?})")]
    Control {
        /// The first one.
        character: char,
    },
}

/// Checks the id of a user or an item: at most [`MAX_ID_BYTES`] bytes, no control characters, and not a
/// missing value (see [`is_no_value`]). O(length).
///
/// ```
/// use lightgcn_core::{IdFault, check_id};
///
/// assert_eq!(check_id("ann@example.com"), Ok(()));
/// assert_eq!(check_id("NULL"), Err(IdFault::NoValue));
/// assert_eq!(check_id("7\r"), Err(IdFault::Control { character: '\r' }));
/// ```
///
/// # Errors
/// The first [`IdFault`].
#[inline]
pub fn check_id(id: &str) -> Result<(), IdFault> {
    let bytes = id.as_bytes();
    // Almost all ids are short numbers.
    if (1..=20).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit) {
        return Ok(());
    }
    if let Some(character) = id.chars().find(|c| c.is_control()) {
        return Err(IdFault::Control { character });
    }
    if bytes.len() > MAX_ID_BYTES {
        return Err(IdFault::TooLong { bytes: bytes.len() });
    }
    match id.trim() {
        "" => Err(IdFault::Empty),
        text if is_no_value(text) => Err(IdFault::NoValue),
        _ => Ok(()),
    }
}

/// Whether a text is a placeholder for a missing value: `NULL`, `NaN`, `None`, `nil`, `NA`, `N/A`,
/// `<NA>`, `(null)`, `\N`, `undefined` and the like, in upper or lower case.
#[must_use]
#[inline]
pub fn is_no_value(text: &str) -> bool {
    (2..=9).contains(&text.len()) && NO_VALUES.iter().any(|no| no.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_any_short_text_of_one_line() {
        let longest = "x".repeat(MAX_ID_BYTES);
        for id in [
            "7", "007", "ann", "a b", "ü", "nullable", "-", "0", &longest,
        ] {
            assert_eq!(check_id(id), Ok(()), "{id}");
        }
        for id in [
            "NULL",
            "null",
            "Null",
            "NaN",
            "nan",
            "None",
            "\\N",
            "undefined",
            "N/A",
            "<NA>",
            "NaT",
            "#REF!",
            " nil ",
        ] {
            assert_eq!(check_id(id), Err(IdFault::NoValue), "{id}");
        }
        for id in ["", " ", "\u{a0}"] {
            assert_eq!(check_id(id), Err(IdFault::Empty), "{id:?}");
        }
        for character in ['\r', '\0', '\t', '\u{7f}', '\u{85}'] {
            let id = format!("7{character}");
            assert_eq!(check_id(&id), Err(IdFault::Control { character }));
        }
        let long = "9".repeat(MAX_ID_BYTES + 1);
        assert_eq!(check_id(&long), Err(IdFault::TooLong { bytes: 257 }));
        // Bytes count, not characters.
        assert!(check_id(&"ü".repeat(129)).is_err());
    }
}
