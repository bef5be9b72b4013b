//! What wraps every route: request ids, logging, metrics, headers, compression, timeouts and limits.

use crate::answer::VERSION_HEADER;
use crate::api_error::ApiError;
use crate::config::{ServeConfig, seconds};
use crate::extract::IDEMPOTENCY_KEY;
use crate::service::Service;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Instant;
use tower::ServiceBuilder;
use tower::util::option_layer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;

/// The page runs its own scripts and styles and nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The header that names a request, in the response and in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from a client.
const MAX_ID: usize = 64;

/// Sets a header of every response that does not have it yet.
fn with_header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// Wraps the public routes.
pub(crate) fn public(router: Router<Service>, service: &Service) -> Router<Service> {
    let config = &service.shared.config;
    let timeout = seconds(config.request_timeout_seconds);
    let layers = ServiceBuilder::new()
        .layer(from_fn(with_id))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(span)
                .on_failure(()),
        )
        .layer(from_fn_with_state(service.clone(), measure))
        .layer(with_header(
            header::CONTENT_SECURITY_POLICY,
            CONTENT_SECURITY_POLICY,
        ))
        .layer(with_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(with_header(header::REFERRER_POLICY, "no-referrer"))
        .layer(with_header(
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ))
        .layer(option_layer(cors(config)))
        .layer(CompressionLayer::new())
        .layer(map_response(error_body))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            timeout,
        ));
    within_limits(router, config.limits.body_bytes).layer(layers)
}

/// Limits the body of every request to `body_bytes`, and keeps responses out of caches.
pub(crate) fn within_limits(router: Router<Service>, body_bytes: usize) -> Router<Service> {
    let layers = ServiceBuilder::new()
        .layer(with_header(header::CACHE_CONTROL, "no-store"))
        .layer(map_response(error_body))
        .layer(RequestBodyLimitLayer::new(body_bytes))
        // axum's own limit of 2 MB would come before a larger one of ours.
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
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::CONTENT_TYPE, IDEMPOTENCY_KEY])
        .expose_headers([VERSION_HEADER, REQUEST_ID]);
    Some(cors)
}

/// The log's view of a request: its route, never its path, since paths contain users' ids.
fn span<B>(request: &Request<B>) -> Span {
    let route = request.extensions().get::<MatchedPath>();
    let id = request.headers().get(REQUEST_ID);
    tracing::debug_span!(
        "request",
        method = method_name(request.method()),
        route = route.map_or("other", MatchedPath::as_str),
        id = id.and_then(|id| id.to_str().ok()),
    )
}

/// Gives a request that has no usable id one, and its response the same.
async fn with_id(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID);
    let usable = given.filter(|id| id.len() <= MAX_ID && id.to_str().is_ok());
    let id = usable.cloned().unwrap_or_else(|| {
        // Random keys of the standard library, hashed over nothing.
        let id = RandomState::new().build_hasher().finish();
        HeaderValue::from_str(&format!("{id:016x}")).unwrap_or(HeaderValue::from_static(""))
    });
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let mut response = next.run(request).await;
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Counts and times a request.
async fn measure(State(service): State<Service>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = method_name(request.method());
    let metrics = &service.shared.metrics;
    let _guard = InFlight::new(metrics.in_flight.clone());
    let response = next.run(request).await;
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    metrics.request(route, method, response.status().as_u16(), start.elapsed());
    response
}

/// Gives the refusals of layers, which are not JSON, a body of ours.
async fn error_body<B>(response: Response<B>) -> Response
where
    Response<B>: IntoResponse,
{
    let json = HeaderValue::from_static("application/json");
    let is_json = response.headers().get(header::CONTENT_TYPE) == Some(&json);
    match response.status() {
        _ if is_json => response.into_response(),
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::body_too_large().into_response(),
        StatusCode::SERVICE_UNAVAILABLE => ApiError::timeout().into_response(),
        _ => response.into_response(),
    }
}

/// A label that clients cannot choose freely.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A request in flight, until it is dropped, answered or not.
struct InFlight(metrics::Gauge);

impl InFlight {
    fn new(gauge: metrics::Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
