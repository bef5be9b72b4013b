//! Answers of the public listener, and what goes with every response.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use axum::body::Body;
use axum::http::Request;
use common::{TRAINED, artifact, config, get, post, send, service, service_with};
use lightgcn_serve::{EventStoreError, ServeError, Service};
use serde_json::{Value, json};

#[tokio::test]
async fn recommendations_name_the_model_version() {
    let service = service();
    let router = service.router();
    let reply = get(&router, "/v1/recommendations/u0?k=3").await;
    // Items 0 and 1 are bought, and 6 only viewed.
    assert_eq!(reply.items(), ["p6", "p4", "p3"]);
    let json = reply.json();
    assert_eq!(json["model_version"], service.model_version());
    assert_eq!(
        reply.headers["x-model-version"],
        service.model_version().as_str()
    );
    assert_eq!(json["source"], "model");
    assert_eq!(json["items"][0]["details"]["category_code"], "lighting");
    let all = get(&router, "/v1/recommendations/u0?hide=nothing&k=12")
        .await
        .items();
    assert_eq!((all.len(), all[0].as_str()), (12, "p6"));
    assert!(
        !get(&router, "/v1/recommendations/u0?hide=seen")
            .await
            .items()
            .contains(&"p6".to_owned())
    );
    let cheap = get(&router, "/v1/recommendations/u0?price_max=13&brand=acme").await;
    assert_eq!(cheap.items(), ["p2"]);
    let gloves = get(&router, "/v1/recommendations/u0?category=apparel")
        .await
        .items();
    assert_eq!(gloves.len(), 4);
    let explored = "/v1/recommendations/u0?exploration=1&seed=3&k=4";
    let explored = get(&router, explored).await.json();
    assert_eq!(explored["items"][0]["source"], "exploration");
}

#[tokio::test]
async fn unknown_users_are_answered_from_another_source() {
    let router = service().router();
    for path in [
        "/v1/recommendations/nobody?k=2",
        "/v1/recommendations/%E2%98%83%2Fx?k=2",
    ] {
        let reply = get(&router, path).await;
        assert_eq!(reply.items().len(), 2);
        assert_eq!(
            (&reply.json()["known"], &reply.json()["source"]),
            (&json!(false), &json!("popularity"))
        );
    }
}

