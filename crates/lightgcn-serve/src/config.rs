//! What the service may be told, and its limits.

use crate::ServeError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// How the service listens, works and ends. Every field has a default, which is safe for one machine:
/// both listeners are on loopback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeConfig {
    /// Where questions are answered; `127.0.0.1:8080` unless told. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// Whether the page and what only it asks (search, history, graph, model view) are served; they list
    /// ids of users, so a service that the public can reach should not have them. Yes unless told.
    pub page: bool,
    /// Threads that score; 0 (unless told) takes one a core.
    pub workers: usize,
    /// Questions that may wait for a thread; what comes beyond is turned away with 503. 256 unless told.
    pub queue: usize,
    /// Connections at once; what comes beyond waits to be accepted. 8192 unless told.
    pub max_connections: usize,
    /// Seconds in which a request's header must have come, and a connection may idle; 5 unless told.
    pub header_timeout_seconds: f64,
    /// Seconds in which a request's body must have come; 5 unless told.
    pub body_timeout_seconds: f64,
    /// Seconds in which an answer must be ready; 10 unless told.
    pub request_timeout_seconds: f64,
    /// Seconds for which a client may leave an answer unread; 20 unless told.
    pub write_timeout_seconds: f64,
    /// Seconds between the signal to stop and the end of accepting, in which `/health/ready` says no and
    /// balancers turn away; 0 unless told.
    pub drain_delay_seconds: f64,
    /// Seconds that open requests have to end after that; 20 unless told.
    pub drain_timeout_seconds: f64,
    /// The file that keeps posted events ([`EventStore`](crate::EventStore)), made where there is none. In memory
    /// alone unless told: they are gone then when the service ends.
    pub events: Option<PathBuf>,
    /// What one request may ask.
    pub limits: Limits,
    /// The listener that loads and switches models.
    pub admin: AdminConfig,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            page: true,
            workers: 0,
            queue: 256,
            max_connections: 8192,
            header_timeout_seconds: 5.0,
            body_timeout_seconds: 5.0,
            request_timeout_seconds: 10.0,
            write_timeout_seconds: 20.0,
            drain_delay_seconds: 0.0,
            drain_timeout_seconds: 20.0,
            events: None,
            limits: Limits::default(),
            admin: AdminConfig::default(),
        }
    }
}

/// What one request may ask. What goes beyond is refused with 400 or 413.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a body; 1 MiB unless told.
    pub body_bytes: usize,
    /// Requests of a batch; 256 unless told.
    pub batch: usize,
    /// Items of a list; 1000 unless told.
    pub k: usize,
    /// Bytes of an id, a label or a search; 256 unless told.
    pub id_bytes: usize,
    /// Events of one posting; 1000 unless told.
    pub events: usize,
    /// Events of one question, and the latest kept ones that count in an answer; 200 unless told.
    pub context_events: usize,
    /// Paths of an explanation; 50 unless told.
    pub paths: usize,
    /// The fewest users that must share a step of an explanation or a graph; 5 unless told.
    pub min_users: usize,
    /// Seconds that an event may lie in the future, for clocks that differ; 300 unless told.
    pub future_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            batch: 256,
            k: 1000,
            id_bytes: 256,
            events: 1000,
            context_events: 200,
            paths: 50,
            min_users: 5,
            future_seconds: 300,
        }
    }
}

/// The listener that loads and switches models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Whether there is one; yes unless told.
    pub enabled: bool,
    /// Where it listens; `127.0.0.1:8081` unless told. Anywhere else than on loopback it needs a token.
    pub bind: SocketAddr,
    /// The token that every request must bring, as `Authorization: Bearer TOKEN`; at least 16 bytes. None
    /// unless told, and then only this machine is answered.
    pub token: Option<Token>,
    /// A file that holds the token, in the place of `token`.
    pub token_file: Option<PathBuf>,
    /// The folder whose artifacts may be loaded, by names within it. The folder that holds the first model,
    /// unless told.
    pub models: Option<PathBuf>,
    /// Models kept in memory, the one in use included: switching back to one of them takes no time. 2 unless
    /// told.
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
            keep: 2,
        }
    }
}

/// A secret that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// A token of these letters.
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
    /// Writes a placeholder: a configuration that is shown holds no secret.
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str("hidden")
    }
}

/// The shortest token.
const LEAST_TOKEN: usize = 16;
/// The longest timeout, in seconds: a day.
const LONGEST: f64 = 86_400.0;

