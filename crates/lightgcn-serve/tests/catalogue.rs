//! What is said of items while the service runs.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::{Reply, artifact, config, get, send};
use lightgcn_recommend::Recommender;
use lightgcn_serve::{
    ApiKey, CatalogueError, MemoryEvents, Scope, ServeConfig, ServeError, Service,
};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// The keys `write-key` and `read-key`.
const KEYS: [(&str, Scope); 2] = [
    (
        "9a7ac94eebad54f90bf2ee767e6765138c44b2ad6bd68e05938b5e7b0f4b232f",
        Scope::Write,
    ),
    (
        "8578df6c579d44d3bf7caeada69ed9cbca30b318a50a0e60216b46760edf5477",
        Scope::Read,
    ),
];

fn with_keys() -> ServeConfig {
    let keys = KEYS.map(|(sha256, scope)| ApiKey {
        name: format!("{scope:?}"),
        sha256: sha256.to_owned(),
        scopes: vec![scope],
        shops: Vec::new(),
    });
    ServeConfig {
        keys: keys.to_vec(),
        ..config()
    }
}

fn request(method: &str, path: &str, key: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {key}"))
}

async fn put(router: &Router, key: &str, body: &Value) -> Reply {
    let request = request("PUT", "/v1/catalogue", key).header("content-type", "application/json");
    send(router, request.body(Body::from(body.to_string())).unwrap()).await
}

async fn read(router: &Router, path: &str) -> Reply {
    send(
        router,
        request("GET", path, "read-key")
            .body(Body::empty())
            .unwrap(),
    )
    .await
}

fn service() -> Service {
    let recommender = Recommender::from_artifact(artifact(1.0)).unwrap();
    let events = Arc::new(MemoryEvents::default());
    Service::from_recommender(recommender, with_keys(), events).unwrap()
}

/// The items of a user's list, and what is known of each.
async fn list(router: &Router) -> Vec<(String, Value)> {
    let reply = read(router, "/v1/recommendations/u0?k=20").await;
    let json = reply.json();
    let items = json["items"].as_array().unwrap().iter();
    items
        .map(|item| {
            (
                item["item"].as_str().unwrap().to_owned(),
                item["details"].clone(),
            )
        })
        .collect()
}

/// What is known of an item, if it is in the list.
async fn listed(router: &Router, id: &str) -> Option<Value> {
    let list = list(router).await;
    assert!(!list.is_empty());
    list.into_iter()
        .find(|(item, _)| item == id)
        .map(|(_, details)| details)
}

#[tokio::test]
async fn titles_prices_and_stock_change_at_once() {
    let router = service().router();
    let before = listed(&router, "p6").await.unwrap();
    assert!(
        before.get("title").is_none() && before.get("in_stock").is_none(),
        "{before}"
    );
    let reply = put(
        &router,
        "write-key",
        &json!([
            {"item": "p6", "title": " Lamp ", "price": 3.5, "stock": 2, "page_url": "https://shop.example/p6"},
            {"item": "p99", "title": "New"},
            {"item": "p99", "in_stock": true},
        ]),
    )
    .await;
    let json = reply.json();
    assert_eq!(reply.status, 200, "{json}");
    assert_eq!(
        (&json["accepted"], &json["unknown"]),
        (&json!(3), &json!(["p99"]))
    );
    assert_eq!(
        listed(&router, "p6").await.unwrap(),
        json!({
            "category_id": null, "category_code": "lighting", "brand": "acme", "price": 3.5,
            "title": "Lamp", "page_url": "https://shop.example/p6", "in_stock": true,
        })
    );
    let found = read(&router, "/v1/items?q=lamp").await.json();
    assert_eq!(found["items"][0]["details"]["title"], "Lamp");
    let cheap = read(&router, "/v1/recommendations/u0?price_max=5").await;
    assert_eq!(cheap.items(), ["p6"]);

    // Sold out: nowhere any more, even if a request names it.
    put(&router, "write-key", &json!([{"item": "p6", "stock": 0}])).await;
    assert_eq!(listed(&router, "p6").await, None);
    for path in [
        "/v1/popular?k=20",
        "/v1/similar/p5?k=20",
        "/v1/recommendations/u1?k=20",
    ] {
        let items = read(&router, path).await.items();
        assert!(
            !items.is_empty() && !items.contains(&"p6".to_owned()),
            "{path}: {items:?}"
        );
    }
    let named = json!({"user": "u0", "options": {"filter": {"allow": ["p6"]}}});
    let named = request("POST", "/v1/recommendations", "read-key")
        .header("content-type", "application/json")
        .body(Body::from(named.to_string()));
    let answer = send(&router, named.unwrap()).await.json();
    assert_eq!(
        (&answer["items"], &answer["emptied_by"]),
        (&json!([]), &json!("unavailable"))
    );

    // Null forgets, and an item may expire.
    put(
        &router,
        "write-key",
        &json!([{"item": "p6", "in_stock": null, "title": null}]),
    )
    .await;
    let details = listed(&router, "p6").await.unwrap();
    assert!(
        details.get("title").is_none() && details["price"] == 3.5,
        "{details}"
    );
    put(
        &router,
        "write-key",
        &json!([{"item": "p6", "expires_at": 1_000_000_000}]),
    )
    .await;
    assert_eq!(listed(&router, "p6").await, None);
}

