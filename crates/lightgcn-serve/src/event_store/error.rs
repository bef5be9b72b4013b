//! What can go wrong with a store of events.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What can go wrong when events are kept, read or exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EventStoreError {
    /// Another process writes to the store, or another part of this one.
    #[error(
        "the event store {} is open for writing elsewhere; a store has one writer: stop the other \
         one, or use another store",
        path.display()
    )]
    InUse {
        /// The store.
        path: PathBuf,
    },
    /// There is no store at the path.
    #[error("there is no event store at {}; check the path", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// What stands at the path is no store.
    #[error("{} is no event store: {detail}; choose another path", path.display())]
    NotAStore {
        /// The path.
        path: PathBuf,
        /// What it is.
        detail: String,
    },
    /// A newer version of the library wrote the store.
    #[error(
        "the event store {} was written by a newer version: it has format version {found}, this \
         program knows {supported}; update the program",
        path.display()
    )]
    NewerVersion {
        /// The store.
        path: PathBuf,
        /// Its format version.
        found: u64,
        /// The newest one that is known.
        supported: u64,
    },
    /// An event cannot be kept; nothing of its batch was.
    #[error("event {number} cannot be kept: {detail}")]
    Event {
        /// Its place in the batch, from 1.
        number: usize,
        /// What is wrong, and how to fix it.
        detail: String,
    },
    /// The store holds as much as it may; nothing of the batch was kept.
    #[error(
        "the event store {} is full ({limit} events); export its events and prune them, or raise \
         its limit",
        path.display()
    )]
    Full {
        /// The store.
        path: PathBuf,
        /// How many events it may hold.
        limit: u64,
    },
    /// The disk is full; nothing of the batch was kept.
    #[error("no space is left for {}: {source}; free some space and send the events again", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused something else; nothing of the batch was kept.
    #[error("cannot {action} {}: {source}; check the disk and the permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, such as `write`.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The store's file is damaged.
    #[error("the event store {} is damaged: {detail}; export what can be read and start a new one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

impl EventStoreError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::DiskFull { path, source },
            io::ErrorKind::NotFound if action == "open" => Self::Missing { path },
            io::ErrorKind::InvalidData if action == "open" => Self::NotAStore {
                path,
                detail: source.to_string(),
            },
            _ => Self::Io {
                path,
                action,
                source,
            },
        }
    }

    /// The same error for another caller.
    pub(super) fn copied(&self) -> Self {
        let again = |source: &io::Error| io::Error::new(source.kind(), source.to_string());
        match self {
            Self::InUse { path } => Self::InUse { path: path.clone() },
            Self::Missing { path } => Self::Missing { path: path.clone() },
            Self::NotAStore { path, detail } => Self::NotAStore {
                path: path.clone(),
                detail: detail.clone(),
            },
            Self::NewerVersion {
                path,
                found,
                supported,
            } => Self::NewerVersion {
                path: path.clone(),
                found: *found,
                supported: *supported,
            },
            Self::Event { number, detail } => Self::Event {
                number: *number,
                detail: detail.clone(),
            },
            Self::Full { path, limit } => Self::Full {
                path: path.clone(),
                limit: *limit,
            },
            Self::DiskFull { path, source } => Self::DiskFull {
                path: path.clone(),
                source: again(source),
            },
            Self::Io {
                path,
                action,
                source,
            } => Self::Io {
                path: path.clone(),
                action,
                source: again(source),
            },
            Self::Damaged { path, detail } => Self::damaged(path, detail.clone()),
        }
    }

    pub(super) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            detail: detail.into(),
        }
    }

    /// An error of the database, by what it means to whoever runs the store.
    pub(super) fn database(action: &'static str, path: &Path, error: redb::Error) -> Self {
        match error {
            redb::Error::Io(source) => Self::io(action, path, source),
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse {
                path: path.to_owned(),
            },
            redb::Error::UpgradeRequired(version) => Self::NotAStore {
                path: path.to_owned(),
                detail: format!("it is a database of the old format {version}"),
            },
            other => Self::damaged(path, other.to_string()),
        }
    }
}
