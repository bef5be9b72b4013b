//! The admin routes, which load and switch models.

use crate::api_error::{ApiError, ErrorBody};
use crate::error::ServeError;
use crate::extract::{Json, Path};
use crate::json::json;
use crate::models::Model;
use crate::service::Service;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use lightgcn_store::StoreError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The maximum size of a body, in bytes.
pub(super) const MAX_BODY: usize = 4096;

/// The head of the admin listener's OpenAPI document.
#[derive(OpenApi)]
#[openapi(info(
    title = "lightgcn admin",
    description = "Loads and switches models. Errors have a status of 4xx or 5xx, a code for programs and a message for people.",
))]
struct Document;

/// The models in memory.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Models {
    /// The active one first, then by when they were active.
    models: Vec<ModelEntry>,
}

/// A model in memory.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ModelEntry {
    /// The first 16 digits of the SHA-256 of its artifact.
    version: String,
    /// Whether it answers.
    active: bool,
    /// Its kind, such as `lightgcn`.
    name: String,
    /// Where it was loaded from; none if it was passed in memory.
    path: Option<String>,
    /// How many users it knows.
    n_users: usize,
    /// How many items it knows.
    n_items: usize,
    /// The time of the latest event that it was trained on, in seconds since 1970-01-01 UTC.
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

/// Which model to load.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Load {
    /// Its name in the folder of models.
    path: String,
}

/// Which earlier version to go back to.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBack {
    /// The beginning of its version. Default: the latest earlier version.
    #[serde(default)]
    version: Option<String>,
}

pub(super) fn documented() -> OpenApiRouter<Service> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(list, load))
        .routes(routes!(activate))
        .routes(routes!(roll_back))
}

/// Lists the models in memory.
#[utoipa::path(get, path = "/admin/models", operation_id = "list_models", tag = "admin",
    responses((status = 200, body = Models)))]
pub(crate) async fn list(State(service): State<Service>) -> Result<Response, ApiError> {
    // Loading a model holds the lock of the list.
    then_list(service, |_| Ok(())).await
}

/// Loads a model from the folder of models, and switches to it. If it cannot be loaded, the active model stays.
#[utoipa::path(post, path = "/admin/models", operation_id = "load_model", tag = "admin", request_body = Load,
    responses(
        (status = 200, description = "The models in memory after it.", body = Models),
        (status = 400, description = "Invalid name.", body = ErrorBody),
        (status = 422, description = "The model cannot be loaded.", body = ErrorBody),
    ))]
pub(crate) async fn load(
    State(service): State<Service>,
    Json(Load { path }): Json<Load>,
) -> Result<Response, ApiError> {
    service.shared.metrics.action("load");
    tracing::info!(path, "loading a model");
    then_list(service, move |service| service.load(&path).map(|_| ())).await
}

/// Switches back to a model in memory.
#[utoipa::path(post, path = "/admin/models/{version}/activate", operation_id = "activate_model", tag = "admin",
    params(("version" = String, Path, description = "The model's version.")),
    responses(
        (status = 200, description = "The models in memory after it.", body = Models),
        (status = 404, description = "It is not in memory.", body = ErrorBody),
    ))]
pub(crate) async fn activate(
    State(service): State<Service>,
    Path(version): Path<String>,
) -> Result<Response, ApiError> {
    service.shared.metrics.action("activate");
    tracing::info!(version, "activating a model");
    then_list(service, move |service| service.activate(&version)).await
}

/// Replaces the model on disk by an earlier version that retraining kept, and switches to it. The replaced one is kept in
/// its place, so that doing it again goes forward again.
#[utoipa::path(post, path = "/admin/rollback", operation_id = "roll_back", tag = "admin", request_body = RollBack,
    responses(
        (status = 200, description = "The models in memory after it.", body = Models),
        (status = 404, description = "No such version is kept.", body = ErrorBody),
        (status = 422, description = "The earlier version is damaged, or the service has no model on disk.", body = ErrorBody),
    ))]
pub(crate) async fn roll_back(
    State(service): State<Service>,
    Json(RollBack { version }): Json<RollBack>,
) -> Result<Response, ApiError> {
    service.shared.metrics.action("roll_back");
    tracing::info!(version, "rolling back the model");
    then_list(service, move |service| {
        service.roll_back(version.as_deref()).map(|_| ())
    })
    .await
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
        ServeError::UnknownVersion { .. } | ServeError::Store(StoreError::NotKept { .. }) => {
            ApiError::new(StatusCode::NOT_FOUND, "unknown_version", message)
        }
        _ => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_model", message),
    }
}
