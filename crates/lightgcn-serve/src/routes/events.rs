//! `POST /v1/events`

use crate::answer::{Versioned, answer};
use crate::api_error::{ApiError, ErrorBody};
use crate::checks::{check_age, check_count, check_id, now};
use crate::config::{Limits, UnknownBehaviors};
use crate::events::{EventError, Outcome, ShownRecord, StoredEvent};
use crate::extract::{IDEMPOTENCY_KEY, Json};
use crate::service::Service;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use lightgcn_recommend::{Recommender, lenient};
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
    #[serde(deserialize_with = "lenient::id")]
    #[schema(value_type = lenient::IdSchema)]
    user: String,
    /// The item's id in the log; a new item is stored for the next training.
    #[serde(deserialize_with = "lenient::id")]
    #[schema(value_type = lenient::IdSchema)]
    item: String,
    /// The behavior's label in the log or in the model, one that the model knows.
    behavior: String,
    /// When it happened. Default: now.
    #[serde(default, deserialize_with = "lenient::time")]
    #[schema(value_type = Option<lenient::TimeSchema>)]
    time: Option<i64>,
    /// The number of events it represents: positive, and at most a million. Default: 1.
    count: Option<f64>,
    /// The sender's id for the event: of several with the same id, in one post or in several, the
    /// first counts. Default: none.
    event_id: Option<String>,
    /// The `x-request-id` of the answer in which the user saw the item, so that it counts as an outcome of that list.
    /// Default: none.
    request_id: Option<String>,
}

/// The result of a post.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Accepted {
    /// How many events are stored: all of them.
    accepted: usize,
    /// How many of these were already stored; absent if there are none.
    #[serde(skip_serializing_if = "is_zero")]
    duplicates: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Stores events. They affect answers and histories at once, and are kept for the next training.
/// The response is sent when all of them are stored; if one is invalid, none is stored.
///
/// A post that is resent because its response was lost counts once if it has the same
/// `Idempotency-Key`, or if its events have ids (`event_id`). Keys and ids are remembered until the
/// events are pruned.
#[utoipa::path(post, path = "/v1/events", operation_id = "post_events", tag = "events", request_body = PostedEvents,
    params(("Idempotency-Key" = Option<String>, Header,
        description = "An id of the post: the n-th event of all posts with it counts once, unless it has an `event_id`.")),
    responses(
        (status = 200, body = Versioned<Accepted>),
        (status = 400, description = "Invalid event; none was stored.", body = ErrorBody),
        (status = 413, description = "Body too large.", body = ErrorBody),
        (status = 503, description = "The store is full, failing or busy; no event was stored.", body = ErrorBody),
    ))]
pub(crate) async fn post(
    State(service): State<Service>,
    headers: HeaderMap,
    Json(mut posted): Json<PostedEvents>,
) -> Result<Response, ApiError> {
    let shared = Arc::clone(&service.shared);
    let model = shared.registry.active();
    for event in &mut posted.events {
        for id in [&mut event.user, &mut event.item] {
            *id = model.recommender.normalized_id(id).into_owned();
        }
    }
    let checks = Checks {
        key: key_of(&headers)?,
        now: now(),
        recommender: &model.recommender,
        unknown: shared.config.unknown_behaviors,
        limits: &shared.config.limits,
    };
    let outcomes = outcomes(
        shared.recorder.is_some(),
        &model.recommender,
        &posted.events,
    );
    let events = checks.all(posted.events)?;
    let n_events = events.len();
    let sink = Arc::clone(&shared.events);
    let shows_events = shared.config.page && !shared.config.privacy;
    let posted = shows_events.then(|| events.clone());
    let stored = shared.writer.run(move || sink.append(&events)).await?;
    shared.events_health.note(&stored);
    let n_new = stored.map_err(|error| {
        shared.metrics.not_stored(&error);
        not_stored(&error)
    })?;
    shared.metrics.events.increment(n_new);
    if let Some(recorder) = &shared.recorder {
        outcomes.into_iter().for_each(|done| recorder.record(done));
    }
    shared.tail.note(posted.unwrap_or_default(), n_new);
    let accepted = Accepted {
        accepted: n_events,
        duplicates: (n_events as u64).saturating_sub(n_new),
    };
    answer(&model, accepted)
}

