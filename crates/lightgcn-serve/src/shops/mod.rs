//! Many shops in one process, each with a model that is loaded on demand.

mod loaded;
mod rate;

use crate::api_error::ApiError;
use crate::config::{Limits, ServeConfig};
use crate::error::{ConfigIssue, ServeError};
use crate::front::Front;
use crate::metrics::Metrics;
use crate::models::{Model, resolve};
use crate::service::{Means, Service, Stores};
use axum::Router;
use axum::http::StatusCode;
use loaded::Loaded;
use rate::Rate;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A file that every artifact's folder has.
const MANIFEST: &str = "manifest.json";
/// The ratio of a model's memory to the size of its files.
const PER_BYTE: u64 = 2;
/// Bytes of memory for pages of a shop's event file.
const EVENT_CACHE: usize = 8 << 20;
/// How long to wait before loading a shop's model again after a failure.
const PAUSE: Duration = Duration::from_secs(10);

/// A service for many shops: one for each artifact in a folder, by its name there. Clones share everything.
///
/// The routes of a shop are those of a [`Service`], under `/v1/shops/{shop}/` in place of `/v1/`.
/// Its model is loaded on the first request for it. When all models together would take more than
/// `limits.models_memory`, those of the least recently used shops are unloaded. Shops share the
/// threads and the queue evenly, whatever their load. Each shop has its own store of events and
/// catalogue changes, which stays open.
#[derive(Debug, Clone)]
pub struct Shops {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    /// The folder of artifacts.
    root: PathBuf,
    /// The resources of all shops.
    pub(crate) means: Means,
    loaded: Mutex<Loaded>,
    /// Held while a model is loaded.
    loading: tokio::sync::Mutex<()>,
    stores: Mutex<HashMap<String, Stores>>,
    /// The limits on the requests of shops that have one.
    rates: BTreeMap<String, Rate>,
    /// The metrics of all shops ever loaded; they continue when a model is unloaded.
    metrics: Mutex<BTreeMap<String, Arc<Metrics>>>,
    pub(crate) ready: AtomicBool,
}

/// A shop whose model is in memory.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) name: Arc<str>,
    pub(crate) service: Service,
    pub(crate) router: Router,
    pub(crate) admin: Router,
    /// The approximate memory of the model.
    bytes: u64,
}

/// A shop in a list.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Shop)]
pub(crate) struct ShopEntry {
    /// Its name, as in paths.
    shop: String,
    /// Whether its model is in memory.
    loaded: bool,
    /// The version of that model; absent if it is not in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_version: Option<String>,
}

impl Shops {
    /// Serves the artifacts in the folder `models`. Events go to the file `NAME.events` in the
    /// folder that `config.events` names, and changes of the catalogue to `NAME.events.catalogue`;
    /// without it, both are in memory. No model is loaded yet.
    ///
    /// # Errors
    /// [`ServeError::Config`] for an invalid configuration, also if `config.events` is not a folder, and
    /// [`ServeError::System`] if `models` cannot be read.
    pub fn open(models: impl AsRef<Path>, config: ServeConfig) -> Result<Self, ServeError> {
        let root = models.as_ref().to_owned();
        std::fs::read_dir(&root).map_err(|source| ServeError::System {
            what: "read the folder of models",
            source,
        })?;
        let config = config.check()?;
        let of_one_model = [
            ("experiment", config.get().experiment.is_some()),
            ("shadow", config.get().shadow.is_some()),
        ];
        let issues = of_one_model.into_iter().filter(|(_, is_set)| *is_set);
        let problem = "it is for a service with one model, but there are many shops; remove it";
        let issues = issues.map(|(name, _)| ConfigIssue::new(name, problem.to_owned()));
        let issues: Vec<ConfigIssue> = issues.collect();
        if !issues.is_empty() {
            return Err(ServeError::Config { issues });
        }
        let events = config.get().events.as_ref();
        if let Some(folder) = events.filter(|folder| !folder.is_dir()) {
            let problem = format!(
                "{} is not a folder; with many shops, give a folder for their files",
                folder.display()
            );
            let issues = vec![ConfigIssue::new("events", problem)];
            return Err(ServeError::Config { issues });
        }
        let shops = config.get().shops.iter();
        let rates =
            shops.filter_map(|(name, shop)| Some((name.clone(), shop.requests_per_second?)));
        Ok(Self {
            shared: Arc::new(Shared {
                root,
                rates: rates.map(|(name, rate)| (name, Rate::new(rate))).collect(),
                means: Means::new(&config)?,
                loaded: Mutex::default(),
                loading: tokio::sync::Mutex::default(),
                stores: Mutex::default(),
                metrics: Mutex::default(),
                ready: AtomicBool::new(true),
            }),
        })
    }

