//! Responses in JSON, and answers of a model, which name its version.

use crate::models::Model;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The header that names the model of an answer.
pub(crate) const VERSION_HEADER: HeaderName = HeaderName::from_static("x-model-version");

/// An answer with the version of its model beside its own fields.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Versioned<T> {
    /// The version of the model that answered, as in the header `x-model-version`.
    pub(crate) model_version: String,
    #[serde(flatten)]
    pub(crate) answer: T,
}

/// A JSON response.
pub(crate) fn json<T: Serialize>(value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "a response cannot be serialized");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// An answer in JSON, with the model's version in a field and in a header.
pub(crate) fn answer<T: Serialize>(model: &Model, answer: T) -> Response {
    let model_version = model.version.clone();
    let header = HeaderValue::from_str(&model_version).map(|version| [(VERSION_HEADER, version)]);
    let json = json(&Versioned {
        model_version,
        answer,
    });
    (header.ok(), json).into_response()
}
