//! The page, and what only it needs: searches, items, graphs, and its settings.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use axum::body::Body;
use axum::http::Request;
use common::{HOSTILE, TRAINED, config, get, post, send, service, service_with};
use lightgcn_serve::{ServeError, Token};
use serde_json::{Value, json};

const TOKEN: &str = "0123456789abcdef";

#[tokio::test]
async fn searches_list_what_begins_with_the_text_first() {
    let router = service().router();
    let ids = |list: &Value, key: &str| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|one| one[key].as_str().unwrap().to_owned())
            .collect()
    };
    // All users have as many items, so that only the place in the id counts: u2 is the text itself.
    let users = get(&router, "/v1/users?q=u2&limit=3").await.json();
    assert_eq!(ids(&users["users"], "id"), ["u2", "u20", "u21"]);
    let users = get(&router, "/v1/users?q=2&limit=2").await.json();
    assert_eq!(ids(&users["users"], "id"), ["u2", "u12"]);
    let items = get(&router, "/v1/items?q=p1").await.json();
    assert_eq!(ids(&items["items"], "item"), ["p1", "p10", "p11"]);
}

#[tokio::test]
async fn an_item_has_what_users_did_with_it() {
    let router = service().router();
    let viewed = get(&router, "/v1/items/p6").await.json();
    assert_eq!(
        (&viewed["n_users"], &viewed["n_bought"]),
        (&json!(30), &Value::Null)
    );
    assert_eq!(
        viewed["behaviors"],
        json!([{"behavior": "view", "count": 30}])
    );
    assert_eq!(viewed["also_bought"], json!([]));
    // Users u with u mod 4 = 0 or 1 bought item 1, and half of them viewed it.
    let bought = get(&router, "/v1/items/p1").await.json();
    assert_eq!(
        (&bought["n_bought"], &bought["n_users"]),
        (&json!(16), &json!(16))
    );
    assert_eq!(
        bought["behaviors"],
        json!([{"behavior": "view", "count": 8}, {"behavior": "purchase", "count": 16}])
    );
    let also = bought["also_bought"].as_array().unwrap();
    let also: Vec<_> = also
        .iter()
        .map(|one| (&one["item"], &one["count"]))
        .collect();
    assert_eq!(also, [(&json!("p0"), &json!(8)), (&json!("p2"), &json!(8))]);
    assert_eq!(bought["details"]["category_code"], "apparel.glove");
    assert_eq!(
        get(&router, "/v1/items/nothing").await.error(404),
        "unknown_item"
    );
}

#[tokio::test]
async fn few_users_are_not_counted() {
    let mut config = config();
    config.limits.min_users = 9;
    let router = service_with(config).router();
    let bought = get(&router, "/v1/items/p1").await.json();
    assert_eq!(
        bought["behaviors"],
        json!([{"behavior": "purchase", "count": 16}])
    );
    assert_eq!(bought["also_bought"], json!([]));
}

#[tokio::test]
async fn images_come_only_from_the_hosts_that_are_named() {
    let policy = |reply: &common::Reply| {
        let policy = &reply.headers["content-security-policy"];
        policy.to_str().unwrap().to_owned()
    };
    let reply = get(&service().router(), "/").await;
    assert!(policy(&reply).ends_with("img-src 'self' data:"));
    let mut config = config();
    config.image_hosts = vec![
        "images.shop.example".to_owned(),
        "cdn.example:8443".to_owned(),
    ];
    config.currency = Some("EUR".to_owned());
    let router = service_with(config).router();
    let reply = get(&router, "/").await;
    let expected = "img-src 'self' data: https://images.shop.example https://cdn.example:8443";
    assert!(policy(&reply).ends_with(expected));
    let model = get(&router, "/v1/model").await.json();
    assert_eq!(
        model["image_hosts"],
        json!(["images.shop.example", "cdn.example:8443"])
    );
    assert_eq!(model["currency"], "EUR");
}

