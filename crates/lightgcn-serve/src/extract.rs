//! Extractors: axum's own, with our errors and within our limits.

use crate::api_error::ApiError;
use crate::plain::plain;
use crate::service::Service;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// The header that makes a post count once, however often it is sent.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The parameters of the path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiError))]
pub(crate) struct Path<T>(pub(crate) T);

/// The parameters of the query; a list is a key that repeats.
#[derive(FromRequestParts)]
#[from_request(via(axum_extra::extract::Query), rejection(ApiError))]
pub(crate) struct Query<T>(pub(crate) T);

/// A JSON object from the body, which must arrive completely within the configured time.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Service> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Service) -> Result<Self, ApiError> {
        let Object(value) = read(request, service).await?;
        Ok(Self(value))
    }
}

/// A JSON list of objects from the body, which must arrive completely within the configured time.
pub(crate) struct JsonList<T>(pub(crate) Vec<T>);

impl<T: DeserializeOwned> FromRequest<Service> for JsonList<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Service) -> Result<Self, ApiError> {
        let objects: Vec<Object<T>> = read(request, service).await?;
        let values = objects.into_iter().map(|Object(value)| value);
        Ok(Self(values.collect()))
    }
}

async fn read<T: DeserializeOwned>(request: Request, service: &Service) -> Result<T, ApiError> {
    parse(&body(request, service).await?)
}

/// The bytes of a JSON body, which must arrive completely within the configured time.
pub(crate) async fn body(request: Request, service: &Service) -> Result<Bytes, ApiError> {
    if !is_json(request.headers()) {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let text = "send JSON, with Content-Type: application/json";
        return Err(ApiError::new(status, "not_json", text));
    }
    let read = Bytes::from_request(request, service);
    let Ok(bytes) = tokio::time::timeout(service.body_timeout(), read).await else {
        return Err(ApiError::slow_body());
    };
    Ok(bytes?)
}

/// Reads a body as a JSON object.
pub(crate) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let Object(value) = parse(bytes)?;
    Ok(value)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = plain(&error.to_string());
        ApiError::bad("bad_json", format!("the body: {text}"))
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// `T` from a JSON object only: serde would also read a struct from a list, by the order of its
/// fields.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}
