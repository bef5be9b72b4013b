//! What a build without the feature `object-store` has instead of remote files.

use super::{RemoteError, RemoteVersion};
use std::io::Empty;

/// There are none.
#[derive(Debug)]
pub(super) enum Files {}

impl Files {
    pub(super) fn connect(_: &str, location: &str) -> Result<Self, RemoteError> {
        Err(RemoteError::MissingFeature {
            url: location.to_owned(),
        })
    }

    pub(super) fn version(&self, _: &str, _: String) -> Result<RemoteVersion, RemoteError> {
        match *self {}
    }

    pub(super) fn get(
        &self,
        _: &str,
        _: Option<&str>,
        _: String,
    ) -> Result<Option<(RemoteVersion, Empty)>, RemoteError> {
        match *self {}
    }
}
