//! Whether the service lives, whether it takes questions, and its figures.

use crate::Service;
use crate::extract::json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

/// What a health check says.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    /// `live`, `ready` or `stopping`.
    status: &'static str,
    /// The version of the model in use.
    model_version: String,
}

/// Whether the process lives.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = Health)))]
pub(crate) async fn live(State(service): State<Service>) -> Response {
    health(&service, StatusCode::OK, "live")
}

/// Whether it takes questions: not any more once it was told to stop.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, body = Health),
    (status = 503, description = "It is stopping.", body = Health),
))]
pub(crate) async fn ready(State(service): State<Service>) -> Response {
    match service.is_ready() {
        true => health(&service, StatusCode::OK, "ready"),
        false => health(&service, StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    }
}

fn health(service: &Service, status: StatusCode, text: &'static str) -> Response {
    let model_version = service.model_version();
    let health = Health {
        status: text,
        model_version,
    };
    json(status, &health)
}

/// The service's figures, for Prometheus: requests and their times by route, items by source, the model in
/// use. No figure has an id.
#[utoipa::path(get, path = "/metrics", tag = "health", responses(
    (status = 200, description = "Prometheus' text format.", body = String, content_type = "text/plain"),
))]
pub(crate) async fn figures(State(service): State<Service>) -> Response {
    let shared = &service.shared;
    let model = shared.registry.active();
    shared.metrics.waiting.set(shared.pool.n_waiting() as f64);
    let name = &model.recommender.artifact().model.name;
    let text = shared.metrics.render(&model.version, name);
    let mut response = Response::new(Body::from(text));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
