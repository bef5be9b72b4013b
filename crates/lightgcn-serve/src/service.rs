//! The service: models, events, threads and metrics, shared by all requests.

use crate::answer::{answered_by, write_by};
use crate::api_error::ApiError;
use crate::catalogue::{CatalogueError, CatalogueStore, ItemChange, beside};
use crate::config::{Limits, ServeConfig, ValidServeConfig, seconds};
use crate::error::{ConfigIssue, ServeError};
use crate::events::{EventSink, EventStore, EventStoreConfig, MemoryEvents, SinkHealth, Tail};
use crate::front::Front;
use crate::metrics::Metrics;
use crate::models::{Arms, Chosen, Model, Registry};
use crate::recorder::Recorder;
use crate::shadow::Shadow;
use crate::source::{Followed, ModelSource};
use crate::work::{Budget, Cost, Pool, PoolOptions, Ticket};
use axum::response::Response;
use lightgcn_recommend::{ContextEvent, Recommender};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The number of threads that write events: posts that wait for a flush share the next one.
const WRITERS: usize = 16;

/// A service that answers with one model at a time. Clones share everything.
///
/// [`Service::router`] adds it to any axum program; [`Server`](crate::Server) runs it on its own listeners, with
/// limits on connections and a graceful shutdown.
#[derive(Debug, Clone)]
pub struct Service {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Arc<ServeConfig>,
    pub(crate) registry: Registry,
    /// Where the model came from, if not from this machine's disk.
    pub(crate) followed: Option<Arc<Followed>>,
    pub(crate) arms: Option<Arms>,
    /// `None` if impressions are off.
    pub(crate) recorder: Option<Recorder>,
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) events_health: SinkHealth,
    /// The latest posted events.
    pub(crate) tail: Tail,
    /// Catalogue changes since training.
    pub(crate) catalogue: Arc<CatalogueStore>,
    pub(crate) pool: Pool,
    pub(crate) shadow: Option<Shadow>,
    /// Events have their own threads: a slow disk must not delay scoring.
    pub(crate) writer: Pool,
    /// Answers not yet written to their sockets.
    pub(crate) unread: Arc<Budget>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) ready: AtomicBool,
}

impl Service {
    /// Serves the artifact at `path`, after fully checking it and warming it up. Events go to the
    /// configured file, and catalogue changes to a file next to it with the suffix `.catalogue`;
    /// without such a file both are kept in memory.
    ///
    /// # Errors
    /// [`ServeError::Config`] before anything is opened, [`ServeError::Events`] from [`EventStore::open`],
    /// [`ServeError::Catalogue`], and the errors of [`Recommender::open`].
    pub fn open(path: impl AsRef<Path>, config: ServeConfig) -> Result<Self, ServeError> {
        let config = of_one(config)?;
        let stores = stores_of(&config)?;
        Self::new(
            Model::open(path.as_ref())?,
            stores,
            Means::new(&config)?,
            None,
        )
    }

    /// Like [`Service::open`], with the model that is at a source now; [`Service::follow`] then watches it. Blocks.
    ///
    /// # Errors
    /// [`ServeError::Source`] if the model cannot be fetched or is invalid, and those of [`Service::open`].
    pub fn open_from(
        source: Arc<dyn ModelSource>,
        config: ServeConfig,
    ) -> Result<Self, ServeError> {
        let config = of_one(config)?;
        let stores = stores_of(&config)?;
        let followed = Followed::new(source);
        let model = followed.first()?;
        Self::new(model, stores, Means::new(&config)?, Some(followed))
    }

    /// Serves a recommender from memory, with its own rules.
    ///
    /// # Errors
    /// [`ServeError::Config`] for an invalid configuration.
    pub fn from_recommender(
        recommender: Recommender,
        config: ServeConfig,
        events: Arc<dyn EventSink>,
    ) -> Result<Self, ServeError> {
        let config = of_one(config)?;
        let stores = Stores::in_memory(events, &config.get().limits);
        let model = Model::from_recommender(recommender)?;
        Self::new(model, stores, Means::new(&config)?, None)
    }

