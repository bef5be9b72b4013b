//! Small helpers for files and folders.

use crate::StoreError;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

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

/// `path` with `ending` appended to its name, ignoring trailing slashes: where what belongs to a model or
/// a dataset is kept.
///
/// ```
/// use std::path::Path;
///
/// assert_eq!(lightgcn_store::beside("models/a/", ".run"), Path::new("models/a.run"));
/// ```
#[must_use]
pub fn beside(path: impl AsRef<Path>, ending: &str) -> PathBuf {
    let mut name = OsString::from(path.as_ref().components().as_path());
    name.push(ending);
    PathBuf::from(name)
}

/// Removes a folder with everything in it; false if there is none.
///
/// # Errors
/// Those of [`std::fs::remove_dir_all`], except that it is not there.
pub fn remove_folder(path: impl AsRef<Path>) -> io::Result<bool> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
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
