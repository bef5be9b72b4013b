//! Parses addresses to listen on, in the forms that people write.

use crate::error::ConfigIssue;
use serde::{Deserialize, Deserializer};
use std::net::{SocketAddr, ToSocketAddrs};

/// Resolves `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`. Prefers IPv4 among the addresses of
/// a name.
///
/// # Errors
/// [`ConfigIssue`] with the key `bind` if it is neither an address nor a name that the system can
/// resolve.
pub fn listen_address(text: &str) -> Result<SocketAddr, ConfigIssue> {
    let issue = |problem: String| ConfigIssue::new("bind", problem);
    let no_address =
        || format!("{text:?} is not an address; write HOST:PORT, such as localhost:8080");
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(issue(no_address()));
    };
    if host.is_empty() || port.parse::<u16>().is_err() {
        return Err(issue(no_address()));
    }
    let found = text.to_socket_addrs().map_err(|error| {
        issue(format!(
            "cannot resolve {host:?}: {error}; use its IP address"
        ))
    })?;
    let mut found: Vec<SocketAddr> = found.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| issue(no_address()))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(from)?;
    listen_address(&text).map_err(|issue| serde::de::Error::custom(issue.problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_addresses() {
        for (text, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:0", "[::1]:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
        ] {
            assert_eq!(listen_address(text).unwrap(), expected.parse().unwrap());
        }
        let local = listen_address("localhost:8080").unwrap();
        assert!(local.ip().is_loopback());
        assert_eq!(local.port(), 8080);
        for text in [
            "here",
            ":80",
            "localhost",
            "localhost:",
            "localhost:99999",
            "localhost:http",
        ] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }
}
