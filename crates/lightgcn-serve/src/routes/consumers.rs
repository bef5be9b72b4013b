//! `/v1/consumers`, for the page

use super::products::{Needle, sought};
use crate::Service;
use crate::error::{Fault, FaultBody};
use crate::extract::{PathIds, Versioned, answer, check_text};
use crate::model::Model;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use lightgcn_core::UserId;
use lightgcn_recommend::HistoryItem;
use serde::Serialize;

/// Consumers that a search found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FoundConsumers {
    /// Those with the longest history first.
    consumers: Vec<FoundConsumer>,
    /// How many the search found in all.
    total: usize,
}

/// A consumer that a search found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FoundConsumer {
    /// The id as the shop writes it.
    id: String,
    /// How many products the consumer met in training.
    n_products: usize,
    /// How many of them were bought.
    n_bought: usize,
}

/// A consumer's history.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Consumer {
    /// The id as asked for.
    consumer: String,
    /// Whether the model knows the consumer.
    known: bool,
    /// The latest first; events since training included.
    history: Vec<HistoryItem>,
}

/// Searches consumers by a part of their id; those with the longest history first.
#[utoipa::path(get, path = "/v1/consumers", tag = "page",
    params(
        ("q" = Option<String>, Query, description = "A part of the id; all unless told."),
        ("limit" = Option<usize>, Query, description = "How many at most; 20 unless told."),
    ),
    responses((status = 200, body = Versioned<FoundConsumers>), (status = 400, body = FaultBody)))]
pub(crate) async fn search(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let (text, limit) = sought(&service, query.as_deref())?;
    service
        .ask(move |_, model| Ok(answer(model, found(model, &text, limit))))
        .await
}

fn found(model: &Model, text: &Needle, limit: usize) -> FoundConsumers {
    let artifact = model.recommender.artifact();
    let fits = |user: &UserId| {
        artifact
            .users
            .name(*user)
            .is_some_and(|name| text.is_in(name))
    };
    let all: Vec<UserId> = model.consumers.iter().copied().filter(fits).collect();
    let consumers = all.iter().take(limit).map(|&user| FoundConsumer {
        id: artifact.users.name(user).unwrap_or_default().to_owned(),
        n_products: artifact.train.pairs_of(user).len(),
        n_bought: model.recommender.bought().of(user).len(),
    });
    FoundConsumers {
        consumers: consumers.collect(),
        total: all.len(),
    }
}

/// What a consumer did, in training and since. One who is unknown and did nothing has an empty history.
#[utoipa::path(get, path = "/v1/consumers/{consumer}", tag = "page",
    params(("consumer" = String, Path, description = "The consumer's id as the shop writes it.")),
    responses((status = 200, body = Versioned<Consumer>), (status = 400, body = FaultBody)))]
pub(crate) async fn one(
    State(service): State<Service>,
    PathIds(consumer): PathIds<String>,
) -> Result<Response, Fault> {
    check_text(
        "the consumer's id",
        &consumer,
        &service.shared.config.limits,
    )?;
    service
        .ask(move |shared, model| {
            let news = shared.news(model, &consumer);
            let history = model.recommender.history_with(&consumer, &news)?;
            let known = model.recommender.user(&consumer).is_some();
            let found = Consumer {
                consumer,
                known,
                history,
            };
            Ok(answer(model, found))
        })
        .await
}
