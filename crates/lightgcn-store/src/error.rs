//! The errors of this crate.

use lightgcn_core::CoreError;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What can go wrong when writing or reading a folder.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An operating system call failed.
    #[error("cannot {action} {}: {source}; {hint}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, such as `write`.
        action: &'static str,
        /// What to do about it.
        hint: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is nothing at the path.
    #[error("there is no {format} folder at {}; {hint}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What was expected there, such as `lightgcn-artifact`.
        format: String,
        /// What to do about it.
        hint: String,
    },
    /// The destination of a write must not be replaced.
    #[error("refusing to replace {}: {detail}; remove it or choose another path", path.display())]
    Foreign {
        /// The destination.
        path: PathBuf,
        /// What is there.
        detail: String,
    },
    /// What was to be written does not match its manifest.
    #[error(
        "{} cannot be moved into place: {detail}; its manifest.json must state its format and list \
        every other file",
        path.display()
    )]
    Unlisted {
        /// The temporary folder next to the destination.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A path that cannot name a folder, such as `/`.
    #[error("{} cannot name a folder to write; give a path that ends in a name", path.display())]
    Destination {
        /// The path.
        path: PathBuf,
    },
    /// The folder has a different format.
    #[error("{} is a {found} folder, but a {expected} folder is needed", path.display())]
    WrongFormat {
        /// The folder.
        path: PathBuf,
        /// What is needed.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The folder was written by a newer version of the library.
    #[error(
        "{} was written by a newer version: it has format version {found}, this program reads up \
         to {supported}; update the program",
        path.display()
    )]
    NewerVersion {
        /// The folder.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest format version that can be read.
        supported: u32,
    },
    /// The folder does not have exactly the files that it must.
    #[error(
        "{} does not have exactly the files that it must: missing {missing:?}, unknown \
        {unknown:?}; restore it from a backup or create it again",
        path.display()
    )]
    FileSet {
        /// The folder.
        path: PathBuf,
        /// Files that are absent.
        missing: Vec<String>,
        /// Files (or folders, or links) that do not belong there.
        unknown: Vec<String>,
    },
    /// A file is shorter or longer than its manifest says.
    #[error(
        "{} has {found} bytes, but its manifest says {expected}; restore it from a backup or \
        create it again",
        path.display()
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// The size that the manifest gives.
        expected: u64,
        /// Its actual size.
        found: u64,
    },
    /// A file's bytes do not have the checksum in its manifest.
    #[error(
        "{} has SHA-256 {found}, but its manifest says {expected}; restore it from a backup or \
        create it again",
        path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The checksum that the manifest gives.
        expected: String,
        /// Its actual checksum.
        found: String,
    },
    /// A JSON file cannot be parsed.
    #[error("{}, line {line}, column {column}: {detail}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        detail: String,
    },
    /// A tensor is missing, has the wrong type or shape, or has impossible values.
    #[error("{}, tensor {tensor:?}: {detail}; create the folder again", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong.
        detail: String,
    },
    /// A file's structure is damaged.
    #[error("{} is damaged: {detail}; restore it from a backup or create it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A file's values are inconsistent.
    #[error("{}: {source}", path.display())]
    Content {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        source: CoreError,
    },
    /// The parts of an artifact or dataset are inconsistent; lists every issue.
    #[error("the parts of the {what} are inconsistent: {}", issues.join("; "))]
    Inconsistent {
        /// `artifact` or `dataset`, with its path if it was read from disk.
        what: String,
        /// Every issue found.
        issues: Vec<String>,
    },
    /// No such earlier version of a model is kept.
    #[error("{wanted} of {} is not kept; kept are: {}", path.display(), shown(kept))]
    NotKept {
        /// The model.
        path: PathBuf,
        /// What was wanted.
        wanted: String,
        /// The versions that are kept, latest first.
        kept: Vec<String>,
    },
    /// A table of embeddings is invalid.
    #[error("the table of embeddings is invalid: {detail}")]
    EmbeddingTable {
        /// What is wrong.
        detail: String,
    },
}

fn shown(kept: &[String]) -> String {
    match kept {
        [] => "none; retraining keeps earlier versions with --keep".to_owned(),
        kept => kept.join(", "),
    }
}

impl StoreError {
    /// The error of an operating system call on `path`, with a hint that fits its kind.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let hint = match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => "free some space or choose another disk",
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "grant access to it or choose another path"
            }
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                "a part of the path is a file: choose another path"
            }
            io::ErrorKind::NotFound => "it disappeared while in use: try again",
            io::ErrorKind::OutOfMemory => "it is larger than the free memory",
            _ => "check the disk and try again",
        };
        Self::Io {
            path: path.to_owned(),
            action,
            hint,
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            detail: detail.into(),
        }
    }

    pub(crate) fn json(path: &Path, error: &serde_json::Error) -> Self {
        let mut detail = error.to_string();
        // serde_json appends the position, which has fields of its own here.
        if let Some(end) = detail.rfind(" at line ") {
            detail.truncate(end);
        }
        Self::Json {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
            detail,
        }
    }
}
