//! The errors of the event store.

use lightgcn_core::shorten;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Why events cannot be stored, read or exported. Clones share their cause: every caller waiting
/// for a failed batch gets a clone.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum EventStoreError {
    /// The store is already open for writing, in this or another process.
    #[error(
        "the event store {} is already open for writing; stop the other writer or use another store",
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
    /// The path is not an event store.
    #[error("{} is not an event store: {detail}; choose another path", path.display())]
    NotAStore {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        detail: String,
    },
    /// A newer version of the library wrote the store.
    #[error(
        "the event store {} was written by a newer version: its format version is {found}, but \
         this program supports {supported}; update the program",
        path.display()
    )]
    NewerVersion {
        /// The store.
        path: PathBuf,
        /// Its format version.
        found: u64,
        /// The newest version that is supported.
        supported: u64,
    },
    /// An event is invalid; no event of its batch was stored.
    #[error("event {number} is invalid: {detail}")]
    Event {
        /// Its position in the batch, from 1.
        number: usize,
        /// What is wrong and how to fix it.
        detail: String,
    },
    /// The store has reached its limit; no event of the batch was stored.
    #[error(
        "the event store {} is full ({limit} events); export and prune its events, or \
         raise its limit",
        path.display()
    )]
    Full {
        /// The store.
        path: PathBuf,
        /// The maximum number of events.
        limit: u64,
    },
    /// The disk is full; no event of the batch was stored.
    #[error("no space left for {}: {source}; free some space and send the events again", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// Another error of the operating system; no event of the batch was stored.
    #[error("cannot {action} {}: {source}; check the disk and the permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, such as `write`.
        action: &'static str,
        /// The error of the operating system.
        source: Arc<io::Error>,
    },
    /// The store's file was moved, deleted or replaced while it was open; no event of the batch was stored.
    #[error(
        "the event store {} was moved, deleted or replaced; put its file back, or restart the \
        service to use the file now at this path",
        path.display()
    )]
    Moved {
        /// Where it was.
        path: PathBuf,
    },
    /// The store's file is damaged.
    #[error(
        "the event store {} is damaged: {detail}; save what is readable with `events export`, move \
        the file away and start a new store",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The store's file is so damaged that nothing of it can be exported.
    #[error(
        "nothing of the event store {} can be read: {detail}; restore its file from a backup, or move it away and \
         start a new store",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The store's file is damaged; what can be read was exported.
    #[error(
        "the event store {} is damaged: {detail}; {n_events} events were exported and {}; move the file away \
         and start a new store",
        path.display(),
        loss(*n_lost)
    )]
    Salvaged {
        /// The file.
        path: PathBuf,
        /// How many events were exported.
        n_events: u64,
        /// A lower bound on how many more the store has; 0 if unknown.
        n_lost: u64,
        /// What is wrong.
        detail: String,
    },
    /// An export would replace its own store.
    #[error("{} is the event store itself; write the export to another file", path.display())]
    OutputIsStore {
        /// Where the export was to be written.
        path: PathBuf,
    },
    /// An export would replace a folder, a link, a pipe or a device.
    #[error("{} is not a regular file; write the export to a file", path.display())]
    OutputNotRegular {
        /// Where the export was to be written.
        path: PathBuf,
    },
    /// An export whose events are then pruned would replace a file.
    #[error(
        "{} already exists and may be the only copy of previously pruned events; write to a new \
        file, such as one with the date in its name",
        path.display()
    )]
    OutputExists {
        /// Where the export was to be written.
        path: PathBuf,
    },
    /// An event cannot be written in the format of the log.
    #[error(
        "event {number} in {} has {:?}, which contains the delimiter {delimiter:?} of a log without \
         quotes; export in the default format",
        path.display(),
        shorten(field)
    )]
    NotInFormat {
        /// The store.
        path: PathBuf,
        /// The event's number.
        number: u64,
        /// The field.
        field: String,
        /// The delimiter.
        delimiter: char,
    },
    /// The format of the log cannot hold events of any kind.
    #[error(
        "the events of {} cannot be exported in the format of the log: {reason}; export them without this format's \
         configuration, and read them with one of their own",
        path.display()
    )]
    NoExportFormat {
        /// The store.
        path: PathBuf,
        /// What the format lacks.
        reason: String,
    },
}

/// How many events are lost, in words.
fn loss(n_lost: u64) -> String {
    match n_lost {
        0 => "how many are lost is unknown".to_owned(),
        1 => "at least 1 is lost".to_owned(),
        n => format!("at least {n} are lost"),
    }
}

impl EventStoreError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::DiskFull {
                path,
                source: Arc::new(source),
            },
            io::ErrorKind::UnexpectedEof if action != "write" => Self::Damaged {
                path,
                detail: "it ends early".to_owned(),
            },
            io::ErrorKind::NotFound if action == "open" => Self::Missing { path },
            io::ErrorKind::InvalidData if action == "open" => Self::NotAStore {
                path,
                detail: source.to_string(),
            },
            _ => Self::Io {
                path,
                action,
                source: Arc::new(source),
            },
        }
    }

    pub(super) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            detail: detail.into(),
        }
    }

    /// The error of an export, whose hint must not be to try an export.
    pub(super) fn in_export(self) -> Self {
        match self {
            Self::Damaged { path, detail } => Self::Unreadable { path, detail },
            other => other,
        }
    }

    /// The error to report for a database error.
    pub(super) fn database(action: &'static str, path: &Path, error: redb::Error) -> Self {
        match error {
            redb::Error::Io(source) => Self::io(action, path, source),
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse {
                path: path.to_owned(),
            },
            redb::Error::RepairAborted => {
                Self::damaged(path, "it was not closed properly and has not been repaired")
            }
            redb::Error::UpgradeRequired(version) => Self::NotAStore {
                path: path.to_owned(),
                detail: format!("a database of the old format {version}"),
            },
            other => Self::damaged(path, other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_that_fails_is_not_told_to_export() {
        let error = EventStoreError::damaged(Path::new("events.redb"), "it ends early");
        assert!(matches!(&error, EventStoreError::Damaged { .. }), "{error}");
        let error = error.in_export();
        assert!(
            matches!(&error, EventStoreError::Unreadable { detail, .. } if detail == "it ends early")
        );
    }

    #[test]
    fn an_unknown_loss_is_not_told_as_none() {
        assert_eq!(loss(0), "how many are lost is unknown");
        assert_eq!(
            [loss(1), loss(2)],
            ["at least 1 is lost", "at least 2 are lost"]
        );
    }
}
