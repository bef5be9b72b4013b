//! Health checks and metrics.

use crate::answer::json;
use crate::service::Service;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The result of a health check.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    /// `live`, `ready` or `stopping`.
    status: &'static str,
    /// The version of the active model.
    model_version: String,
}

/// Reports that the process is alive.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = Health)))]
pub(crate) async fn live(State(service): State<Service>) -> Response {
    health(&service, StatusCode::OK, "live")
}

/// Reports whether the service takes requests; once it is told to stop, it does not.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, body = Health),
    (status = 503, description = "The service is stopping.", body = Health),
))]
pub(crate) async fn ready(State(service): State<Service>) -> Response {
    match service.is_ready() {
        true => health(&service, StatusCode::OK, "ready"),
        false => health(&service, StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    }
}

fn health(service: &Service, code: StatusCode, status: &'static str) -> Response {
    let model_version = service.model_version();
    let health = Health {
        status,
        model_version,
    };
    (code, json(&health)).into_response()
}

/// Metrics for Prometheus: requests and their times by route, items by source, and the active model. None of
/// them contains an id.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "Prometheus text format.", body = String, content_type = "text/plain"),
))]
pub(crate) async fn metrics(State(service): State<Service>) -> impl IntoResponse {
    let shared = &service.shared;
    let model = shared.registry.active();
    shared.metrics.waiting.set(shared.pool.n_waiting() as f64);
    let name = &model.recommender.artifact().model.name;
    let text = shared.metrics.render(&model.version, name);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text)
}
