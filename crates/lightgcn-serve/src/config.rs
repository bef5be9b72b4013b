//! The configuration of the service, and its limits.

mod shop;

pub use shop::{ShopConfig, ShopLimits};

use crate::error::{ConfigIssue, ServeError};
use crate::experiment::ExperimentConfig;
use crate::keys::ApiKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How the service listens, works and stops. The defaults are for a single machine: both listeners
/// are on loopback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeConfig {
    /// Address of the public listener; a name such as `localhost:8080` is looked up. Port 0 picks a
    /// free port. Default: `127.0.0.1:8080`.
    #[serde(deserialize_with = "crate::address::deserialize")]
    pub bind: SocketAddr,
    /// Whether to serve the page and the routes that only it needs (search, history, graph, model).
    /// They list users' ids, so a public service should not have them. Default: true.
    pub page: bool,
    /// Whether to hide histories: no route lists a user's items, lists and explanations do not say
    /// what the user did, and users cannot be searched. Default: false.
    pub privacy: bool,
    /// The currency of prices on the page, as a three-letter code such as `EUR`. Default: none,
    /// which shows plain numbers.
    pub currency: Option<String>,
    /// Hosts whose images the page may show over https, such as `images.shop.example`: those of the
    /// catalogue's `image_url`. These hosts learn who views the page. Default: none, which shows no
    /// images.
    pub image_hosts: Vec<String>,
    /// Origins of web pages that may call the API from a browser (CORS), such as `https://shop.example`;
    /// `*` allows every origin. Default: none.
    pub cors_origins: Vec<String>,
    /// The allowed hosts of requests, without ports, such as `shop.example`; requests for any other host are rejected.
    /// Default: none. Then a [`Server`](crate::Server) on loopback answers only for this machine (`localhost`,
    /// 127.0.0.0/8, `[::1]`), since a foreign page in a local browser may reach it under another name, and any other
    /// server answers for every host.
    pub hosts: Vec<String>,
    /// Client keys; every request for answers, events or metrics must send one. Default: none,
    /// which requires no key.
    pub keys: Vec<ApiKey>,
    /// Threads that score; 0 means one per core. Default: 0.
    pub workers: usize,
    /// Requests that may wait for a thread; any more get 503, and so do those that would make the
    /// wait longer than `request_timeout_seconds`. Expensive requests may fill half of the queue.
    /// Default: 256.
    pub queue: usize,
    /// Open connections; any more wait to be accepted. Default: 8192.
    pub max_connections: usize,
    /// Seconds within which a request's header must arrive, and for which a connection may be idle.
    /// Default: 5.
    pub header_timeout_seconds: f64,
    /// Seconds within which a request's body must arrive. Default: 5.
    pub body_timeout_seconds: f64,
    /// Seconds within which a request must be answered. Default: 10.
    pub request_timeout_seconds: f64,
    /// Seconds for which a client may stop reading a response. Default: 20.
    pub write_timeout_seconds: f64,
    /// Bytes of unfinished answers and answers that clients have not read yet that may be in
    /// memory; requests beyond that get 503. Answers larger than 16 KiB may use half of it.
    /// Default: 64 MiB.
    pub unread_bytes: usize,
    /// Seconds between the stop signal and the end of accepting connections; meanwhile
    /// `/health/ready` fails, so that load balancers stop sending requests. Default: 0.
    pub drain_delay_seconds: f64,
    /// Seconds that open requests then have to finish. Default: 20.
    pub drain_timeout_seconds: f64,
    /// File for posted events ([`EventStore`](crate::EventStore)), created if missing. Default: none, which
    /// keeps events in memory until the service stops.
    pub events: Option<PathBuf>,
    /// Whether the event store records which lists were shown to whom, so that outcomes can be
    /// counted. Default: false.
    pub impressions: bool,
    /// Models that answer side by side. Default: none; the active model answers everyone.
    pub experiment: Option<ExperimentConfig>,
    /// The name of a model in the folder of models that also answers, in the background and without
    /// its answers being shown, so that the metrics show how much its lists agree with those shown.
    /// Default: none.
    pub shadow: Option<String>,
    /// What to do with posted events whose behavior the model does not know. Default: reject them.
    pub unknown_behaviors: UnknownBehaviors,
    /// Which listener has `/metrics`. Default: the public one.
    pub metrics: MetricsListener,
    /// Seconds that the queue may be full before `/health/ready` reports that the service is overloaded. Default: 5.
    pub overloaded_after_seconds: f64,
    /// Seconds between two looks for another model where a [`ModelSource`](crate::ModelSource) had the present one.
    /// Default: 60.
    pub model_poll_seconds: f64,
    /// The limits of a single request.
    pub limits: Limits,
    /// With many shops ([`Shops`](crate::Shops)), the settings of single ones, by name. Default: none.
    pub shops: BTreeMap<String, ShopConfig>,
    /// The listener that loads and switches models.
    pub admin: AdminConfig,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            page: true,
            privacy: false,
            currency: None,
            image_hosts: Vec::new(),
            cors_origins: Vec::new(),
            hosts: Vec::new(),
            keys: Vec::new(),
            workers: 0,
            queue: 256,
            max_connections: 8192,
            header_timeout_seconds: 5.0,
            body_timeout_seconds: 5.0,
            request_timeout_seconds: 10.0,
            write_timeout_seconds: 20.0,
            unread_bytes: 64 << 20,
            drain_delay_seconds: 0.0,
            drain_timeout_seconds: 20.0,
            events: None,
            impressions: false,
            experiment: None,
            shadow: None,
            unknown_behaviors: UnknownBehaviors::Refuse,
            metrics: MetricsListener::Public,
            overloaded_after_seconds: 5.0,
            model_poll_seconds: 60.0,
            limits: Limits::default(),
            shops: BTreeMap::new(),
            admin: AdminConfig::default(),
        }
    }
}

