//! The database file, which may be damaged: redb panics on some such files, and a panic becomes an error here.

use super::EventStoreError;
use redb::{BackendError, Builder, ConcurrencyMode, Database, ReadOnlyDatabase, StorageBackend};
use std::any::Any;
use std::fs::File;
use std::io;
use std::ops::{Bound, Deref};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Bytes of memory for a reader's pages of the file.
const READER_CACHE: usize = 16 << 20;

/// Where redb's header has its flags, and the one that says that the file was not closed.
const FLAGS: u64 = 9;
const NOT_CLOSED: u8 = 2;

/// Runs calls of redb. A panic in them becomes [`redb::Error::Corrupted`].
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    // What a panic leaves behind is not used again, or only through this function.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let detail = message(&*panic);
        Err(redb::Error::Corrupted(format!(
            "the database gave up: {detail}"
        )))
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
}

/// A database whose closing cannot panic.
pub(super) struct Guarded<D>(Option<D>);

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
        let closed = catch_unwind(AssertUnwindSafe(|| drop(database)));
        if let Err(panic) = closed {
            tracing::error!("an event store was not closed: {}", message(&*panic));
        }
    }
}

/// Opens a database for writing. `checked` verifies every page first; without it, only a file that was not closed
/// is repaired, which is quick.
pub(super) fn open_writer(
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

/// Opens a database for reading, beside a writer or without one. A file that was not closed gives
/// [`redb::Error::RepairAborted`].
pub(super) fn open_reader(path: &Path) -> Result<Guarded<ReadOnlyDatabase>, redb::Error> {
    Guarded::open(|| reader().open_read_only(path))
}

/// Opens a database for reading that cannot be repaired: whatever its state, without locks.
pub(super) fn open_damaged(path: &Path) -> Result<Guarded<ReadOnlyDatabase>, redb::Error> {
    let file = File::open(path)?;
    Guarded::open(|| reader().open_read_only_with_backend(AsClosed(file)))
}

fn reader() -> Builder {
    let mut builder = Builder::new();
    builder
        .set_cache_size(READER_CACHE)
        .set_concurrency_mode(ConcurrencyMode::SingleWriter);
    builder
}

/// A file that claims to have been closed properly, for reading.
#[derive(Debug)]
struct AsClosed(File);

impl StorageBackend for AsClosed {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read_exact_at(out, offset)?;
        let flags = FLAGS
            .checked_sub(offset)
            .and_then(|n| usize::try_from(n).ok());
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

/// Which file a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::symlink_metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }
}

/// Refuses an existing path that is not a regular file.
pub(super) fn check_regular(path: &Path) -> Result<(), EventStoreError> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => Err(EventStoreError::NotAStore {
            path: path.to_owned(),
            detail: "not a regular file".to_owned(),
        }),
        _ => Ok(()),
    }
}