#[tokio::test]
async fn answers_that_clients_keep_are_not_right_afterwards() {
    let router = service().router();
    let tag = |reply: &Reply| reply.headers["etag"].to_str().unwrap().to_owned();
    let first = tag(&read(&router, "/v1/popular").await);
    put(&router, "write-key", &json!([{"item": "p0", "stock": 0}])).await;
    let second = tag(&read(&router, "/v1/popular").await);
    assert_ne!(first, second);
    // The same again changes nothing.
    let body = json!([{"item": "p0", "stock": 0}]);
    assert_eq!(put(&router, "write-key", &body).await.status, 200);
    assert_eq!(tag(&read(&router, "/v1/popular").await), second);
    let kept = request("GET", "/v1/popular", "read-key").header("if-none-match", second);
    let kept = send(&router, kept.body(Body::empty()).unwrap()).await;
    assert_eq!(kept.status, 304);
}

fn open(folder: &Path, config: ServeConfig) -> Result<Service, ServeError> {
    Service::open(folder.join("up"), config)
}

#[tokio::test]
async fn what_was_said_survives_a_restart_and_a_switch_of_models() {
    let folder = tempfile::tempdir().unwrap();
    artifact(1.0).save(folder.path().join("up")).unwrap();
    artifact(-1.0).save(folder.path().join("down")).unwrap();
    let mut config = with_keys();
    config.events = Some(folder.path().join("events.redb"));
    let service = open(folder.path(), config.clone()).unwrap();
    let body = json!([{"item": "p6", "stock": 0}, {"item": "p5", "title": "Five"}]);
    assert_eq!(put(&service.router(), "write-key", &body).await.status, 200);
    drop(service);
    let service = open(folder.path(), config).unwrap();
    let router = service.router();
    assert_eq!(listed(&router, "p6").await, None);
    assert_eq!(listed(&router, "p5").await.unwrap()["title"], "Five");
    let (up, down) = (service.model_version(), service.load("down").unwrap());
    assert_ne!(up, down);
    assert_eq!(listed(&router, "p6").await, None);
    assert_eq!(listed(&router, "p5").await.unwrap()["title"], "Five");
    // Models in memory that do not answer hear of it too.
    put(&router, "write-key", &json!([{"item": "p5", "stock": 0}])).await;
    service.activate(&up).unwrap();
    assert_eq!(listed(&router, "p5").await, None);
}