/// What to do with posted events whose behavior the model does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownBehaviors {
    /// Reject them: most are mistakes.
    #[default]
    Refuse,
    /// Store them for later training; they have no effect until a model knows the behavior.
    Collect,
}

/// Which listener has `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricsListener {
    /// The public one; if there are keys, it requires one with the scope `read`.
    #[default]
    Public,
    /// The admin listener only.
    Admin,
}

/// The limits of a single request; anything beyond gets 400, 413 or 422.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a body. Default: 1 MiB.
    pub body_bytes: usize,
    /// Requests in a batch. Default: 256.
    pub batch: usize,
    /// Items in a list. Default: 1000.
    pub k: usize,
    /// The estimated milliseconds of one thread that a request may take, including all requests of
    /// a batch. The estimate depends on the sizes of the request and the model, not on the machine.
    /// Default: 5000.
    pub cost_ms: u64,
    /// Events in one post. Default: 1000.
    pub events: usize,
    /// Events sent with a request, and the latest stored events of a user that are used. Default:
    /// 200.
    pub context_events: usize,
    /// Paths and contributions of an explanation. Default: 50.
    pub paths: usize,
    /// The minimum number of users that must share a step of an explanation or a graph. Default: 5.
    pub min_users: usize,
    /// Bytes of catalogue changes while the service runs (`PUT /v1/catalogue`), in memory and on
    /// disk. Default: 256 MiB.
    pub catalogue_bytes: usize,
    /// Bytes of memory for the models of many shops ([`Shops`](crate::Shops)), estimated as twice
    /// the size of their files. The least recently used ones are unloaded first. Default: 4 GiB.
    pub models_memory: u64,
    /// Seconds that an event may be in the future, to allow for differing clocks. Default: 300.
    pub future_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            batch: 256,
            k: 1000,
            cost_ms: 5000,
            events: 1000,
            context_events: 200,
            paths: 50,
            min_users: 5,
            catalogue_bytes: 256 << 20,
            models_memory: 4 << 30,
            future_seconds: 300,
        }
    }
}

