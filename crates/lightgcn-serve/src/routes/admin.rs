//! The admin routes, which load and switch models

use crate::answer::json;
use crate::api_error::ApiError;
use crate::error::ServeError;
use crate::extract::{Json, Path};
use crate::middleware::within_limits;
use crate::models::Model;
use crate::observe::{Peer, observe};
use crate::service::Service;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The most bytes of a body.
const MAX_BODY: usize = 4096;

/// The models in memory.
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

impl ModelEntry {
    fn new(model: &Model, active: bool) -> Self {
        let artifact = model.recommender.artifact();
        Self {
            version: model.version.clone(),
            active,
            name: artifact.model.name.clone(),
            path: model.path.as_ref().map(|path| path.display().to_string()),
            n_users: artifact.train.n_users(),
            n_items: model.recommender.n_items(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Load {
    path: String,
}

pub(super) fn router(service: &Service) -> Router<Service> {
    let router = Router::new()
        .route("/admin/models", get(list).post(load))
        .route("/admin/models/{version}/activate", post(activate))
        .fallback(|| async { ApiError::no_route() })
        .method_not_allowed_fallback(|| async { ApiError::no_method() })
        .layer(middleware::from_fn_with_state(service.clone(), authorized));
    within_limits(router, MAX_BODY).layer(middleware::from_fn_with_state(service.clone(), observe))
}

/// Lets requests pass that bring the token or, without a token, that name this machine.
async fn authorized(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let headers = request.headers();
    let refused = |reason: &'static str| {
        let client = request.extensions().get::<Peer>();
        let client = client.map(|peer| tracing::field::display(peer.0));
        tracing::warn!(reason, client, "a request was refused");
        service.shared.metrics.refused.increment(1);
    };
    match &service.shared.config.admin.token {
        Some(token) if !has_token(headers, token.as_bytes()) => {
            refused("token");
            let text = "send the token as Authorization: Bearer TOKEN";
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                text,
            ));
        }
        // DNS rebinding: a foreign page in a local browser may reach loopback under a host name of its own.
        None if !names_this_machine(headers) => {
            refused("host");
            let text = "without a token, only requests with the host localhost are answered";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "foreign_host", text));
        }
        _ => {}
    }
    Ok(next.run(request).await)
}

/// Compares hashes in constant time, so that the time reveals neither token.
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

async fn list(State(service): State<Service>) -> Result<Response, ApiError> {
    // Loading a model holds the lock of the list.
    then_list(service, |_| Ok(())).await
}

async fn load(
    State(service): State<Service>,
    Json(Load { path }): Json<Load>,
) -> Result<Response, ApiError> {
    service.shared.metrics.action("load");
    tracing::info!(path, "a model is to be loaded");
    then_list(service, move |service| service.load(&path).map(|_| ())).await
}

async fn activate(
    State(service): State<Service>,
    Path(version): Path<String>,
) -> Result<Response, ApiError> {
    service.shared.metrics.action("activate");
    tracing::info!(version, "a model is to be activated");
    then_list(service, move |service| service.activate(&version)).await
}

/// Runs `work` on a blocking thread and lists the models after it.
async fn then_list(
    service: Service,
    work: impl FnOnce(&Service) -> Result<(), ServeError> + Send + 'static,
) -> Result<Response, ApiError> {
    let listed = tokio::task::spawn_blocking(move || {
        work(&service)?;
        let models = service.shared.registry.loaded();
        let entries = models.iter().enumerate();
        let models = entries.map(|(n, model)| ModelEntry::new(model, n == 0));
        Ok(Models {
            models: models.collect(),
        })
    });
    match listed.await {
        Ok(Ok(models)) => Ok(json(&models)),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => Err(ApiError::internal()),
    }
}

fn refused(error: &ServeError) -> ApiError {
    let message = error.to_string();
    match error {
        ServeError::ModelName { .. } => ApiError::bad("bad_model_name", message),
        ServeError::UnknownVersion { .. } => {
            ApiError::new(StatusCode::NOT_FOUND, "unknown_version", message)
        }
        _ => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_model", message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
