//! `/v1/users`, for the page

use super::events::not_stored;
use super::query::{Needle, SearchQuery};
use crate::answer::{Versioned, answer};
use crate::api_error::{ApiError, ErrorBody};
use crate::checks::check_text;
use crate::events::EventError;
use crate::extract::{Path, Query};
use crate::models::Model;
use crate::service::Service;
use crate::work::Cost;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lightgcn_core::UserId;
use lightgcn_recommend::HistoryItem;
use serde::Serialize;
use std::sync::Arc;

/// The results of a search for users.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FoundUsers {
    /// Users whose id starts with the text come first, then those with the longest history.
    users: Vec<FoundUser>,
    /// How many users match in total.
    total: usize,
}

/// A user that matches a search.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FoundUser {
    /// The id in the log.
    id: String,
    /// How many items the user has in training.
    n_items: usize,
    /// How many of them the user bought.
    n_bought: usize,
}

impl FoundUser {
    pub(super) fn new(model: &Model, user: UserId) -> Self {
        let artifact = model.recommender.artifact();
        Self {
            id: artifact.users.name(user).unwrap_or_default().to_owned(),
            n_items: artifact.train.pairs_of(user).len(),
            n_bought: model.recommender.bought().of(user).len(),
        }
    }
}

/// A user's history.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct User {
    /// The id, as in the request.
    user: String,
    /// Whether the model knows the user.
    known: bool,
    /// The user's items, latest first, with events since training.
    history: Vec<HistoryItem>,
}

/// Searches for users by a part of their id.
#[utoipa::path(get, path = "/v1/users", operation_id = "search_users", tag = "page", params(SearchQuery),
    responses((status = 200, body = Versioned<FoundUsers>), (status = 400, body = ErrorBody)))]
pub(crate) async fn search(
    State(service): State<Service>,
    Query(query): Query<SearchQuery>,
) -> Result<Response, ApiError> {
    let (needle, limit) = (query.needle()?, query.limit);
    service
        .ask(
            needle,
            |model, _| Cost::of_search(model.users.len(), limit),
            move |_, model, needle| Ok(found(model, &needle, &query)),
        )
        .await
}

fn found(model: &Model, needle: &Needle, query: &SearchQuery) -> FoundUsers {
    let artifact = model.recommender.artifact();
    let name = |user| artifact.users.name(user).unwrap_or_default();
    let forgotten = model.recommender.forgotten();
    let users = model.users.iter().copied();
    let users = users.filter(|user| !forgotten.contains(user));
    let all = needle.ranked(users, |&user| needle.place(name(user)));
    let users = all.iter().skip(query.offset).take(query.limit);
    FoundUsers {
        users: users.map(|&user| FoundUser::new(model, user)).collect(),
        total: all.len(),
    }
}

/// Returns what a user did, in training and since. An unknown user without events has an empty history.
#[utoipa::path(get, path = "/v1/users/{user}", operation_id = "user_history", tag = "page",
    params(("user" = String, Path, description = "The user's id in the log.")),
    responses((status = 200, body = Versioned<User>), (status = 400, body = ErrorBody)))]
pub(crate) async fn one(
    State(service): State<Service>,
    Path(user): Path<String>,
) -> Result<Response, ApiError> {
    check_text("user", &user)?;
    service
        .ask(
            user,
            |model, user| Cost::of_history(model, user),
            |shared, model, user| {
                let recent = shared.recent_events(model, &user);
                let history = model.recommender.history_with(&user, &recent)?;
                Ok(User {
                    known: model.recommender.user(&user).is_some(),
                    history,
                    user,
                })
            },
        )
        .await
}

/// What was removed.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Forgotten {
    /// How many of the user's events the store had.
    events: u64,
}

/// Removes a user's events from the store, with the lists that were shown to the user. A store in a file is rewritten, so
/// that none of its bytes are theirs. From then on the user is unknown to the models in memory, until they are loaded
/// again; their files do not change. Requires a key with the scope `admin`, even if no other route requires a key.
#[utoipa::path(delete, path = "/v1/users/{user}", operation_id = "forget_user", tag = "events",
    params(("user" = String, Path, description = "The user's id in the log.")),
    responses((status = 200, body = Versioned<Forgotten>)))]
pub(crate) async fn forget(
    State(service): State<Service>,
    Path(user): Path<String>,
) -> Result<Response, ApiError> {
    let shared = &service.shared;
    check_text("user", &user)?;
    if shared.config.keys.is_empty() {
        let text = "removing users requires a key with the `admin` scope; see the setting keys";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", text));
    }
    let model = shared.registry.active();
    // Earlier models may have had another form of ids.
    let normalized = model.recommender.normalized_id(&user).into_owned();
    let forms = [Some(normalized).filter(|id| *id != user), Some(user)];
    let forms: Vec<String> = forms.into_iter().flatten().collect();
    forms.iter().for_each(|user| shared.tail.forget(user));
    let forgetting = Arc::clone(shared);
    let forget = move || {
        let mut events = 0;
        for user in &forms {
            forgetting.forget_in_models(user);
            events += forgetting.events.forget(user)?;
        }
        Ok::<_, EventError>(events)
    };
    let outcome = shared.writer.run(forget).await?;
    let events = outcome.map_err(|error| not_stored(&error))?;
    tracing::info!(events, "removed a user from the event store");
    shared.metrics.action("forget");
    answer(&model, Forgotten { events })
}
