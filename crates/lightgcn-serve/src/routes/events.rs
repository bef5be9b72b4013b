//! `POST /v1/events`

use super::recommendations::{check_time, now};
use crate::Service;
use crate::config::Limits;
use crate::error::{Fault, FaultBody};
use crate::events::{EventError, StoredEvent};
use crate::extract::{Versioned, answer, check_text, read_json};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What users did.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Posted {
    /// All are kept or, where one is wrong, none.
    events: Vec<PostedEvent>,
}

/// What a user did with an item.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Event)]
pub(crate) struct PostedEvent {
    /// The user's id as the shop writes it; a new one is welcome.
    user: String,
    /// The item's id as the shop writes it; a new one is kept for the next training.
    item: String,
    /// The behavior's label in the log, one that the model knows.
    behavior: String,
    /// When it was, in seconds since 1970-01-01 UTC; now unless told.
    time: Option<i64>,
    /// How many such events it stands for: positive and finite; 1 unless told.
    count: Option<f64>,
}

/// How many events were kept.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Accepted {
    /// All of them.
    accepted: usize,
}

/// Takes events: they count at once in answers and histories, and are kept for the next training. When the
/// answer comes, all are kept as safely as the event store keeps them; where one is wrong, none is.
#[utoipa::path(post, path = "/v1/events", tag = "events", request_body = Posted,
    responses(
        (status = 200, body = Versioned<Accepted>),
        (status = 400, description = "An event is wrong; none was kept.", body = FaultBody),
        (status = 413, description = "Too large.", body = FaultBody),
        (status = 503, description = "The store is full, fails or is busy; none was kept.", body = FaultBody),
    ))]
pub(crate) async fn post(
    State(service): State<Service>,
    request: Request<Body>,
) -> Result<Response, Fault> {
    let config = &service.shared.config;
    let posted: Posted = read_json(
        request,
        config.limits.body_bytes,
        config.body_timeout_seconds,
    )
    .await?;
    let model = service.shared.registry.active();
    let behaviors = model.recommender.artifact().train.behaviors();
    let events = checked(posted.events, behaviors, &config.limits)?;
    let shared = Arc::clone(&service.shared);
    let n_events = events.len();
    let kept = service
        .shared
        .writer
        .run(move || shared.events.append(&events))
        .await?;
    kept.map_err(unkept)?;
    service.shared.metrics.events.increment(n_events as u64);
    Ok(answer(&model, Accepted { accepted: n_events }))
}

fn unkept(error: EventError) -> Fault {
    let message = error.to_string();
    tracing::error!(%message, "events were not kept");
    let code = match error {
        EventError::Full { .. } => "events_full",
        _ => "events_failed",
    };
    Fault::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
}

fn checked(
    posted: Vec<PostedEvent>,
    behaviors: &[String],
    limits: &Limits,
) -> Result<Vec<StoredEvent>, Fault> {
    let most = limits.events;
    if posted.is_empty() || posted.len() > most {
        let text = format!("there are {} events; send 1 to {most}", posted.len());
        return Err(Fault::bad("too_many_events", text));
    }
    let now = now();
    let mut events = Vec::with_capacity(posted.len());
    let mut faults = Vec::new();
    let mut code = None;
    for (n, event) in posted.into_iter().enumerate() {
        match checked_one(event, now, behaviors, limits) {
            Ok(event) => events.push(event),
            Err(fault) => {
                faults.push(format!("event {}: {}", n + 1, fault.message));
                code.get_or_insert(fault.code);
            }
        }
    }
    let Some(code) = code else {
        return Ok(events);
    };
    let text = format!("{}; nothing was kept", faults[0]);
    Err(Fault::bad(code, text).with_faults(faults))
}

fn checked_one(
    event: PostedEvent,
    now: i64,
    behaviors: &[String],
    limits: &Limits,
) -> Result<StoredEvent, Fault> {
    for (what, id) in [("the user", &event.user), ("the item", &event.item)] {
        check_text(what, id, limits)?;
        if id.is_empty() {
            return Err(Fault::bad("bad_id", format!("{what} is empty")));
        }
    }
    check_text("the behavior", &event.behavior, limits)?;
    if !behaviors.contains(&event.behavior) {
        let known = behaviors.join(", ");
        let text = format!(
            "unknown behavior {:?}; the model knows {known}",
            event.behavior
        );
        return Err(Fault::bad("unknown_behavior", text));
    }
    let count = event.count.unwrap_or(1.0);
    if !(count.is_finite() && count > 0.0) {
        return Err(Fault::bad(
            "bad_event",
            format!("its count is {count}; give a positive number"),
        ));
    }
    let time = event.time.unwrap_or(now);
    check_time(time, limits)?;
    Ok(StoredEvent {
        user: event.user,
        item: event.item,
        behavior: event.behavior,
        time,
        count,
    })
}
