//! Values of any length in messages.

use std::borrow::Cow;

/// Characters of a value in a message.
const SHOWN_CHARACTERS: usize = 80;

/// A value for a message, cut to its first 80 characters. What users give may be megabytes long, but no message is.
///
/// ```
/// use lightgcn_core::shorten;
///
/// assert_eq!(shorten("brush"), "brush");
/// assert_eq!(shorten(&"x".repeat(1_000_000)).chars().count(), 81);
/// ```
#[must_use]
pub fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
