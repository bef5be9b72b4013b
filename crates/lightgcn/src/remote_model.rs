//! Models in object stores and on web servers, for the service.

use crate::Error;
use lightgcn_data::{RemoteError, RemoteFolder, RemoteVersion};
use lightgcn_serve::{FetchedModel, ModelSource, SourceError};
use lightgcn_store::{ArtifactListing, remove_folder};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// A model in an object store or on a web server, which a service loads and watches: the files of an artifact under one
/// URL. Needs the feature `object-store`.
///
/// The manifest is what is watched, so upload it last. What is refused is fetched again once any of its files has changed.
///
/// ```no_run
/// use lightgcn::RemoteModel;
/// use lightgcn::serve::{ServeConfig, Server, Service};
/// use std::sync::Arc;
///
/// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
/// let model = Arc::new(RemoteModel::open("s3://shop/models/shop.model", "/var/tmp/shop.download")?);
/// let source = Arc::clone(&model);
/// let open = move || Service::open_from(source, ServeConfig::default());
/// let service = tokio::task::spawn_blocking(open).await??;
/// let watched = service.clone();
/// let watch = tokio::spawn(async move { watched.follow().await });
/// Server::bind(service).await?.run(async { /* a signal */ }).await?;
/// watch.abort();
/// model.stop();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RemoteModel {
    remote: RemoteFolder,
    /// Where a download is while it is needed.
    folder: PathBuf,
    seen: Mutex<Seen>,
    is_stopped: AtomicBool,
}

/// What the latest fetches found.
#[derive(Debug, Default)]
struct Seen {
    /// The version of a manifest that needs no second look: that of the known model, or one that is invalid.
    settled: Option<RemoteVersion>,
    /// What was last copied as a whole.
    copied: Option<Copied>,
}

/// An artifact that was copied.
#[derive(Debug)]
struct Copied {
    identity: String,
    /// Of each file but the manifest, by name.
    versions: Vec<(String, RemoteVersion)>,
}

impl RemoteModel {
    /// The model whose files are under `url`. It is downloaded to `folder`, which exists only while a model is fetched and
    /// loaded; a folder that is left there from before is removed. No request is made yet.
    ///
    /// # Errors
    /// Those of [`RemoteFolder::open`].
    pub fn open(url: &str, folder: impl Into<PathBuf>) -> Result<Self, RemoteError> {
        Ok(Self {
            remote: RemoteFolder::open(url)?,
            folder: folder.into(),
            seen: Mutex::default(),
            is_stopped: AtomicBool::new(false),
        })
    }

    /// Ends the download that is under way, if any, starts no other one, and removes the folder.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        // A file may just be created.
        let mut attempts = 0..3;
        while let Err(error) = remove_folder(&self.folder) {
            if attempts.next().is_none() {
                tracing::warn!(folder = %self.folder.display(), %error, "cannot remove downloads");
                return;
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }

    /// Copies the model, unless it is known or was copied before.
    fn copy(&self, known: Option<&str>) -> Result<Option<FetchedModel>, Error> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        remove_folder(&self.folder)
            .and_then(|_| create_private(&self.folder))
            .map_err(|source| RemoteError::Write {
                path: self.folder.clone(),
                source,
            })?;
        // However this ends, the folder is removed.
        let copy = FetchedModel::new(&self.folder);
        // Either this sees that it is stopped, or `stop` sees the folder.
        if self.is_stopped() {
            return Ok(None);
        }
        let is_new = self.copy_files(copy.path(), known, &mut seen)?;
        Ok(is_new.then_some(copy))
    }

    /// Copies the manifest unless it is settled, then the other files unless they were copied before.
    fn copy_files(&self, to: &Path, known: Option<&str>, seen: &mut Seen) -> Result<bool, Error> {
        let manifest = to.join(ArtifactListing::MANIFEST);
        let copied =
            self.remote
                .copy(ArtifactListing::MANIFEST, &manifest, seen.settled.as_ref())?;
        let Some(version) = copied else {
            return Ok(false);
        };
        seen.settled = None;
        let listing = match ArtifactListing::read(to) {
            Ok(listing) => listing,
            Err(error) => {
                seen.settled = Some(version);
                let detail = error.to_string();
                let folder = to.display().to_string();
                return Err(Error::RemoteModel {
                    detail: detail.replace(&folder, self.remote.location()),
                    source: error,
                });
            }
        };
        if known == Some(listing.identity.as_str()) {
            seen.settled = Some(version);
            return Ok(false);
        }
        if self.is_copied(&listing, seen.copied.as_ref()) {
            return Ok(false);
        }
        seen.copied = None;
        let mut versions = Vec::with_capacity(listing.files.len());
        for name in listing.files {
            if let Some(version) = self.remote.copy(&name, to.join(&name), None)? {
                versions.push((name, version));
            }
        }
        seen.copied = Some(Copied {
            identity: listing.identity,
            versions,
        });
        Ok(true)
    }

    /// Whether exactly these files were copied before: then the service has refused them.
    fn is_copied(&self, listing: &ArtifactListing, copied: Option<&Copied>) -> bool {
        let Some(copied) = copied.filter(|copied| copied.identity == listing.identity) else {
            return false;
        };
        // A file whose version is not to be had counts as another one: copying it gives the error.
        copied.versions.iter().all(|(name, version)| {
            let now = self.remote.version(name);
            now.is_ok_and(|now| now.is_same(version))
        })
    }
}

impl ModelSource for RemoteModel {
    fn location(&self) -> &str {
        self.remote.location()
    }

    fn fetch(&self, known: Option<&str>) -> Result<Option<FetchedModel>, SourceError> {
        if self.is_stopped() {
            return Ok(None);
        }
        match self.copy(known) {
            // The folder is gone.
            Err(_) if self.is_stopped() => Ok(None),
            copied => Ok(copied?),
        }
    }
}

impl Drop for RemoteModel {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Creates a folder that only its owner may read: models have histories.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
