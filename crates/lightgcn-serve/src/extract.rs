//! Reading requests within their limits, and writing answers.

use crate::config::{Limits, seconds};
use crate::error::Fault;
use crate::model::Model;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::Response;
use bytes::BytesMut;
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The header that names the model of an answer.
pub(crate) const VERSION_HEADER: &str = "x-model-version";

/// An answer with the version of its model beside its own fields.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Versioned<T> {
    /// The version of the model that answered; the header `x-model-version` has it too.
    pub(crate) model_version: String,
    #[serde(flatten)]
    pub(crate) answer: T,
}

/// A JSON answer.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let (status, bytes) = match serde_json::to_vec(value) {
        Ok(bytes) => (status, bytes),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, b"{}".to_vec())
        }
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A JSON answer of a model, with its version in the header.
pub(crate) fn answer<T: Serialize>(model: &Model, value: T) -> Response {
    let versioned = Versioned {
        model_version: model.version.clone(),
        answer: value,
    };
    let mut response = json(StatusCode::OK, &versioned);
    if let Ok(version) = HeaderValue::from_str(&model.version) {
        response.headers_mut().insert(VERSION_HEADER, version);
    }
    response
}

/// The value in a JSON body, which must come whole within the limits of bytes and seconds.
pub(crate) async fn read_json<T: DeserializeOwned>(
    request: Request<Body>,
    body_bytes: usize,
    timeout_seconds: f64,
) -> Result<T, Fault> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let text = "send JSON, with Content-Type: application/json";
        return Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            text,
        ));
    }
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > body_bytes) {
        return Err(too_large(body_bytes));
    }
    let bytes = read_body(request.into_body(), body_bytes, seconds(timeout_seconds)).await?;
    // A list in the place of an object would be read by the order of the fields.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Fault::bad("bad_json", "the body is no JSON object"));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Fault::bad("bad_json", format!("the body: {error}")))
}

/// A body of at most `limit` bytes, chunked or not. Nothing beyond the limit is kept.
async fn read_body(mut body: Body, limit: usize, timeout: Duration) -> Result<BytesMut, Fault> {
    let read = async {
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Fault::bad("bad_body", "the body broke off"))?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > limit {
                    return Err(too_large(limit));
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes)
    };
    match tokio::time::timeout(timeout, read).await {
        Ok(read) => read,
        Err(_) => Err(Fault::new(
            StatusCode::REQUEST_TIMEOUT,
            "slow_body",
            format!("the body did not come within {} s", timeout.as_secs_f64()),
        )),
    }
}

fn too_large(limit: usize) -> Fault {
    let text = format!("the body is larger than {limit} bytes");
    Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", text)
}

/// The parts of a path, decoded.
pub(crate) struct PathIds<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathIds<T> {
    type Rejection = Fault;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, Fault> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(ids)) => Ok(Self(ids)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                Err(Fault::bad("bad_path", format!("the path: {error}")))
            }
            Err(_) => Err(Fault::bad("bad_path", "the path cannot be read")),
        }
    }
}

/// Checks an id, a label or a search: its length, and that no control letter is in it.
pub(crate) fn check_text(what: &str, text: &str, limits: &Limits) -> Result<(), Fault> {
    if text.len() > limits.id_bytes {
        let most = limits.id_bytes;
        return Err(Fault::bad(
            "id_too_long",
            format!("{what} is longer than {most} bytes"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::bad("bad_id", format!("{what} has a control letter")));
    }
    Ok(())
}
