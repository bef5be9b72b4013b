//! Moves values to disk while something else needs the memory.

use crate::Error;
use lightgcn_core::Dataset;
use lightgcn_store::{Artifact, DatasetFolder, StoreError};
use std::path::Path;
use tempfile::TempDir;

/// A model or a dataset on disk, since two of a large shop do not fit in memory together. Stays in
/// memory if it cannot be written.
pub(crate) enum Spare<T> {
    Disk(TempDir),
    Memory(Box<T>),
}

const NAME: &str = "spare";

impl<T: Stored> Spare<T> {
    pub(crate) fn new(value: T) -> Self {
        let saved = tempfile::tempdir().map_err(|error| error.to_string());
        let saved = saved.and_then(|folder| match value.save_to(&folder.path().join(NAME)) {
            Ok(()) => Ok(folder),
            Err(error) => Err(error.to_string()),
        });
        match saved {
            Ok(folder) => Self::Disk(folder),
            Err(error) => {
                tracing::warn!("{} stays in memory: {error}", T::WHAT);
                Self::Memory(Box::new(value))
            }
        }
    }

    /// Loads a copy and keeps this one.
    pub(crate) fn copy(&self) -> Result<T, Error> {
        match self {
            Self::Disk(folder) => Ok(T::load_from(&folder.path().join(NAME))?),
            Self::Memory(value) => Ok((**value).clone()),
        }
    }

    pub(crate) fn take(self) -> Result<T, Error> {
        match self {
            Self::Disk(folder) => Ok(T::load_from(&folder.path().join(NAME))?),
            Self::Memory(value) => Ok(*value),
        }
    }
}

/// A value that can be written and read back.
pub(crate) trait Stored: Clone {
    const WHAT: &str;

    fn save_to(&self, path: &Path) -> Result<(), StoreError>;

    fn load_from(path: &Path) -> Result<Self, StoreError>;
}

impl Stored for Artifact {
    const WHAT: &str = "the first model";

    fn save_to(&self, path: &Path) -> Result<(), StoreError> {
        self.save(path)
    }

    fn load_from(path: &Path) -> Result<Self, StoreError> {
        Self::load(path)
    }
}

impl Stored for Dataset {
    const WHAT: &str = "the whole log";

    fn save_to(&self, path: &Path) -> Result<(), StoreError> {
        self.save(path)
    }

    fn load_from(path: &Path) -> Result<Self, StoreError> {
        Self::load(path)
    }
}
