//! The page: files embedded in the program.

use crate::api_error::ApiError;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};
use std::borrow::Cow;
use std::fmt::Write;

/// The built page, from the repository.
#[derive(Embed)]
#[folder = "assets/"]
struct Assets;

/// The start of the page.
const INDEX: &str = "index.html";
/// The folder of files whose names contain a hash of their content, which browsers may cache forever.
const HASHED: &str = "assets/";

/// Serves a file of the page; `/` is its start.
pub(crate) async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return ApiError::no_method().into_response();
    }
    let name = match uri.path().trim_start_matches('/') {
        "" => INDEX,
        name => name,
    };
    match Assets::get(name) {
        Some(file) => respond(name, file, &headers),
        None => ApiError::no_route().into_response(),
    }
}

fn respond(name: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = entity_tag(&file);
    let kind = match file.metadata.mimetype() {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    };
    let cached = match name.starts_with(HASHED) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok());
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, cached.to_owned()),
    ];
    if known.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag)) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let bytes = match file.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    (headers, bytes).into_response()
}

/// A weak tag, since the same file may be sent compressed or not.
fn entity_tag(file: &EmbeddedFile) -> String {
    let mut tag = String::from("W/\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        // Writing to a string does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}
