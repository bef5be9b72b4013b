//! The routes of many shops: each shop's own, and what they have in common.

use super::health::{METRICS, is_overloaded, outcomes};
use super::{admin, document, documented, openapi};
use crate::api_error::ApiError;
use crate::config::MetricsListener;
use crate::extract::Path;
use crate::json::json;
use crate::metrics::{Readings, merged};
use crate::middleware;
use crate::observe::{ByShop, Peer};
use crate::shops::{Shop, ShopEntry, Shops};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The prefix of shops' paths, and the prefix of a single shop's own paths.
const PUBLIC: (&str, &str) = ("/v1/shops/", "/v1/");
const ADMIN: (&str, &str) = ("/admin/shops/", "/admin/");

/// All shops.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ShopList {
    /// By name.
    shops: Vec<ShopEntry>,
}

/// The result of a health check.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ShopsHealth {
    /// `live`, `ready`, `stopping` or `overloaded`.
    status: &'static str,
    /// How many models are in memory.
    loaded: usize,
}

impl Shops {
    /// The public routes: those of each shop under `/v1/shops/{shop}/`, the list of shops, health,
    /// metrics and the OpenAPI document, to merge into or nest in another axum program. That
    /// program limits connections and headers.
    pub fn router(&self) -> Router {
        let front = self.front();
        let (router, common) = match front.config.metrics {
            MetricsListener::Public => common().merge(with_metrics()),
            MetricsListener::Admin => common(),
        }
        .split_for_parts();
        let mut all = documented(&front.config).into_openapi();
        document::complete(&mut all, &front.config);
        document::move_to_shops(&mut all, "/v1");
        let mut common = common;
        document::complete(&mut common, &front.config);
        all.merge(common);
        let router = router
            .route("/v1/shops/{shop}/{*rest}", any(public))
            .merge(openapi(&all))
            .fallback(|| async { ApiError::no_route() })
            .method_not_allowed_fallback(|| async { ApiError::no_method() });
        middleware::public(router, &front).with_state(self.clone())
    }

    /// The routes that load and switch the models of each shop, under `/admin/shops/{shop}/`. They
    /// require the token if there is one; without a token they answer only requests whose host is
    /// this machine.
    pub fn admin_router(&self) -> Router {
        let config = &self.front().config;
        let mut document = admin::documented().into_openapi();
        document::complete_admin(&mut document, config);
        document::move_to_shops(&mut document, "/admin");
        let mut router = Router::new().route("/admin/shops/{shop}/{*rest}", any(private));
        if config.metrics == MetricsListener::Admin {
            let (metrics, mut of_metrics) = with_metrics().split_for_parts();
            document::complete_admin(&mut of_metrics, config);
            router = router.merge(metrics);
            document.merge(of_metrics);
        }
        let router = router.merge(openapi(&document));
        middleware::admin(router, &self.front(), admin::MAX_BODY).with_state(self.clone())
    }
}

/// The routes that are not about a single shop.
fn common() -> OpenApiRouter<Shops> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(live))
        .routes(routes!(ready))
}

/// The metrics, on whichever listener has them.
fn with_metrics() -> OpenApiRouter<Shops> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Lists the shops, and which of their models are in memory.
#[utoipa::path(get, path = "/v1/shops", operation_id = "list_shops", tag = "shops", responses((status = 200, body = ShopList)))]
pub(crate) async fn list(State(shops): State<Shops>) -> Result<Response, ApiError> {
    let listed = tokio::task::spawn_blocking(move || shops.entries());
    match listed.await {
        Ok(Ok(shops)) => Ok(json(&ShopList { shops })),
        Ok(Err(error)) => {
            tracing::error!(%error, "cannot list the shops");
            Err(ApiError::internal())
        }
        Err(_) => Err(ApiError::internal()),
    }
}

/// Reports that the process is alive.
#[utoipa::path(get, path = "/health/live", operation_id = "health_live", tag = "health", responses((status = 200, body = ShopsHealth)))]
pub(crate) async fn live(State(shops): State<Shops>) -> Response {
    health(&shops, StatusCode::OK, "live")
}