#[tokio::test]
async fn bad_items_are_told_and_nothing_is_stored() {
    let service = service();
    let router = service.router();
    for (body, status, code) in [
        (json!([{"item": "p6", "price": -1}]), 400, "bad_item"),
        (json!([{"item": "p6", "title": "a\nb"}]), 400, "bad_item"),
        (
            json!([{"item": "p6", "image_url": "javascript:alert(1)"}]),
            400,
            "bad_item",
        ),
        (json!([{"item": "p6", "page_url": "/p6"}]), 400, "bad_item"),
        (json!([{"item": "p6", "expires_at": -1}]), 400, "bad_item"),
        (json!([{"item": "", "price": 1}]), 400, "bad_id"),
        (json!([{"item": "p6", "brand": "NULL"}]), 400, "bad_id"),
        (json!([{"item": "x".repeat(300)}]), 400, "id_too_long"),
        (json!([{"item": "p6", "colour": "red"}]), 400, "bad_json"),
        (json!([{"item": "p6", "in_stock": "yes"}]), 400, "bad_json"),
        (json!([["p6", "Lamp"]]), 400, "bad_json"),
        (json!({"item": "p6"}), 400, "bad_json"),
    ] {
        assert_eq!(
            put(&router, "write-key", &body).await.error(status),
            code,
            "{body}"
        );
    }
    let mixed = json!([{"item": "p6", "stock": 0}, {"item": "p5", "price": -1}]);
    let reply = put(&router, "write-key", &mixed).await;
    let issues = reply.json()["error"]["issues"].clone();
    assert_eq!(issues.as_array().unwrap().len(), 1);
    assert!(issues[0].as_str().unwrap().starts_with("item 2:"));
    assert!(listed(&router, "p6").await.is_some());
    let long = json!([{"item": "p6", "title": "é".repeat(1000)}]);
    assert_eq!(put(&router, "write-key", &long).await.status, 200);
    let details = listed(&router, "p6").await.unwrap();
    let title = details["title"].as_str().unwrap();
    assert_eq!((title.chars().count(), title.ends_with('…')), (300, true));
}

#[tokio::test]
async fn it_needs_a_key_that_may_write_and_has_room_for_so_much() {
    let service = service();
    let router = service.router();
    let body = json!([{"item": "p6", "stock": 0}]);
    assert_eq!(
        put(&router, "read-key", &body).await.error(403),
        "forbidden"
    );
    assert_eq!(
        put(&router, "no-key", &body).await.error(401),
        "unauthorized"
    );
    let open = common::service().router();
    assert_eq!(put(&open, "", &body).await.error(403), "forbidden");
    let document = service.openapi().unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let route = &document["paths"]["/v1/catalogue"]["put"];
    assert_eq!(route["operationId"], "put_catalogue");
    assert!(route["responses"]["413"].is_object() && route["responses"].get("422").is_none());
    assert!(
        get(&open, "/openapi.json")
            .await
            .text()
            .contains("/v1/catalogue")
    );

    let mut small = with_keys();
    small.limits.catalogue_bytes = 1000;
    let recommender = Recommender::from_artifact(artifact(1.0)).unwrap();
    let events = Arc::new(MemoryEvents::default());
    let router = Service::from_recommender(recommender, small, events)
        .unwrap()
        .router();
    let many: Vec<Value> = (0..12)
        .map(|n| json!({"item": format!("p{n}"), "stock": 0}))
        .collect();
    assert_eq!(
        put(&router, "write-key", &json!(many)).await.error(503),
        "catalogue_full"
    );
    assert!(listed(&router, "p6").await.is_some());
}

#[test]
fn a_damaged_catalogue_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    artifact(1.0).save(folder.path().join("up")).unwrap();
    let mut config = config();
    config.events = Some(folder.path().join("events.redb"));
    std::fs::write(
        folder.path().join("events.redb.catalogue"),
        "not a database",
    )
    .unwrap();
    let error = open(folder.path(), config).unwrap_err();
    let ServeError::Catalogue(CatalogueError::Failed { path, .. }) = error else {
        panic!("{error}");
    };
    assert!(path.ends_with("events.redb.catalogue"));
}
