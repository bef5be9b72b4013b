//! Answers of a model, with its version.

use crate::api_error::ApiError;
use crate::models::{Chosen, Model};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The header that names the arm of an answer.
pub(crate) const ARM_HEADER: HeaderName = HeaderName::from_static("x-experiment-arm");
/// The header that names the model of an answer.
pub(crate) const VERSION_HEADER: HeaderName = HeaderName::from_static("x-model-version");

/// An answer with the version of its model in addition to its own fields.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Versioned<T> {
    /// The version of the model that answered, as in the header `x-model-version`.
    pub(crate) model_version: String,
    /// The experiment and the arm that the model answered for, as `EXPERIMENT/ARM`; absent without an experiment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arm: Option<String>,
    #[serde(flatten)]
    pub(crate) answer: T,
}

/// An answer in JSON, with the model's version in a field and in a header.
pub(crate) fn answer<T: Serialize>(model: &Model, answer: T) -> Result<Response, ApiError> {
    Ok(answered(model, write(model, answer)?))
}

/// The JSON of an answer, with the model's version in a field.
fn write<T: Serialize>(model: &Model, answer: T) -> Result<Vec<u8>, ApiError> {
    written(Versioned {
        model_version: model.version.clone(),
        arm: None,
        answer,
    })
}

/// The JSON of an answer of a chosen model, with its version and arm in fields.
pub(crate) fn write_by<T: Serialize>(chosen: &Chosen, answer: T) -> Result<Vec<u8>, ApiError> {
    written(Versioned {
        model_version: chosen.model.version.clone(),
        arm: chosen.arm.as_deref().map(str::to_owned),
        answer,
    })
}

fn written<T: Serialize>(versioned: Versioned<T>) -> Result<Vec<u8>, ApiError> {
    let mut json = Vec::new();
    to_json(&mut json, &versioned)?;
    Ok(json)
}

/// Appends JSON.
pub(crate) fn to_json<T: Serialize>(to: &mut Vec<u8>, value: &T) -> Result<(), ApiError> {
    serde_json::to_writer(to, value).map_err(|error| {
        tracing::error!(%error, "cannot serialize an answer");
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

/// The response with that JSON, with the version and the arm of the chosen model in headers.
pub(crate) fn answered_by(chosen: &Chosen, json: impl Into<Body>) -> Response {
    let mut response = answered(&chosen.model, json);
    let arm = chosen.arm.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(arm)) = arm {
        response.headers_mut().insert(ARM_HEADER, arm);
    }
    response
}
