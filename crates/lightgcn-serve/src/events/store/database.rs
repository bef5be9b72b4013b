//! The database file, which may be damaged: redb panics on some damaged files, and such a panic
//! becomes an error here.

use super::EventStoreError;
use redb::{BackendError, Builder, ConcurrencyMode, Database, ReadOnlyDatabase, StorageBackend};
use std::any::Any;
use std::cell::Cell;
use std::fs::{File, Metadata};
use std::io;
use std::ops::{Bound, Deref};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Once;

/// Bytes of memory for a reader's pages of the file.
const READER_CACHE: usize = 16 << 20;

/// The position of the flags in redb's header, and the flag that says that the file was not closed.
const FLAGS: usize = 9;
const NOT_CLOSED: u8 = 2;
/// The position of the five numbers in the header that determine the length of the file, see
/// [`stored_length`].
const LAYOUT: usize = 12;
/// The number of header bytes that are read here.
const HEADER: usize = LAYOUT + 5 * 4;

/// What a panic of the database means.
const GAVE_UP: &str = "its parts contradict each other";

/// Runs calls of redb. A panic in them becomes [`redb::Error::Corrupted`].
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    caught(work).unwrap_or_else(|panic| {
        // What the database says then is for its developers.
        tracing::debug!("the database gave up: {}", message(&*panic));
        Err(redb::Error::Corrupted(GAVE_UP.to_owned()))
    })
}

thread_local! {
    /// Whether a panic of this thread is caught here and returned as an error.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Catches a panic without printing it: a damaged file can cause thousands.
fn caught<T>(work: impl FnOnce() -> T) -> std::thread::Result<T> {
    static QUIET: Once = Once::new();
    // The hook cannot be changed while this thread panics.
    if !std::thread::panicking() {
        QUIET.call_once(|| {
            let print = panic::take_hook();
            panic::set_hook(Box::new(move |panic| match CAUGHT.get() {
                true => tracing::debug!("{panic}"),
                false => print(panic),
            }));
        });
    }
    let outer = CAUGHT.replace(true);
    // State left behind by a panic is not used again, or only through these functions.
    let result = catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(outer);
    result
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
}

/// A database whose closing cannot panic.
pub(crate) struct Guarded<D>(Option<D>);

impl<D> Guarded<D> {
    fn open(open: impl FnOnce() -> Result<D, redb::DatabaseError>) -> Result<Self, redb::Error> {
        guarded(|| Ok(open()?)).map(|database| Self(Some(database)))
    }
}

impl<D> Deref for Guarded<D> {
    type Target = D;

    fn deref(&self) -> &D {
        let Some(database) = &self.0 else {
            unreachable!("only dropping takes it");
        };
        database
    }
}

impl<D> Drop for Guarded<D> {
    fn drop(&mut self) {
        let database = self.0.take();
        if let Err(panic) = caught(|| drop(database)) {
            tracing::error!("could not close a database: {}", message(&*panic));
        }
    }
}

/// Opens a database for writing, which repairs one that was not closed. `checked` verifies every page first.
pub(crate) fn open_writer(
    path: &Path,
    cache_bytes: usize,
    checked: bool,
) -> Result<Guarded<Database>, redb::Error> {
    Guarded::open(|| {
        Builder::new()
            .set_cache_size(cache_bytes)
            .set_concurrency_mode(ConcurrencyMode::SingleWriter)
            .set_check_integrity_on_open(checked)
            .create(path)
    })
}

/// Verifies every page of a database, and repairs one that was not closed. No one else may have it
/// open.
pub(super) fn check_and_repair(path: &Path) -> Result<(), redb::Error> {
    // Opening creates what is missing or empty.
    if std::fs::metadata(path)?.len() == 0 {
        let detail = "it is empty";
        return Err(io::Error::new(io::ErrorKind::InvalidData, detail).into());
    }
    open_writer(path, READER_CACHE, true).map(drop)
}

/// Opens a database for reading, with or without a concurrent writer. A file that was not closed
/// gives [`redb::Error::RepairAborted`].
pub(super) fn open_reader(path: &Path) -> Result<Guarded<ReadOnlyDatabase>, redb::Error> {
    Guarded::open(|| reader().open_read_only(path))
}

/// Opens a database for reading that cannot be repaired: whatever its state, without locks.
pub(super) fn open_damaged(path: &Path) -> Result<Guarded<ReadOnlyDatabase>, redb::Error> {
    let file = AsClosed::open(path)?;
    Guarded::open(|| reader().open_read_only_with_backend(file))
}

fn reader() -> Builder {
    let mut builder = Builder::new();
    builder
        .set_cache_size(READER_CACHE)
        .set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

/// Presents a file, for reading, as closed properly and of its full length. Missing bytes are
/// zeros.
#[derive(Debug)]
struct AsClosed {
    file: File,
    length: u64,
}

impl AsClosed {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut header = [0; HEADER];
        read_or_zeros(&file, &mut header, 0)?;
        let length = stored_length(&header).unwrap_or(0);
        Ok(Self {
            length: length.max(file.metadata()?.len()),
            file,
        })
    }
}

/// The length of the file by its header: a page, the full regions, and the last region.
fn stored_length(header: &[u8; HEADER]) -> Option<u64> {
    let (numbers, _) = header[LAYOUT..].as_chunks::<4>();
    let numbers = numbers
        .iter()
        .map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
    let numbers: Vec<u64> = numbers.collect();
    let [page, region_header, region, n_full, last] = numbers[..] else {
        return None;
    };
    let full = n_full.checked_mul(region_header + region)?;
    let last = if last > 0 { region_header + last } else { 0 };
    let pages = full.checked_add(1 + last)?;
    pages.checked_mul(page)
}

/// Reads bytes, with zeros beyond the end.
fn read_or_zeros(file: &File, mut out: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !out.is_empty() {
        match file.read_at(out, offset)? {
            0 => {
                out.fill(0);
                return Ok(());
            }
            n => {
                out = &mut out[n..];
                offset += n as u64;
            }
        }
    }
    Ok(())
}

impl StorageBackend for AsClosed {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        read_or_zeros(&self.file, out, offset)?;
        let flags = usize::try_from(offset).ok();
        let flags = flags.and_then(|offset| FLAGS.checked_sub(offset));
        if let Some(flags) = flags.and_then(|n| out.get_mut(n)) {
            *flags &= !NOT_CLOSED;
        }
        Ok(())
    }

    fn set_len(&self, _: u64) -> Result<(), io::Error> {
        Err(read_only())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Err(read_only())
    }

    fn write(&self, _: u64, _: &[u8]) -> Result<(), io::Error> {
        Err(read_only())
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(false)
    }
}

