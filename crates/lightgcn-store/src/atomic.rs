//! Writes a folder, all or nothing.

use crate::StoreError;
use crate::files::{list, parent_of};
use crate::manifest::{MANIFEST, format_and_names};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Writes a folder so that its path has either the complete new content or the previous one.
///
/// `write` gets an empty folder next to the destination (`NAME.tmp-` and random letters, in the
/// same parent, which is created if missing) and puts only plain files into it, no folders. One of
/// them is `manifest.json`: a JSON object whose `format` is `kind` (such as `lightgcn-checkpoint`)
/// and whose `files` names every other file, each by an object with a `name` or by a list that
/// starts with the name. Then files and folder are flushed to the disk and the folder is renamed.
///
/// A destination that exists is replaced only if it is an empty folder, or a folder of the same
/// kind (of any version, even with damaged files) that contains nothing but what its manifest
/// names. On Linux the two folders are swapped atomically, so the destination is complete at every
/// moment, and then the old one is removed. On other systems, and on file systems without such a
/// swap, the old one is first renamed to `NAME.old-` and random letters, and removed once the new
/// folder is in place.
///
/// If the process dies in between, the destination never has partial content. It may leave a
/// `NAME.tmp-...`, which can be removed, or, without an atomic swap, if it dies between the two
/// renames, a `NAME.old-...` with the complete old content while the destination is missing: rename
/// it back, or write again. (The error of loading from the missing path names it.) Reading a
/// folder's files while it is being replaced fails with a checksum error or a missing file, never
/// with a mixture, provided that the manifest has checksums.
///
/// # Errors
/// What `write` returns, and [`StoreError::Foreign`] if the destination must not be replaced,
/// [`StoreError::Destination`] if the path has no name, [`StoreError::Unlisted`] if `write` did not
/// create such a manifest, [`StoreError::Io`] if the disk is full or the folder unwritable. After
/// an error the destination is unchanged and nothing is left next to it; only if the very last
/// flush fails, the new folder is already in place but may not survive a power cut.
pub fn write_folder_atomically<E: From<StoreError>>(
    path: &Path,
    kind: &str,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let name = path
        .file_name()
        .ok_or_else(|| StoreError::Destination {
            path: path.to_owned(),
        })?
        .to_string_lossy();
    check_destination(path, kind)?;
    let parent = parent_of(path);
    fs::create_dir_all(parent).map_err(|error| StoreError::io("create", parent, error))?;
    let folder = folder_beside(parent, &format!("{name}.tmp-"))?;
    write(folder.path())?;
    finish(folder.path(), kind)?;
    // The destination may have changed while `write` was running.
    check_destination(path, kind)?;
    put(folder.path(), path, parent, &name)?;
    // If the folders were swapped, the old content is removed with `folder`; otherwise nothing is
    // at its path anymore. Failing to remove it does not fail the write.
    Ok(())
}

/// An empty folder that is removed when dropped, with the permissions that the process gives to
/// every new folder.
fn folder_beside(parent: &Path, prefix: &str) -> Result<tempfile::TempDir, StoreError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    builder
        .tempdir_in(parent)
        .map_err(|error| StoreError::io("create a folder in", parent, error))
}

/// Whether what is at the destination may be replaced.
fn check_destination(path: &Path, kind: &str) -> Result<(), StoreError> {
    let foreign = |detail: String| StoreError::Foreign {
        path: path.to_owned(),
        detail,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("look at", path, error)),
        Ok(metadata) if metadata.is_symlink() => return Err(foreign("it is a link".to_owned())),
        Ok(metadata) if !metadata.is_dir() => return Err(foreign("it is a file".to_owned())),
        Ok(_) => {}
    }
    let entries = list(path).map_err(|error| StoreError::io("list", path, error))?;
    if entries.is_empty() {
        return Ok(());
    }
    unlisted(path, kind, &entries).map_or(Ok(()), |detail| Err(foreign(detail)))
}

/// Checks what `write` made and flushes it to the disk.
fn finish(folder: &Path, kind: &str) -> Result<(), StoreError> {
    let entries = list(folder).map_err(|error| StoreError::io("list", folder, error))?;
    if let Some(detail) = unlisted(folder, kind, &entries) {
        return Err(StoreError::Unlisted {
            path: folder.to_owned(),
            detail,
        });
    }
    for (name, _) in &entries {
        let path = folder.join(name);
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.sync_all())
            .map_err(|error| StoreError::io("write", &path, error))?;
    }
    flush_folder(folder)
}

/// Why the folder is not of this kind, or has extra files; `None` if all is well.
fn unlisted(folder: &Path, kind: &str, entries: &[(String, Option<u64>)]) -> Option<String> {
    let Some((format, names)) = format_and_names(folder) else {
        return Some(format!("it is not a {kind} folder"));
    };
    if format != kind {
        return Some(format!("its format is {format}, not {kind}"));
    }
    let stray = entries
        .iter()
        .find(|(name, size)| (name != MANIFEST && !names.contains(name)) || size.is_none());
    stray.map(|(name, _)| format!("it holds {name:?}, which is not part of it"))
}

/// Moves the finished folder to its destination, replacing what is there.
fn put(folder: &Path, path: &Path, parent: &Path, name: &str) -> Result<(), StoreError> {
    if fs::symlink_metadata(path).is_err() {
        fs::rename(folder, path).map_err(|error| StoreError::io("replace", path, error))?;
    } else if !exchange(folder, path) {
        return put_aside(folder, path, parent, name);
    }
    flush_folder(parent)
}

/// Swaps two folders atomically. Returns false if the system or the file system does not support
/// it.
#[cfg(target_os = "linux")]
pub(crate) fn exchange(one: &Path, other: &Path) -> bool {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn exchange(_: &Path, _: &Path) -> bool {
    false
}

/// Renames what is at the destination, then the finished folder.
fn put_aside(folder: &Path, path: &Path, parent: &Path, name: &str) -> Result<(), StoreError> {
    let rename = |from: &Path, to: &Path| {
        fs::rename(from, to).map_err(|error| StoreError::io("replace", path, error))
    };
    let aside = free_name(parent, &format!("{name}.old-"))?;
    rename(path, &aside)?;
    if let Err(error) = rename(folder, path) {
        // If this fails too, the old content survives under its other name.
        rename(&aside, path)?;
        return Err(error);
    }
    flush_folder(parent)?;
    // The new content is in place: an old folder that cannot be removed does not fail the write.
    let _ = fs::remove_dir_all(&aside);
    Ok(())
}

/// An unused path in `parent`.
pub(crate) fn free_name(parent: &Path, prefix: &str) -> Result<PathBuf, StoreError> {
    let folder = folder_beside(parent, prefix)?;
    let path = folder.path().to_owned();
    folder
        .close()
        .map_err(|error| StoreError::io("remove", &path, error))?;
    Ok(path)
}

/// Makes renames and new files in a folder durable, if the system supports it.
pub(crate) fn flush_folder(path: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        File::open(path)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| StoreError::io("write", path, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
