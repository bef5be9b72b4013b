//! The page: files that are part of the program.

use super::no_route;
use crate::error::Fault;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};
use std::borrow::Cow;
use std::fmt::Write;

/// The built page, as it stands in the repository.
#[derive(Embed)]
#[folder = "assets/"]
struct Assets;

/// The page's start.
const INDEX: &str = "index.html";
/// Files whose names change with their content, which a browser may keep for ever.
const HASHED: &str = "assets/";

/// A file of the page; `/` is its start.
pub(crate) async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return Fault::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "no_method",
            "files are only read",
        )
        .into_response();
    }
    let name = match uri.path().trim_start_matches('/') {
        "" => INDEX,
        name => name,
    };
    match Assets::get(name) {
        Some(file) => respond(name, file, &headers),
        None => no_route().into_response(),
    }
}

fn respond(name: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        // Writing to a string does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let known = known.is_some_and(|tags| {
        tags.split(',')
            .any(|t| t.trim().trim_start_matches("W/") == tag)
    });
    let mut response = if known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let bytes = match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Response::new(Body::from(bytes))
    };
    let kind = match file.metadata.mimetype() {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    };
    let kept = match name.starts_with(HASHED) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let out = response.headers_mut();
    for (key, value) in [
        (header::CONTENT_TYPE, kind.as_str()),
        (header::ETAG, tag.as_str()),
        (header::CACHE_CONTROL, kept),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            out.insert(key, value);
        }
    }
    response
}
