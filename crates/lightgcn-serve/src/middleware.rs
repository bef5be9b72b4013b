//! The middleware around every route: observation, headers, compression, timeouts and limits.

use crate::access;
use crate::answer::{ARM_HEADER, VERSION_HEADER};
use crate::api_error::{ApiError, PROBLEM};
use crate::config::{ServeConfig, seconds};
use crate::extract::IDEMPOTENCY_KEY;
use crate::front::Front;
use crate::observe::{REQUEST_ID, observe};
use crate::page_settings::content_security_policy;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower::util::option_layer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

/// Sets a header on every response that does not have it yet.
fn with_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// Wraps the public routes.
pub(crate) fn public<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    front: &Front,
) -> Router<S> {
    let config = &front.config;
    let timeout = seconds(config.request_timeout_seconds);
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(front.clone(), observe))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CONTENT_SECURITY_POLICY,
            content_security_policy(&config.image_hosts),
        ))
        .layer(with_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(with_header(header::REFERRER_POLICY, "no-referrer"))
        .layer(with_header(
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ))
        .layer(option_layer(cors(config)))
        .layer(from_fn_with_state(front.clone(), access::public))
        .layer(CompressionLayer::new())
        .layer(map_response(error_body))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            timeout,
        ));
    within_limits(router, config.limits.body_bytes).layer(layers)
}

/// Wraps the admin routes, whose bodies have at most `body_bytes`.
pub(crate) fn admin<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    front: &Front,
    body_bytes: usize,
) -> Router<S> {
    let router = router
        .fallback(|| async { ApiError::no_route() })
        .method_not_allowed_fallback(|| async { ApiError::no_method() })
        .layer(from_fn_with_state(front.clone(), access::admin));
    within_limits(router, body_bytes).layer(from_fn_with_state(front.clone(), observe))
}

/// Limits the body of every request to `body_bytes`, and keeps responses out of caches.
fn within_limits<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    body_bytes: usize,
) -> Router<S> {
    let layers = ServiceBuilder::new()
        .layer(with_header(header::CACHE_CONTROL, "no-store"))
        .layer(map_response(error_body))
        .layer(RequestBodyLimitLayer::new(body_bytes))
        // axum's own limit of 2 MB would apply before a larger one of ours.
        .layer(DefaultBodyLimit::disable());
    router.layer(layers)
}

/// Lets the pages of other origins call the API, if there are any.
fn cors(config: &ServeConfig) -> Option<CorsLayer> {
    let origins = &config.cors_origins;
    let allowed = match origins.iter().any(|origin| origin == "*") {
        _ if origins.is_empty() => return None,
        true => AllowOrigin::any(),
        false => AllowOrigin::list(origins.iter().filter_map(|origin| origin.parse().ok())),
    };
    let cors = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            IDEMPOTENCY_KEY,
            REQUEST_ID,
        ])
        .expose_headers([VERSION_HEADER, ARM_HEADER, REQUEST_ID]);
    Some(cors)
}

/// Replaces the non-JSON bodies of rejections by layers with ours.
async fn error_body<B>(response: Response<B>) -> Response
where
    Response<B>: IntoResponse,
{
    let problem = HeaderValue::from_static(PROBLEM);
    let json = HeaderValue::from_static("application/json");
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| *kind == problem || *kind == json);
    match response.status() {
        _ if is_json => response.into_response(),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::body_too_large().into_response(),
        StatusCode::SERVICE_UNAVAILABLE => ApiError::timeout().into_response(),
        _ => response.into_response(),
    }
}
