//! `/v1/items/{item}`: what users did with an item, for the page

use super::items::Details;
use crate::answer::Versioned;
use crate::api_error::{ApiError, ErrorBody};
use crate::checks::check_text;
use crate::extract::Path;
use crate::models::{Model, users_of};
use crate::service::{Service, Shared};
use crate::work::Cost;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lightgcn_core::{ItemId, UserId};
use lightgcn_recommend::BehaviorCount;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::HashMap;

/// The maximum number of buyers whose other purchases are counted: the first rows.
const MAX_BUYERS: usize = 20_000;
/// The maximum number of items bought by the same users.
const MAX_ALSO: usize = 8;

/// An item, and what users did with it in training. Numbers below the limit `min_users` are
/// omitted, so that they reveal no one.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ItemView {
    /// Its id in the log.
    item: String,
    /// Its metadata from the catalogue.
    details: Details,
    /// How many users interacted with it.
    n_users: usize,
    /// How many users bought it; null if too few.
    n_bought: Option<usize>,
    /// How many users did what with it.
    behaviors: Vec<BehaviorCount>,
    /// What else its buyers bought, most buyers first.
    also_bought: Vec<AlsoBought>,
}

/// An item that buyers of another item also bought.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AlsoBought {
    /// Its id in the log.
    item: String,
    /// Its metadata from the catalogue.
    details: Details,
    /// How many buyers the two share.
    count: usize,
}

/// Returns what users did with an item, and what else its buyers bought.
#[utoipa::path(get, path = "/v1/items/{item}", operation_id = "item", tag = "page",
    params(("item" = String, Path, description = "The item's id in the log.")),
    responses(
        (status = 200, body = Versioned<ItemView>),
        (status = 404, description = "Unknown item.", body = ErrorBody),
    ))]
pub(crate) async fn one(
    State(service): State<Service>,
    Path(item): Path<String>,
) -> Result<Response, ApiError> {
    check_text("item", &item)?;
    service
        .ask(
            item,
            |model, _| Cost::of_graph(model, 1, MAX_ALSO, MAX_BUYERS.min(model.most_users)),
            view,
        )
        .await
}

fn view(shared: &Shared, model: &Model, name: String) -> Result<ItemView, ApiError> {
    let recommender = &model.recommender;
    let Some(item) = recommender.item(&name) else {
        let message =
            format!("unknown item {name:?}: check the id against the log, or search for it");
        let status = StatusCode::NOT_FOUND;
        return Err(ApiError::new(status, "unknown_item", message));
    };
    let least = shared.config.limits.min_users;
    let train = &recommender.artifact().train;
    let users = users_of(recommender, item).0;
    let mut did = vec![0usize; train.behaviors().len()];
    let mut buyers = Vec::new();
    for &user in users {
        let Some(pair) = train.find(UserId(user), item) else {
            continue;
        };
        for (n, &count) in did.iter_mut().zip(train.counts_of(pair)) {
            *n += usize::from(count > 0);
        }
        if train.is_target(pair) {
            buyers.push(UserId(user));
        }
    }
    let labels = train.behaviors().iter().zip(did);
    let behaviors = labels.filter(|(_, n)| *n >= least);
    Ok(ItemView {
        details: recommender.catalogue().get(item).into(),
        n_users: users.len(),
        n_bought: (buyers.len() >= least).then_some(buyers.len()),
        behaviors: behaviors
            .map(|(label, n)| BehaviorCount {
                behavior: label.clone(),
                count: u32::try_from(n).unwrap_or(u32::MAX),
            })
            .collect(),
        also_bought: also_bought(model, item, &buyers, least),
        item: name,
    })
}

fn also_bought(model: &Model, item: ItemId, buyers: &[UserId], least: usize) -> Vec<AlsoBought> {
    let recommender = &model.recommender;
    let mut shared: HashMap<ItemId, usize> = HashMap::new();
    for &user in buyers.iter().take(MAX_BUYERS) {
        for &other in recommender.bought().of(user) {
            *shared.entry(ItemId(other)).or_default() += 1;
        }
    }
    shared.remove(&item);
    let mut also: Vec<(ItemId, usize)> = shared.into_iter().filter(|(_, n)| *n >= least).collect();
    also.sort_by_key(|&(item, n)| (Reverse(n), item));
    also.truncate(MAX_ALSO);
    also.into_iter()
        .map(|(item, count)| AlsoBought {
            item: recommender.item_id(item).unwrap_or_default().to_owned(),
            details: recommender.catalogue().get(item).into(),
            count,
        })
        .collect()
}
