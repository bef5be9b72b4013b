//! The admin routes, which load and switch models

use crate::api_error::ApiError;
use crate::error::ServeError;
use crate::extract::{Json, Path};
use crate::json::json;
use crate::models::Model;
use crate::service::Service;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The maximum size of a body, in bytes.
pub(super) const MAX_BODY: usize = 4096;

/// The models in memory.
#[derive(Debug, Serialize)]
struct Models {
    models: Vec<ModelEntry>,
}

#[derive(Debug, Serialize)]
struct ModelEntry {
    version: String,
    active: bool,
    name: String,
    path: Option<String>,
    n_users: usize,
    n_items: usize,
    /// The time of the latest event that it was trained on.
    trained_until: Option<i64>,
    /// Its metrics by name, such as `validation recall@20`.
    figures: BTreeMap<String, f64>,
}

impl ModelEntry {
    fn new(model: &Model, active: bool) -> Self {
        let artifact = model.recommender.artifact();
        Self {
            version: model.version.clone(),
            active,
            name: artifact.model.name.clone(),
            path: model.path.as_ref().map(|path| path.display().to_string()),
            n_users: artifact.train.n_users(),
            n_items: model.recommender.n_items(),
            trained_until: model.trained_until,
            figures: artifact.lineage.figures.clone(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Load {
    path: String,
}

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/admin/models", get(list).post(load))
        .route("/admin/models/{version}/activate", post(activate))
}

async fn list(State(service): State<Service>) -> Result<Response, ApiError> {
    // Loading a model holds the lock of the list.
    then_list(service, |_| Ok(())).await
}

async fn load(
    State(service): State<Service>,
    Json(Load { path }): Json<Load>,
) -> Result<Response, ApiError> {
    service.shared.metrics.action("load");
    tracing::info!(path, "loading a model");
    then_list(service, move |service| service.load(&path).map(|_| ())).await
}

async fn activate(
    State(service): State<Service>,
    Path(version): Path<String>,
) -> Result<Response, ApiError> {
    service.shared.metrics.action("activate");
    tracing::info!(version, "activating a model");
    then_list(service, move |service| service.activate(&version)).await
}

/// Runs `work` on a blocking thread and lists the models after it.
async fn then_list(
    service: Service,
    work: impl FnOnce(&Service) -> Result<(), ServeError> + Send + 'static,
) -> Result<Response, ApiError> {
    let listed = tokio::task::spawn_blocking(move || {
        work(&service)?;
        let models = service.shared.registry.loaded();
        let entries = models.iter().enumerate();
        let models = entries.map(|(n, model)| ModelEntry::new(model, n == 0));
        Ok(Models {
            models: models.collect(),
        })
    });
    match listed.await {
        Ok(Ok(models)) => Ok(json(&models)),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => Err(ApiError::internal()),
    }
}

fn refused(error: &ServeError) -> ApiError {
    let message = error.to_string();
    match error {
        ServeError::ModelName { .. } => ApiError::bad("bad_model_name", message),
        ServeError::UnknownVersion { .. } => {
            ApiError::new(StatusCode::NOT_FOUND, "unknown_version", message)
        }
        _ => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_model", message),
    }
}
