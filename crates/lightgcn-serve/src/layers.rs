//! The configuration from a file's table and the environment.

use crate::{ServeConfig, ServeError};
use serde::Deserialize;
use toml::{Table, Value};

/// The beginning of the names of environment variables.
const PREFIX: &str = "LIGHTGCN_SERVE_";
/// What stands between the parts of a nested key.
const DOT: &str = "__";

impl ServeConfig {
    /// The configuration of a TOML table, with the variables of an environment over it: `LIGHTGCN_SERVE_BIND`
    /// is the key `bind`, `LIGHTGCN_SERVE_LIMITS__BODY_BYTES` the key `body_bytes` of `[limits]`, and
    /// `LIGHTGCN_SERVE_ADMIN__TOKEN` the admin token. Variables of other names are left alone.
    ///
    /// # Errors
    /// [`ServeError::Config`] for an unknown key or a value that does not fit, wherever it comes from; the
    /// value itself is not told, since it may be a secret.
    pub fn from_layers(
        table: Table,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ServeError> {
        let fault = |text: String| ServeError::Config { faults: vec![text] };
        read(&table).map_err(|error| fault(error.message().to_owned()))?;
        let mut layered = table;
        let mut variables: Vec<(String, String)> = environment
            .into_iter()
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        variables.sort();
        for (name, text) in variables {
            let key = name[PREFIX.len()..].to_ascii_lowercase();
            let parts: Vec<&str> = key.split(DOT).collect();
            // A text first, so that a token of digits stays one; then what TOML reads in it.
            let read_as = format!("value = {text}").parse::<Table>().ok();
            let candidates = [
                Some(Value::String(text)),
                read_as.and_then(|mut t| t.remove("value")),
            ];
            let fitting = candidates.into_iter().flatten().find_map(|value| {
                let mut with = layered.clone();
                set(&mut with, &parts, value)?;
                read(&with).is_ok().then_some(with)
            });
            layered = fitting.ok_or_else(|| {
                fault(format!(
                    "the environment variable {name} names no key of the service, or its value does not fit"
                ))
            })?;
        }
        read(&layered).map_err(|error| fault(error.message().to_owned()))
    }
}

fn read(table: &Table) -> Result<ServeConfig, toml::de::Error> {
    ServeConfig::deserialize(Value::Table(table.clone()))
}

/// Puts a value under a nested key; none where a part of the key is no table.
fn set(table: &mut Table, parts: &[&str], value: Value) -> Option<()> {
    let (first, rest) = parts.split_first()?;
    if rest.is_empty() {
        table.insert((*first).to_owned(), value);
        return Some(());
    }
    let next = table
        .entry(*first)
        .or_insert_with(|| Value::Table(Table::new()));
    set(next.as_table_mut()?, rest, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Token;

    fn layered(text: &str, variables: &[(&str, &str)]) -> Result<ServeConfig, ServeError> {
        let variables = variables
            .iter()
            .map(|(name, value)| (format!("LIGHTGCN_{name}"), (*value).to_owned()));
        ServeConfig::from_layers(text.parse().unwrap(), variables)
    }

    #[test]
    fn the_environment_is_over_the_file() {
        let file = "workers = 3\nqueue = 9\n[limits]\nk = 50\nbatch = 7";
        let config = layered(
            file,
            &[
                ("SERVE_WORKERS", "5"),
                ("SERVE_BIND", "127.0.0.1:99"),
                ("SERVE_PAGE", "false"),
                ("SERVE_HEADER_TIMEOUT_SECONDS", "2.5"),
                ("SERVE_LIMITS__K", "60"),
                ("SERVE_ADMIN__TOKEN", "12345678901234567890"),
                ("SEED", "not ours"),
            ],
        );
        let config = config.unwrap();
        assert_eq!((config.workers, config.queue, config.page), (5, 9, false));
        assert_eq!((config.limits.k, config.limits.batch), (60, 7));
        assert_eq!(
            (config.bind.port(), config.header_timeout_seconds),
            (99, 2.5)
        );
        assert_eq!(config.admin.token, Some(Token::new("12345678901234567890")));
    }

    #[test]
    fn what_does_not_fit_is_named_and_not_shown() {
        for (name, value) in [
            ("SERVE_WORKERS", "secret"),
            ("SERVE_WORKER", "1"),
            ("SERVE_WORKERS__K", "1"),
            ("SERVE_LIMITS__K", "-1"),
            ("SERVE_", "1"),
            ("SERVE_PAGE", "secret\nworkers = 1"),
        ] {
            let error = layered("", &[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("secret"), "{error}");
        }
        assert!(
            layered("bond = 3", &[])
                .unwrap_err()
                .to_string()
                .contains("bond")
        );
    }
}
