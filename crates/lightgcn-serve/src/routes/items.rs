//! `/v1/similar`, `/v1/popular` and the search of items

use super::recommendations::{USUAL_K, check_filter, check_k};
use crate::Service;
use crate::error::{Fault, FaultBody};
use crate::extract::{PathIds, Versioned, answer, check_text};
use crate::model::{Model, users_of};
use crate::query::Query;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use lightgcn_core::{ItemDetails, ItemId, LabelColumn};
use lightgcn_recommend::{ItemOptions, RecommendedItem};
use serde::Serialize;

/// Results of a search at most.
pub(crate) const MOST_FOUND: usize = 200;

/// A list of items.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Items {
    /// The best first.
    items: Vec<RecommendedItem>,
}

/// What is known of an item.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ItemDetails)]
pub(crate) struct Details {
    category_id: Option<String>,
    category_code: Option<String>,
    brand: Option<String>,
    price: Option<f64>,
}

impl From<ItemDetails> for Details {
    fn from(details: ItemDetails) -> Self {
        Self {
            category_id: details.category_id,
            category_code: details.category_code,
            brand: details.brand,
            price: details.price,
        }
    }
}

/// Items that a search found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FoundItems {
    /// Those with the most users first.
    items: Vec<FoundItem>,
    /// How many the search found in all.
    total: usize,
}

/// An item that a search found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FoundItem {
    /// Its id as the shop writes it.
    item: String,
    /// What is known of it.
    details: Details,
    /// How many users dealt with it in training.
    n_users: usize,
}

/// The items that are most like an item.
#[utoipa::path(get, path = "/v1/similar/{item}", tag = "answers",
    params(
        ("item" = String, Path, description = "The item's id as the shop writes it."),
        ("k" = Option<usize>, Query, description = "How many items; 20 unless told."),
        ("category" = Option<Vec<String>>, Query, description = "Only these categories; may stand several times."),
        ("brand" = Option<Vec<String>>, Query, description = "Only these brands; may stand several times."),
        ("price_min" = Option<f64>, Query, description = "The lowest price."),
        ("price_max" = Option<f64>, Query, description = "The highest price."),
    ),
    responses(
        (status = 200, body = Versioned<Items>),
        (status = 400, description = "A bad option.", body = FaultBody),
        (status = 404, description = "The item is unknown.", body = FaultBody),
        (status = 503, description = "Too many questions wait.", body = FaultBody),
    ))]
pub(crate) async fn similar(
    State(service): State<Service>,
    PathIds(item): PathIds<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let limits = &service.shared.config.limits;
    check_text("the item's id", &item, limits)?;
    let mut query = Query::parse(query.as_deref())?;
    let options = options(&service, &mut query)?;
    query.finish()?;
    service
        .ask(move |shared, model| {
            let items = model.recommender.similar(&item, &options)?;
            shared.metrics.items(items.iter().map(|item| item.source));
            Ok(answer(model, Items { items }))
        })
        .await
}

/// The items that most users bought, or most of late.
#[utoipa::path(get, path = "/v1/popular", tag = "answers",
    params(
        ("k" = Option<usize>, Query, description = "How many items; 20 unless told."),
        ("recent" = Option<bool>, Query, description = "Whether purchases count by their age; not unless told."),
        ("category" = Option<Vec<String>>, Query, description = "Only these categories; may stand several times."),
        ("brand" = Option<Vec<String>>, Query, description = "Only these brands; may stand several times."),
        ("price_min" = Option<f64>, Query, description = "The lowest price."),
        ("price_max" = Option<f64>, Query, description = "The highest price."),
    ),
    responses(
        (status = 200, body = Versioned<Items>),
        (status = 400, description = "A bad option.", body = FaultBody),
        (status = 503, description = "Too many questions wait.", body = FaultBody),
    ))]
