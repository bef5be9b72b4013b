//! Reads the configuration from a file's table, overridden by the environment.

use crate::config::ServeConfig;
use crate::error::{ConfigIssue, ServeError};
use serde::Deserialize;
use toml::{Table, Value};

/// The prefix of our environment variables.
const PREFIX: &str = "LIGHTGCN_SERVE_";
/// The separator between a table and its key in such a name.
const SEPARATOR: &str = "__";
/// The problem with any other name.
const UNKNOWN_KEY: &str = "not a key of the service";

impl ServeConfig {
    /// The configuration of a TOML table, overridden by environment variables: `LIGHTGCN_SERVE_BIND` is the
    /// key `bind`, `LIGHTGCN_SERVE_LIMITS__BODY_BYTES` the key `body_bytes` of `[limits]`, and
    /// `LIGHTGCN_SERVE_ADMIN__TOKEN` the admin token. Variables with other prefixes are ignored.
    ///
    /// # Errors
    /// [`ServeError::Config`] for an unknown key or an invalid value, in the file or in the environment. The
    /// message does not contain the value of a variable, since it may be a secret.
    pub fn from_layers(
        table: Table,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ServeError> {
        let mut config = read(&table).map_err(|error| of_file(&error))?;
        let mut layered = table;
        let mut variables: Vec<(String, String)> = environment
            .into_iter()
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        variables.sort();
        for (name, text) in variables {
            (layered, config) =
                with_variable(&layered, &name, text).map_err(|problem| invalid(name, problem))?;
        }
        Ok(config)
    }
}

fn invalid(key: impl Into<String>, problem: impl Into<String>) -> ServeError {
    ServeError::Config {
        issues: vec![ConfigIssue::new(key, problem)],
    }
}

fn read(table: &Table) -> Result<ServeConfig, toml::de::Error> {
    ServeConfig::deserialize(Value::Table(table.clone()))
}

/// The error of a file's table, with the key if it is known.
fn of_file(error: &toml::de::Error) -> ServeError {
    let text = error.to_string();
    let mut lines = text.lines();
    let key = lines.find_map(|line| line.strip_prefix("in `")?.strip_suffix('`'));
    let message = error.message();
    let found = message
        .strip_prefix("unknown variant `")
        .and_then(|rest| rest.rsplit_once("`, expected "));
    let problem = match found {
        Some((given, choices)) => format!("{given:?} is invalid; use {}", choices.replace('`', "")),
        None => message.to_owned(),
    };
    invalid(key.unwrap_or("serve"), problem)
}

/// What is wrong with a variable, without its value: only the expected part of serde's message.
fn problem(message: &str) -> String {
    if message.starts_with("unknown field") {
        return UNKNOWN_KEY.to_owned();
    }
    match message.rsplit_once(", expected ") {
        Some((found, choices)) if found.starts_with("unknown variant") => {
            format!("invalid value; use {}", choices.replace('`', ""))
        }
        Some((_, "usize" | "u32" | "u64")) => "invalid value; expected a whole number".to_owned(),
        Some((_, "f64")) => "invalid value; expected a number".to_owned(),
        Some((_, expected)) => format!("invalid value; expected {expected}"),
        None => "invalid value".to_owned(),
    }
}

/// The table and its configuration with a variable set, or what is wrong if the variable cannot be
/// read as any type that fits.
fn with_variable(table: &Table, name: &str, text: String) -> Result<(Table, ServeConfig), String> {
    let key = name[PREFIX.len()..].to_ascii_lowercase();
    let parts: Vec<&str> = key.split(SEPARATOR).collect();
    // First as a string, so that a token of digits stays a string; then as TOML.
    let as_toml = format!("value = {text}").parse::<Table>().ok();
    let candidates = [
        Some(Value::String(text)),
        as_toml.and_then(|mut table| table.remove("value")),
    ];
    let mut first = None;
    for value in candidates.into_iter().flatten() {
        let mut with = table.clone();
        match set(&mut with, &parts, value).map(|()| read(&with)) {
            Some(Ok(config)) => return Ok((with, config)),
            Some(Err(error)) => drop(first.get_or_insert_with(|| problem(error.message()))),
            None => {}
        }
    }
    Err(first.unwrap_or_else(|| UNKNOWN_KEY.to_owned()))
}

/// Sets a nested key; `None` if a part of it is not a table.
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
    fn the_environment_overrides_the_file() {
        let file = "workers = 3\nqueue = 9\n[limits]\nk = 50\nbatch = 7";
        let config = layered(
            file,
            &[
                ("SERVE_WORKERS", "5"),
                ("SERVE_BIND", "127.0.0.1:99"),
                ("SERVE_PAGE", "false"),
                ("SERVE_CORS_ORIGINS", "['https://shop.example']"),
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
        assert_eq!(config.cors_origins, ["https://shop.example"]);
        assert_eq!(config.admin.token, Some(Token::new("12345678901234567890")));
    }

    #[test]
    fn the_cause_is_told() {
        for (name, value, problem) in [
            (
                "SERVE_UNKNOWN_BEHAVIORS",
                "maybe",
                "invalid value; use refuse or collect",
            ),
            (
                "SERVE_QUEUE",
                "many",
                "invalid value; expected a whole number",
            ),
            (
                "SERVE_LIMITS__K",
                "-1",
                "invalid value; expected a whole number",
            ),
            (
                "SERVE_DRAIN_TIMEOUT_SECONDS",
                "x",
                "invalid value; expected a number",
            ),
            (
                "SERVE_PAGE",
                "x, expected `secret`",
                "invalid value; expected a boolean",
            ),
            ("SERVE_WORKER", "1", UNKNOWN_KEY),
            ("SERVE_LIMITS__J", "1", UNKNOWN_KEY),
        ] {
            let Err(ServeError::Config { issues }) = layered("", &[(name, value)]) else {
                panic!("{name} was read");
            };
            assert_eq!(issues[0].problem, problem, "{name}");
        }
        let Err(ServeError::Config { issues }) = layered("unknown_behaviors = 'maybe'", &[]) else {
            panic!("it was read");
        };
        let problem = r#""maybe" is invalid; use refuse or collect"#;
        assert_eq!(
            (&*issues[0].key, &*issues[0].problem),
            ("unknown_behaviors", problem)
        );
    }

    #[test]
    fn a_bad_variable_is_named_and_its_value_not_shown() {
        for (name, value) in [
            ("SERVE_WORKERS", "secret"),
            ("SERVE_WORKER", "1"),
            ("SERVE_WORKERS__K", "1"),
            ("SERVE_LIMITS__K", "-1"),
            ("SERVE_", "1"),
            ("SERVE_PAGE", "secret\nworkers = 1"),
        ] {
            let error = layered("", &[(name, value)]).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
            let ServeError::Config { issues } = error else {
                panic!("{error}");
            };
            assert_eq!(issues.len(), 1);
            assert_eq!(issues[0].key, format!("LIGHTGCN_{name}"));
        }
        let Err(ServeError::Config { issues }) = layered("bond = 3", &[]) else {
            panic!("it was read");
        };
        assert_eq!(issues[0].key, "serve");
    }
}
