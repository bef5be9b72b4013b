//! Errors of stored catalogue changes.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why catalogue changes cannot be stored or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The catalogue is full; nothing of the request was stored.
    #[error(
        "the catalogue would take {bytes} bytes, but {limit} are allowed (limits.catalogue_bytes); \
        raise the limit, or train a model on newer catalogue files and delete the stored changes"
    )]
    Full {
        /// The size it would have, in bytes.
        bytes: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The file is in use by another process.
    #[error("the catalogue {} is in use; stop the other service", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of the library wrote the file.
    #[error(
        "the catalogue {} was written by a newer version: its format version is {found}, but this program supports \
         {supported}; update the program",
        path.display()
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: u64,
        /// The newest version that is supported.
        supported: u64,
    },
    /// The file cannot be read or written; nothing of the request was stored.
    #[error(
        "the catalogue {} failed: {detail}; check the disk, or move the file away to start over",
        path.display()
    )]
    Failed {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        detail: String,
    },
}

impl CatalogueError {
    /// The error of the database.
    pub(super) fn of(path: &Path, error: impl Into<redb::Error>) -> Self {
        let path = path.to_owned();
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::InUse { path },
            error => Self::Failed {
                path,
                detail: error.to_string(),
            },
        }
    }
}
