//! Small helpers for files and folders.

use crate::StoreError;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes one file of a folder that [`write_folder_atomically`](crate::write_folder_atomically) is making.
///
/// # Errors
/// [`StoreError::Io`] if it cannot be written.
pub(crate) fn write_file(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let path = folder.join(name);
    File::create_new(&path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|error| StoreError::io("write", &path, error))
}

/// The folder that holds `path`.
pub(crate) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The entries of a folder by name, with the sizes of those that are regular files.
pub(crate) fn list(path: &Path) -> io::Result<Vec<(String, Option<u64>)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // This does not follow links.
        let metadata = entry.metadata()?;
        let size = metadata.is_file().then_some(metadata.len());
        entries.push((entry.file_name().to_string_lossy().into_owned(), size));
    }
    entries.sort();
    Ok(entries)
}
