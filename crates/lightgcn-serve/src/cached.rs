//! Entity tags for answers that depend only on the model and the request.

use crate::answer::VERSION_HEADER;
use crate::models::Model;
use crate::service::Service;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// The routes of such answers. Lists for users are not included, since events change them at any
/// time; nor is the description of the model, which includes settings.
pub(crate) const ROUTES: [&str; 4] = [
    "/v1/similar/{item}",
    "/v1/popular",
    "/v1/items",
    "/v1/users",
];

/// Clients may store the answer, but must ask whether it is still valid.
const KEEP: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Answers 304 if the client has the answer of the active model already; else tags the answer.
pub(crate) async fn tagged(
    State(service): State<Service>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let is_of_model = route.is_some_and(|route| ROUTES.contains(&route.as_str()));
    if !is_of_model || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let model = service.shared.registry.active();
    let Ok(tag) = HeaderValue::from_str(&entity_tag(&model, service.shared.config.privacy)) else {
        return next.run(request).await;
    };
    let mut response = match has(request.headers(), &tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => next.run(request).await,
    };
    let is_answer = matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED);
    let headers = response.headers_mut();
    // Meanwhile, models may have been switched, or their items changed.
    let by_other = headers
        .get(VERSION_HEADER)
        .is_some_and(|version| *version != *model.version)
        || !Arc::ptr_eq(&model, &service.shared.registry.active());
    if is_answer && !by_other {
        headers.insert(header::ETAG, tag);
        headers.insert(header::CACHE_CONTROL, KEEP);
    }
    response
}

/// A weak tag, since the same answer may be sent compressed or not. A recommender passed in memory
/// may have its own rules, so its tag is only valid within this process.
fn entity_tag(model: &Model, privacy: bool) -> String {
    let loaded = model.loaded.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut tag = model.version.clone();
    if model.path.is_none() {
        tag.push_str(&format!("-{}", loaded.as_nanos()));
    }
    // The catalogue changes, and which items have expired.
    let (revision, n_expired) = (model.catalogue_revision, model.n_expired());
    if revision > 0 || n_expired > 0 {
        tag.push_str(&format!("-{revision}-{n_expired}"));
    }
    // Users it no longer knows.
    let n_forgotten = model.recommender.forgotten().len();
    if n_forgotten > 0 {
        tag.push_str(&format!("-without-{n_forgotten}"));
    }
    // Answers from before histories were hidden are no longer valid.
    if privacy {
        tag.push_str("-private");
    }
    format!("W/\"{tag}\"")
}

fn has(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut known = known.filter_map(|tags| tags.to_str().ok());
    known.any(|tags| {
        tags.split(',')
            .any(|known| known.trim().as_bytes() == tag.as_bytes())
    })
}