    /// A service for a model, with where it came from if not from disk, that uses these resources.
    pub(crate) fn new(
        model: Model,
        stores: Stores,
        means: Means,
        followed: Option<Followed>,
    ) -> Result<Self, ServeError> {
        let Stores { events, catalogue } = stores;
        let model = catalogue.told(model);
        let Means {
            config,
            pool,
            writer,
            unread,
            metrics,
        } = means;
        let home = model.path.clone().filter(|_| followed.is_none());
        let root = models_folder(&config, home.as_deref());
        let registry = Registry::new(model, home, root, config.admin.keep);
        let arms = config.experiment.clone();
        let arms = arms.map(|experiment| Arms::open(experiment, &registry, &catalogue));
        let shadow = config.shadow.as_deref();
        let shadow = shadow.map(|name| Shadow::start(catalogue.told(registry.open(name)?)));
        let recorder = config
            .impressions
            .then(|| Recorder::start(Arc::clone(&events)));
        Ok(Self {
            shared: Arc::new(Shared {
                registry,
                followed: followed.map(Arc::new),
                arms: arms.transpose()?,
                shadow: shadow.transpose()?,
                recorder: recorder.transpose()?,
                events,
                events_health: SinkHealth::default(),
                tail: Tail::default(),
                catalogue,
                pool,
                writer,
                unread,
                metrics,
                ready: AtomicBool::new(true),
                config,
            }),
        })
    }

    /// What every request needs before its handler runs.
    pub(crate) fn front(&self) -> Front {
        Front {
            config: Arc::clone(&self.shared.config),
            metrics: Arc::clone(&self.shared.metrics),
        }
    }

    /// The version of the active model.
    #[must_use]
    pub fn model_version(&self) -> String {
        self.shared.registry.active().version.clone()
    }

    /// Loads the artifact of that name from the folder of models, switches to it and returns its
    /// version. If arms of the experiment use that name, it replaces their model instead, and the
    /// active model stays. On failure nothing changes. Blocks: in asynchronous code, call it on a
    /// blocking thread.
    ///
    /// # Errors
    /// [`ServeError::ModelName`] for a name that is not a folder there, and the errors of [`Recommender::open`].
    pub fn load(&self, name: &str) -> Result<String, ServeError> {
        let shared = &self.shared;
        let (registry, catalogue) = (&shared.registry, &shared.catalogue);
        let arms = shared.arms.as_ref();
        let of_arm = arms.and_then(|arms| arms.reload(name, registry, catalogue));
        self.counted(of_arm.unwrap_or_else(|| registry.load(name, catalogue)))
    }

    /// Switches to a recommender in memory and returns its version. Blocks.
    ///
    /// # Errors
    /// [`ServeError::Store`] if the parts of its artifact are inconsistent.
    pub fn switch_to(&self, recommender: Recommender) -> Result<String, ServeError> {
        let model = Model::from_recommender(recommender);
        let shared = &self.shared;
        self.counted(model.map(|model| shared.registry.insert(model, &shared.catalogue)))
    }

    /// Loads the artifact from where [`Service::open`] loaded it, switches to it and returns its
    /// version. On failure nothing changes. Blocks.
    ///
    /// # Errors
    /// [`ServeError::ModelName`] if the service was given its model in memory, [`ServeError::NotOnDisk`] if the model
    /// came from a source, and the errors of [`Recommender::open`].
    pub fn reload(&self) -> Result<String, ServeError> {
        self.reload_after(|_| Ok(()))
    }

    fn reload_after(
        &self,
        prepare: impl FnOnce(&Path) -> Result<(), ServeError>,
    ) -> Result<String, ServeError> {
        let shared = &self.shared;
        let loaded = match &shared.followed {
            Some(followed) => Err(ServeError::NotOnDisk {
                location: followed.location().to_owned(),
            }),
            None => shared.registry.reload(&shared.catalogue, prepare),
        };
        self.counted(loaded)
    }

    /// Replaces the artifact from which [`Service::open`] loaded the model by an earlier version
    /// that retraining kept ([`lightgcn_store::roll_back`]), switches to it and returns its version.
    /// `version` is the beginning of the version to go back to; by default the latest one. Blocks.
    ///
    /// # Errors
    /// [`ServeError::Store`] if no such version is kept or it is damaged, and those of
    /// [`Service::reload`].
    pub fn roll_back(&self, version: Option<&str>) -> Result<String, ServeError> {
        self.reload_after(|home| Ok(lightgcn_store::roll_back(home, version).map(|_| ())?))
    }

    /// Switches back to a version that is still in memory.
    ///
    /// # Errors
    /// [`ServeError::UnknownVersion`] if it is not.
    pub fn activate(&self, version: &str) -> Result<(), ServeError> {
        self.counted(self.shared.registry.activate(version))
            .map(|_| ())
    }