impl Limits {
    /// Adds the limits that are 0, whose keys are in the table `table`.
    fn check(&self, table: &str, issues: &mut Vec<ConfigIssue>) {
        for (key, value) in [
            ("body_bytes", self.body_bytes),
            ("batch", self.batch),
            ("k", self.k),
            ("cost_ms", self.cost_ms as usize),
            ("events", self.events),
            ("paths", self.paths),
            ("min_users", self.min_users),
            ("catalogue_bytes", self.catalogue_bytes),
            ("models_memory", self.models_memory as usize),
        ] {
            if value == 0 {
                issues.push(ConfigIssue::new(format!("{table}.{key}"), ZERO));
            }
        }
    }
}

/// The listener that loads and switches models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Whether it runs. Default: true.
    pub enabled: bool,
    /// Its address; one that is not on loopback needs a token. Default: `127.0.0.1:8081`.
    #[serde(deserialize_with = "crate::address::deserialize")]
    pub bind: SocketAddr,
    /// The token that every request must send as `Authorization: Bearer TOKEN`; at least 16 bytes. Default:
    /// none, which answers only requests from this machine.
    pub token: Option<Token>,
    /// A file with the token, instead of `token`.
    pub token_file: Option<PathBuf>,
    /// The folder whose artifacts may be loaded, by their names in it. Default: the folder of the first model.
    pub models: Option<PathBuf>,
    /// Whether the page may list, load and switch models: the public listener then also serves the
    /// admin routes to clients that send the token, which must be set. Default: false.
    pub on_page: bool,
    /// Models kept in memory, including the active one; switching back to one of them is immediate. Default: 2.
    pub keep: usize,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)),
            token: None,
            token_file: None,
            models: None,
            on_page: false,
            keep: 2,
        }
    }
}

/// A secret that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// Wraps a secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

impl Serialize for Token {
    /// Writes a placeholder, so that a printed configuration contains no secret.
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("hidden")
    }
}

/// The minimum length of the token, in bytes.
const MIN_TOKEN: usize = 16;
/// The maximum timeout, in seconds: a day.
const MAX_SECONDS: f64 = 86_400.0;
/// The problem with a size that is 0.
const ZERO: &str = "0 is too small; use at least 1";
/// The maximum number of threads that score.
const MAX_WORKERS: usize = 1024;

impl ServeConfig {
    /// Whether the public listener serves the admin routes.
    pub(crate) fn has_admin_on_page(&self) -> bool {
        self.page && self.admin.on_page
    }

    /// Checks the configuration and reads the token file.
    ///
    /// # Errors
    /// [`ServeError::Config`] with every problem found.
    pub fn check(mut self) -> Result<ValidServeConfig, ServeError> {
        let mut issues = Vec::new();
        self.check_timeouts(&mut issues);
        self.check_sizes(&mut issues);
        for origin in &self.cors_origins {
            if !is_origin(origin) {
                let problem = format!("{origin:?} is not an origin; write https://HOST or \"*\"");
                issues.push(ConfigIssue::new("cors_origins", problem));
            }
        }
        crate::page_settings::check(self.currency.as_deref(), &self.image_hosts, &mut issues);
        crate::keys::check(&self.keys, &mut issues);
        for (name, shop) in &self.shops {
            shop.check(name, &self.limits, &mut issues);
        }
        if let Some(experiment) = &self.experiment {
            experiment.check(&mut issues);
        }
        self.admin.check(&mut issues);
        if self.metrics == MetricsListener::Admin && !self.admin.enabled {
            let problem = "there is no admin listener; set admin.enabled, or leave this out";
            issues.push(ConfigIssue::new("metrics", problem));
        }
        if issues.is_empty() {
            return Ok(ValidServeConfig(self));
        }
        Err(ServeError::Config { issues })
    }

