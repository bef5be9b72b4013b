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

/// Placeholders that are not ids, though they may be names of brands; in lower case.
const NO_IDS: [&str; 7] = [
    "n.a.",
    "n.a",
    "missing",
    "[object object]",
    "infinity",
    "-infinity",
    "00000000-0000-0000-0000-000000000000",
];

/// Why a text is not a valid id. Its message completes a sentence after "it" or "which".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdIssue {
    /// It is empty or blank.
    #[error("is empty")]
    Empty,
    /// It denotes a missing value, such as `NULL`, `NaN` or `--`.
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
    /// It begins or ends with a character that nobody sees, such as a byte order mark or a zero-width space.
    #[error("begins or ends with an invisible character ({character:?})")]
    Invisible {
        /// The character.
        character: char,
    },
}

/// Checks the id of a user or an item: at most [`MAX_ID_BYTES`] bytes, no control characters, no invisible ones at its
/// ends, and not a missing value: neither one of [`is_no_value`], nor `missing`, `[object Object]`, `Infinity`, the
/// UUID of zeros and the like, nor punctuation alone, such as `-` or `?`. O(length).
///
/// ```
/// use lightgcn_core::{IdIssue, check_id};
///
/// assert_eq!(check_id("ann@example.com"), Ok(()));
/// assert_eq!(check_id("NULL"), Err(IdIssue::NoValue));
/// assert_eq!(check_id("7\r"), Err(IdIssue::Control { character: '\r' }));
/// ```
///
/// # Errors
/// The first [`IdIssue`].
#[inline]
pub fn check_id(id: &str) -> Result<(), IdIssue> {
    let bytes = id.as_bytes();
    // Almost all ids are short numbers.
    if (1..=20).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit) {
        return Ok(());
    }
    if let Some(character) = id.chars().find(|c| c.is_control()) {
        return Err(IdIssue::Control { character });
    }
    if bytes.len() > MAX_ID_BYTES {
        return Err(IdIssue::TooLong { bytes: bytes.len() });
    }
    let text = id.trim();
    if text.is_empty() {
        return Err(IdIssue::Empty);
    }
    // U+2028 is a blank too, so look before it is trimmed.
    let spaceless = id.trim_matches(' ');
    let mut ends = spaceless
        .chars()
        .next()
        .into_iter()
        .chain(spaceless.chars().next_back());
    if let Some(character) = ends.find(|&c| is_invisible(c)) {
        return Err(IdIssue::Invisible { character });
    }
    let is_no_id = NO_IDS.iter().any(|no| no.eq_ignore_ascii_case(text));
    match is_no_id || is_no_value(text) || text.bytes().all(|c| c.is_ascii_punctuation()) {
        true => Err(IdIssue::NoValue),
        false => Ok(()),
    }
}

/// Whether a character has no width: zero-width spaces and joiners, marks of direction and of byte order, separators of
/// lines and paragraphs, soft hyphens. They come along where text is copied.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
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
            "7",
            "007",
            "ann",
            "a b",
            "ü",
            "nullable",
            "-1",
            "0",
            "_a",
            "🐱",
            "missingno",
            "a\u{200c}b",
            &longest,
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
            "-",
            "--",
            "?",
            "N.A.",
            "missing",
            "[object Object]",
            "Infinity",
            "00000000-0000-0000-0000-000000000000",
            "***",
        ] {
            assert_eq!(check_id(id), Err(IdIssue::NoValue), "{id}");
        }
        for id in ["", " ", "\u{a0}"] {
            assert_eq!(check_id(id), Err(IdIssue::Empty), "{id:?}");
        }
        for character in ['\r', '\0', '\t', '\u{7f}', '\u{85}'] {
            let id = format!("7{character}");
            assert_eq!(check_id(&id), Err(IdIssue::Control { character }));
        }
        for character in ['\u{feff}', '\u{200b}', '\u{2060}', '\u{ad}'] {
            for id in [
                format!("7{character}"),
                format!("{character}7"),
                character.to_string(),
            ] {
                assert_eq!(
                    check_id(&id),
                    Err(IdIssue::Invisible { character }),
                    "{id:?}"
                );
            }
        }
        assert_eq!(
            check_id("7\u{2028}"),
            Err(IdIssue::Invisible {
                character: '\u{2028}'
            })
        );
        let long = "9".repeat(MAX_ID_BYTES + 1);
        assert_eq!(check_id(&long), Err(IdIssue::TooLong { bytes: 257 }));
        // Bytes count, not characters.
        assert!(check_id(&"ü".repeat(129)).is_err());
    }
}
