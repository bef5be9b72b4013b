//! Values, names and paths in messages.

use crate::log::address::STDIN;
pub(crate) use lightgcn_core::shorten;
use std::borrow::Cow;
use std::path::Path;

/// The maximum number of names of a list in a message.
const SHOWN_NAMES: usize = 20;

/// A file's name for a message.
pub(crate) fn shown_path(path: &Path) -> Cow<'_, str> {
    match path.to_str() {
        Some(STDIN) => "standard input".into(),
        _ => path.to_string_lossy(),
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
