//! A model that waits while another one is trained.

use crate::Error;
use lightgcn_store::Artifact;
use tempfile::TempDir;

/// An artifact on disk, since two models of a large shop do not fit in memory side by side; in memory where it cannot
/// be written.
pub(crate) enum Spare {
    Disk(TempDir),
    Memory(Box<Artifact>),
}

const NAME: &str = "model";

impl Spare {
    pub(crate) fn new(artifact: Artifact) -> Self {
        let saved = tempfile::tempdir().map_err(|error| error.to_string());
        let saved = saved.and_then(|folder| match artifact.save(folder.path().join(NAME)) {
            Ok(()) => Ok(folder),
            Err(error) => Err(error.to_string()),
        });
        match saved {
            Ok(folder) => Self::Disk(folder),
            Err(error) => {
                tracing::warn!("the first model stays in memory: {error}");
                Self::Memory(Box::new(artifact))
            }
        }
    }

    pub(crate) fn take(self) -> Result<Artifact, Error> {
        match self {
            Self::Disk(folder) => Ok(Artifact::load(folder.path().join(NAME))?),
            Self::Memory(artifact) => Ok(*artifact),
        }
    }
}
