//! The models in memory, and which of them is active.

use super::Model;
use super::model_path::resolve;
use crate::catalogue::CatalogueStore;
use crate::error::ServeError;
use arc_swap::ArcSwap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The models in memory. Reading the active one needs no lock; loads and switches run one at a
/// time.
#[derive(Debug)]
pub(crate) struct Registry {
    active: ArcSwap<Model>,
    /// Most recently used first; the first is the active one.
    loaded: Mutex<Vec<Arc<Model>>>,
    /// Held while a model is loaded: two loads at a time would need memory for both.
    loading: Mutex<()>,
    /// The folder that the first model was loaded from, if it was.
    home: Option<PathBuf>,
    /// The folder from which models may be loaded, if any.
    root: Option<PathBuf>,
    keep: usize,
}

impl Registry {
    /// With the folders `home`, of the first model, and `root`, of further ones.
    pub(crate) fn new(
        first: Model,
        home: Option<PathBuf>,
        root: Option<PathBuf>,
        keep: usize,
    ) -> Self {
        let first = Arc::new(first);
        Self {
            home,
            active: ArcSwap::new(Arc::clone(&first)),
            loaded: Mutex::new(vec![first]),
            loading: Mutex::default(),
            root,
            keep,
        }
    }

    /// The active model. A request keeps the one it started with, even if models are switched in
    /// the meantime.
    pub(crate) fn active(&self) -> Arc<Model> {
        self.active.load_full()
    }

    /// The models in memory, the active one first.
    pub(crate) fn loaded(&self) -> Vec<Arc<Model>> {
        self.lock().clone()
    }

    /// Reads, checks and warms up the artifact of that name, without switching to it.
    pub(crate) fn open(&self, name: &str) -> Result<Model, ServeError> {
        let root = self.root.as_deref().ok_or_else(|| ServeError::ModelName {
            name: name.to_owned(),
            detail: "this service has no folder of models; set admin.models".to_owned(),
        })?;
        Model::open(&resolve(root, name)?)
    }

    /// Reads, checks and warms up the artifact of that name, then switches to it with the catalogue
    /// changes applied. On failure nothing changes.
    pub(crate) fn load(
        &self,
        name: &str,
        catalogue: &CatalogueStore,
    ) -> Result<Arc<Model>, ServeError> {
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.insert(self.open(name)?, catalogue))
    }

    /// Loads what is now where the first model was loaded from, and switches to it, after
    /// `prepare`. On failure nothing changes in memory.
    pub(crate) fn reload(
        &self,
        catalogue: &CatalogueStore,
        prepare: impl FnOnce(&Path) -> Result<(), ServeError>,
    ) -> Result<Arc<Model>, ServeError> {
        let home = self.home.as_deref().ok_or_else(|| ServeError::ModelName {
            name: "the active model".to_owned(),
            detail: "it was not loaded from a folder".to_owned(),
        })?;
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        prepare(home)?;
        Ok(self.insert(Model::open(home)?, catalogue))
    }

    /// Reads, checks and warms up the artifact at `path`, a copy of the one at `location`, then switches to it with the
    /// catalogue changes applied. On failure nothing changes.
    pub(crate) fn load_copy(
        &self,
        path: &Path,
        location: &str,
        catalogue: &CatalogueStore,
    ) -> Result<Arc<Model>, ServeError> {
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        let model = Model::open(path)?.located_at(location);
        Ok(self.insert(model, catalogue))
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

    /// Adds a model with the catalogue changes applied, and switches to it.
    pub(crate) fn insert(&self, model: Model, catalogue: &CatalogueStore) -> Arc<Model> {
        let model = catalogue.told(model);
        let mut loaded = self.lock();
        loaded.retain(|known| known.version != model.version);
        self.switch(&mut loaded, Arc::new(model));
        // There may be new changes in the meantime.
        self.update(&mut loaded, catalogue)
    }

    /// Applies catalogue changes to every model in memory.
    pub(crate) fn refresh(&self, catalogue: &CatalogueStore) {
        self.update(&mut self.lock(), catalogue);
    }

    /// The same for `loaded`; returns the active model.
    fn update(&self, loaded: &mut [Arc<Model>], catalogue: &CatalogueStore) -> Arc<Model> {
        for model in loaded.iter_mut() {
            if let Some(updated) = catalogue.applied(model) {
                *model = Arc::new(updated);
            }
        }
        if let Some(active) = loaded.first() {
            self.active.store(Arc::clone(active));
        }
        self.active()
    }

    /// Makes a user a stranger to every model in memory.
    pub(crate) fn forget(&self, user: &str) {
        let mut loaded = self.lock();
        for model in loaded.iter_mut() {
            if let Some(without) = model.without_user(user) {
                *model = Arc::new(without);
            }
        }
        if let Some(active) = loaded.first() {
            self.active.store(Arc::clone(active));
        }
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
