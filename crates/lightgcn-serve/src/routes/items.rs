//! `/v1/similar`, `/v1/popular` and the search for items

use super::query::{Needle, Place, SearchQuery, filtered_query};
use crate::answer::Versioned;
use crate::api_error::{ApiError, ErrorBody};
use crate::checks::{check_filter, check_text};
use crate::extract::{Path, Query};
use crate::models::{Model, users_of};
use crate::service::Service;
use crate::work::Cost;
use axum::extract::State;
use axum::response::Response;
use lightgcn_core::{ItemDetails, ItemId, LabelColumn};
use lightgcn_recommend::{ItemOptions, RecommendError, RecommendedItem, Rule, UnknownNames};
use serde::Serialize;

filtered_query! {
    /// Which similar items to list.
    SimilarQuery {}
}

filtered_query! {
    /// Which popular items to list.
    PopularQuery {
        /// Whether recent purchases count more. Default: false.
        #[serde(default)]
        #[param(required = false)]
        recent: bool,
    }
}

impl From<SimilarQuery> for ItemOptions {
    fn from(mut query: SimilarQuery) -> Self {
        Self {
            k: query.k,
            recent: false,
            filter: query.take_filter(),
        }
    }
}

impl From<PopularQuery> for ItemOptions {
    fn from(mut query: PopularQuery) -> Self {
        Self {
            k: query.k,
            recent: query.recent,
            filter: query.take_filter(),
        }
    }
}

/// A list of items.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Items {
    /// The names in the filter that match no item; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<UnknownNames>,
    /// The items, best first.
    items: Vec<RecommendedItem>,
    /// For a list without items, the first rule that left none.
    #[serde(skip_serializing_if = "Option::is_none")]
    emptied_by: Option<Rule>,
}

/// An item's metadata from the catalogue.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ItemDetails)]
pub(crate) struct Details {
    category_id: Option<String>,
    category_code: Option<String>,
    brand: Option<String>,
    price: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_stock: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

impl From<ItemDetails> for Details {
    fn from(details: ItemDetails) -> Self {
        Self {
            category_id: details.category_id,
            category_code: details.category_code,
            brand: details.brand,
            price: details.price,
            title: details.title,
            image_url: details.image_url,
            page_url: details.page_url,
            in_stock: details.in_stock,
            expires_at: details.expires_at,
        }
    }
}

/// The results of a search for items.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FoundItems {
    /// Items whose id or label starts with the text come first, then those with the most users.
    items: Vec<FoundItem>,
    /// How many items match in total.
    total: usize,
}

/// An item that matches a search.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FoundItem {
    /// Its id in the log.
    item: String,
    /// Its metadata from the catalogue.
    details: Details,
    /// How many users it has in training.
    n_users: usize,
}

/// Lists the items most similar to an item.
#[utoipa::path(get, path = "/v1/similar/{item}", operation_id = "similar_items", tag = "answers",
    params(("item" = String, Path, description = "The item's id in the log."), SimilarQuery),
    responses(
        (status = 200, body = Versioned<Items>),
        (status = 400, description = "Invalid option.", body = ErrorBody),
        (status = 404, description = "Unknown item.", body = ErrorBody),
        (status = 503, description = "Too many requests are waiting.", body = ErrorBody),
    ))]
pub(crate) async fn similar(
    State(service): State<Service>,
    Path(item): Path<String>,
    Query(query): Query<SimilarQuery>,
) -> Result<Response, ApiError> {
    check_text("item", &item)?;
    list(&service, query.into(), move |model, options| {
        model.recommender.similar(&item, options)
    })
    .await
}

/// Lists the items that most users bought, overall or recently.
#[utoipa::path(get, path = "/v1/popular", operation_id = "popular_items", tag = "answers", params(PopularQuery),
    responses(
        (status = 200, body = Versioned<Items>),
        (status = 400, description = "Invalid option.", body = ErrorBody),
        (status = 503, description = "Too many requests are waiting.", body = ErrorBody),
    ))]
pub(crate) async fn popular(
    State(service): State<Service>,
    Query(query): Query<PopularQuery>,
) -> Result<Response, ApiError> {
    list(&service, query.into(), |model, options| {
        model.recommender.popular(options)
    })
    .await
}

/// Answers with the list made by `find`.
async fn list(
    service: &Service,
    options: ItemOptions,
    find: impl FnOnce(&Model, &ItemOptions) -> Result<Vec<RecommendedItem>, RecommendError>
    + Send
    + 'static,
) -> Result<Response, ApiError> {
    let limits = &service.shared.config.limits;
    limits.check_k(options.k)?;
    check_filter(&options.filter)?;
    service
        .ask(options, Cost::of_items, move |shared, model, options| {
            let items = find(model, &options)?;
            shared.metrics.items(items.iter().map(|item| item.source));
            let unknown = model.recommender.unknown_names(&options.filter);
            let emptied_by = items.is_empty().then(|| {
                let by_filter = model.recommender.emptied_by(&options.filter);
                by_filter.unwrap_or(Rule::Chain)
            });
            Ok(Items {
                unknown,
                items,
                emptied_by,
            })
        })
        .await
}

/// Searches for items by a part of their id, title, brand or category.
#[utoipa::path(get, path = "/v1/items", operation_id = "search_items", tag = "page", params(SearchQuery),
    responses((status = 200, body = Versioned<FoundItems>), (status = 400, body = ErrorBody)))]
pub(crate) async fn search(
    State(service): State<Service>,
    Query(query): Query<SearchQuery>,
) -> Result<Response, ApiError> {
    let (needle, limit) = (query.needle()?, query.limit);
    service
        .ask(
            needle,
            |model, _| Cost::of_search(model.items.len(), limit),
            move |_, model, needle| Ok(found(model, &needle, &query)),
        )
        .await
}

fn found(model: &Model, needle: &Needle, query: &SearchQuery) -> FoundItems {
    let recommender = &model.recommender;
    let catalogue = recommender.catalogue();
    let places = |column: &LabelColumn| -> Vec<Option<Place>> {
        column.labels().iter().map(|l| needle.place(l)).collect()
    };
    let columns = [
        &catalogue.listings().title,
        catalogue.brand(),
        catalogue.category_code(),
        catalogue.category_id(),
    ];
    let columns = columns.map(|column| (column, places(column)));
    let names = &recommender.artifact().items;
    let place = |item: &ItemId| {
        let labels = columns.iter().filter_map(|(column, places)| {
            let code = column.codes().get(item.index()).map(|&code| code as usize);
            code.and_then(|code| places.get(code).copied().flatten())
        });
        let name = names.name(*item).and_then(|name| needle.place(name));
        labels.chain(name).min()
    };
    let all = needle.ranked(model.items.iter().copied(), place);
    let items = all.iter().skip(query.offset).take(query.limit);
    let items = items.map(|&item| FoundItem {
        item: names.name(item).unwrap_or_default().to_owned(),
        details: catalogue.get(item).into(),
        n_users: users_of(recommender, item).0.len(),
    });
    FoundItems {
        items: items.collect(),
        total: all.len(),
    }
}
