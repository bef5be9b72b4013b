//! Models that come from another place than this machine's disk, such as an object store.

use crate::config::seconds;
use crate::error::ServeError;
use crate::models::Model;
use crate::service::{Service, Shared};
use lightgcn_store::{Artifact, remove_folder};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Why a model cannot be fetched.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// A place that a service gets its model from ([`Service::open_from`]), and where newer ones appear
/// ([`Service::follow`]). `lightgcn::RemoteModel` is one for object stores and web servers.
pub trait ModelSource: fmt::Debug + Send + Sync {
    /// Where it is, such as a URL, for messages and lists of models; without secrets.
    fn location(&self) -> &str;

    /// Copies the artifact that is there now to this machine's disk. Returns `None` if it is the one of identity `known`
    /// ([`Artifact::identity_at`]), or is unchanged since an earlier call that copied it or failed for what is in it. Blocks;
    /// is called once at a time.
    ///
    /// # Errors
    /// Any error; its message names the place and says how to fix it.
    fn fetch(&self, known: Option<&str>) -> Result<Option<FetchedModel>, SourceError>;
}

/// A copy of an artifact, which the service reads once. Its folder is removed when it is dropped.
#[derive(Debug)]
pub struct FetchedModel {
    path: PathBuf,
}

impl FetchedModel {
    /// The artifact in the folder `path`, which belongs to nobody else.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for FetchedModel {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the copy of a model");
        }
    }
}

/// A source, and the model that was last loaded from it.
#[derive(Debug)]
pub(crate) struct Followed {
    source: Arc<dyn ModelSource>,
    /// Its identity. Held while a model is fetched and loaded.
    known: Mutex<Option<String>>,
}

impl Followed {
    pub(crate) fn new(source: Arc<dyn ModelSource>) -> Self {
        Self {
            source,
            known: Mutex::default(),
        }
    }

    pub(crate) fn location(&self) -> &str {
        self.source.location()
    }

    /// The model that is there now.
    pub(crate) fn first(&self) -> Result<Model, ServeError> {
        let location = self.location();
        let first = self.fetch(|path| Ok(Model::open(path)?.located_at(location)))?;
        first.ok_or_else(|| self.failed("there is none now; try again".into(), None))
    }

    /// Fetches the model that is there and has its copy loaded by `load`; `None` if that model was loaded or refused before.
    fn fetch<T>(
        &self,
        load: impl FnOnce(&Path) -> Result<T, ServeError>,
    ) -> Result<Option<T>, ServeError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fetched = self.source.fetch(known.as_deref());
        let Some(fetched) = fetched.map_err(|error| self.failed(error, None))? else {
            return Ok(None);
        };
        let path = fetched.path();
        let identity = Artifact::identity_at(path).map_err(ServeError::from);
        let loaded = identity.and_then(|identity| Ok((load(path)?, identity)));
        let (loaded, identity) =
            loaded.map_err(|error| self.failed(Box::new(error), Some(path)))?;
        *known = Some(identity);
        Ok(Some(loaded))
    }

    /// The error of a model from here; in its message, the place stands for the folder of the copy.
    fn failed(&self, cause: SourceError, copy: Option<&Path>) -> ServeError {
        let location = self.location().to_owned();
        let mut detail = cause.to_string();
        if let Some(copy) = copy {
            detail = detail.replace(&copy.display().to_string(), &location);
        }
        ServeError::Source {
            location,
            detail,
            cause,
        }
    }
}

impl Service {
    /// Looks for another model where [`Service::open_from`] got the present one, every
    /// [`ServeConfig::model_poll_seconds`](crate::ServeConfig::model_poll_seconds), and switches to it once it is fully
    /// checked. Never ends, unless there is no such place; dropping the future ends the watch, but not a download that is
    /// under way.
    ///
    /// A model that cannot be fetched or loaded is logged and counted (`lightgcn_model_refused_total`); the active model
    /// stays.
    pub async fn follow(&self) {
        let Some(followed) = self.shared.followed.clone() else {
            return;
        };
        let pause = seconds(self.shared.config.model_poll_seconds);
        loop {
            tokio::time::sleep(pause).await;
            let (service, followed) = (self.clone(), Arc::clone(&followed));
            let looked = tokio::task::spawn_blocking(move || service.look(&followed)).await;
            if looked.is_err() {
                tracing::error!("loading a model panicked; the active model stays");
                self.shared.metrics.refused_models.increment(1);
            }
        }
    }

    /// Switches to the model of the source, if there is another one; `None` if there is not.
    fn look(&self, followed: &Followed) -> Option<Result<String, ServeError>> {
        let Shared {
            registry,
            catalogue,
            ..
        } = &*self.shared;
        let location = followed.location();
        let loaded = followed.fetch(|path| registry.load_copy(path, location, catalogue));
        loaded.transpose().map(|loaded| self.counted(loaded))
    }
}