#[tokio::test]
async fn the_latest_events_are_listed_until_their_user_is_forgotten() {
    let router = service().router();
    let none = get(&router, "/v1/events").await.json();
    assert_eq!(
        (&none["n_posted"], &none["latest"]),
        (&json!(0), &json!([]))
    );
    // The shop of these tests does not know single events.
    assert_eq!(none["days"], json!([]));
    let events = json!({"events": [
        {"user": "u0", "item": "p4", "behavior": "purchase", "time": 2_000_000},
        {"user": "new", "item": "unheard-of", "behavior": "view", "time": 2_000_001, "count": 2},
    ]});
    assert_eq!(
        post(&router, "/v1/events", events.to_string()).await.status,
        200
    );
    let some = get(&router, "/v1/events").await.json();
    assert_eq!(
        (&some["n_posted"], &some["n_stored"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        some["latest"][0],
        json!({"user": "new", "item": "unheard-of", "details": null, "behavior": "view", "time": 2_000_001, "count": 2.0})
    );
    assert_eq!(
        some["latest"][1]["details"]["category_code"],
        "apparel.glove"
    );
    let mut private = config();
    private.page = false;
    let router = service_with(private).router();
    assert_eq!(get(&router, "/v1/events").await.status, 405);
}

#[tokio::test]
async fn the_page_may_switch_models_only_with_the_token() {
    let ask = |token: Option<&str>| {
        let request = Request::get("/admin/models").header("host", "localhost");
        let request = match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        request.body(Body::empty()).unwrap()
    };
    let mut config = config();
    config.admin.on_page = true;
    let Err(ServeError::Config { issues }) = config.clone().check() else {
        panic!("a page without a token may switch models");
    };
    assert_eq!(issues[0].key, "admin.on_page");
    config.admin.token = Some(Token::new(TOKEN));
    let service = service_with(config.clone());
    let router = service.router();
    for token in [None, Some("fedcba9876543210")] {
        assert_eq!(send(&router, ask(token)).await.error(401), "unauthorized");
    }
    let models = send(&router, ask(Some(TOKEN))).await.json();
    assert_eq!(models["models"][0]["version"], service.model_version());
    assert_eq!(models["models"][0]["figures"]["validation recall@20"], 0.25);
    assert_eq!(
        get(&router, "/v1/model").await.json()["admin_on_page"],
        true
    );
    config.admin.on_page = false;
    let router = service_with(config).router();
    assert_eq!(send(&router, ask(Some(TOKEN))).await.error(404), "no_route");
}

#[tokio::test]
async fn the_routes_of_the_page_search_and_describe() {
    let router = service().router();
    let found = get(&router, "/v1/users?q=2&limit=3").await.json();
    assert_eq!(found["total"], 12);
    assert_eq!(
        found["users"][0],
        json!({"id": "u2", "n_items": 3, "n_bought": 2})
    );
    assert_eq!(
        get(&router, "/v1/users").await.json()["users"]
            .as_array()
            .unwrap()
            .len(),
        20
    );
    let found = get(&router, "/v1/items?q=GLOVE").await.json();
    assert_eq!(found["total"], 6);
    let first = get(&router, "/v1/items?q=p&limit=1").await.json();
    assert_eq!(first["items"][0]["item"], "p6");
    assert_eq!(first["items"][0]["n_users"], 30);
    assert_eq!(
        get(&router, "/v1/items?q=%3Cscript").await.json()["total"],
        6
    );
    let unknown = get(&router, "/v1/users/nobody").await.json();
    assert_eq!(
        (&unknown["known"], &unknown["history"]),
        (&json!(false), &json!([]))
    );
    let model = get(&router, "/v1/model").await.json();
    assert_eq!(
        model["model"],
        json!({"name": "lightgcn", "layers": 0, "dimension": 1})
    );
    assert_eq!(model["price"], json!({"min": 10.0, "max": 21.0}));
    assert_eq!(model["brands"], json!([HOSTILE, "acme"]));
    assert_eq!(model["figures"]["metrics"]["validation recall@20"], 0.25);
    // Five events of each user, all at one time.
    assert_eq!(model["n_events"], 5 * common::USERS);
    assert_eq!(
        (&model["trained_from"], &model["trained_until"]),
        (&json!(TRAINED), &json!(TRAINED))
    );
    let typical = model["typical_users"].as_array().unwrap();
    assert_eq!(
        (typical.len(), &typical[0]),
        (6, &json!({"id": "u0", "n_items": 3, "n_bought": 2}))
    );
    assert_eq!(
        (&model["currency"], &model["image_hosts"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(
        (&model["figures"]["curve"], &model["figures"]["baselines"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn the_graph_shows_other_users_only_in_groups() {
    let router = service().router();
    let graph = get(&router, "/v1/graph/u0?recommended=p2,p3,unheard-of")
        .await
        .json();
    let nodes = graph["nodes"].as_array().unwrap();
    assert_eq!(nodes[0], json!({"id": "self", "kind": "self"}));
    let groups: Vec<&Value> = nodes
        .iter()
        .filter(|node| node["kind"] == "users")
        .collect();
    assert!(!groups.is_empty());
    assert!(
        groups
            .iter()
            .all(|group| group["count"].as_u64().unwrap() >= 5)
    );
    let ids: Vec<&str> = nodes
        .iter()
        .map(|node| node["id"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&"item:p2") && !ids.contains(&"item:unheard-of"));
    let edges = graph["edges"].as_array().unwrap();
    let own: Vec<&Value> = edges
        .iter()
        .filter(|edge| edge["source"] == "self")
        .collect();
    assert_eq!(own.len(), 3);
    assert!(edges.iter().all(|edge| {
        ids.contains(&edge["source"].as_str().unwrap())
            && ids.contains(&edge["target"].as_str().unwrap())
    }));
    let unknown = get(&router, "/v1/graph/nobody").await.json();
    assert_eq!(unknown["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(
        get(&router, "/v1/graph/u0?items=51").await.error(400),
        "bad_query"
    );
}

#[tokio::test]
async fn the_page_is_built_into_the_program() {
    let router = service().router();
    let page = get(&router, "/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers["cache-control"], "no-cache");
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
    let tag = page.headers["etag"].clone();
    let again = Request::get("/").header("if-none-match", tag);
    let again = send(&router, again.body(Body::empty()).unwrap()).await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    for path in [
        "/nothing.js",
        "/docs",
        "/assets/../../Cargo.toml",
        "/..%2fCargo.toml",
        "/%2e%2e/Cargo.toml",
        "//etc/passwd",
    ] {
        assert_eq!(get(&router, path).await.error(404), "no_route", "{path}");
    }
    assert_eq!(post(&router, "/", "{}").await.error(405), "no_method");
    assert_eq!(
        post(&router, "/v1/popular", "{}").await.error(405),
        "no_method"
    );
}

#[tokio::test]
async fn without_the_page_no_route_lists_users() {
    let router = service_with(lightgcn_serve::ServeConfig {
        page: false,
        ..common::config()
    })
    .router();
    for path in [
        "/",
        "/v1/users",
        "/v1/users/u0",
        "/v1/graph/u0",
        "/v1/model",
        "/v1/items",
    ] {
        assert_eq!(get(&router, path).await.error(404), "no_route", "{path}");
    }
    assert_eq!(get(&router, "/v1/recommendations/u0").await.status, 200);
}
