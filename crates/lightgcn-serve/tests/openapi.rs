//! What the OpenAPI documents say of both listeners.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::{config, get, send, service, service_with};
use lightgcn_serve::{ApiKey, MetricsListener, Scope, ServeConfig, Token};
use serde_json::{Value, json};

const TOKEN: &str = "a-token-of-some-length";

fn with_keys() -> ServeConfig {
    let mut config = config();
    config.keys = vec![ApiKey {
        name: "shop".to_owned(),
        sha256: "0".repeat(64),
        scopes: vec![Scope::Read],
        shops: Vec::new(),
    }];
    config
}

async fn document(router: &Router) -> Value {
    let request = Request::get("/openapi.json")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {TOKEN}"));
    let reply = send(router, request.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.status, 200);
    reply.json()
}

/// The statuses of an operation, ascending.
fn statuses(document: &Value, method: &str, path: &str) -> Vec<u16> {
    let responses = &document["paths"][path][method]["responses"];
    let responses = responses.as_object().unwrap();
    responses.keys().map(|key| key.parse().unwrap()).collect()
}

#[tokio::test]
async fn every_status_is_told() {
    let open = document(&service().router()).await;
    for (method, path, expected) in [
        (
            "get",
            "/v1/popular",
            vec![200, 304, 400, 405, 421, 422, 500, 503],
        ),
        (
            "get",
            "/v1/similar/{item}",
            vec![200, 304, 400, 404, 405, 421, 422, 500, 503],
        ),
        (
            "post",
            "/v1/recommendations",
            vec![200, 400, 405, 408, 413, 415, 421, 422, 500, 503],
        ),
        (
            "get",
            "/v1/outcomes",
            vec![200, 400, 404, 405, 421, 500, 503],
        ),
        (
            "put",
            "/v1/catalogue",
            vec![200, 400, 401, 403, 405, 408, 413, 415, 421, 500, 503],
        ),
        (
            "delete",
            "/v1/users/{user}",
            vec![200, 400, 401, 403, 404, 405, 421, 500, 503],
        ),
        ("get", "/metrics", vec![200, 405, 421, 503]),
        ("get", "/health/live", vec![200, 405]),
        ("get", "/health/ready", vec![200, 405, 503]),
    ] {
        assert_eq!(statuses(&open, method, path), expected, "{method} {path}");
    }
    // With keys, all but health may be refused for want of one.
    let guarded = document(&service_with(with_keys()).router()).await;
    for (path, item) in guarded["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let has = statuses(&guarded, method, path);
            let is_guarded = !path.starts_with("/health/");
            assert_eq!(has.contains(&401), is_guarded, "{method} {path}");
            assert_eq!(has.contains(&403), is_guarded, "{method} {path}");
            assert_eq!(
                operation.get("security").is_some(),
                is_guarded,
                "{method} {path}"
            );
        }
    }
    let mut hidden = config();
    hidden.privacy = true;
    let hidden = document(&service_with(hidden).router()).await;
    assert!(statuses(&hidden, "get", "/v1/recommendations/{user}").contains(&403));
}

#[tokio::test]
async fn the_headers_of_lists_are_told() {
    let document = document(&service().router()).await;
    for (method, path) in [
        ("get", "/v1/recommendations/{user}"),
        ("post", "/v1/recommendations"),
    ] {
        let parameters = document["paths"][path][method]["parameters"].as_array();
        let headers = parameters
            .unwrap()
            .iter()
            .filter(|one| one["in"] == "header");
        let headers: Vec<_> = headers
            .map(|one| (&one["name"], &one["required"]))
            .collect();
        let (id, not_shown) = (json!("x-request-id"), json!("x-not-shown"));
        let no = json!(false);
        assert_eq!(headers, [(&id, &no), (&not_shown, &no)], "{method} {path}");
    }
}

#[tokio::test]
async fn keys_are_a_security_scheme() {
    let open = document(&service().router()).await;
    let scheme = &open["components"]["securitySchemes"]["bearer"];
    assert_eq!(
        (&scheme["type"], &scheme["scheme"]),
        (&json!("http"), &json!("bearer"))
    );
    let security = |document: &Value, method: &str, path: &str| {
        document["paths"][path][method]["security"].clone()
    };
    // Two routes need a key even where no other does.
    assert_eq!(
        security(&open, "put", "/v1/catalogue"),
        json!([{"bearer": ["write"]}])
    );
    assert_eq!(
        security(&open, "delete", "/v1/users/{user}"),
        json!([{"bearer": ["admin"]}])
    );
    assert_eq!(security(&open, "get", "/v1/popular"), Value::Null);
    let guarded = document(&service_with(with_keys()).router()).await;
    assert_eq!(
        security(&guarded, "get", "/v1/popular"),
        json!([{"bearer": ["read"]}])
    );
    assert_eq!(
        security(&guarded, "post", "/v1/events"),
        json!([{"bearer": ["write"]}])
    );
    assert_eq!(security(&guarded, "get", "/health/live"), Value::Null);
}

