//! `/v1/model`, for the page

use super::users::FoundUser;
use crate::answer::{Versioned, answer};
use crate::api_error::ApiError;
use crate::config::ServeConfig;
use crate::models::Model;
use crate::service::Service;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The active model and its metrics.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ModelView {
    /// Its kind and size.
    model: ModelNames,
    /// Whether the service hides histories (its setting `privacy`).
    privacy: bool,
    /// How many users it knows.
    n_users: usize,
    /// How many items it knows.
    n_items: usize,
    /// How many (user, item) pairs its graph has.
    n_edges: usize,
    /// The labels of its behaviors.
    behaviors: Vec<String>,
    /// The categories with the most items, 200 at most.
    categories: Vec<String>,
    /// The brands with the most items, 200 at most.
    brands: Vec<String>,
    /// The lowest and highest price; null if no price is known.
    price: Option<Prices>,
    /// Its training and evaluation.
    figures: TrainingFigures,
    /// How many events it was trained on.
    n_events: u64,
    /// The time of the first of them, in seconds since 1970-01-01 UTC; null if it has no times.
    trained_from: Option<i64>,
    /// The time of the last of them.
    trained_until: Option<i64>,
    /// Users with a purchase and a history of typical length, to start with.
    typical_users: Vec<FoundUser>,
    /// The setting `currency`.
    currency: Option<String>,
    /// The setting `image_hosts`.
    image_hosts: Vec<String>,
    /// Whether this listener lists and switches models for clients with the admin token: the
    /// setting `admin.on_page`.
    admin_on_page: bool,
    /// Whether outcomes are counted: the setting `impressions`.
    impressions: bool,
}

/// The kind and size of a model.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ModelNames {
    /// Its name, such as `lightgcn`.
    name: String,
    /// Propagation layers.
    layers: usize,
    /// The length of an embedding.
    dimension: usize,
}

/// A range of prices.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Prices {
    min: f64,
    max: f64,
}

/// How training and evaluation went.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TrainingFigures {
    /// Metrics by name, such as `validation recall@20`; null if the artifact has none.
    metrics: Option<BTreeMap<String, f64>>,
    /// The comparison with the baselines, as printed by `lightgcn evaluate --json`; null if it is
    /// not saved next to the model as `MODEL.run/evaluation.json`.
    baselines: Option<Value>,
    /// One object per epoch, with its number, loss and validation metrics; null if the run record
    /// is not next to the model as `MODEL.run/run.jsonl`.
    curve: Option<Vec<Value>>,
}

/// Describes the active model: its size, its labels and its metrics.
#[utoipa::path(get, path = "/v1/model", operation_id = "describe_model", tag = "page", responses((status = 200, body = Versioned<ModelView>)))]
pub(crate) async fn show(State(service): State<Service>) -> Result<Response, ApiError> {
    let model = service.shared.registry.active();
    answer(&model, view(&model, &service.shared.config))
}

fn view(model: &Model, config: &ServeConfig) -> ModelView {
    let artifact = model.recommender.artifact();
    let metrics = artifact.lineage.figures.clone();
    let curve = model.figures.curve.clone();
    let typical = model.summary.typical.iter();
    let forgotten = model.recommender.forgotten();
    let typical = typical.filter(|user| !config.privacy && !forgotten.contains(user));
    ModelView {
        model: ModelNames {
            name: artifact.model.name.clone(),
            layers: artifact.model.n_layers,
            dimension: artifact.model.dimension,
        },
        privacy: config.privacy,
        n_users: artifact.train.n_users(),
        n_items: model.recommender.n_items(),
        n_edges: artifact.train.n_pairs(),
        behaviors: artifact.train.behaviors().to_vec(),
        categories: model.labels.categories.clone(),
        brands: model.labels.brands.clone(),
        price: model.labels.prices.map(|(min, max)| Prices { min, max }),
        figures: TrainingFigures {
            metrics: (!metrics.is_empty()).then_some(metrics),
            baselines: model.figures.evaluation.clone(),
            curve: (!curve.is_empty()).then_some(curve),
        },
        n_events: model.summary.n_events,
        trained_from: model.summary.trained_from,
        trained_until: model.trained_until,
        typical_users: typical.map(|&user| FoundUser::new(model, user)).collect(),
        currency: config.currency.clone(),
        image_hosts: config.image_hosts.clone(),
        admin_on_page: config.has_admin_on_page(),
        impressions: config.impressions,
    }
}