    pub(crate) fn counted(
        &self,
        switched: Result<Arc<Model>, ServeError>,
    ) -> Result<String, ServeError> {
        let metrics = &self.shared.metrics;
        match switched {
            Ok(model) => {
                metrics.swaps.increment(1);
                Ok(model.version.clone())
            }
            Err(error) => {
                tracing::warn!(%error, "rejected a model");
                metrics.refused_models.increment(1);
                Err(error)
            }
        }
    }

    /// Sets what `/health/ready` reports.
    pub fn set_ready(&self, ready: bool) {
        self.shared.ready.store(ready, Ordering::Relaxed);
    }

    /// Whether `/health/ready` reports the service as ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.ready.load(Ordering::Relaxed)
    }

    /// How long the body of a request may take to arrive.
    pub(crate) fn body_timeout(&self) -> Duration {
        seconds(self.shared.config.body_timeout_seconds)
    }

    /// Runs `work` with the active model on a thread of the pool, and responds with its answer in JSON.
    ///
    /// # Errors
    /// Those of `work`; 422 if it costs too much, 503 if too much is already waiting.
    pub(crate) async fn ask<Q: Send + 'static, T: Serialize + 'static>(
        &self,
        question: Q,
        cost: impl FnOnce(&Model, &Q) -> Cost,
        work: impl FnOnce(&Shared, &Model, Q) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let active = Chosen::alone(self.shared.registry.active());
        let work =
            |shared: &Shared, chosen: &Chosen, question| work(shared, &chosen.model, question);
        self.ask_of(active, question, cost, work).await
    }

    /// Like [`Service::ask`], but with a model chosen for the request.
    ///
    /// # Errors
    /// As there.
    pub(crate) async fn ask_of<Q: Send + 'static, T: Serialize + 'static>(
        &self,
        chosen: Chosen,
        question: Q,
        cost: impl FnOnce(&Model, &Q) -> Cost,
        work: impl FnOnce(&Shared, &Chosen, Q) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let shared = Arc::clone(&self.shared);
        let cost = cost(&chosen.model, &question);
        let ticket = shared.admit(&chosen.model, cost)?;
        let reserved = shared.unread.try_reserve(cost.bytes);
        let reserved = reserved.ok_or_else(ApiError::unread)?;
        let is_large = cost.is_large(&chosen.model);
        let answering = chosen.clone();
        let job = move || write_by(&answering, work(&shared, &answering, question)?);
        let json = ticket.run(is_large, job).await??;
        Ok(answered_by(&chosen, reserved.hold(json)))
    }
}

impl Shared {
    /// Reserves a place in the queue for a request, if it does not cost too much.
    pub(crate) fn admit(&self, model: &Model, cost: Cost) -> Result<Ticket, ApiError> {
        cost.check(Duration::from_millis(self.config.limits.cost_ms))?;
        let ticket = self.pool.admit(cost.time, cost.is_large(model))?;
        let timeout = seconds(self.config.request_timeout_seconds);
        Ok(ticket.until(Instant::now() + timeout))
    }

    /// The model that answers a user, and its arm.
    pub(crate) fn model_for(&self, user: &str) -> Chosen {
        self.model_beside(&self.registry.active(), user)
    }

    /// The same, with `active` as the active model for the whole request.
    pub(crate) fn model_beside(&self, active: &Arc<Model>, user: &str) -> Chosen {
        let active = Arc::clone(active);
        match &self.arms {
            Some(arms) => {
                let user = active.recommender.normalized_id(user);
                arms.choose(&user, active)
            }
            None => Chosen::alone(active),
        }
    }

    /// The versions of the active model and those of the experiment.
    pub(crate) fn versions(&self) -> Vec<String> {
        let active = std::iter::once(self.registry.active());
        let of_arms = self.arms.iter().flat_map(Arms::models);
        active.chain(of_arms).map(|m| m.version.clone()).collect()
    }

    /// Stores catalogue changes and applies them to all models. Returns the active one.
    pub(crate) fn put_catalogue(
        &self,
        changes: &[ItemChange],
    ) -> Result<Arc<Model>, CatalogueError> {
        self.catalogue.put(changes)?;
        self.registry.refresh(&self.catalogue);
        if let Some(arms) = &self.arms {
            arms.refresh(&self.catalogue);
        }
        if let Some(shadow) = &self.shadow {
            shadow.refresh(&self.catalogue);
        }
        Ok(self.registry.active())
    }