#[tokio::test]
async fn a_post_has_one_answer_or_many() {
    let document = document(&service().router()).await;
    let schemas = &document["components"]["schemas"];
    let of = |reference: &Value| {
        let name = reference["$ref"].as_str().unwrap();
        schemas[name.rsplit('/').next().unwrap()].clone()
    };
    let post = &document["paths"]["/v1/recommendations"]["post"];
    let answer = of(&post["responses"]["200"]["content"]["application/json"]["schema"]);
    let kinds = answer["oneOf"].as_array().unwrap();
    assert_eq!(kinds.len(), 2, "{answer}");
    for (kind, field) in [(&kinds[0], "items"), (&kinds[1], "answers")] {
        // Its own fields, and the version beside them.
        let parts = of(kind)["allOf"].clone();
        let has = |field: &str| {
            let mut parts = parts.as_array().unwrap().iter();
            parts.any(|part| part["required"].to_string().contains(&format!("{field:?}")))
        };
        assert!(has(field) && has("model_version"), "{field}: {parts}");
    }
    let question = of(&post["requestBody"]["content"]["application/json"]["schema"]);
    assert_eq!(question["oneOf"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_admin_listener_has_a_document_of_its_own() {
    let own = document(&service().admin_router()).await;
    let paths: Vec<&String> = own["paths"].as_object().unwrap().keys().collect();
    let expected = [
        "/admin/models",
        "/admin/models/{version}/activate",
        "/admin/rollback",
    ];
    assert_eq!(paths, expected);
    let listed = vec![200, 400, 403, 405, 500];
    assert_eq!(statuses(&own, "get", "/admin/models"), listed);
    let loaded = vec![200, 400, 403, 405, 408, 413, 415, 422, 500];
    assert_eq!(statuses(&own, "post", "/admin/models"), loaded);
    let rolled_back = vec![200, 400, 403, 404, 405, 408, 413, 415, 422, 500];
    assert_eq!(statuses(&own, "post", "/admin/rollback"), rolled_back);
    let activated = vec![200, 400, 403, 404, 405, 500];
    assert_eq!(
        statuses(&own, "post", "/admin/models/{version}/activate"),
        activated
    );
    let public = document(&service().router()).await;
    assert_eq!(public["paths"].get("/admin/models"), None);
    // With a token, the token is asked for; the page's listener may have the routes too.
    let mut config = config();
    config.admin.token = Some(Token::new(TOKEN));
    config.admin.on_page = true;
    let service = service_with(config);
    for router in [service.admin_router(), service.router()] {
        let document = document(&router).await;
        let list = &document["paths"]["/admin/models"]["get"];
        assert_eq!(list["security"], json!([{"bearer": ["admin"]}]));
        assert_eq!(
            statuses(&document, "get", "/admin/models"),
            [200, 400, 401, 405, 500]
        );
    }
    let without = Request::get("/openapi.json").body(Body::empty()).unwrap();
    let reply = send(&service.admin_router(), without).await;
    assert_eq!(reply.error(401), "unauthorized");
}

#[tokio::test]
async fn metrics_are_where_the_configuration_says() {
    let mut config = config();
    config.metrics = MetricsListener::Admin;
    for (service, on_admin) in [(service(), false), (service_with(config), true)] {
        let (public, admin) = (service.router(), service.admin_router());
        let of_public = get(&public, "/metrics").await;
        let local = Request::get("/metrics").header("host", "localhost");
        let of_admin = send(&admin, local.body(Body::empty()).unwrap()).await;
        let (has, lacks) = match on_admin {
            true => (of_admin, of_public),
            false => (of_public, of_admin),
        };
        assert_eq!(has.status, 200);
        assert!(has.text().contains("lightgcn_build_info"));
        assert_eq!(lacks.status, 404, "{on_admin}");
        let documented = |document: &Value| document["paths"].get("/metrics").is_some();
        assert_eq!(documented(&document(&public).await), !on_admin);
        assert_eq!(documented(&document(&admin).await), on_admin);
        // Those who may not use the admin listener have no metrics either.
        let foreign = Request::get("/metrics").header("host", "rebound.example");
        let foreign = send(&admin, foreign.body(Body::empty()).unwrap()).await;
        assert_eq!(foreign.error(403), "foreign_host");
    }
}

#[tokio::test]
async fn the_openapi_document_has_every_route() {
    let service = service();
    let router = service.router();
    let document = get(&router, "/openapi.json").await.json();
    assert_eq!(
        document,
        serde_json::from_str::<Value>(&service.openapi().unwrap()).unwrap()
    );
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/v1/recommendations/{user}",
        "/v1/recommendations",
        "/v1/explanations/{user}/{item}",
        "/v1/explanations",
        "/v1/similar/{item}",
        "/v1/popular",
        "/v1/events",
        "/v1/users",
        "/v1/users/{user}",
        "/v1/items",
        "/v1/graph/{user}",
        "/v1/model",
        "/health/live",
        "/health/ready",
        "/metrics",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    // Every reference has a schema.
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    // The schema of an item has the fields that are sent.
    let answer = get(&router, "/v1/recommendations/u0?k=1").await.json();
    let item = schemas["RecommendedItem"]["properties"]
        .as_object()
        .unwrap();
    let written = answer["items"][0].as_object().unwrap();
    assert!(
        written.keys().all(|key| item.contains_key(key)),
        "{written:?} in {item:?}"
    );
    assert_eq!(written.len(), item.len());
    // Parameters of queries come from the types that read them.
    let parameters = &document["paths"]["/v1/popular"]["get"]["parameters"];
    let names: Vec<&str> = parameters
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect();
    let expected = [
        "k",
        "recent",
        "category",
        "brand",
        "allow",
        "deny",
        "deny_categories",
        "deny_brands",
        "price_min",
        "price_max",
    ];
    assert_eq!(names, expected);
}
