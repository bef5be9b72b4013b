//! The routes of both listeners.

mod admin;
mod answers;
mod batch;
mod catalogue;
mod document;
mod events;
mod explanations;
mod graph;
mod health;
mod item;
mod items;
mod model;
mod outcomes;
mod page;
mod privacy;
mod query;
mod recent;
mod recommendations;
mod shops;
mod users;

use crate::access;
use crate::api_error::ApiError;
use crate::cached::tagged;
use crate::config::{MetricsListener, ServeConfig};
use crate::middleware;
use crate::service::Service;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::header;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The head of the OpenAPI document.
#[derive(OpenApi)]
#[openapi(info(
    title = "lightgcn",
    description = "Recommendations and explanations. Every answer of a model has the model's \
        version in the header x-model-version and in the field model_version. Errors have a 4xx or \
        5xx status, a code for programs and a message for people; 503 comes with Retry-After.",
))]
struct Document;

impl Service {
    /// The public routes: recommendations, explanations, events, health, metrics, the OpenAPI
    /// document and the page, to merge into or nest in another axum program. That program limits
    /// connections and headers.
    pub fn router(&self) -> Router {
        let config = &self.shared.config;
        let (mut router, mut document) = documented(config).split_for_parts();
        document::complete(&mut document, config);
        if config.has_admin_on_page() {
            let guard = from_fn_with_state(self.front(), access::admin);
            let (admin, of_admin) = finished_admin(admin::documented(), config);
            router = router.merge(admin.layer(guard));
            document.merge(of_admin);
        }
        let mut router = router.merge(openapi(&document));
        router = match self.shared.config.page {
            true => router.fallback(page::file),
            false => router.fallback(|| async { ApiError::no_route() }),
        };
        let router = router
            .method_not_allowed_fallback(|| async { ApiError::no_method() })
            .layer(from_fn_with_state(self.clone(), tagged));
        middleware::public(router, &self.front()).with_state(self.clone())
    }

    /// The same routes for one of many shops, without middleware.
    pub(crate) fn bare_router(&self) -> Router {
        let (router, _) = documented(&self.shared.config).split_for_parts();
        bare(router.layer(from_fn_with_state(self.clone(), tagged))).with_state(self.clone())
    }

    /// The admin routes for one of many shops, without middleware.
    pub(crate) fn bare_admin_router(&self) -> Router {
        let (router, _) = admin::documented().split_for_parts();
        bare(router).with_state(self.clone())
    }

    /// The routes that load and switch models, with an OpenAPI document of their own. They require the token if there
    /// is one; without a token they answer only requests whose host is this machine.
    pub fn admin_router(&self) -> Router {
        let config = &self.shared.config;
        let routes = match config.metrics {
            MetricsListener::Public => admin::documented(),
            MetricsListener::Admin => admin::documented().routes(routes!(health::metrics)),
        };
        let (router, document) = finished_admin(routes, config);
        let router = router.merge(openapi(&document));
        middleware::admin(router, &self.front(), admin::MAX_BODY).with_state(self.clone())
    }

    /// The OpenAPI document of the public routes, as JSON.
    ///
    /// # Errors
    /// [`serde_json::Error`] if it cannot be serialized, which would be a bug of this crate.
    pub fn openapi(&self) -> Result<String, serde_json::Error> {
        let config = &self.shared.config;
        let mut document = documented(config).into_openapi();
        document::complete(&mut document, config);
        if config.has_admin_on_page() {
            document.merge(finished_admin(admin::documented(), config).1);
        }
        document.to_pretty_json()
    }
}

/// The routes of a service with that configuration, with their document.
fn documented(config: &ServeConfig) -> OpenApiRouter<Service> {
    let routes = OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(recommendations::one))
        .routes(routes!(recommendations::batch))
        .routes(routes!(explanations::one))
        .routes(routes!(explanations::with_events))
        .routes(routes!(items::similar))
        .routes(routes!(items::popular))
        .routes(routes!(events::post))
        .routes(routes!(outcomes::show))
        .routes(routes!(health::live))
        .routes(routes!(health::ready));
    let routes = match config.metrics {
        MetricsListener::Public => routes.routes(routes!(health::metrics)),
        MetricsListener::Admin => routes,
    };
    let routes = match config.keys.is_empty() && !config.page {
        // No one could use it.
        true => routes,
        false => routes
            .routes(routes!(users::forget))
            .routes(routes!(catalogue::put)),
    };
    if !config.page {
        return routes;
    }
    let routes = routes
        .routes(routes!(items::search))
        .routes(routes!(item::one))
        .routes(routes!(model::show));
    if config.privacy {
        return privacy::refusing(routes);
    }
    routes
        .routes(routes!(users::search))
        .routes(routes!(recent::list))
        .routes(routes!(users::one))
        .routes(routes!(graph::around))
}

/// Admin routes, and their finished document.
fn finished_admin(
    routes: OpenApiRouter<Service>,
    config: &ServeConfig,
) -> (Router<Service>, utoipa::openapi::OpenApi) {
    let (router, mut document) = routes.split_for_parts();
    document::complete_admin(&mut document, config);
    (router, document)
}

/// The route of a finished document.
fn openapi<S: Clone + Send + Sync + 'static>(document: &utoipa::openapi::OpenApi) -> Router<S> {
    let json = serde_json::to_string(document).unwrap_or_default();
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Router::new().route("/openapi.json", get(move || async move { (kind, json) }))
}

/// Routes that answer requests and record which route matched. Access is already checked, and
/// bodies are already limited.
fn bare(router: Router<Service>) -> Router<Service> {
    router
        .fallback(|| async { ApiError::no_route() })
        .method_not_allowed_fallback(|| async { ApiError::no_method() })
        .layer(from_fn(tell_route))
        .layer(DefaultBodyLimit::disable())
}

/// Records the route that answered a request.
async fn tell_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}