impl ServeConfig {
    /// Checks the configuration, and reads the token's file.
    ///
    /// # Errors
    /// [`ServeError::Config`] with every fault found.
    pub fn check(mut self) -> Result<ValidServeConfig, ServeError> {
        let mut faults = Vec::new();
        for (name, seconds, may_be_zero) in [
            ("header_timeout_seconds", self.header_timeout_seconds, false),
            ("body_timeout_seconds", self.body_timeout_seconds, false),
            (
                "request_timeout_seconds",
                self.request_timeout_seconds,
                false,
            ),
            ("write_timeout_seconds", self.write_timeout_seconds, false),
            ("drain_delay_seconds", self.drain_delay_seconds, true),
            ("drain_timeout_seconds", self.drain_timeout_seconds, true),
        ] {
            let least = if may_be_zero { 0.0 } else { 0.001 };
            if !(least..=LONGEST).contains(&seconds) {
                faults.push(format!(
                    "{name} is {seconds}; it must lie between {least} and {LONGEST}"
                ));
            }
        }
        let limits = &self.limits;
        for (name, value) in [
            ("queue", self.queue),
            ("max_connections", self.max_connections),
            ("limits.body_bytes", limits.body_bytes),
            ("limits.batch", limits.batch),
            ("limits.k", limits.k),
            ("limits.id_bytes", limits.id_bytes),
            ("limits.events", limits.events),
            ("limits.paths", limits.paths),
            ("limits.min_users", limits.min_users),
            ("admin.keep", self.admin.keep),
        ] {
            if value == 0 {
                faults.push(format!("{name} is 0; it must be at least 1"));
            }
        }
        if self.workers > 1024 {
            faults.push(format!(
                "workers is {}; it must be at most 1024",
                self.workers
            ));
        }
        self.admin.check(&mut faults);
        if faults.is_empty() {
            return Ok(ValidServeConfig(self));
        }
        Err(ServeError::Config { faults })
    }
}

impl AdminConfig {
    /// Reads the token's file, and checks. The token stands in the place of the file then, so that what was checked
    /// can be checked again.
    fn check(&mut self, faults: &mut Vec<String>) {
        if let Some(path) = self.token_file.take() {
            if self.token.is_some() {
                faults.push("admin.token and admin.token_file are both given; give one".to_owned());
            }
            match std::fs::read_to_string(&path) {
                Ok(text) => self.token = Some(Token::new(text.trim())),
                Err(error) => faults.push(format!(
                    "admin.token_file {} cannot be read: {error}",
                    path.display()
                )),
            }
        }
        if let Some(token) = &self.token {
            let bytes = token.as_bytes();
            if bytes.len() < LEAST_TOKEN {
                faults.push(format!(
                    "the admin token is shorter than {LEAST_TOKEN} bytes"
                ));
            }
            if !bytes.iter().all(u8::is_ascii_graphic) {
                faults.push("the admin token has spaces or other letters than ASCII".to_owned());
            }
        }
        if self.enabled && !self.bind.ip().is_loopback() && self.token.is_none() {
            faults.push(format!(
                "admin.bind {} is not on loopback; give admin.token or admin.token_file",
                self.bind
            ));
        }
    }
}

/// A configuration without a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidServeConfig(ServeConfig);

impl ValidServeConfig {
    /// Its values.
    #[must_use]
    pub fn get(&self) -> &ServeConfig {
        &self.0
    }

    /// How many threads score.
    #[must_use]
    pub fn n_workers(&self) -> usize {
        match self.0.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        }
    }
}

/// A checked number of seconds.
pub(crate) fn seconds(given: f64) -> Duration {
    Duration::from_secs_f64(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(config: ServeConfig) -> Vec<String> {
        match config.check() {
            Err(ServeError::Config { faults }) => faults,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_default_is_on_loopback_and_valid() {
        let config = ServeConfig::default().check().unwrap();
        assert!(config.get().bind.ip().is_loopback());
        assert!(config.get().admin.bind.ip().is_loopback());
        assert!(config.n_workers() >= 1);
    }

    #[test]
    fn every_fault_is_listed() {
        let mut config = ServeConfig {
            queue: 0,
            header_timeout_seconds: f64::NAN,
            request_timeout_seconds: -1.0,
            ..ServeConfig::default()
        };
        config.limits.k = 0;
        config.admin.bind = "0.0.0.0:8081".parse().unwrap();
        let faults = faults(config);
        assert_eq!(faults.len(), 5, "{faults:?}");
        assert!(faults[4].contains("not on loopback"), "{faults:?}");
    }

    #[test]
    fn tokens_are_checked_and_never_shown() {
        let mut config = ServeConfig::default();
        config.admin.token = Some(Token::new("too short"));
        assert_eq!(faults(config).len(), 2);
        let mut config = ServeConfig::default();
        config.admin.bind = "0.0.0.0:0".parse().unwrap();
        config.admin.token = Some(Token::new("0123456789abcdef"));
        let config = config.check().unwrap();
        assert!(!format!("{config:?}").contains("0123456789abcdef"));
        assert!(
            !toml::to_string(config.get())
                .unwrap()
                .contains("0123456789abcdef")
        );
    }

    #[test]
    fn a_tokens_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        let mut config = ServeConfig::default();
        config.admin.token_file = Some(path);
        let checked = config.clone().check().unwrap();
        assert_eq!(
            checked.get().admin.token,
            Some(Token::new("0123456789abcdef"))
        );
        let again = checked.get().clone().check().unwrap();
        assert_eq!(again, checked);
        config.admin.token_file = Some(folder.path().join("none"));
        assert!(faults(config)[0].contains("cannot be read"));
    }

    #[test]
    fn unknown_keys_are_errors() {
        let config: ServeConfig = toml::from_str("bind = '127.0.0.1:1'\n[limits]\nk = 3").unwrap();
        assert_eq!((config.limits.k, config.bind.port()), (3, 1));
        for text in [
            "bond = 1",
            "[limits]\nj = 3",
            "[admin]\nport = 1",
            "bind = 'here'",
        ] {
            assert!(toml::from_str::<ServeConfig>(text).is_err(), "{text}");
        }
    }
}
