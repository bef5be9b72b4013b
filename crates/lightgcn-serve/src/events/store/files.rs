//! The files of a store, and its locks.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The temporary file of a rewrite.
pub(super) fn unfinished(store: &Path) -> PathBuf {
    let mut name = OsString::from(store);
    name.push(".rewritten");
    PathBuf::from(name)
}

/// Removes what a crash left of a rewrite. Only the writer of a store calls it.
pub(super) fn remove_unfinished(store: &Path) {
    let _ = std::fs::remove_file(unfinished(store));
}

/// Creates a file that only its owner may read, if it does not exist.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Makes the name of a file survive a power cut.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