pub(crate) async fn popular(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let mut query = Query::parse(query.as_deref())?;
    let recent = query.one("recent")?.unwrap_or(false);
    let options = ItemOptions {
        recent,
        ..options(&service, &mut query)?
    };
    query.finish()?;
    service
        .ask(move |shared, model| {
            let items = model.recommender.popular(&options)?;
            shared.metrics.items(items.iter().map(|item| item.source));
            Ok(answer(model, Items { items }))
        })
        .await
}

fn options(service: &Service, query: &mut Query) -> Result<ItemOptions, Fault> {
    let limits = &service.shared.config.limits;
    let options = ItemOptions {
        k: query.one("k")?.unwrap_or(USUAL_K),
        recent: false,
        filter: query.filter()?,
    };
    check_k(options.k, limits)?;
    check_filter(&options.filter, limits)?;
    Ok(options)
}

/// Searches items by a part of their id, brand or category; those with the most users first.
#[utoipa::path(get, path = "/v1/items", tag = "page",
    params(
        ("q" = Option<String>, Query, description = "A part of the id, brand or category; all unless told."),
        ("limit" = Option<usize>, Query, description = "How many at most; 20 unless told."),
    ),
    responses((status = 200, body = Versioned<FoundItems>), (status = 400, body = FaultBody)))]
pub(crate) async fn search(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let (text, limit) = sought(&service, query.as_deref())?;
    service
        .ask(move |_, model| Ok(answer(model, found(model, &text, limit))))
        .await
}

/// The text and the limit of a search.
pub(crate) fn sought(service: &Service, query: Option<&str>) -> Result<(Needle, usize), Fault> {
    let mut query = Query::parse(query)?;
    let text: String = query.one("q")?.unwrap_or_default();
    let limit = query.one("limit")?.unwrap_or(USUAL_K);
    query.finish()?;
    check_text("the search", &text, &service.shared.config.limits)?;
    if !(1..=MOST_FOUND).contains(&limit) {
        let text = format!("limit is {limit}; it must lie between 1 and {MOST_FOUND}");
        return Err(Fault::bad("bad_query", text));
    }
    Ok((Needle::new(&text), limit))
}

/// A part of a name that is sought, whatever its case.
pub(crate) struct Needle {
    lower: String,
    has_letters: bool,
}

impl Needle {
    fn new(text: &str) -> Self {
        let lower = text.trim().to_lowercase();
        Self {
            has_letters: lower.chars().any(char::is_alphabetic),
            lower,
        }
    }

    pub(crate) fn is_in(&self, name: &str) -> bool {
        match self.has_letters {
            true => name.to_lowercase().contains(&self.lower),
            false => name.contains(&self.lower),
        }
    }
}

fn found(model: &Model, text: &Needle, limit: usize) -> FoundItems {
    let shop = &model.recommender;
    let catalogue = shop.catalogue();
    let matching = |column: &LabelColumn| -> Vec<bool> {
        column.labels().iter().map(|l| text.is_in(l)).collect()
    };
    let columns = [
        catalogue.brand(),
        catalogue.category_code(),
        catalogue.category_id(),
    ];
    let columns = columns.map(|column| (column, matching(column)));
    let names = &shop.artifact().items;
    let fits = |item: ItemId| {
        let label = columns.iter().any(|(column, matching)| {
            let code = column.codes().get(item.index()).map(|&code| code as usize);
            code.and_then(|code| matching.get(code))
                .copied()
                .unwrap_or(false)
        });
        label || names.name(item).is_some_and(|name| text.is_in(name))
    };
    let all: Vec<ItemId> = model
        .items
        .iter()
        .copied()
        .filter(|&item| fits(item))
        .collect();
    let items = all.iter().take(limit).map(|&item| FoundItem {
        item: names.name(item).unwrap_or_default().to_owned(),
        details: catalogue.get(item).into(),
        n_users: users_of(shop, item).0.len(),
    });
    FoundItems {
        items: items.collect(),
        total: all.len(),
    }
}