/// The outcomes in a post: events that name a request and are not negative for the item.
fn outcomes(
    are_counted: bool,
    recommender: &Recommender,
    posted: &[PostedEvent],
) -> Vec<ShownRecord> {
    if !are_counted {
        return Vec::new();
    }
    let table = &recommender.artifact().behaviors.behaviors;
    let outcome = |event: &PostedEvent| {
        let request_id = event.request_id.clone()?;
        let behavior = table.get(recommender.behavior(&event.behavior)?.index())?;
        (behavior.weight > 0.0).then(|| {
            ShownRecord::Done(Outcome {
                request_id,
                user: event.user.clone(),
                item: event.item.clone(),
                is_target: behavior.target,
            })
        })
    };
    posted.iter().filter_map(outcome).collect()
}

/// The key of a post, if it has one.
fn key_of(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = key.to_str().map_err(|_| {
        let message = "the Idempotency-Key has non-ASCII characters; use letters and digits";
        ApiError::bad("bad_id", message)
    })?;
    check_id("Idempotency-Key", key)?;
    Ok(Some(key))
}

pub(super) fn not_stored(error: &EventError) -> ApiError {
    let message = error.to_string();
    tracing::error!(%message, "the event store failed");
    let code = match error {
        EventError::Full { .. } => "events_full",
        EventError::Moved { .. } => "events_moved",
        _ => "events_failed",
    };
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
}

/// The context for checking the events of a post.
struct Checks<'a> {
    key: Option<&'a str>,
    now: i64,
    recommender: &'a Recommender,
    unknown: UnknownBehaviors,
    limits: &'a Limits,
}

impl Checks<'_> {
    fn all(&self, posted: Vec<PostedEvent>) -> Result<Vec<StoredEvent>, ApiError> {
        let (n, most) = (posted.len(), self.limits.events);
        if !(1..=most).contains(&n) {
            let message = format!("the post has {n} events; send 1 to {most}");
            return Err(ApiError::bad("too_many_events", message));
        }
        let mut events = Vec::with_capacity(n);
        let mut issues = Vec::new();
        let mut code = None;
        for (event, number) in posted.into_iter().zip(1..) {
            match self.one(event, number) {
                Ok(event) => events.push(event),
                Err(error) => {
                    issues.push(format!("event {number}: {}", error.message));
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

    /// Checks the event at this position in the post, from 1.
    fn one(&self, event: PostedEvent, number: usize) -> Result<StoredEvent, ApiError> {
        check_id("user", &event.user)?;
        check_id("item", &event.item)?;
        check_id("behavior", &event.behavior)?;
        if let Some(id) = &event.event_id {
            check_id("event_id", id)?;
        }
        if let Some(id) = &event.request_id {
            check_id("request_id", id)?;
        }
        let refused = self.unknown == UnknownBehaviors::Refuse;
        if refused && !self.recommender.knows_behavior(&event.behavior) {
            let known = self.recommender.behavior_labels().join(", ");
            let unknown = &event.behavior;
            let message = format!("unknown behavior {unknown:?}; the model knows {known}");
            return Err(ApiError::bad("unknown_behavior", message));
        }
        let count = event.count.unwrap_or(1.0);
        check_count(count)?;
        let time = event.time.unwrap_or(self.now);
        self.limits.check_time(time)?;
        check_age(self.recommender, time)?;
        // A sender's id cannot contain a line end.
        let of_post = || self.key.map(|key| format!("{key}\n{number}"));
        Ok(StoredEvent {
            user: event.user,
            item: event.item,
            behavior: event.behavior,
            time,
            count,
            id: event.event_id.or_else(of_post),
        })
    }
}
