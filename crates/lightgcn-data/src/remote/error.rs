//! Why a remote file cannot be read.

use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// What can go wrong with a [`RemoteFolder`](crate::RemoteFolder). URLs are shown without their queries, which may be
/// signatures.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// URLs need a feature that this build does not have.
    #[error(
        "{url} is a URL, which this build does not support; build with the feature \"object-store\", or download it and \
        give its path"
    )]
    MissingFeature {
        /// The URL.
        url: String,
    },
    /// It is no URL of a store, or the environment has an invalid setting for the store.
    #[error(
        "{url} cannot be used: {detail}; give a URL such as s3://BUCKET/FOLDER, and check the store's variables in the \
        environment"
    )]
    Address {
        /// The URL.
        url: String,
        /// What is wrong.
        detail: String,
    },
    /// There is no such file.
    #[error("there is no {url}; check the URL, which must be that of a folder with this file")]
    NotFound {
        /// The file's URL.
        url: String,
    },
    /// The store wants other credentials, or says no.
    #[error(
        "{url} may not be read: {detail}; check that the credentials in the environment are valid, and that they may read \
        this file"
    )]
    Denied {
        /// The file's URL.
        url: String,
        /// What the server said.
        detail: String,
    },
    /// The server was still overloaded after the last repetition of the request.
    #[error("{url} cannot be read now, since the server is overloaded: {detail}; try again later")]
    Busy {
        /// The file's URL.
        url: String,
        /// What the server said, and how often it was asked.
        detail: String,
    },
    /// A request failed for another reason.
    #[error(
        "{url} cannot be read: {detail}; check the URL, the endpoint and credentials in the environment, and the network"
    )]
    Failed {
        /// The file's URL.
        url: String,
        /// What went wrong.
        detail: String,
    },
    /// A download ended too early.
    #[error("only {received} of {size} bytes of {url} arrived: {detail}; try again")]
    Truncated {
        /// The file's URL.
        url: String,
        /// The bytes that arrived.
        received: u64,
        /// The bytes that the server announced.
        size: u64,
        /// What went wrong.
        detail: String,
    },
    /// The copy cannot be written.
    #[error("cannot write {}: {source}; free some space, or choose another folder", path.display())]
    Write {
        /// The copy.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
