//! `/v1/model`, for the page

use crate::Service;
use crate::error::Fault;
use crate::extract::{Versioned, answer};
use crate::model::Model;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What the model in use is, and how good it was.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ModelView {
    /// What it is.
    model: ModelNames,
    /// Users whom it knows.
    n_users: usize,
    /// Items that it knows.
    n_items: usize,
    /// Pairs of a user and an item in its graph.
    n_edges: usize,
    /// The labels of behaviors, in the order of the log's table.
    behaviors: Vec<String>,
    /// The categories with the most items, 200 at most.
    categories: Vec<String>,
    /// The brands with the most items, 200 at most.
    brands: Vec<String>,
    /// The lowest and the highest price; none where no price is known.
    price: Option<Prices>,
    /// What its training reached.
    figures: TrainingFigures,
}

/// What a model is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ModelNames {
    /// Such as `lightgcn`.
    name: String,
    /// Layers of propagation.
    layers: usize,
    /// Numbers of an embedding.
    dimension: usize,
}

/// A range of prices.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Prices {
    min: f64,
    max: f64,
}

/// What a training reached.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TrainingFigures {
    /// Figures by name, such as `validation recall@20`; none where the artifact has none.
    metrics: Option<BTreeMap<String, f64>>,
    /// The comparison with the baselines on test data, as `lightgcn evaluate --json` prints it; none where it is
    /// not kept beside the model (`MODEL.run/evaluation.json`).
    baselines: Option<Value>,
    /// An object an epoch, with its number, loss and figures on validation data; none where the run's record is
    /// not beside the model (`MODEL.run/run.jsonl`).
    curve: Option<Vec<Value>>,
}

/// The model in use: its size, its labels, and the figures of its training.
#[utoipa::path(get, path = "/v1/model", tag = "page", responses((status = 200, body = Versioned<ModelView>)))]
pub(crate) async fn show(State(service): State<Service>) -> Result<Response, Fault> {
    let model = service.shared.registry.active();
    Ok(answer(&model, view(&model)))
}

fn view(model: &Model) -> ModelView {
    let artifact = model.recommender.artifact();
    let metrics = artifact.lineage.figures.clone();
    let curve = model.figures.curve.clone();
    ModelView {
        model: ModelNames {
            name: artifact.model.name.clone(),
            layers: artifact.model.n_layers,
            dimension: artifact.model.dimension,
        },
        n_users: artifact.train.n_users(),
        n_items: model.recommender.n_items(),
        n_edges: artifact.train.n_pairs(),
        behaviors: artifact.train.behaviors().to_vec(),
        categories: model.categories.clone(),
        brands: model.brands.clone(),
        price: model.prices.map(|(min, max)| Prices { min, max }),
        figures: TrainingFigures {
            metrics: (!metrics.is_empty()).then_some(metrics),
            baselines: model.figures.evaluation.clone(),
            curve: (!curve.is_empty()).then_some(curve),
        },
    }
}
