//! Many shops in one service.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::{artifact, ask, body_of, config, get, post, send};
use lightgcn_serve::{ApiKey, Scope, ServeConfig, ServeError, Server, Service, ShopConfig, Shops};
use serde_json::{Value, json};
use std::path::Path;
use tokio::sync::oneshot;

/// The SHA-256 of `a-key` and of `write-key`.
const A_KEY: &str = "2a8a1240f50636655520ac8ed22aa29473b8517b4abfdbc3bc03bcad73fc8849";
const WRITE_KEY: &str = "9a7ac94eebad54f90bf2ee767e6765138c44b2ad6bd68e05938b5e7b0f4b232f";

/// A folder with the shops `a`, `b` and `c`, and things that are no shops.
fn models() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, sign) in [("a", 1.0), ("b", -1.0), ("c", 0.5)] {
        artifact(sign).save(folder.path().join(name)).unwrap();
    }
    std::fs::create_dir(folder.path().join("a.run")).unwrap();
    std::fs::write(folder.path().join("file"), "x").unwrap();
    folder
}

fn open(folder: &Path, config: ServeConfig) -> Shops {
    Shops::open(folder, config).unwrap()
}

/// The bytes that the model of a shop counts.
fn bytes(folder: &Path, name: &str) -> u64 {
    let files = std::fs::read_dir(folder.join(name)).unwrap();
    2 * files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum::<u64>()
}

