//! `PUT /v1/catalogue`

use crate::answer::{Versioned, answer};
use crate::api_error::{ApiError, ErrorBody};
use crate::catalogue::{CatalogueError, ItemChange};
use crate::checks::check_id;
use crate::extract::JsonList;
use crate::service::Service;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lightgcn_core::{check_title, check_url};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;

/// The last second of the year 9999.
const LATEST: i64 = 253_402_300_799;

/// The result of a request.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Updated {
    /// The number of item changes in the request, counting repeated items each time.
    accepted: usize,
    /// The items that the model does not know, each once. Their changes are kept for the next
    /// model.
    unknown: Vec<String>,
}

/// Changes titles, prices, picture and page addresses, and stock of items. Changes apply to all
/// answers immediately and survive restarts and model switches. Absent fields are left unchanged;
/// null clears a field. If an item is invalid, nothing is stored. Repeating a request changes
/// nothing.
///
/// Requires a key with the scope `write`, even if no other route requires a key.
#[utoipa::path(put, path = "/v1/catalogue", operation_id = "put_catalogue", tag = "catalogue",
    request_body = Vec<ItemChange>,
    responses(
        (status = 200, body = Versioned<Updated>),
        (status = 400, description = "Invalid item; nothing was stored.", body = ErrorBody),
        (status = 413, description = "Body too large.", body = ErrorBody),
        (status = 503, description = "The store is full, failing or busy; nothing was stored.", body = ErrorBody),
    ))]
pub(crate) async fn put(
    State(service): State<Service>,
    JsonList(items): JsonList<ItemChange>,
) -> Result<Response, ApiError> {
    let shared = Arc::clone(&service.shared);
    if shared.config.keys.is_empty() {
        let text = "updating the catalogue requires a key with the `write` scope; see the setting \
            keys";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "forbidden", text));
    }
    let changes = checked(items)?;
    let work = move || {
        let model = shared.put_catalogue(&changes)?;
        let mut unknown: Vec<String> = changes
            .iter()
            .filter(|change| model.recommender.item(&change.item).is_none())
            .map(|change| change.item.clone())
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        let accepted = changes.len();
        Ok((model, Updated { accepted, unknown }))
    };
    let outcome: Result<_, CatalogueError> = service.shared.writer.run(work).await?;
    let (model, updated) = outcome.map_err(|error| not_stored(&error))?;
    answer(&model, updated)
}

fn not_stored(error: &CatalogueError) -> ApiError {
    let message = error.to_string();
    tracing::error!(%message, "catalogue changes were not stored");
    let code = match error {
        CatalogueError::Full { .. } => "catalogue_full",
        _ => "catalogue_failed",
    };
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
}

/// The items with titles as stored, or everything that is wrong with them.
fn checked(items: Vec<ItemChange>) -> Result<Vec<ItemChange>, ApiError> {
    let mut changes = Vec::with_capacity(items.len());
    let mut issues = Vec::new();
    let mut code = None;
    for (item, number) in items.into_iter().zip(1..) {
        match check(item) {
            Ok(change) => changes.push(change),
            Err(error) => {
                issues.push(format!("item {number}: {}", error.message));
                code.get_or_insert(error.code);
            }
        }
    }
    let Some(code) = code else {
        return Ok(changes);
    };
    let message = format!("{}; nothing was stored", issues[0]);
    Err(ApiError::bad(code, message).with_issues(issues))
}

fn check(mut item: ItemChange) -> Result<ItemChange, ApiError> {
    check_id("item", &item.item)?;
    for (name, label) in item.labels() {
        if let Some(label) = label {
            check_id(name, label)?;
        }
    }
    let bad = |message: String| ApiError::bad("bad_item", message);
    if let Some(Some(title)) = &item.title {
        let title = check_title(title).map_err(|issue| bad(format!("the title {issue}")))?;
        item.title = Some(title.map(Cow::into_owned));
    }
    for (name, url) in [("image_url", &item.image_url), ("page_url", &item.page_url)] {
        if let Some(Some(url)) = url {
            check_url(url).map_err(|issue| {
                bad(format!(
                    "the {name} {issue}; write it as https://shop.example/item"
                ))
            })?;
        }
    }
    if let Some(Some(price)) = item.price
        && !(price.is_finite() && price >= 0.0)
    {
        return Err(bad(format!("the price is {price}; it must be 0 or more")));
    }
    if let Some(Some(end)) = item.expires_at
        && !(0..=LATEST).contains(&end)
    {
        let text = "it must be in seconds since 1970, and before the year 10000";
        return Err(bad(format!("expires_at is {end}; {text}")));
    }
    Ok(item)
}