    fn check_timeouts(&self, issues: &mut Vec<ConfigIssue>) {
        for (key, seconds, least) in [
            ("header_timeout_seconds", self.header_timeout_seconds, 0.001),
            ("body_timeout_seconds", self.body_timeout_seconds, 0.001),
            (
                "request_timeout_seconds",
                self.request_timeout_seconds,
                0.001,
            ),
            ("write_timeout_seconds", self.write_timeout_seconds, 0.001),
            ("drain_delay_seconds", self.drain_delay_seconds, 0.0),
            ("drain_timeout_seconds", self.drain_timeout_seconds, 0.0),
            (
                "overloaded_after_seconds",
                self.overloaded_after_seconds,
                0.0,
            ),
            ("model_poll_seconds", self.model_poll_seconds, 0.1),
        ] {
            if !(least..=MAX_SECONDS).contains(&seconds) {
                let problem = format!("{seconds} is not between {least} and {MAX_SECONDS}");
                issues.push(ConfigIssue::new(key, problem));
            }
        }
    }

    fn check_sizes(&self, issues: &mut Vec<ConfigIssue>) {
        for (key, value) in [
            ("queue", self.queue),
            ("max_connections", self.max_connections),
            ("unread_bytes", self.unread_bytes),
            ("admin.keep", self.admin.keep),
        ] {
            if value == 0 {
                issues.push(ConfigIssue::new(key, ZERO));
            }
        }
        self.limits.check("limits", issues);
        if self.workers > MAX_WORKERS {
            let problem = format!("{} is too large; use at most {MAX_WORKERS}", self.workers);
            issues.push(ConfigIssue::new("workers", problem));
        }
    }
}

/// Whether it is `*`, or a scheme and a host as browsers send them in `Origin`.
fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    text == "*"
        || host.is_some_and(|host| {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
        })
}

impl AdminConfig {
    /// Reads the token file and checks the token. The token then replaces the file, so that a
    /// checked configuration can be checked again.
    fn check(&mut self, issues: &mut Vec<ConfigIssue>) {
        let models = self.models.as_ref().map(|folder| folder.to_string_lossy());
        if let Some(url) = models.filter(|folder| folder.contains("://")) {
            let problem = format!("{url} is a URL; give a folder on this machine's disk");
            issues.push(ConfigIssue::new("admin.models", problem));
        }
        if self.on_page && self.token.is_none() && self.token_file.is_none() {
            let problem =
                "the page needs a token to switch models; set admin.token or admin.token_file";
            issues.push(ConfigIssue::new("admin.on_page", problem));
        }
        if let Some(path) = self.token_file.take() {
            if self.token.is_some() {
                let problem = "admin.token is also set; use only one of them";
                issues.push(ConfigIssue::new("admin.token_file", problem));
            }
            match std::fs::read_to_string(&path) {
                Ok(text) => self.token = Some(Token::new(text.trim())),
                Err(error) => {
                    let problem = format!("cannot read {}: {error}", path.display());
                    issues.push(ConfigIssue::new("admin.token_file", problem));
                }
            }
        }
        if let Some(token) = &self.token {
            let bytes = token.as_bytes();
            if bytes.len() < MIN_TOKEN {
                let problem = format!("the token is shorter than {MIN_TOKEN} bytes");
                issues.push(ConfigIssue::new("admin.token", problem));
            }
            if !bytes.iter().all(u8::is_ascii_graphic) {
                let problem = "the token has spaces or non-ASCII characters";
                issues.push(ConfigIssue::new("admin.token", problem));
            }
        }
        if self.enabled && !self.bind.ip().is_loopback() && self.token.is_none() {
            let problem = format!(
                "{} is not on loopback; set admin.token or admin.token_file",
                self.bind
            );
            issues.push(ConfigIssue::new("admin.bind", problem));
        }
    }
}

/// A checked configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidServeConfig(ServeConfig);

impl ValidServeConfig {
    /// Its values.
    #[must_use]
    pub fn get(&self) -> &ServeConfig {
        &self.0
    }

    /// The number of threads that score.
    #[must_use]
    pub fn n_workers(&self) -> usize {
        match self.0.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        }
    }
}

/// A duration from a checked number of seconds.
pub(crate) fn seconds(given: f64) -> Duration {
    Duration::from_secs_f64(given)
}

#[cfg(test)]
mod tests;
