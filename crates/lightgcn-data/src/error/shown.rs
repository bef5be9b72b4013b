//! Values, names and paths in messages.

use crate::log::address::STDIN;
use std::borrow::Cow;
use std::path::Path;

/// The maximum number of characters of a value in a message.
const SHOWN_CHARACTERS: usize = 80;

/// The maximum number of names of a list in a message.
const SHOWN_NAMES: usize = 20;

/// A file's name for a message.
pub(crate) fn shown_path(path: &Path) -> Cow<'_, str> {
    match path.to_str() {
        Some(STDIN) => "standard input".into(),
        _ => path.to_string_lossy(),
    }
}

/// A value for a message, truncated to 80 characters.
pub(crate) fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// The first names of a list.
pub(crate) fn quoted(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN_NAMES);
    let shown: Vec<String> = shown.map(|name| format!("{:?}", shorten(name))).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(SHOWN_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