    /// Makes a user unknown to every model in memory.
    pub(crate) fn forget_in_models(&self, user: &str) {
        self.registry.forget(user);
        if let Some(arms) = &self.arms {
            arms.forget(user);
        }
        if let Some(shadow) = &self.shadow {
            shadow.forget(user);
        }
    }

    /// A user's stored events that the model can use and was not trained on.
    pub(crate) fn recent_events(&self, model: &Model, user: &str) -> Vec<ContextEvent> {
        let stored = self.events.of_user(&model.recommender.normalized_id(user));
        if stored.is_empty() {
            return stored;
        }
        model.recent_events(user, stored, self.config.limits.context_events)
    }

    /// Puts them before the events of a request.
    pub(crate) fn add_recent(&self, model: &Model, user: &str, events: &mut Vec<ContextEvent>) {
        events.splice(0..0, self.recent_events(model, user));
    }
}

/// What a service stores in addition to its models.
#[derive(Debug, Clone)]
pub(crate) struct Stores {
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) catalogue: Arc<CatalogueStore>,
}

impl Stores {
    /// From an event file and the file next to it, or in memory without a file.
    pub(crate) fn open(
        file: Option<&Path>,
        limits: &Limits,
        cache_bytes: usize,
    ) -> Result<Self, ServeError> {
        let Some(file) = file else {
            return Ok(Self::in_memory(Arc::new(MemoryEvents::default()), limits));
        };
        let options = EventStoreConfig {
            per_user: limits.context_events,
            cache_bytes,
            ..EventStoreConfig::default()
        };
        let events = EventStore::open(file, options)?;
        let catalogue = CatalogueStore::open(beside(file), limits.catalogue_bytes)?;
        Ok(Self {
            events: Arc::new(events),
            catalogue: Arc::new(catalogue),
        })
    }

    fn in_memory(events: Arc<dyn EventSink>, limits: &Limits) -> Self {
        let catalogue = CatalogueStore::in_memory(limits.catalogue_bytes);
        Self {
            events,
            catalogue: Arc::new(catalogue),
        }
    }
}

/// The resources of a service, which several services may share.
#[derive(Debug)]
pub(crate) struct Means {
    pub(crate) config: Arc<ServeConfig>,
    pub(crate) pool: Pool,
    pub(crate) writer: Pool,
    pub(crate) unread: Arc<Budget>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Means {
    pub(crate) fn new(config: &ValidServeConfig) -> Result<Self, ServeError> {
        let n_workers = config.n_workers();
        let config = config.get().clone();
        Ok(Self {
            pool: Pool::new(PoolOptions {
                name: "score",
                workers: n_workers,
                requests: config.queue,
                // Anything that waits longer would be answered too late.
                time: seconds(config.request_timeout_seconds) * n_workers as u32,
            })?,
            writer: Pool::new(PoolOptions {
                name: "events",
                workers: WRITERS,
                requests: config.queue,
                time: Duration::ZERO,
            })?,
            unread: Arc::new(Budget::new(config.unread_bytes)),
            metrics: Arc::new(Metrics::new()?),
            config: Arc::new(config),
        })
    }
}

/// Checks the configuration of a service with one model.
fn of_one(config: ServeConfig) -> Result<ValidServeConfig, ServeError> {
    let config = config.check()?;
    if config.get().shops.is_empty() {
        return Ok(config);
    }
    let problem = "it is for many shops, but the service has one model; remove it";
    let issues = vec![ConfigIssue::new("shops", problem)];
    Err(ServeError::Config { issues })
}

/// The stores of a service with one model.
fn stores_of(config: &ValidServeConfig) -> Result<Stores, ServeError> {
    let config = config.get();
    let cache_bytes = EventStoreConfig::default().cache_bytes;
    Stores::open(config.events.as_deref(), &config.limits, cache_bytes)
}

/// The folder of models: the configured one, or the one containing the first model.
fn models_folder(config: &ServeConfig, first: Option<&Path>) -> Option<PathBuf> {
    if let Some(given) = &config.admin.models {
        return Some(given.clone());
    }
    match first?.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Some(PathBuf::from(".")),
        parent => parent.map(Path::to_owned),
    }
}
