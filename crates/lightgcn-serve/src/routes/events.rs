//! `POST /v1/events`

use crate::answer::{Versioned, answer};
use crate::api_error::{ApiError, ErrorBody};
use crate::checks::now;
use crate::config::Limits;
use crate::events::{EventError, StoredEvent};
use crate::extract::Json;
use crate::service::Service;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What users did.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostedEvents {
    /// The events; all are stored or, if one is invalid, none.
    events: Vec<PostedEvent>,
}

/// What a user did with an item.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Event)]
pub(crate) struct PostedEvent {
    /// The user's id in the log; it may be new.
    user: String,
    /// The item's id in the log; a new item is stored for the next training.
    item: String,
    /// The behavior's label in the log, one that the model knows.
    behavior: String,
    /// The time, in seconds since 1970-01-01 UTC. Default: now.
    time: Option<i64>,
    /// How many events it stands for: positive and finite. Default: 1.
    count: Option<f64>,
}

/// The result of a post.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Accepted {
    /// How many events were stored: all of them.
    accepted: usize,
}

/// Stores events. They take effect in answers and histories at once, and are kept for the next training. The
/// response is sent when all of them are stored; if one is invalid, none is.
#[utoipa::path(post, path = "/v1/events", tag = "events", request_body = PostedEvents,
    responses(
        (status = 200, body = Versioned<Accepted>),
        (status = 400, description = "Invalid event; none was stored.", body = ErrorBody),
        (status = 413, description = "Body too large.", body = ErrorBody),
        (status = 503, description = "The store is full, failing or busy; no event was stored.", body = ErrorBody),
    ))]
pub(crate) async fn post(
    State(service): State<Service>,
    Json(posted): Json<PostedEvents>,
) -> Result<Response, ApiError> {
    let shared = Arc::clone(&service.shared);
    let model = shared.registry.active();
    let behaviors = model.recommender.artifact().train.behaviors();
    let events = checked(posted.events, behaviors, &shared.config.limits)?;
    let n_events = events.len();
    let sink = Arc::clone(&shared.events);
    let stored = shared.writer.run(move || sink.append(&events)).await?;
    stored.map_err(not_stored)?;
    shared.metrics.events.increment(n_events as u64);
    Ok(answer(&model, Accepted { accepted: n_events }))
}

fn not_stored(error: EventError) -> ApiError {
    let message = error.to_string();
    tracing::error!(%message, "events were not stored");
    let code = match error {
        EventError::Full { .. } => "events_full",
        _ => "events_failed",
    };
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
}

fn checked(
    posted: Vec<PostedEvent>,
    behaviors: &[String],
    limits: &Limits,
) -> Result<Vec<StoredEvent>, ApiError> {
    let (n, most) = (posted.len(), limits.events);
    if !(1..=most).contains(&n) {
        let message = format!("the post has {n} events; send 1 to {most}");
        return Err(ApiError::bad("too_many_events", message));
    }
    let now = now();
    let mut events = Vec::with_capacity(n);
    let mut issues = Vec::new();
    let mut code = None;
    for (n, event) in posted.into_iter().enumerate() {
        match checked_one(event, now, behaviors, limits) {
            Ok(event) => events.push(event),
            Err(error) => {
                issues.push(format!("event {}: {}", n + 1, error.message));
                code.get_or_insert(error.code);
            }
        }
    }
    let Some(code) = code else {
        return Ok(events);
    };
    let message = format!("{}; no event was stored", issues[0]);
    Err(ApiError::bad(code, message).with_issues(issues))
}

fn checked_one(
    event: PostedEvent,
    now: i64,
    behaviors: &[String],
    limits: &Limits,
) -> Result<StoredEvent, ApiError> {
    for (what, id) in [("the user", &event.user), ("the item", &event.item)] {
        limits.check_text(what, id)?;
        if id.is_empty() {
            return Err(ApiError::bad("bad_id", format!("{what} is empty")));
        }
    }
    limits.check_text("the behavior", &event.behavior)?;
    if !behaviors.contains(&event.behavior) {
        let (unknown, known) = (&event.behavior, behaviors.join(", "));
        let message = format!("unknown behavior {unknown:?}; the model knows {known}");
        return Err(ApiError::bad("unknown_behavior", message));
    }
    let count = event.count.unwrap_or(1.0);
    if !(count.is_finite() && count > 0.0) {
        let message = format!("the count is {count}; it must be positive and finite");
        return Err(ApiError::bad("bad_event", message));
    }
    let time = event.time.unwrap_or(now);
    limits.check_time(time)?;
    Ok(StoredEvent {
        user: event.user,
        item: event.item,
        behavior: event.behavior,
        time,
        count,
    })
}