/// Reports whether the service is ready for requests. It is not once it is told to stop, and while its queue has been
/// full for some seconds. A shop whose model or store fails does not count, since the others still work.
#[utoipa::path(get, path = "/health/ready", operation_id = "health_ready", tag = "health", responses(
    (status = 200, body = ShopsHealth),
    (status = 503, description = "The service takes no requests for now; `status` says why.", body = ShopsHealth),
))]
pub(crate) async fn ready(State(shops): State<Shops>) -> Response {
    let shared = &shops.shared;
    let means = &shared.means;
    let is_overloaded = is_overloaded(&means.pool, &means.config);
    match (shared.ready.load(Ordering::Relaxed), is_overloaded) {
        (false, _) => health(&shops, StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        (_, true) => health(&shops, StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
        _ => health(&shops, StatusCode::OK, "ready"),
    }
}

fn health(shops: &Shops, code: StatusCode, status: &'static str) -> Response {
    let loaded = shops.shared.loaded().len();
    (code, json(&ShopsHealth { status, loaded })).into_response()
}

/// Metrics for Prometheus: those of the process, and those of each shop with the label `shop`. None of them contains an
/// id.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "health", responses(
    (status = 200, description = "Prometheus text format.", body = String, content_type = "text/plain"),
))]
pub(crate) async fn metrics(State(shops): State<Shops>) -> impl IntoResponse {
    let shared = &shops.shared;
    let means = &shared.means;
    let loaded = shared.loaded();
    let mut texts = vec![means.metrics.render_process(&means.pool, &means.unread)];
    for (name, metrics) in shared.all_metrics() {
        let shop = loaded.iter().find(|shop| *shop.name == *name);
        let shop = shop.map(|shop| &shop.service.shared);
        let model = shop.map(|shop| shop.registry.active());
        let readings = shop.zip(model.as_ref()).map(|(shop, model)| Readings {
            pool: &shop.pool,
            unread: &shop.unread,
            model,
            events: shop.events.state(),
            shadow: None,
            outcomes: outcomes(shop),
            catalogue: shop.catalogue.n_items(),
        });
        texts.push(metrics.render_shop(&name, readings.as_ref()));
    }
    ([(header::CONTENT_TYPE, METRICS)], merged(&texts))
}

async fn public(
    State(shops): State<Shops>,
    Path((name, _)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    shops.admit(&name)?;
    let shop = shops.shop(&name).await?;
    forward(&shop, &shop.router, PUBLIC, request).await
}

async fn private(
    State(shops): State<Shops>,
    Path((name, _)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let shop = shops.shop(&name).await?;
    forward(&shop, &shop.admin, ADMIN, request).await
}

/// Passes a request to a shop as if it were the only one.
async fn forward(
    shop: &Shop,
    router: &Router,
    (before, after): (&str, &str),
    request: Request,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    parts.uri = of_shop(&parts.uri, before, after).ok_or_else(ApiError::no_route)?;
    // The shop's routes must not see this route's parameters.
    let peer = parts.extensions.get::<Peer>().copied();
    parts.extensions.clear();
    if let Some(peer) = peer {
        parts.extensions.insert(peer);
    }
    let answered = router
        .clone()
        .oneshot(Request::from_parts(parts, body))
        .await;
    let mut response = answered.unwrap_or_else(|never: Infallible| match never {});
    let told = ByShop {
        name: Arc::clone(&shop.name),
        route: response.extensions_mut().remove::<MatchedPath>(),
        metrics: Arc::clone(&shop.service.shared.metrics),
    };
    response.extensions_mut().insert(told);
    Ok(response)
}

/// The URI of a shop's own route: the part after the shop's name, with another prefix.
fn of_shop(uri: &Uri, before: &str, after: &str) -> Option<Uri> {
    let (_, rest) = uri.path().strip_prefix(before)?.split_once('/')?;
    let query = uri
        .query()
        .map_or(String::new(), |query| format!("?{query}"));
    format!("{after}{rest}{query}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_shop_leaves_the_address() {
        let of = |uri: &str| {
            let uri = of_shop(&uri.parse().unwrap(), PUBLIC.0, PUBLIC.1);
            uri.map(|uri| uri.to_string())
        };
        let similar = of("/v1/shops/a/similar/x%2Fy?k=3&brand=a%20b");
        assert_eq!(
            similar.as_deref(),
            Some("/v1/similar/x%2Fy?k=3&brand=a%20b")
        );
        assert_eq!(of("/v1/shops/a/shops/b").as_deref(), Some("/v1/shops/b"));
        assert_eq!(of("/v1/shops/a"), None);
        assert_eq!(of("/v1/popular"), None);
    }
}
