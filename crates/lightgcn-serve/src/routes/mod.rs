//! The routes of the listener for questions.

mod docs;
mod events;
mod explanations;
mod graph;
mod health;
mod items;
mod model;
mod page;
mod recommendations;
mod users;

use crate::Service;
use crate::error::Fault;
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::time::Instant;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the document says of the whole.
#[derive(OpenApi)]
#[openapi(info(
    title = "lightgcn",
    description = "Recommendations and their explanations. Every answer of a model names its version, in the header x-model-version and in the field model_version. Faults have a status of 4xx or 5xx and tell what, where and how to fix it; 503 comes with Retry-After.",
))]
struct Document;

/// What everybody may see of scripts and pictures: our own alone.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn documented(service: &Service) -> OpenApiRouter<Service> {
    let routes = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(recommendations::one))
        .routes(routes!(recommendations::batch))
        .routes(routes!(explanations::one))
        .routes(routes!(explanations::with_events))
        .routes(routes!(items::similar))
        .routes(routes!(items::popular))
        .routes(routes!(events::post))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::figures));
    if !service.shared.config.page {
        return routes;
    }
    routes
        .routes(routes!(users::search))
        .routes(routes!(users::one))
        .routes(routes!(items::search))
        .routes(routes!(graph::around))
        .routes(routes!(model::show))
}

/// The OpenAPI document of the routes.
pub(crate) fn document(service: &Service) -> utoipa::openapi::OpenApi {
    documented(service).split_for_parts().1
}

pub(crate) fn router(service: &Service) -> Router {
    let (mut router, document) = documented(service).split_for_parts();
    let docs = docs::Docs::new(&document);
    let (json, html) = (docs.json, docs.html);
    router = router
        .route(
            "/openapi.json",
            get(move || async move { docs::json(json) }),
        )
        .route("/docs", get(move || async move { docs::html(html) }))
        .route("/docs.css", get(docs::style));
    router = match service.shared.config.page {
        true => router.fallback(page::file),
        false => router.fallback(|| async { no_route() }),
    };
    router
        .method_not_allowed_fallback(|| async { Fault::no_method() })
        .layer(middleware::from_fn_with_state(service.clone(), observed))
        .with_state(service.clone())
}

pub(crate) fn no_route() -> Fault {
    let text = "there is no such address; /docs lists them";
    Fault::new(StatusCode::NOT_FOUND, "no_route", text)
}

/// Counts and times a request, ends it where it takes too long, and adds what every answer says.
async fn observed(State(service): State<Service>, request: Request<Body>, next: Next) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = method_name(request.method());
    let metrics = &service.shared.metrics;
    let _guard = InFlight::new(metrics.in_flight.clone());
    let timeout = crate::config::seconds(service.shared.config.request_timeout_seconds);
    let mut response = match tokio::time::timeout(timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Fault::timeout().into_response(),
    };
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    metrics.request(route, method, response.status().as_u16(), start.elapsed());
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A label that clients cannot choose.
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
