//! `GET /v1/events`: what happens in the shop, for the page

use super::items::Details;
use crate::answer::{Versioned, answer};
use crate::api_error::ApiError;
use crate::models::Model;
use crate::service::Service;
use axum::extract::State;
use axum::response::Response;
use lightgcn_recommend::BehaviorCount;
use serde::Serialize;

/// The number of latest events to list.
const LATEST: usize = 50;

/// The latest events, and how many there were on each day of training.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RecentEvents {
    /// How many events were posted since the service started.
    n_posted: u64,
    /// How many the store has; null if unknown.
    n_stored: Option<u64>,
    /// The latest events posted since the service started, latest first.
    latest: Vec<RecentEvent>,
    /// The last days of training, earliest first; empty if the model has no single events.
    days: Vec<Day>,
}

/// What a user did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RecentEvent {
    /// The user's id in the log.
    user: String,
    /// The item's id in the log.
    item: String,
    /// Its metadata from the catalogue; null if the model does not know the item.
    details: Option<Details>,
    /// The behavior's label.
    behavior: String,
    /// Its time, in seconds since 1970-01-01 UTC.
    time: i64,
    /// The number of events it represents.
    count: f64,
}

/// The events of a day of training.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Day {
    /// Its start, in seconds since 1970-01-01 UTC.
    time: i64,
    /// How many events of each behavior there were.
    behaviors: Vec<BehaviorCount>,
}

/// Lists the latest posted events, and counts the events of the last days of training.
#[utoipa::path(get, path = "/v1/events", operation_id = "recent_events", tag = "page",
    responses((status = 200, body = Versioned<RecentEvents>)))]
pub(crate) async fn list(State(service): State<Service>) -> Result<Response, ApiError> {
    let shared = &service.shared;
    let model = shared.registry.active();
    let recommender = &model.recommender;
    let (latest, n_posted) = shared.tail.latest(LATEST);
    let latest = latest.into_iter().map(|event| RecentEvent {
        details: recommender
            .item(&event.item)
            .map(|item| recommender.catalogue().get(item).into()),
        user: event.user,
        item: event.item,
        behavior: event.behavior,
        time: event.time,
        count: event.count,
    });
    let recent = RecentEvents {
        n_posted,
        n_stored: shared.events.state().events,
        latest: latest.collect(),
        days: days(&model),
    };
    answer(&model, recent)
}

fn days(model: &Model) -> Vec<Day> {
    let labels = model.recommender.artifact().train.behaviors();
    let of = |counts: &[u32]| {
        let counts = labels.iter().zip(counts).filter(|(_, count)| **count > 0);
        counts
            .map(|(label, &count)| BehaviorCount {
                behavior: label.clone(),
                count,
            })
            .collect()
    };
    let days = model.summary.days.iter();
    days.map(|(time, counts)| Day {
        time: *time,
        behaviors: of(counts),
    })
    .collect()
}
