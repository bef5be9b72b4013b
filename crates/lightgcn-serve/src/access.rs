//! Access control: hosts, keys and the admin token.

use crate::api_error::ApiError;
use crate::front::Front;
use crate::keys::{Scope, Verdict, bearer, judge};
use crate::observe::Peer;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use subtle::ConstantTimeEq;

/// Marks the requests of a listener on loopback.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnLoopback;

/// The common prefix of all shops' paths.
const SHOPS: &str = "/v1/shops/";

/// Lets a request of the public listener pass if it is for an allowed host and has a key with the
/// needed scope, if the configuration sets hosts or keys.
pub(crate) async fn public(
    State(front): State<Front>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let config = &front.config;
    let path = request.uri().path();
    // Health checkers may only know the instance's address.
    if path.starts_with("/health/") {
        return Ok(next.run(request).await);
    }
    if !is_for_us(&config.hosts, &request) {
        refused(&front, &request, "host");
        let text = "this service does not serve that host; see its setting hosts";
        let status = StatusCode::MISDIRECTED_REQUEST;
        return Err(ApiError::new(status, "foreign_host", text));
    }
    if let Some(scope) = scope(request.method(), path).filter(|_| !config.keys.is_empty()) {
        let shop = of_shop(path).map(|(shop, _)| shop);
        match judge(&config.keys, request.headers(), scope, shop) {
            Verdict::Allowed(key) => tracing::debug!(key, "a key is valid"),
            Verdict::Forbidden(key) => {
                tracing::warn!(
                    key,
                    ?scope,
                    shop,
                    "a key lacks a scope, or is for other shops"
                );
                refused(&front, &request, "scope");
                let text = "the key does not allow this; see its scopes and shops";
                return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", text));
            }
            Verdict::Unknown => {
                refused(&front, &request, "key");
                return Err(unauthorized("send a key as Authorization: Bearer KEY"));
            }
        }
    }
    Ok(next.run(request).await)
}

/// Whether a request is for one of the hosts. If none is named, a listener on loopback answers only for this machine,
/// and any other listener for every host.
fn is_for_us(hosts: &[String], request: &Request) -> bool {
    let host = host(request);
    if hosts.is_empty() {
        // Against DNS rebinding, as on the admin listener.
        let on_loopback = request.extensions().get::<OnLoopback>().is_some();
        return !on_loopback || host.is_some_and(is_this_machine);
    }
    let is_known = |name: &str| hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
    host.is_some_and(is_known)
}

/// The scope that a request needs; `None` for public resources: the page's files and the OpenAPI document.
pub(crate) fn scope(method: &Method, path: &str) -> Option<Scope> {
    let path = &*of_shop(path).map_or(Cow::Borrowed(path), |(_, path)| Cow::Owned(path));
    match (path, path.starts_with("/v1/") || path == "/metrics") {
        ("/v1/events", _) if method == Method::POST => Some(Scope::Write),
        ("/v1/catalogue", _) if method == Method::PUT => Some(Scope::Write),
        (_, true) if method == Method::DELETE => Some(Scope::Admin),
        (_, true) => Some(Scope::Read),
        _ => None,
    }
}

/// The name of the shop in a path, as written there, and the path within the shop's own service.
fn of_shop(path: &str) -> Option<(&str, String)> {
    let (shop, rest) = path.strip_prefix(SHOPS)?.split_once('/')?;
    Some((shop, format!("/v1/{rest}")))
}

/// Lets a request of the admin listener pass if it has the token or an admin key or, without a
/// token, if its host is this machine.
pub(crate) async fn admin(
    State(front): State<Front>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let config = &front.config;
    let headers = request.headers();
    let has_key = || {
        matches!(
            judge(&config.keys, headers, Scope::Admin, None),
            Verdict::Allowed(_)
        )
    };
    match &config.admin.token {
        Some(token) if !has_token(headers, token.as_bytes()) && !has_key() => {
            refused(&front, &request, "token");
            return Err(unauthorized(
                "send the token as Authorization: Bearer TOKEN",
            ));
        }
        // DNS rebinding: a foreign page in a local browser may reach loopback under a host name of its own.
        None if !host(&request).is_some_and(is_this_machine) => {
            refused(&front, &request, "host");
            let text = "without a token, only requests to the host localhost are answered";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_host", text));
        }
        _ => {}
    }
    Ok(next.run(request).await)
}

fn unauthorized(text: &str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", text)
}