fn read_only() -> io::Error {
    io::Error::from(io::ErrorKind::PermissionDenied)
}

/// The file that a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        std::fs::symlink_metadata(path).map(Self::from)
    }

    /// That of the file to which a path leads through links.
    pub(super) fn behind(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(Self::from)
    }
}

impl From<Metadata> for FileIdentity {
    fn from(metadata: Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// Rejects an existing path that is not a regular file.
pub(crate) fn check_regular(path: &Path) -> Result<(), EventStoreError> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(EventStoreError::NotAStore {
            path: path.to_owned(),
            detail: "not a regular file".to_owned(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::TableDefinition;

    const TABLE: TableDefinition<'_, u64, u64> = TableDefinition::new("table");

    /// What is known here of redb's header.
    #[test]
    fn the_header_tells_the_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        for n in [10, 200_000] {
            let database = open_writer(&path, READER_CACHE, false).unwrap();
            let transaction = database.begin_write().unwrap();
            let mut table = transaction.open_table(TABLE).unwrap();
            (0..n).for_each(|n| drop(table.insert(n, n).unwrap()));
            drop(table);
            transaction.commit().unwrap();
            drop(database);
            let mut header = [0; HEADER];
            let file = File::open(&path).unwrap();
            file.read_exact_at(&mut header, 0).unwrap();
            let length = file.metadata().unwrap().len();
            assert_eq!(stored_length(&header), Some(length));
        }
        assert_eq!(stored_length(&[255; HEADER]), None);
    }

    #[test]
    fn panics_become_errors() {
        let error = guarded::<()>(|| panic!("number {}", 7)).unwrap_err();
        assert!(matches!(error, redb::Error::Corrupted(text) if text == GAVE_UP));
    }
}