/// The shops whose models are in memory.
async fn loaded(router: &Router) -> Vec<String> {
    let list = get(router, "/v1/shops").await.json();
    let shops = list["shops"].as_array().unwrap().iter();
    let loaded = shops.filter(|shop| shop["loaded"] == true);
    loaded
        .map(|shop| shop["shop"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn each_shop_has_its_model_and_all_routes() {
    let folder = models();
    let router = open(folder.path(), config()).router();
    let list = get(&router, "/v1/shops").await;
    assert_eq!(
        list.json(),
        json!({"shops": [
            {"shop": "a", "loaded": false}, {"shop": "b", "loaded": false}, {"shop": "c", "loaded": false},
        ]})
    );
    let of = async |shop: &str| {
        let path = format!("/v1/shops/{shop}/recommendations/u0?k=3&price_min=0");
        get(&router, &path).await
    };
    let (a, b) = (of("a").await, of("b").await);
    assert_ne!(a.items(), b.items());
    assert_ne!(a.headers["x-model-version"], b.headers["x-model-version"]);
    assert_eq!(
        a.headers["x-model-version"],
        a.json()["model_version"].as_str().unwrap()
    );
    assert_eq!(loaded(&router).await, ["a", "b"]);
    let batch = json!({"requests": [{"user": "u1"}, {"user": "u2"}]}).to_string();
    let batch = post(&router, "/v1/shops/a/recommendations", batch)
        .await
        .json();
    assert_eq!(batch["answers"].as_array().unwrap().len(), 2);
    for path in [
        "similar/p1",
        "popular",
        "explanations/u0/p2",
        "users/u0",
        "items?q=p1",
        "graph/u0",
        "model",
    ] {
        let reply = get(&router, &format!("/v1/shops/b/{path}")).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
    // Answers of the model alone have their tags.
    let popular = get(&router, "/v1/shops/b/popular").await;
    let tag = popular.headers["etag"].clone();
    let request = Request::get("/v1/shops/b/popular").header("if-none-match", tag);
    assert_eq!(
        send(&router, request.body(Body::empty()).unwrap())
            .await
            .status,
        304
    );
    // Errors of a shop's routes are its own.
    assert_eq!(
        get(&router, "/v1/shops/a/similar/nothing").await.error(404),
        "unknown_item"
    );
    assert_eq!(
        get(&router, "/v1/shops/a/nothing").await.error(404),
        "no_route"
    );
    assert_eq!(
        post(&router, "/v1/shops/a/popular", "").await.error(405),
        "no_method"
    );
    assert_eq!(
        get(&router, "/v1/shops/a/health/live").await.error(404),
        "no_route"
    );
    assert_eq!(
        get(&router, "/v1/shops/a/shops").await.error(404),
        "no_route"
    );
}

#[tokio::test]
async fn names_that_are_no_shops_are_not_found() {
    let folder = models();
    let outside = tempfile::tempdir().unwrap();
    artifact(1.0).save(outside.path().join("secret")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join("link")).unwrap();
    artifact(1.0)
        .save(folder.path().join("deep/model"))
        .unwrap();
    let router = open(folder.path(), config()).router();
    for name in [
        "none",
        "a.run",
        "file",
        "link",
        "deep",
        "deep%2fmodel",
        "..",
        "%2e%2e",
        "%2E%2e%2Fsecret",
        ".",
        "a%2f..%2fb",
        "%2fetc",
        "a%00",
        "~",
        "%5c..",
        "A",
        "a%20",
        "%C3%BC",
    ] {
        let reply = get(&router, &format!("/v1/shops/{name}/popular")).await;
        assert_eq!(reply.error(404), "unknown_shop", "{name}");
        assert_eq!(reply.headers["content-type"], "application/problem+json");
    }
    let long = "a".repeat(5000);
    let reply = get(&router, &format!("/v1/shops/{long}/popular")).await;
    assert_eq!(reply.error(404), "unknown_shop");
    assert!(reply.bytes.len() < 1000);
    for path in [
        "/v1/popular",
        "/v1/shops/a",
        "/v1/shops/",
        "/v1/shops//popular",
        "/",
    ] {
        assert_eq!(get(&router, path).await.status, 404, "{path}");
    }
    assert!(loaded(&router).await.is_empty());
}

#[tokio::test]
async fn models_make_room_for_others() {
    let folder = models();
    let mut config = config();
    // Two of the three.
    let all: Vec<u64> = ["a", "b", "c"]
        .map(|name| bytes(folder.path(), name))
        .into();
    config.limits.models_memory = all.iter().max().unwrap() * 2;
    let router = open(folder.path(), config.clone()).router();
    for (shop, expected) in [
        ("a", &["a"][..]),
        ("b", &["a", "b"]),
        ("a", &["a", "b"]),
        ("c", &["a", "c"]),
        ("b", &["b", "c"]),
    ] {
        assert_eq!(
            get(&router, &format!("/v1/shops/{shop}/popular"))
                .await
                .status,
            200
        );
        assert_eq!(loaded(&router).await, expected, "after {shop}");
    }
    config.limits.models_memory = 1000;
    let router = open(folder.path(), config).router();
    let reply = get(&router, "/v1/shops/a/popular").await;
    assert_eq!(reply.error(503), "model_too_large");
}

#[tokio::test]
async fn events_and_catalogues_are_those_of_a_shop_and_outlive_its_model() {
    let folder = models();
    let events = tempfile::tempdir().unwrap();
    for stored in [false, true] {
        let mut config = config();
        config.keys = vec![ApiKey {
            name: "write".to_owned(),
            sha256: WRITE_KEY.to_owned(),
            scopes: vec![Scope::Read, Scope::Write],
            shops: Vec::new(),
        }];
        config.events = stored.then(|| events.path().to_owned());
        config.limits.models_memory = bytes(folder.path(), "a").max(bytes(folder.path(), "b"));
        let router = open(folder.path(), config.clone()).router();
        let send = async |method: &str, path: &str, body: Value| {
            let request = Request::builder()
                .method(method)
                .uri(format!("/v1/shops/{path}"))
                .header("authorization", "Bearer write-key")
                .header("content-type", "application/json");
            send(&router, request.body(Body::from(body.to_string())).unwrap()).await
        };
        let event = json!({"events": [{"user": "new", "item": "p3", "behavior": "purchase", "time": 2_000_000}]});
        assert_eq!(send("POST", "a/events", event).await.status, 200);
        let change = json!([{"item": "p6", "stock": 0}]);
        assert_eq!(send("PUT", "a/catalogue", change).await.status, 200);
        let history = send("GET", "b/users/new", json!(null)).await.json();
        assert_eq!(history["history"], json!([]));
        let items = send("GET", "b/recommendations/u0?k=20", json!(null))
            .await
            .items();
        assert!(items.contains(&"p6".to_owned()));
        // The model of b has taken the place of that of a.
        let history = send("GET", "a/users/new", json!(null)).await.json();
        assert_eq!(history["history"][0]["item"], "p3");
        let items = send("GET", "a/recommendations/u0?k=20", json!(null))
            .await
            .items();
        assert!(!items.contains(&"p6".to_owned()));
        for file in ["a.events", "a.events.catalogue", "b.events"] {
            assert_eq!(events.path().join(file).exists(), stored, "{file}");
        }
        if stored {
            drop(router);
            let router = open(folder.path(), config).router();
            let request = Request::get("/v1/shops/a/users/new");
            let request = request.header("authorization", "Bearer write-key");
            let again = common::send(&router, request.body(Body::empty()).unwrap()).await;
            assert_eq!(again.json()["history"][0]["item"], "p3");
        }
    }
}

#[tokio::test]
async fn keys_may_be_for_some_shops() {
    let folder = models();
    let mut config = config();
    config.keys = vec![ApiKey {
        name: "a".to_owned(),
        sha256: A_KEY.to_owned(),
        scopes: vec![Scope::Read],
        shops: vec!["a".to_owned()],
    }];
    let router = open(folder.path(), config).router();
    let with = async |key: &str, path: &str| {
        let request = Request::get(path).header("authorization", format!("Bearer {key}"));
        send(&router, request.body(Body::empty()).unwrap()).await
    };
    assert_eq!(with("a-key", "/v1/shops/a/popular").await.status, 200);
    for path in [
        "/v1/shops/b/popular",
        "/v1/shops/none/popular",
        "/v1/shops",
        "/metrics",
    ] {
        assert_eq!(with("a-key", path).await.error(403), "forbidden", "{path}");
    }
    // Nothing is loaded, nor told, for those without a key.
    assert_eq!(
        with("x", "/v1/shops/b/popular").await.error(401),
        "unauthorized"
    );
    assert_eq!(
        get(&router, "/health/ready").await.json(),
        json!({"status": "ready", "loaded": 1})
    );
}

#[tokio::test]
async fn metrics_and_the_document_tell_shops_apart() {
    let folder = models();
    let shops = open(folder.path(), config());
    let router = shops.router();
    for path in [
        "a/similar/p1",
        "a/similar/p2",
        "b/similar/p1",
        "none/popular",
    ] {
        get(&router, &format!("/v1/shops/{path}")).await;
    }
    let metrics = get(&router, "/metrics").await.text();
    let requests = |labels: &str| format!("lightgcn_http_requests_total{{{labels}}} ");
    let route = "route=\"/v1/similar/{item}\",method=\"GET\",status=\"200\"";
    let other = "route=\"/v1/shops/{shop}/{*rest}\",method=\"GET\",status=\"404\"";
    for line in [
        requests(&format!("shop=\"a\",{route}")) + "2",
        requests(&format!("shop=\"b\",{route}")) + "1",
        requests(other) + "1",
        "lightgcn_event_store_events{shop=\"a\"} 0".to_owned(),
        "lightgcn_catalogue_changed_items{shop=\"b\"} 0".to_owned(),
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line} is not in\n{metrics}"
        );
    }
    assert!(metrics.contains("lightgcn_model_info{shop=\"a\",version=\""));
    let heads = metrics
        .lines()
        .filter(|line| line.starts_with("# TYPE lightgcn_http_requests_total"));
    assert_eq!(heads.count(), 1);
    assert_eq!(
        metrics.matches("process_resident_memory_bytes ").count(),
        3,
        "{metrics}"
    );

    let document = get(&router, "/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/v1/shops") && paths.contains_key("/metrics"));
    let similar = &paths["/v1/shops/{shop}/similar/{item}"]["get"];
    assert_eq!(similar["parameters"][0]["name"], "shop");
    assert!(!paths.keys().any(|path| path.starts_with("/v1/similar")));
    assert!(
        paths["/v1/shops"]["get"]["responses"]["200"]
            .get("headers")
            .is_none()
    );
}

#[tokio::test]
async fn a_shop_whose_model_is_damaged_leaves_others_alone() {
    let folder = models();
    std::fs::write(folder.path().join("b/model.json"), "{}").unwrap();
    let shops = open(folder.path(), config());
    let router = shops.router();
    for _ in 0..2 {
        assert_eq!(
            get(&router, "/v1/shops/b/popular").await.error(503),
            "shop_failing"
        );
    }
    assert_eq!(get(&router, "/v1/shops/a/popular").await.status, 200);
    assert_eq!(get(&router, "/health/ready").await.status, 200);
    let none = Shops::open(folder.path().join("none"), config()).unwrap_err();
    assert!(matches!(none, ServeError::System { .. }), "{none}");
    let mut file = config();
    file.events = Some(folder.path().join("file"));
    let error = Shops::open(folder.path(), file).unwrap_err();
    let ServeError::Config { issues } = error else {
        panic!("{error}");
    };
    assert_eq!(issues[0].key, "events");
}

#[tokio::test]
async fn models_of_a_shop_are_switched_by_its_admin_routes() {
    let folder = models();
    let shops = open(folder.path(), config());
    let (router, admin) = (shops.router(), shops.admin_router());
    let before = get(&router, "/v1/shops/a/model").await.json()["model_version"].clone();
    // A new model takes the place of the old one on disk.
    artifact(-1.0).save(folder.path().join("a")).unwrap();
    let load = |host: &str| {
        let request = Request::post("/admin/shops/a/models").header("host", host);
        let request = request.header("content-type", "application/json");
        request
            .body(Body::from(json!({"path": "a"}).to_string()))
            .unwrap()
    };
    assert_eq!(
        send(&admin, load("evil.example")).await.error(403),
        "foreign_host"
    );
    let models = send(&admin, load("localhost")).await.json();
    let after = get(&router, "/v1/shops/a/model").await.json()["model_version"].clone();
    assert_ne!(before, after);
    assert_eq!(models["models"][0]["version"], after);
    // Public paths do not lead there.
    for path in [
        "/v1/shops/a/admin/models",
        "/v1/shops/a/../../admin/models",
        "/admin/shops/a/models",
    ] {
        assert_eq!(get(&router, path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_server_answers_for_all_shops() {
    let folder = models();
    let server = Server::bind_shops(open(folder.path(), config()))
        .await
        .unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let body = body_of(&ask(address, "/v1/shops/c/popular?k=2").await);
    assert_eq!(body["items"].as_array().unwrap().len(), 2);
    stop.send(()).unwrap();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_shop_may_have_limits_of_its_own() {
    let folder = models();
    let mut config = config();
    config.limits.k = 10;
    let shop: ShopConfig = toml::from_str("requests_per_second = 3\nlimits.k = 4").unwrap();
    config.shops.insert("a".to_owned(), shop);
    let router = open(folder.path(), config.clone()).router();
    let of = async |shop: &str, k: u32| {
        let path = format!("/v1/shops/{shop}/recommendations/u0?k={k}");
        get(&router, &path).await
    };
    assert_eq!(of("a", 5).await.error(400), "bad_k");
    assert_eq!(of("a", 4).await.status, 200);
    assert_eq!(of("b", 10).await.status, 200);
    assert_eq!(of("b", 11).await.error(400), "bad_k");
    // Three a second: of many at once, some are refused, whatever they ask for.
    let mut refused = None;
    for _ in 0..50 {
        let reply = get(&router, "/v1/shops/a/nothing").await;
        if reply.status == 429 {
            refused = Some(reply);
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.error(429), "too_many_requests");
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(refused.text().contains("requests_per_second"));
    assert_eq!(of("b", 10).await.status, 200);
    let document = get(&router, "/openapi.json").await.json();
    let popular = &document["paths"]["/v1/shops/{shop}/popular"]["get"];
    assert!(popular["responses"].get("429").is_some(), "{popular}");

    let bad: ShopConfig = toml::from_str("requests_per_second = 0\nlimits.k = 0").unwrap();
    config.shops.insert("b".to_owned(), bad);
    let ServeError::Config { issues } = Shops::open(folder.path(), config.clone()).unwrap_err()
    else {
        panic!("it was accepted");
    };
    let keys: Vec<&str> = issues.iter().map(|issue| &*issue.key).collect();
    assert_eq!(keys, ["shops.b.requests_per_second", "shops.b.limits.k"]);
    assert!(toml::from_str::<ShopConfig>("limits.body_bytes = 1").is_err());
    // A service with one model has no shops.
    config.shops.remove("b");
    let one = Service::open(folder.path().join("a"), config).unwrap_err();
    assert!(one.to_string().contains("shops"), "{one}");
}