/// Logs and counts a rejected request.
fn refused(front: &Front, request: &Request, reason: &'static str) {
    let client = request.extensions().get::<Peer>();
    let client = client.map(|peer| tracing::field::display(peer.0));
    tracing::warn!(reason, client, "rejected a request");
    front.metrics.refused.increment(1);
}

/// Compares hashes in constant time, so that the time reveals neither token.
fn has_token(headers: &HeaderMap, token: &[u8]) -> bool {
    let given = bearer(headers);
    let same = Sha256::digest(given.unwrap_or_default()).ct_eq(&Sha256::digest(token));
    bool::from(same) && given.is_some()
}

/// The host that a request is for, without the port: that of its target, if it has one, or of its
/// only `Host` (RFC 9112, section 3.2).
fn host(request: &Request) -> Option<&str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next().filter(|_| hosts.next().is_none())?;
    if let Some(host) = request.uri().host() {
        return Some(host);
    }
    let host = host.to_str().ok()?;
    Some(match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    })
}

/// Whether it is `localhost` or an address of loopback.
fn is_this_machine(name: &str) -> bool {
    let v6 = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let is_loopback = match v6 {
        Some(name) => name.parse().is_ok_and(|ip: Ipv6Addr| ip.is_loopback()),
        None => name.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback()),
    };
    is_loopback || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[test]
    fn only_the_exact_token_is_accepted() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            has_token(&headers, b"0123456789abcdef")
        };
        assert!(with("Bearer 0123456789abcdef"));
        assert!(with("bearer 0123456789abcdef"));
        for wrong in [
            "Bearer 0123456789abcdeg",
            "Bearer ",
            "Bear",
            "Basic 0123456789abcdef",
            "Bearer 0123456789abcdef0",
        ] {
            assert!(!with(wrong), "{wrong}");
        }
        assert!(!has_token(&HeaderMap::new(), b"0123456789abcdef"));
    }

    #[test]
    fn only_local_host_names_are_this_machine() {
        let is_local = |value: &str| {
            let request = Request::get("/").header(header::HOST, value);
            host(&request.body(Body::empty()).unwrap()).is_some_and(is_this_machine)
        };
        for host in [
            "localhost",
            "localhost:8081",
            "LocalHost",
            "127.0.0.1:80",
            "127.8.0.1",
            "[::1]:80",
            "[::1]",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:80",
            "127.0.0.1.nip.io",
            "128.0.0.1",
            "0.0.0.0",
            "[::2]",
            "::1",
            "",
        ] {
            assert!(!is_local(host), "{host}");
        }
        assert_eq!(host(&Request::new(Body::empty())), None);
        // The target counts more than the header, and two headers count for nothing.
        let of = |target: &str, hosts: &[&str]| {
            let request = Request::get(target);
            let request = hosts
                .iter()
                .fold(request, |request, host| request.header(header::HOST, *host));
            host(&request.body(Body::empty()).unwrap()).map(str::to_owned)
        };
        let evil = Some("evil.example".to_owned());
        assert_eq!(
            of("http://evil.example:80/v1/popular", &["localhost"]),
            evil
        );
        assert_eq!(of("/v1/popular", &["evil.example:80"]), evil);
        assert_eq!(of("/v1/popular", &["localhost", "evil.example"]), None);
        assert_eq!(
            of("http://localhost/", &["localhost", "evil.example"]),
            None
        );
    }

    #[test]
    fn every_route_has_its_scope() {
        let of = |method: Method, path: &str| scope(&method, path);
        assert_eq!(of(Method::POST, "/v1/events"), Some(Scope::Write));
        assert_eq!(of(Method::PUT, "/v1/catalogue"), Some(Scope::Write));
        assert_eq!(of(Method::POST, "/v1/recommendations"), Some(Scope::Read));
        assert_eq!(of(Method::DELETE, "/v1/users/u0"), Some(Scope::Admin));
        assert_eq!(of(Method::GET, "/metrics"), Some(Scope::Read));
        assert_eq!(of(Method::PUT, "/v1/shops/a/catalogue"), Some(Scope::Write));
        assert_eq!(of(Method::POST, "/v1/shops/a/events"), Some(Scope::Write));
        assert_eq!(
            of(Method::DELETE, "/v1/shops/a/users/u0"),
            Some(Scope::Admin)
        );
        assert_eq!(of(Method::GET, "/v1/shops"), Some(Scope::Read));
        assert_eq!(of(Method::POST, "/v1/shops/events"), Some(Scope::Read));
        assert_eq!(of(Method::GET, "/openapi.json"), None);
        assert_eq!(of(Method::GET, "/"), None);
    }
}
