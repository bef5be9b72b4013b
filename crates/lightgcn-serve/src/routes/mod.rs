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
mod items;
mod model;
mod page;
mod query;
mod recommendations;
mod users;

use crate::api_error::ApiError;
use crate::middleware;
use crate::service::Service;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The head of the OpenAPI document.
#[derive(OpenApi)]
#[openapi(info(
    title = "lightgcn",
    description = "Recommendations and explanations. Every answer of a model names the model's version, in the header x-model-version and in the field model_version. Errors have a status of 4xx or 5xx, a code for programs and a message for people; 503 comes with Retry-After.",
))]
struct Document;

impl Service {
    /// The public routes: recommendations, explanations, events, health, metrics, the OpenAPI document and the
    /// page, to merge into or nest in another axum program. That program limits connections and headers.
    pub fn router(&self) -> Router {
        let (router, mut document) = self.documented().split_for_parts();
        document::complete(&mut document);
        let json = serde_json::to_string(&document).unwrap_or_default();
        let kind = [(header::CONTENT_TYPE, "application/json")];
        let mut router = router.route("/openapi.json", get(move || async move { (kind, json) }));
        router = match self.shared.config.page {
            true => router.fallback(page::file),
            false => router.fallback(|| async { ApiError::no_route() }),
        };
        let router = router.method_not_allowed_fallback(|| async { ApiError::no_method() });
        middleware::public(router, self).with_state(self.clone())
    }

    /// The routes that load and switch models. They ask for the token if there is one; without a token they
    /// answer only requests that name this machine as their host.
    pub fn admin_router(&self) -> Router {
        admin::router(self).with_state(self.clone())
    }

    /// The OpenAPI document of the public routes, as JSON.
    ///
    /// # Errors
    /// [`serde_json::Error`] if it cannot be serialized, which would be a bug of this crate.
    pub fn openapi(&self) -> Result<String, serde_json::Error> {
        let mut document = self.documented().into_openapi();
        document::complete(&mut document);
        document.to_pretty_json()
    }

    fn documented(&self) -> OpenApiRouter<Self> {
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
            .routes(routes!(health::metrics));
        let config = &self.shared.config;
        let routes = match config.keys.is_empty() && !config.page {
            // Nobody could use it.
            true => routes,
            false => routes
                .routes(routes!(users::forget))
                .routes(routes!(catalogue::put)),
        };
        if !config.page {
            return routes;
        }
        routes
            .routes(routes!(users::search))
            .routes(routes!(users::one))
            .routes(routes!(items::search))
            .routes(routes!(graph::around))
            .routes(routes!(model::show))
    }
}
