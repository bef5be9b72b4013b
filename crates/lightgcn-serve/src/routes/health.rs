//! Health checks and metrics.

use crate::config::{ServeConfig, seconds};
use crate::json::json;
use crate::metrics::{OutcomeReadings, Readings};
use crate::service::{Service, Shared};
use crate::work::Pool;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;

/// The result of a health check.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    /// `live`, `ready`, `stopping`, `overloaded` or `events_failing`.
    status: &'static str,
    /// The version of the active model.
    model_version: String,
}

/// Reports that the process is alive.
#[utoipa::path(get, path = "/health/live", operation_id = "health_live", tag = "health", responses((status = 200, body = Health)))]
pub(crate) async fn live(State(service): State<Service>) -> Response {
    health(&service, StatusCode::OK, "live")
}

/// The media type of metrics.
pub(super) const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether the queue has been full for so long that the service is overloaded.
pub(super) fn is_overloaded(pool: &Pool, config: &ServeConfig) -> bool {
    let most = seconds(config.overloaded_after_seconds);
    pool.full_for().is_some_and(|time| time >= most)
}

/// Reports whether the service is ready for requests. It is not once it is told to stop, while its queue has been full
/// for some seconds, and while it cannot write to its event store.
#[utoipa::path(get, path = "/health/ready", operation_id = "health_ready", tag = "health", responses(
    (status = 200, body = Health),
    (status = 503, description = "The service takes no requests for now; `status` says why.", body = Health),
))]
pub(crate) async fn ready(State(service): State<Service>) -> Response {
    let shared = &service.shared;
    let is_overloaded = is_overloaded(&shared.pool, &shared.config);
    match (
        service.is_ready(),
        is_overloaded,
        takes_events(shared).await,
    ) {
        (false, ..) => health(&service, StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        (_, true, _) => health(&service, StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
        (.., false) => health(&service, StatusCode::SERVICE_UNAVAILABLE, "events_failing"),
        _ => health(&service, StatusCode::OK, "ready"),
    }
}

/// Whether the store accepted the latest events or, after a failure, would accept some now.
pub(super) async fn takes_events(shared: &Shared) -> bool {
    if shared.events_health.is_due() {
        let sink = Arc::clone(&shared.events);
        if let Ok(outcome) = shared.writer.run(move || sink.check()).await {
            shared.events_health.note(&outcome);
        }
    }
    !shared.events_health.is_failing()
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
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "health", responses(
    (status = 200, description = "Prometheus text format.", body = String, content_type = "text/plain"),
))]
pub(crate) async fn metrics(State(service): State<Service>) -> impl IntoResponse {
    let shared = &service.shared;
    let model = shared.registry.active();
    let text = shared.metrics.render(&Readings {
        pool: &shared.pool,
        unread: &shared.unread,
        model: &model,
        events: shared.events.state(),
        shadow: shared.shadow.as_ref(),
        outcomes: outcomes(shared),
        catalogue: shared.catalogue.n_items(),
    });
    ([(header::CONTENT_TYPE, METRICS)], text)
}

/// The outcomes of the answering models' lists; `None` if they are not counted.
pub(super) fn outcomes(shared: &Shared) -> Option<OutcomeReadings> {
    let recorder = shared.recorder.as_ref()?;
    let known = shared.versions();
    Some(OutcomeReadings {
        totals: recorder.totals(|version| known.iter().any(|known| known == version)),
        lost: recorder.lost(),
    })
}
