//! The service: models, events, threads and figures, shared by all requests.

use crate::config::ValidServeConfig;
use crate::error::Fault;
use crate::events::{EventSink, MemoryEvents};
use crate::metrics::Metrics;
use crate::model::Model;
use crate::pool::Pool;
use crate::registry::Registry;
use crate::{EventStore, EventStoreConfig, ServeConfig, ServeError, admin, routes};
use axum::Router;
use axum::response::Response;
use lightgcn_recommend::{ContextEvent, Recommender};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Threads that write events: postings that wait for one flush share the next.
const WRITERS: usize = 16;

/// A service that answers for one model at a time. Clones share everything.
///
/// [`Service::router`] puts it into any axum program; [`Server`](crate::Server) runs it with its own
/// listeners, limits on connections and an orderly end.
#[derive(Debug, Clone)]
pub struct Service {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: ServeConfig,
    pub(crate) registry: Registry,
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) pool: Pool,
    /// Events are written by threads of their own: a slow disk must not keep scores waiting.
    pub(crate) writer: Pool,
    pub(crate) metrics: Metrics,
    pub(crate) ready: AtomicBool,
}

impl Service {
    /// A service of the artifact at `path`, which is validated in full and warmed. Events are kept in the file that
    /// the configuration names, which is opened for writing, or else in memory.
    ///
    /// # Errors
    /// [`ServeError::Config`] before anything is opened, what [`EventStore::open`] says of the file of events, and
    /// what [`Recommender::open`] says of the artifact.
    pub fn open(path: impl AsRef<Path>, config: ServeConfig) -> Result<Self, ServeError> {
        let config = config.check()?;
        let events: Arc<dyn EventSink> = match &config.get().events {
            Some(file) => {
                let kept = EventStoreConfig {
                    per_user: config.get().limits.context_events,
                    ..EventStoreConfig::default()
                };
                Arc::new(EventStore::open(file, kept)?)
            }
            None => Arc::new(MemoryEvents::default()),
        };
        Self::new(Model::open(path.as_ref())?, config, events)
    }

    /// The same with events kept by `events`, whatever file the configuration names.
    ///
    /// # Errors
    /// As [`Service::open`].
    pub fn open_with_events(
        path: impl AsRef<Path>,
        config: ServeConfig,
        events: Arc<dyn EventSink>,
    ) -> Result<Self, ServeError> {
        let config = config.check()?;
        Self::new(Model::open(path.as_ref())?, config, events)
    }

    /// A service of a recommender in memory, with what it leaves out and how it folds in.
    ///
    /// # Errors
    /// [`ServeError::Config`] for an unusable configuration.
    pub fn from_recommender(
        recommender: Recommender,
        config: ServeConfig,
        events: Arc<dyn EventSink>,
    ) -> Result<Self, ServeError> {
        let config = config.check()?;
        Self::new(Model::from_recommender(recommender)?, config, events)
    }

    fn new(
        model: Model,
        config: ValidServeConfig,
        events: Arc<dyn EventSink>,
    ) -> Result<Self, ServeError> {
        let root = models_folder(&config, model.path.as_deref());
        let n_workers = config.n_workers();
        let config = config.get().clone();
        Ok(Self {
            shared: Arc::new(Shared {
                registry: Registry::new(model, root, config.admin.keep),
                events,
                pool: Pool::new("score", n_workers, config.queue)?,
                writer: Pool::new("events", WRITERS, config.queue)?,
                metrics: Metrics::new()?,
                ready: AtomicBool::new(true),
                config,
            }),
        })
    }

    /// The routes of questions, events, health, metrics, documentation and the page, ready to be merged into
    /// or nested in another axum program. Limits on connections and headers are those of that program.
    pub fn router(&self) -> Router {
        routes::router(self)
    }

    /// The routes that load and switch models. Whoever reaches them may do so: if there is a token, it is
    /// asked for; else only requests that name this machine as their host are answered.
    pub fn admin_router(&self) -> Router {
        admin::router(self)
    }

    /// The OpenAPI document as JSON.
    ///
    /// # Errors
    /// [`serde_json::Error`] if it cannot be written, which would be a fault of this crate.
    pub fn openapi(&self) -> Result<String, serde_json::Error> {
        routes::document(self).to_pretty_json()
    }

    /// The version of the model that answers now.
    #[must_use]
    pub fn model_version(&self) -> String {
        self.shared.registry.active().version.clone()
    }

    /// Loads the artifact of that name in the folder of models, and switches to it; gives its version. Where it
    /// fails, the model in use stays. It blocks: in asynchronous code, call it on a blocking thread.
    ///
    /// # Errors
    /// [`ServeError::ModelName`] for a name that means no folder there, and what [`Recommender::open`] says
    /// of the artifact.
    pub fn load(&self, name: &str) -> Result<String, ServeError> {
        self.counted(self.shared.registry.load(name))
    }

    /// Switches to a recommender in memory; gives its version. It blocks.
    ///
    /// # Errors
    /// [`ServeError::Store`] if its artifact cannot be named, since its parts do not fit together.
    pub fn switch_to(&self, recommender: Recommender) -> Result<String, ServeError> {
        let model = Model::from_recommender(recommender);
        self.counted(model.map(|model| self.shared.registry.hand_over(model)))
    }

    /// Switches back to a version that is still in memory.
    ///
    /// # Errors
    /// [`ServeError::UnknownVersion`] if none there has it.
    pub fn activate(&self, version: &str) -> Result<(), ServeError> {
        self.counted(self.shared.registry.activate(version))
            .map(|_| ())
    }

    fn counted(&self, switched: Result<Arc<Model>, ServeError>) -> Result<String, ServeError> {
        let metrics = &self.shared.metrics;
        match switched {
            Ok(model) => {
                metrics.swaps.increment(1);
                Ok(model.version.clone())
            }
            Err(error) => {
                metrics.refused_models.increment(1);
                Err(error)
            }
        }
    }

    /// What `/health/ready` says from now on.
    pub fn set_ready(&self, ready: bool) {
        self.shared.ready.store(ready, Ordering::Relaxed);
    }

    /// Whether it takes questions, as `/health/ready` says.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.ready.load(Ordering::Relaxed)
    }

    /// The answer that `work` gives with the model in use now and no other, off the asynchronous threads.
    pub(crate) async fn ask(
        &self,
        work: impl FnOnce(&Shared, &Model) -> Result<Response, Fault> + Send + 'static,
    ) -> Result<Response, Fault> {
        let shared = Arc::clone(&self.shared);
        let model = self.shared.registry.active();
        self.shared.pool.run(move || work(&shared, &model)).await?
    }
}

impl Shared {
    /// The kept events of a user that this model can use.
    pub(crate) fn news(&self, model: &Model, user: &str) -> Vec<ContextEvent> {
        let kept = self.events.of_user(user);
        if kept.is_empty() {
            return kept;
        }
        model.news(user, kept, self.config.limits.context_events)
    }

    /// Puts them before the events of a question.
    pub(crate) fn add_news(&self, model: &Model, user: &str, events: &mut Vec<ContextEvent>) {
        events.splice(0..0, self.news(model, user));
    }
}

/// The folder of models: the one that is told, or the one that holds the first model.
fn models_folder(config: &ValidServeConfig, first: Option<&Path>) -> Option<PathBuf> {
    if let Some(given) = &config.get().admin.models {
        return Some(given.clone());
    }
    match first?.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Some(PathBuf::from(".")),
        parent => parent.map(Path::to_owned),
    }
}
