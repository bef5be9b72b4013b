//! A file to read, and which files are data.

use std::path::{MAIN_SEPARATOR, PathBuf};

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// Its size, if known in advance.
    pub(crate) bytes: u64,
    /// Whether it was found in a folder or by a pattern, rather than named.
    pub(crate) is_found: bool,
}

/// Whether a pattern excludes hidden files: its last part does not start like their names.
pub(crate) fn skips_hidden(pattern: &str) -> bool {
    let last = pattern.rsplit(['/', MAIN_SEPARATOR]).next();
    !last.is_some_and(|last| last.starts_with(['.', '_']))
}

/// Whether a file or folder of that name is not data: markers such as `_SUCCESS` and checksums such
/// as `.part-0.crc`. Partitions may start with an underscore.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name.starts_with('_') && !name.contains('=')
}
