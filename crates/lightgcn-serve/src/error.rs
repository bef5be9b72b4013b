//! The errors of this crate.

use crate::catalogue::CatalogueError;
use crate::events::EventStoreError;
use crate::source::SourceError;
use lightgcn_recommend::RecommendError;
use lightgcn_store::StoreError;
use std::net::SocketAddr;
use std::path::PathBuf;
use thiserror::Error;

/// Why the service cannot start or a model cannot be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The configuration is invalid.
    #[error("invalid service configuration: {}", issues.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Config {
        /// Every problem found.
        issues: Vec<ConfigIssue>,
    },
    /// The service cannot listen on an address.
    #[error(
        "cannot listen on {address}: {source}; choose another address or stop the process that uses it"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// A name does not identify a model that may be loaded.
    #[error("{name:?} is not the name of a model: {detail}")]
    ModelName {
        /// The name as given.
        name: String,
        /// What is wrong with it and how to fix it.
        detail: String,
    },
    /// No loaded model has this version.
    #[error("no model with version {version:?} is in memory; load it by name")]
    UnknownVersion {
        /// The version as given.
        version: String,
    },
    /// A model changed while it was being read.
    #[error("the model {path} changed while it was being read; load it again")]
    Changed {
        /// Where it is.
        path: PathBuf,
    },
    /// A model cannot be fetched from its source, or what was fetched is invalid.
    #[error("cannot load the model {location}: {detail}")]
    Source {
        /// Where it is, such as a URL.
        location: String,
        /// What is wrong and how to fix it.
        detail: String,
        /// The error itself.
        cause: SourceError,
    },
    /// A model that came from elsewhere is not on this machine's disk, from where it could be loaded again or rolled back.
    #[error(
        "the model {location} is not on this machine's disk, so it cannot be reloaded or rolled back there; put the wanted \
        version at {location}"
    )]
    NotOnDisk {
        /// Where it is, such as a URL.
        location: String,
    },
    /// The operating system refused a thread or a signal handler.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// The event store cannot be opened.
    #[error(transparent)]
    Events(#[from] EventStoreError),
    /// The stored catalogue changes cannot be read.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The model is invalid.
    #[error(transparent)]
    Recommend(#[from] RecommendError),
    /// The artifact cannot be read or is invalid.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{key}: {problem}")]
pub struct ConfigIssue {
    /// The key, such as `limits.k`, or the environment variable.
    pub key: String,
    /// What is wrong and how to fix it.
    pub problem: String,
}

impl ConfigIssue {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
        }
    }
}
