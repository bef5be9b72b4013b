//! A service that hides histories.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use axum::body::Body;
use axum::http::Request;
use common::{config, get, post, send, service, service_with};
use lightgcn_serve::{ServeConfig, Service};
use serde_json::{Value, json};

fn private() -> Service {
    service_with(ServeConfig {
        privacy: true,
        ..config()
    })
}

#[tokio::test]
async fn routes_about_histories_are_refused() {
    let service = private();
    let router = service.router();
    for path in [
        "/v1/users",
        "/v1/users?q=u0",
        "/v1/users/u0",
        "/v1/graph/u0",
    ] {
        assert_eq!(get(&router, path).await.error(403), "private", "{path}");
    }
    let document: Value = serde_json::from_str(&service.openapi().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(!paths.contains_key("/v1/graph/{user}"));
    assert!(!paths.contains_key("/v1/users"));
    assert!(paths["/v1/users/{user}"].get("get").is_none());
    // Items, figures and the page itself tell nothing of users.
    for path in ["/", "/v1/items", "/v1/model", "/v1/popular"] {
        assert_eq!(get(&router, path).await.status, 200, "{path}");
    }
    assert_eq!(get(&router, "/v1/model").await.json()["privacy"], true);
}

#[tokio::test]
async fn lists_do_not_say_what_was_done() {
    let router = private().router();
    let body = json!({"requests": [{"user": "u0", "options": {"hide": "nothing", "k": 12}}]});
    let single = get(&router, "/v1/recommendations/u0?hide=nothing&k=12").await;
    let batch = post(&router, "/v1/recommendations", body.to_string()).await;
    let (single, batch) = (single.json(), batch.json());
    for answer in [&single, &batch["answers"][0]] {
        let items = answer["items"].as_array().unwrap();
        assert_eq!(items.len(), 12);
        for item in items {
            assert_eq!(item["familiar"], false);
            let reason = item["reason"].as_str().unwrap();
            let general = ["fits the history", "fits by category, brand or price"];
            assert!(general.contains(&reason), "{item}");
        }
    }
    let familiar = get(&router, "/v1/recommendations/u0?familiarity=familiar").await;
    assert_eq!(familiar.error(403), "private");
    let mut body = body;
    body["requests"][0]["options"]["familiarity"] = json!("familiar");
    let batch = post(&router, "/v1/recommendations", body.to_string())
        .await
        .json();
    assert_eq!(batch["answers"][0]["error"]["code"], "private");
}

#[tokio::test]
async fn explanations_do_not_show_the_history() {
    let open = service().router();
    let told = get(&open, "/v1/explanations/u0/p6").await.text();
    assert!(told.contains("view") && told.contains("\"item\":\"p6\""));
    let router = private().router();
    let bought =
        json!({"user": "zoe", "item": "p6", "events": [{"item": "p0", "behavior": "purchase"}]});
    for reply in [
        get(&router, "/v1/explanations/u0/p6").await,
        get(&router, "/v1/explanations/u0/p0").await,
        post(&router, "/v1/explanations", bought.to_string()).await,
    ] {
        let explanation = reply.json();
        assert_eq!(reply.status, 200, "{explanation}");
        assert_eq!(
            (&explanation["paths"], &explanation["contributions"]),
            (&json!([]), &json!([]))
        );
        assert_eq!(
            (&explanation["bought"], &explanation["familiar"]),
            (&json!(false), &json!(false))
        );
        let text = reply.text();
        for behavior in ["view", "purchase", "bought\":true"] {
            assert!(!text.contains(behavior), "{text}");
        }
    }
}

#[tokio::test]
async fn what_a_browser_kept_from_before_is_no_longer_right() {
    let before = get(&service().router(), "/v1/users").await;
    let tag = before.headers["etag"].clone();
    let request = Request::get("/v1/users").header("if-none-match", tag);
    let after = send(&private().router(), request.body(Body::empty()).unwrap()).await;
    assert_eq!(after.error(403), "private");
}

#[tokio::test]
async fn the_limit_of_an_explanation_keeps_its_sum() {
    let router = service().router();
    let sent = |limit: usize| {
        let items = ["p0", "p1", "p2", "p3"];
        let events: Vec<Value> = items
            .iter()
            .map(|item| json!({"item": item, "behavior": "purchase"}))
            .collect();
        let body =
            json!({"user": "zoe", "item": "p6", "events": events, "options": {"limit": limit}});
        let router = router.clone();
        async move {
            post(&router, "/v1/explanations", body.to_string())
                .await
                .json()
        }
    };
    let (all, few) = (sent(50).await, sent(1).await);
    let sum = |parts: &Value| -> f64 {
        let parts = parts.as_array().unwrap().iter();
        parts.map(|part| part["value"].as_f64().unwrap()).sum()
    };
    assert_eq!(all["contributions"].as_array().unwrap().len(), 4);
    assert!(all.get("remainder").is_none());
    assert_eq!(few["contributions"].as_array().unwrap().len(), 1);
    assert_eq!(few["remainder"]["n_items"], 3);
    let whole = sum(&few["contributions"]) + few["remainder"]["value"].as_f64().unwrap();
    assert!((whole - sum(&all["contributions"])).abs() < 1e-9);
    assert!(
        (whole + few["rounding"].as_f64().unwrap() - few["score"].as_f64().unwrap()).abs() < 1e-6
    );
}
