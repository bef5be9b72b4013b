//! `/v1/users`, for the page

use super::items::{Needle, sought};
use crate::Service;
use crate::error::{Fault, FaultBody};
use crate::extract::{PathIds, Versioned, answer, check_text};
use crate::model::Model;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use lightgcn_core::UserId;
use lightgcn_recommend::HistoryItem;
use serde::Serialize;

/// Users that a search found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FoundUsers {
    /// Those with the longest history first.
    users: Vec<FoundUser>,
    /// How many the search found in all.
    total: usize,
}

/// A user that a search found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FoundUser {
    /// The id as the shop writes it.
    id: String,
    /// How many items the user met in training.
    n_items: usize,
    /// How many of them were bought.
    n_bought: usize,
}

/// A user's history.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct User {
    /// The id as asked for.
    user: String,
    /// Whether the model knows the user.
    known: bool,
    /// The latest first; events since training included.
    history: Vec<HistoryItem>,
}

/// Searches users by a part of their id; those with the longest history first.
#[utoipa::path(get, path = "/v1/users", tag = "page",
    params(
        ("q" = Option<String>, Query, description = "A part of the id; all unless told."),
        ("limit" = Option<usize>, Query, description = "How many at most; 20 unless told."),
    ),
    responses((status = 200, body = Versioned<FoundUsers>), (status = 400, body = FaultBody)))]
pub(crate) async fn search(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let (text, limit) = sought(&service, query.as_deref())?;
    service
        .ask(move |_, model| Ok(answer(model, found(model, &text, limit))))
        .await
}

fn found(model: &Model, text: &Needle, limit: usize) -> FoundUsers {
    let artifact = model.recommender.artifact();
    let fits = |user: &UserId| {
        artifact
            .users
            .name(*user)
            .is_some_and(|name| text.is_in(name))
    };
    let all: Vec<UserId> = model.users.iter().copied().filter(fits).collect();
    let users = all.iter().take(limit).map(|&user| FoundUser {
        id: artifact.users.name(user).unwrap_or_default().to_owned(),
        n_items: artifact.train.pairs_of(user).len(),
        n_bought: model.recommender.bought().of(user).len(),
    });
    FoundUsers {
        users: users.collect(),
        total: all.len(),
    }
}

/// What a user did, in training and since. One who is unknown and did nothing has an empty history.
#[utoipa::path(get, path = "/v1/users/{user}", tag = "page",
    params(("user" = String, Path, description = "The user's id as the shop writes it.")),
    responses((status = 200, body = Versioned<User>), (status = 400, body = FaultBody)))]
pub(crate) async fn one(
    State(service): State<Service>,
    PathIds(user): PathIds<String>,
) -> Result<Response, Fault> {
    check_text("the user's id", &user, &service.shared.config.limits)?;
    service
        .ask(move |shared, model| {
            let news = shared.news(model, &user);
            let history = model.recommender.history_with(&user, &news)?;
            let known = model.recommender.user(&user).is_some();
            let found = User {
                user,
                known,
                history,
            };
            Ok(answer(model, found))
        })
        .await
}
