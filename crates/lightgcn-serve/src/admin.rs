//! Loading and switching models, for whoever runs the service.

use crate::error::Fault;
use crate::extract::{PathIds, json, read_json};
use crate::model::Model;
use crate::{ServeError, Service};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Bytes of a body at most.
const BODY_BYTES: usize = 4096;

/// Models in memory.
#[derive(Debug, Serialize)]
struct Models {
    models: Vec<ModelEntry>,
}

#[derive(Debug, Serialize)]
struct ModelEntry {
    version: String,
    active: bool,
    name: String,
    path: Option<String>,
    n_users: usize,
    n_items: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Load {
    path: String,
}

pub(crate) fn router(service: &Service) -> Router {
    Router::new()
        .route("/admin/models", get(list).post(load))
        .route("/admin/models/{version}/activate", post(activate))
        .fallback(|| async {
            Fault::new(StatusCode::NOT_FOUND, "no_route", "there is no such page")
        })
        .method_not_allowed_fallback(|| async { Fault::no_method() })
        .layer(middleware::from_fn_with_state(service.clone(), authorized))
        .with_state(service.clone())
}

/// Lets requests through that bring the token; without a token, those that name this machine.
async fn authorized(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Result<Response, Fault> {
    let headers = request.headers();
    match &service.shared.config.admin.token {
        Some(token) if !has_token(headers, token.as_bytes()) => {
            let text = "bring the token, as Authorization: Bearer TOKEN";
            return Err(Fault::new(StatusCode::UNAUTHORIZED, "unauthorized", text));
        }
        // A foreign page in a browser here may reach a listener on loopback under a name of its own.
        None if !names_this_machine(headers) => {
            let text = "without a token, only requests to localhost by that name are answered";
            return Err(Fault::new(StatusCode::FORBIDDEN, "foreign_host", text));
        }
        _ => {}
    }
    Ok(next.run(request).await)
}

/// Compares in a time that depends on neither token: hashes of both, byte by byte to the end.
fn has_token(headers: &HeaderMap, token: &[u8]) -> bool {
    let given = headers
        .get(header::AUTHORIZATION)
        .map_or(&b""[..], |value| value.as_bytes());
    let (scheme, given) = given.split_at_checked(7).unwrap_or_default();
    let same = Sha256::digest(given).ct_eq(&Sha256::digest(token));
    bool::from(same) && scheme.eq_ignore_ascii_case(b"bearer ")
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let Some(host) = host else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "127.0.0.1" | "[::1]")
}

fn entry(model: &Model, active: bool) -> ModelEntry {
    let artifact = model.recommender.artifact();
    ModelEntry {
        version: model.version.clone(),
        active,
        name: artifact.model.name.clone(),
        path: model.path.as_ref().map(|path| path.display().to_string()),
        n_users: artifact.train.n_users(),
        n_items: model.recommender.n_items(),
    }
}

fn listed(service: &Service) -> Response {
    let models = service.shared.registry.loaded();
    let models = models
        .iter()
        .enumerate()
        .map(|(n, model)| entry(model, n == 0));
    let models = Models {
        models: models.collect(),
    };
    json(StatusCode::OK, &models)
}

async fn list(State(service): State<Service>) -> Response {
    // A model that is being loaded holds the list.
    let worker = service.clone();
    blocking(move || Ok(listed(&worker))).await
}

async fn load(State(service): State<Service>, request: Request<Body>) -> Result<Response, Fault> {
    let seconds = service.shared.config.body_timeout_seconds;
    let Load { path } = read_json(request, BODY_BYTES, seconds).await?;
    Ok(blocking(move || {
        service.load(&path)?;
        Ok(listed(&service))
    })
    .await)
}

async fn activate(
    State(service): State<Service>,
    PathIds(version): PathIds<String>,
) -> Result<Response, Fault> {
    Ok(blocking(move || {
        service.activate(&version)?;
        Ok(listed(&service))
    })
    .await)
}

async fn blocking(
    work: impl FnOnce() -> Result<Response, ServeError> + Send + 'static,
) -> Response {
    use axum::response::IntoResponse;
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => refused(&error).into_response(),
        Err(_) => Fault::internal().into_response(),
    }
}

fn refused(error: &ServeError) -> Fault {
    let message = error.to_string();
    tracing::warn!(%message, "a model was refused");
    match error {
        ServeError::ModelName { .. } => Fault::bad("bad_model_name", message),
        ServeError::UnknownVersion { .. } => {
            Fault::new(StatusCode::NOT_FOUND, "unknown_version", message)
        }
        _ => Fault::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_model", message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_must_be_the_same_to_the_last_byte() {
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
    fn foreign_names_are_not_this_machine() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, value.parse().unwrap());
            names_this_machine(&headers)
        };
        for host in [
            "localhost",
            "localhost:8081",
            "127.0.0.1:80",
            "[::1]:80",
            "[::1]",
        ] {
            assert!(with(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:80",
            "127.0.0.1.nip.io",
            "",
        ] {
            assert!(!with(host), "{host}");
        }
        assert!(!names_this_machine(&HeaderMap::new()));
    }
}
