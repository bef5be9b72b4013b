//! Answers of a model, which name its version.

use crate::api_error::ApiError;
use crate::models::Model;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
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

/// An answer in JSON, with the model's version in a field and in a header.
pub(crate) fn answer<T: Serialize>(model: &Model, answer: T) -> Result<Response, ApiError> {
    Ok(answered(model, write(model, answer)?))
}

/// The JSON of an answer, with the model's version in a field.
pub(crate) fn write<T: Serialize>(model: &Model, answer: T) -> Result<Vec<u8>, ApiError> {
    let model_version = model.version.clone();
    let versioned = Versioned {
        model_version,
        answer,
    };
    let mut json = Vec::new();
    to_json(&mut json, &versioned)?;
    Ok(json)
}

/// Appends JSON.
pub(crate) fn to_json<T: Serialize>(to: &mut Vec<u8>, value: &T) -> Result<(), ApiError> {
    serde_json::to_writer(to, value).map_err(|error| {
        tracing::error!(%error, "an answer cannot be serialized");
        ApiError::internal()
    })
}

/// The response with that JSON, with the model's version in a header.
pub(crate) fn answered(model: &Model, json: impl Into<Body>) -> Response {
    let version = HeaderValue::from_str(&model.version);
    let version = version.map(|version| [(VERSION_HEADER, version)]);
    let kind = [(header::CONTENT_TYPE, "application/json")];
    let body: Body = json.into();
    (version.ok(), kind, body).into_response()
}