    /// Sets what `/health/ready` reports.
    pub fn set_ready(&self, ready: bool) {
        self.shared.ready.store(ready, Ordering::Relaxed);
    }

    /// The names of all shops, ascending: those of the folders that contain an artifact.
    ///
    /// # Errors
    /// [`ServeError::System`] if the folder of models cannot be read.
    pub fn names(&self) -> Result<Vec<String>, ServeError> {
        let names = || {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(&self.shared.root)? {
                if let Ok(name) = entry?.file_name().into_string()
                    && self.find(&name).is_some()
                {
                    names.push(name);
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        names().map_err(|source: io::Error| ServeError::System {
            what: "read the folder of models",
            source,
        })
    }

    /// All shops, by name.
    pub(crate) fn entries(&self) -> Result<Vec<ShopEntry>, ServeError> {
        let loaded = self.shared.loaded();
        let entry = |shop: String| {
            let model = loaded.iter().find(|known| *known.name == *shop);
            ShopEntry {
                loaded: model.is_some(),
                model_version: model.map(|shop| shop.service.model_version()),
                shop,
            }
        };
        Ok(self.names()?.into_iter().map(entry).collect())
    }

    /// The services of the shops whose models are in memory.
    pub(crate) fn services(&self) -> Vec<Service> {
        let shops = self.shared.loaded().into_iter();
        shops.map(|shop| shop.service.clone()).collect()
    }

    /// What every request needs before its handler runs.
    pub(crate) fn front(&self) -> Front {
        let means = &self.shared.means;
        Front {
            config: Arc::clone(&means.config),
            metrics: Arc::clone(&means.metrics),
        }
    }

    /// The folder of a shop's artifact; `None` if there is no such shop.
    fn find(&self, name: &str) -> Option<PathBuf> {
        let is_one = !name.contains('/');
        let path = resolve(&self.shared.root, name).ok().filter(|_| is_one)?;
        path.join(MANIFEST).is_file().then_some(path)
    }

    /// Counts a request against the limit of its shop.
    ///
    /// # Errors
    /// 429 if it is one too many.
    pub(crate) fn admit(&self, name: &str) -> Result<(), ApiError> {
        let rate = self.shared.rates.get(name);
        rate.map_or(Ok(()), Rate::take).map_err(|seconds| {
            let text = "this shop gets more requests than it may (requests_per_second); retry \
                after the time in Retry-After";
            let status = StatusCode::TOO_MANY_REQUESTS;
            ApiError::new(status, "too_many_requests", text).with_retry_after(seconds)
        })
    }

    /// A shop with its model in memory; loads the model if necessary.
    ///
    /// # Errors
    /// 404 if there is no such shop, 503 if its model cannot be loaded.
    pub(crate) async fn shop(&self, name: &str) -> Result<Arc<Shop>, ApiError> {
        if let Some(shop) = self.shared.lock().used(name) {
            return Ok(shop);
        }
        let (shops, name) = (self.clone(), name.to_owned());
        // It continues if the client disconnects: the next one needs the model too.
        let loading = tokio::spawn(async move { shops.load(name).await });
        loading.await.unwrap_or_else(|_| Err(ApiError::internal()))
    }

    async fn load(self, name: String) -> Result<Arc<Shop>, ApiError> {
        let (shops, wanted) = (self.clone(), name.clone());
        let find = tokio::task::spawn_blocking(move || shops.find(&wanted));
        let found = find.await.map_err(|_| ApiError::internal())?;
        let path = found.ok_or_else(|| unknown(&name))?;
        let _loading = self.shared.loading.lock().await;
        {
            let mut loaded = self.shared.lock();
            if let Some(shop) = loaded.used(&name) {
                return Ok(shop);
            }
            if loaded.has_failed(&name, PAUSE) {
                return Err(failing());
            }
        }
        let shops = self.clone();
        let open = tokio::task::spawn_blocking(move || shops.open_shop(&name, &path));
        open.await.unwrap_or_else(|_| Err(ApiError::internal()))
    }

    /// Loads a model, unloading others if necessary.
    fn open_shop(&self, name: &str, path: &Path) -> Result<Arc<Shop>, ApiError> {
        let shared = &self.shared;
        let bytes = folder_bytes(path).unwrap_or(0).saturating_mul(PER_BYTE);
        let budget = shared.means.config.limits.models_memory;
        if bytes > budget {
            tracing::error!(shop = name, bytes, budget, "a model is too large");
            let text = "this shop's model needs more memory than is allowed for models \
                (limits.models_memory)";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Err(ApiError::new(status, "model_too_large", text));
        }
        for gone in shared.lock().make_room(bytes, budget) {
            tracing::info!(shop = &*gone.name, "unloaded a model");
        }
        let service = self.open_service(name, path).map_err(|error| {
            tracing::error!(shop = name, %error, "cannot load a model");
            shared.lock().note_failure(name);
            failing()
        })?;
        tracing::info!(
            shop = name,
            version = service.model_version(),
            "loaded a model"
        );
        let shop = Arc::new(Shop {
            name: name.into(),
            router: service.bare_router(),
            admin: service.bare_admin_router(),
            service,
            bytes,
        });
        shared.lock().add(Arc::clone(&shop));
        Ok(shop)
    }

    fn open_service(&self, name: &str, path: &Path) -> Result<Service, ServeError> {
        let means = &self.shared.means;
        let mut config = (*means.config).clone();
        config.limits = self.limits_of(name);
        config.shops.clear();
        config.admin.models = Some(self.shared.root.clone());
        // The admin routes of shops are only on the admin listener.
        config.admin.on_page = false;
        let stores = self.stores(name)?;
        let means = Means {
            config: Arc::new(config),
            pool: means.pool.share(),
            writer: means.writer.share(),
            unread: Arc::clone(&means.unread),
            metrics: self.metrics_of(name)?,
        };
        Service::new(Model::open(path)?, stores, means, None)
    }

    fn limits_of(&self, name: &str) -> Limits {
        let config = &self.shared.means.config;
        let shop = config.shops.get(name);
        shop.map_or_else(
            || config.limits.clone(),
            |shop| shop.limits.over(&config.limits),
        )
    }

    /// The stores of a shop, opened on the first call.
    fn stores(&self, name: &str) -> Result<Stores, ServeError> {
        let mut stores = self
            .shared
            .stores
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = stores.get(name) {
            return Ok(known.clone());
        }
        let config = &self.shared.means.config;
        let folder = config.events.as_ref();
        let file = folder.map(|folder| folder.join(format!("{name}.events")));
        let opened = Stores::open(file.as_deref(), &self.limits_of(name), EVENT_CACHE)?;
        stores.insert(name.to_owned(), opened.clone());
        Ok(opened)
    }

    fn metrics_of(&self, name: &str) -> Result<Arc<Metrics>, ServeError> {
        let mut metrics = self.shared.metrics();
        if let Some(known) = metrics.get(name) {
            return Ok(Arc::clone(known));
        }
        let new = Arc::new(Metrics::of_shop(name)?);
        metrics.insert(name.to_owned(), Arc::clone(&new));
        Ok(new)
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn metrics(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Metrics>>> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shops whose models are in memory, most recently used first.
    pub(crate) fn loaded(&self) -> Vec<Arc<Shop>> {
        self.lock().shops()
    }

    /// The metrics of all shops ever loaded, by name.
    pub(crate) fn all_metrics(&self) -> Vec<(String, Arc<Metrics>)> {
        let metrics = self.metrics();
        let metrics = metrics.iter();
        metrics
            .map(|(name, metrics)| (name.clone(), Arc::clone(metrics)))
            .collect()
    }
}

/// The bytes of the files in a folder.
fn folder_bytes(path: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

fn unknown(name: &str) -> ApiError {
    let shown: String = name.chars().take(100).collect();
    let text = format!("there is no shop {shown:?}; /v1/shops lists all");
    ApiError::new(StatusCode::NOT_FOUND, "unknown_shop", text)
}

fn failing() -> ApiError {
    let text = "the model of this shop cannot be loaded; see the service's log";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "shop_failing", text)
        .with_retry_after(PAUSE.as_secs_f64())
}
