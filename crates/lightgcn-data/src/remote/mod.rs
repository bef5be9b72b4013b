//! Folders in object stores and on web servers.

mod error;
#[cfg(feature = "object-store")]
mod files;
#[cfg(not(feature = "object-store"))]
#[path = "no_files.rs"]
mod files;
mod shown;
mod version;

pub use error::RemoteError;
pub use version::RemoteVersion;

use files::Files;
use shown::without_secrets;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes that are copied at a time.
const BUFFER: usize = 1 << 16;

/// A folder in an object store or on a web server, whose files are read by their names.
///
/// Credentials and endpoints come from the environment, and failed requests are repeated, as for logs
/// ([`read_events`](crate::read_events)). Nothing is listed, so a web server will do, and so will credentials that may
/// only read. Every method blocks.
///
/// ```no_run
/// # fn copy() -> Result<(), lightgcn_data::RemoteError> {
/// let folder = lightgcn_data::RemoteFolder::open("s3://shop/models/monday.model")?;
/// let version = folder.copy("manifest.json", "manifest.json", None)?;
/// // Later: nothing is copied unless the file has changed.
/// let newer = folder.copy("manifest.json", "newer.json", version.as_ref())?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RemoteFolder {
    location: String,
    files: Files,
}

impl RemoteFolder {
    /// The folder at a URL: `s3://`, `gs://`, `az://`, `http://` or `https://`. The query of a web server's URL, such as
    /// a signature, is sent with every request. No request is made yet.
    ///
    /// # Errors
    /// [`RemoteError::MissingFeature`] in a build without the feature `object-store`, and [`RemoteError::Address`] for what
    /// is not such a URL.
    pub fn open(url: &str) -> Result<Self, RemoteError> {
        let location = without_secrets(url).trim_end_matches('/').to_owned();
        let files = Files::connect(url, &location)?;
        Ok(Self { location, files })
    }

    /// The URL without its query, which may be a signature, and without a password.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The version of a file, without reading it.
    ///
    /// # Errors
    /// [`RemoteError::NotFound`], [`RemoteError::Denied`], [`RemoteError::Busy`] and [`RemoteError::Failed`].
    pub fn version(&self, name: &str) -> Result<RemoteVersion, RemoteError> {
        self.files.version(name, self.url(name))
    }

    /// Copies a file to the new file `to`, unless its version is still `unless`: then nothing is written, and the result is
    /// `None`. After an error `to` does not exist.
    ///
    /// # Errors
    /// Those of [`RemoteFolder::version`], [`RemoteError::Truncated`] if not all of it arrives, and [`RemoteError::Write`] if
    /// `to` exists or cannot be written.
    pub fn copy(
        &self,
        name: &str,
        to: impl AsRef<Path>,
        unless: Option<&RemoteVersion>,
    ) -> Result<Option<RemoteVersion>, RemoteError> {
        let to = to.as_ref();
        let etag = unless.and_then(|version| version.etag.as_deref());
        let got = self.files.get(name, etag, self.url(name))?;
        let Some((version, download)) = got else {
            return Ok(None);
        };
        // Not every server compares tags itself.
        if unless.is_some_and(|known| known.is_same(&version)) {
            return Ok(None);
        }
        let failed = |source| RemoteError::Write {
            path: to.to_owned(),
            source,
        };
        let file = File::create_new(to).map_err(failed)?;
        let copied = write_all(download, file).map_err(|failure| match failure {
            Failure::Read(received, error) => RemoteError::Truncated {
                url: self.url(name),
                received,
                size: version.size,
                detail: shown::detail(&error.to_string()),
            },
            Failure::Write(error) => failed(error),
        });
        match copied {
            Ok(()) => Ok(Some(version)),
            Err(error) => {
                // The first error is the one to report.
                let _ = fs::remove_file(to);
                Err(error)
            }
        }
    }

    /// The URL of a file, for messages.
    fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.location)
    }
}

/// What ended a copy.
enum Failure {
    /// Reading, after so many bytes.
    Read(u64, io::Error),
    Write(io::Error),
}

fn write_all(mut from: impl Read, mut to: File) -> Result<(), Failure> {
    let mut buffer = vec![0; BUFFER];
    let mut received = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return to.flush().map_err(Failure::Write),
            Ok(n) => {
                to.write_all(&buffer[..n]).map_err(Failure::Write)?;
                received += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::Read(received, error)),
        }
    }
}

#[cfg(all(test, not(feature = "object-store")))]
mod tests {
    use super::*;

    #[test]
    fn urls_need_their_feature() {
        let error = RemoteFolder::open("https://shop.example/a.model?sig=x").unwrap_err();
        assert!(
            matches!(&error, RemoteError::MissingFeature { url } if url == "https://shop.example/a.model")
        );
        assert!(error.to_string().contains("\"object-store\""), "{error}");
    }
}
