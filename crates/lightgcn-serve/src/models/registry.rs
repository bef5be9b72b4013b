//! The models in memory, and which of them is active.

use super::Model;
use super::model_path::resolve;
use crate::error::ServeError;
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The models in memory. Reading the active one takes no lock; loads and switches run one at a time.
#[derive(Debug)]
pub(crate) struct Registry {
    active: ArcSwap<Model>,
    /// Most recently used first; the first is the active one.
    loaded: Mutex<Vec<Arc<Model>>>,
    /// Where models may be loaded from; none if nowhere.
    root: Option<PathBuf>,
    keep: usize,
}

impl Registry {
    pub(crate) fn new(first: Model, root: Option<PathBuf>, keep: usize) -> Self {
        let first = Arc::new(first);
        Self {
            active: ArcSwap::new(Arc::clone(&first)),
            loaded: Mutex::new(vec![first]),
            root,
            keep,
        }
    }

    /// The active model. A request keeps the one it started with, even if models are switched meanwhile.
    pub(crate) fn active(&self) -> Arc<Model> {
        self.active.load_full()
    }

    /// The models in memory, the active one first.
    pub(crate) fn loaded(&self) -> Vec<Arc<Model>> {
        self.lock().clone()
    }

    /// Reads, checks and warms the artifact of that name, without switching to it.
    pub(crate) fn open(&self, name: &str) -> Result<Model, ServeError> {
        let root = self.root.as_deref().ok_or_else(|| ServeError::ModelName {
            name: name.to_owned(),
            detail: "this service has no folder of models; set admin.models".to_owned(),
        })?;
        Model::open(&resolve(root, name)?)
    }

    /// Reads, checks and warms the artifact of that name, then switches to it. On failure nothing changes.
    pub(crate) fn load(&self, name: &str) -> Result<Arc<Model>, ServeError> {
        // One load at a time: two would need memory for both.
        let mut loaded = self.lock();
        let model = Arc::new(self.open(name)?);
        loaded.retain(|known| known.version != model.version);
        Ok(self.switch(&mut loaded, model))
    }

    /// Switches to a model in memory.
    pub(crate) fn activate(&self, version: &str) -> Result<Arc<Model>, ServeError> {
        let mut loaded = self.lock();
        let known = loaded.iter().position(|model| model.version == version);
        let place = known.ok_or_else(|| ServeError::UnknownVersion {
            version: version.to_owned(),
        })?;
        let model = loaded.remove(place);
        Ok(self.switch(&mut loaded, model))
    }

    /// Adds a model and switches to it.
    pub(crate) fn insert(&self, model: Model) -> Arc<Model> {
        let mut loaded = self.lock();
        loaded.retain(|known| known.version != model.version);
        self.switch(&mut loaded, Arc::new(model))
    }

    fn switch(&self, loaded: &mut Vec<Arc<Model>>, model: Arc<Model>) -> Arc<Model> {
        loaded.insert(0, Arc::clone(&model));
        loaded.truncate(self.keep);
        self.active.store(Arc::clone(&model));
        tracing::info!(version = %model.version, name = %model.recommender.artifact().model.name, "switched models");
        model
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Model>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