#[tokio::test]
async fn a_post_has_one_request_or_a_batch() {
    let router = service().router();
    let one = json!({"user": "zoe", "events": [{"item": "p3", "behavior": "purchase"}], "options": {"k": 2}});
    let reply = post(&router, "/v1/recommendations", one.to_string()).await;
    assert_eq!(reply.json()["source"], "fold_in");
    assert!(!reply.items().contains(&"p3".to_owned()));
    let many = json!({"requests": [
        {"user": "u0", "options": {"k": 3}},
        {"user": "u1", "options": {"k": 0}},
        {"user": "u2", "events": [{"item": "p3", "behavior": "dance"}]},
        one,
    ]});
    let reply = post(&router, "/v1/recommendations", many.to_string()).await;
    let answers = reply.json();
    let answers = answers["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 4);
    assert_eq!(common::items(&answers[0]), ["p6", "p4", "p3"]);
    assert_eq!(answers[1]["error"]["code"], "bad_k");
    assert_eq!(answers[2]["error"]["code"], "bad_event");
    assert_eq!(answers[3]["source"], "fold_in");
    let none = post(&router, "/v1/recommendations", r#"{"requests": []}"#).await;
    assert_eq!(none.json()["answers"], json!([]));
}

#[tokio::test]
async fn a_batch_has_the_same_answers_as_single_requests() {
    let router = service().router();
    let requests: Vec<Value> = (0..30)
        .map(|n| json!({"user": format!("u{n}"), "options": {"k": 5}}))
        .collect();
    let batch = post(
        &router,
        "/v1/recommendations",
        json!({"requests": requests}).to_string(),
    )
    .await
    .json();
    for n in 0..30 {
        let mut single = get(&router, &format!("/v1/recommendations/u{n}?k=5"))
            .await
            .json();
        single.as_object_mut().unwrap().remove("model_version");
        assert_eq!(batch["answers"][n], single);
    }
}

#[tokio::test]
async fn explanations_have_contributions_and_paths() {
    let router = service().router();
    let reply = get(&router, "/v1/explanations/u0/p6?limit=3").await;
    let json = reply.json();
    assert_eq!(reply.status, 200, "{json}");
    assert_eq!(json["score"], 6.0);
    // Item 6 was viewed: the direct edge comes first.
    assert_eq!(json["paths"][0]["edges"].as_array().unwrap().len(), 1);
    assert!(json["paths"].as_array().unwrap().len() <= 3);
    for path in ["/v1/explanations/nobody/p6", "/v1/explanations/u0/nothing"] {
        assert!(get(&router, path).await.error(404).starts_with("unknown_"));
    }
    let composed = json!({
        "user": "zoe", "item": "p6", "events": [{"item": "p0", "behavior": "purchase"}],
    });
    let reply = post(&router, "/v1/explanations", composed.to_string()).await;
    assert_eq!(reply.json()["method"], "fold_in");
    assert_eq!(
        reply.json()["paths"][0]["edges"][1]["to"]["kind"],
        "other_users"
    );
    let nosy = json!({"user": "u0", "item": "p6", "options": {"min_users": 1}});
    assert_eq!(
        post(&router, "/v1/explanations", nosy.to_string())
            .await
            .error(400),
        "bad_options"
    );
}

#[tokio::test]
async fn similar_and_popular_items_are_listed() {
    let router = service().router();
    let similar = get(&router, "/v1/similar/p1?k=3").await;
    assert_eq!(similar.items().len(), 3);
    assert!(!similar.items().contains(&"p1".to_owned()));
    assert_eq!(
        get(&router, "/v1/similar/nothing").await.error(404),
        "unknown_item"
    );
    // Items 1, 2 and 3 are bought by two groups of users each.
    let popular = get(&router, "/v1/popular?k=2").await;
    assert_eq!(popular.items(), ["p1", "p2"]);
    assert_eq!(
        get(&router, "/v1/popular?k=2&recent=true")
            .await
            .items()
            .len(),
        2
    );
    for (query, rule) in [
        ("brand=nobody", "brands"),
        ("category=nothing", "categories"),
    ] {
        for path in ["popular", "similar/p1"] {
            let reply = get(&router, &format!("/v1/{path}?{query}")).await.json();
            assert_eq!(reply["items"], json!([]));
            assert_eq!(reply["unknown"][0]["rule"], rule);
            assert_eq!(reply["emptied_by"], rule);
        }
    }
    let dear = get(&router, "/v1/similar/p1?price_min=1000").await.json();
    assert_eq!(dear["emptied_by"], "price");
    let itself = get(&router, "/v1/similar/p1?price_min=11&price_max=11").await;
    assert_eq!(itself.json()["emptied_by"], "chain");
    let known = get(&router, "/v1/popular?brand=acme").await.json();
    assert_eq!(known.get("unknown"), None);
}

#[tokio::test]
async fn rules_about_things_that_there_are_not_are_reported() {
    let router = service().router();
    let ask = |filter: Value| {
        let body = json!({"user": "u0", "options": {"k": 12, "filter": filter}}).to_string();
        let router = router.clone();
        async move { post(&router, "/v1/recommendations", body).await }
    };
    let all = ask(json!({})).await.items();
    let reply = ask(json!({"deny_brands": ["cnd"], "deny": ["gone"]})).await;
    assert_eq!(reply.items(), all);
    assert_eq!(
        reply.json()["unknown"],
        json!([
            {"rule": "deny", "names": ["gone"], "n_unknown": 1, "n_names": 1},
            {"rule": "deny_brands", "names": ["cnd"], "n_unknown": 1, "n_names": 1},
        ])
    );
    let empty = ask(json!({"brands": ["cnd", "acne"]})).await.json();
    assert_eq!(
        (&empty["items"], &empty["emptied_by"]),
        (&json!([]), &json!("brands"))
    );
    assert_eq!(
        empty["unknown"],
        json!([{"rule": "brands", "names": ["cnd", "acne"], "n_unknown": 2, "n_names": 2}])
    );
    let hidden = ask(json!({"allow": ["p0"]})).await.json();
    assert_eq!(hidden["emptied_by"], "hidden");
}

#[tokio::test]
async fn events_take_effect_at_once() {
    let router = service().router();
    let events = json!({"events": [
        {"user": "u0", "item": "p4", "behavior": "purchase"},
        {"user": "u0", "item": "p3", "behavior": "view", "time": TRAINED + 5, "count": 2},
        {"user": "new", "item": "p2", "behavior": "cart"},
        {"user": "new", "item": "unheard-of", "behavior": "view"},
        // Already in training.
        {"user": "u1", "item": "p1", "behavior": "purchase", "time": TRAINED},
    ]});
    let reply = post(&router, "/v1/events", events.to_string()).await;
    assert_eq!(
        (reply.status.as_u16(), &reply.json()["accepted"]),
        (200, &json!(5))
    );
    let bought = get(&router, "/v1/recommendations/u0?k=12").await.items();
    assert!(!bought.contains(&"p4".to_owned()) && bought.contains(&"p3".to_owned()));
    let seen = get(&router, "/v1/recommendations/u0?k=12&hide=seen")
        .await
        .items();
    assert!(!seen.contains(&"p3".to_owned()));
    let new_user = get(&router, "/v1/recommendations/new").await.json();
    assert_eq!(
        (&new_user["known"], &new_user["source"]),
        (&json!(false), &json!("fold_in"))
    );
    let history = get(&router, "/v1/users/u0").await.json();
    assert_eq!(history["history"][0]["item"], "p4");
    assert_eq!(history["history"][0]["bought"], true);
    assert_eq!(history["history"].as_array().unwrap().len(), 5);
    let unchanged = get(&router, "/v1/users/u1").await.json();
    assert_eq!(unchanged["history"].as_array().unwrap().len(), 3);
    let why = get(&router, "/v1/explanations/new/p3").await;
    assert_eq!(why.json()["method"], "fold_in");
}

#[tokio::test]
async fn health_and_metrics_are_reported() {
    let service = service();
    let router = service.router();
    assert_eq!(get(&router, "/health/live").await.status, 200);
    assert_eq!(
        get(&router, "/health/ready").await.json()["status"],
        "ready"
    );
    get(&router, "/v1/recommendations/secret-user?k=2").await;
    get(&router, "/secret-path").await;
    let text = get(&router, "/metrics").await.text();
    let version = service.model_version();
    for line in [
        "lightgcn_http_requests_total{route=\"/v1/recommendations/{user}\",method=\"GET\",status=\"200\"} 1",
        "lightgcn_http_requests_total{route=\"other\",method=\"GET\",status=\"404\"} 1",
        "lightgcn_recommended_items_total{source=\"popularity\"} 2",
        &format!("lightgcn_model_info{{version=\"{version}\",model=\"lightgcn\"}} 1"),
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    assert!(
        text.contains("lightgcn_http_request_duration_seconds_bucket{route=\"/health/live\",le=\"")
    );
    assert!(!text.contains("secret"));
    service.set_ready(false);
    let stopping = get(&router, "/health/ready").await;
    assert_eq!(
        (stopping.status.as_u16(), &stopping.json()["status"]),
        (503, &json!("stopping"))
    );
}

#[tokio::test]
async fn requests_have_ids() {
    let router = service().router();
    let id = |reply: &common::Reply| reply.headers["x-request-id"].to_str().unwrap().to_owned();
    let (first, second) = (
        get(&router, "/v1/popular").await,
        get(&router, "/v1/popular").await,
    );
    assert_ne!(id(&first), id(&second));
    let with = |value: &str| {
        let request = Request::get("/v1/nothing").header("x-request-id", value);
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(id(&send(&router, with("abc-1")).await), "abc-1");
    let long = "x".repeat(65);
    assert_eq!(id(&send(&router, with(&long)).await).len(), 16);
}

#[tokio::test]
async fn responses_are_compressed_on_request() {
    let router = service().router();
    for path in ["/v1/recommendations/u0", "/"] {
        let plain = get(&router, path).await;
        assert!(!plain.headers.contains_key("content-encoding"), "{path}");
        let request = Request::get(path).header("accept-encoding", "gzip, br");
        let reply = send(&router, request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.headers["content-encoding"], "gzip", "{path}");
        assert!(reply.bytes.len() < plain.bytes.len(), "{path}");
        assert_eq!(reply.bytes[..2], [0x1f, 0x8b], "{path}");
    }
}

#[tokio::test]
async fn other_origins_are_allowed_by_configuration_only() {
    let ask = |router: axum::Router, method: &str| {
        let request = Request::builder()
            .method(method)
            .uri("/v1/popular")
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "GET");
        let request = request.body(Body::empty()).unwrap();
        async move { send(&router, request).await }
    };
    const ALLOWED: &str = "access-control-allow-origin";
    let closed = service().router();
    assert!(
        !ask(closed.clone(), "GET")
            .await
            .headers
            .contains_key(ALLOWED)
    );
    assert_eq!(ask(closed, "OPTIONS").await.error(405), "no_method");
    for (origins, allowed) in [
        (vec!["https://shop.example"], Some("https://shop.example")),
        (vec!["https://other.example"], None),
        (vec!["*"], Some("*")),
    ] {
        let cors_origins = origins.into_iter().map(str::to_owned).collect();
        let config = lightgcn_serve::ServeConfig {
            cors_origins,
            ..config()
        };
        let router = service_with(config).router();
        for method in ["GET", "OPTIONS"] {
            let reply = ask(router.clone(), method).await;
            assert_eq!(reply.status, 200);
            let header = reply.headers.get(ALLOWED).map(|v| v.to_str().unwrap());
            assert_eq!(header, allowed, "{method}");
            if method == "OPTIONS" {
                let headers = &reply.headers["access-control-allow-headers"];
                assert_eq!(
                    headers,
                    "content-type,authorization,idempotency-key,x-request-id"
                );
            }
        }
    }
}

#[tokio::test]
async fn hostile_names_are_sent_as_json_only() {
    let router = service().router();
    let reply = get(
        &router,
        "/v1/recommendations/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    )
    .await;
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    assert_eq!(reply.json()["user"], "<script>alert(1)</script>");
}

#[tokio::test]
async fn events_are_stored_in_the_configured_file() {
    let folder = tempfile::tempdir().unwrap();
    let (model, events) = (folder.path().join("model"), folder.path().join("events"));
    artifact(1.0).save(&model).unwrap();
    let open = || {
        let mut config = config();
        config.events = Some(events.clone());
        Service::open(&model, config)
    };
    let service = open().unwrap();
    let body = r#"{"events":[{"user":"new","item":"p3","behavior":"purchase"}]}"#;
    assert_eq!(
        post(&service.router(), "/v1/events", body).await.status,
        200
    );
    // The file has one writer.
    let second = open().unwrap_err();
    assert!(
        matches!(second, ServeError::Events(EventStoreError::InUse { .. })),
        "{second}"
    );
    drop(service);
    let service = open().unwrap();
    let items = get(&service.router(), "/v1/recommendations/new?k=12").await;
    assert!(!items.items().contains(&"p3".to_owned()));
}

#[test]
fn an_invalid_configuration_is_an_error_before_anything_is_opened() {
    let mut config = config();
    config.queue = 0;
    config.events = Some("no/such/folder/events".into());
    let error = Service::open("no/such/model", config).unwrap_err();
    assert!(matches!(error, ServeError::Config { .. }), "{error}");
}
