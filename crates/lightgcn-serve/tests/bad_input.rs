//! Invalid and hostile requests: each has its own error, and nothing is stored.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use common::{artifact_at, config, get, post, send, service, service_with};
use lightgcn_recommend::Recommender;
use lightgcn_serve::{MemoryEvents, Service};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn lengths_and_options_are_checked() {
    let router = service().router();
    for path in [
        "/v1/recommendations/u0?k=0",
        "/v1/recommendations/u0?k=1001",
        "/v1/similar/p1?k=0",
        "/v1/popular?k=1001",
    ] {
        assert_eq!(get(&router, path).await.error(400), "bad_k", "{path}");
    }
    for path in [
        "/v1/recommendations/u0?k=-1",
        "/v1/recommendations/u0?k=two",
        "/v1/recommendations/u0?k=1&k=2",
        "/v1/recommendations/u0?hide=all",
        "/v1/recommendations/u0?kk=3",
        "/v1/recommendations/u0?k=",
        "/v1/recommendations/u0?k=99999999999999999999999",
        "/v1/recommendations/u0?price_min=1&price_min=2",
        "/v1/explanations/u0/p1?limit=1&limit=2",
        "/v1/similar/p1?recent=true",
        "/v1/graph/u0?per_item=two",
        "/v1/popular?recent=perhaps",
        "/v1/users?limit=0",
        "/v1/users?limit=201",
        "/v1/items?limit=1e3",
    ] {
        assert_eq!(get(&router, path).await.error(400), "bad_query", "{path}");
    }
    for path in [
        "/v1/recommendations/u0?diversity=2",
        "/v1/recommendations/u0?exploration=NaN",
        "/v1/recommendations/u0?revenue=-0.1",
        "/v1/recommendations/u0?price_min=inf",
        "/v1/recommendations/u0?price_min=3&price_max=2",
        "/v1/explanations/u0/p1?limit=0",
        "/v1/explanations/u0/p1?limit=51",
        "/v1/explanations/u0/p1?max_hops=2",
    ] {
        assert_eq!(get(&router, path).await.error(400), "bad_options", "{path}");
    }
}

#[tokio::test]
async fn long_ids_and_control_characters_are_errors() {
    let router = service().router();
    let long = "x".repeat(257);
    for path in [
        format!("/v1/recommendations/{long}"),
        format!("/v1/explanations/u0/{long}"),
        format!("/v1/similar/{long}"),
        format!("/v1/users/{long}"),
        format!("/v1/users?q={long}"),
        format!("/v1/recommendations/u0?brand={long}"),
    ] {
        assert_eq!(get(&router, &path).await.error(400), "id_too_long");
    }
    for path in [
        "/v1/recommendations/a%00b",
        "/v1/similar/%0A",
        "/v1/graph/%1b",
        "/v1/items?q=%00",
    ] {
        assert_eq!(get(&router, path).await.error(400), "bad_id", "{path}");
    }
    // Not UTF-8.
    assert_eq!(
        get(&router, "/v1/recommendations/%ff").await.error(400),
        "bad_path"
    );
    assert_eq!(get(&router, "/v1/nothing/u0").await.error(404), "no_route");
}

#[tokio::test]
async fn bodies_that_are_not_the_expected_json_are_errors() {
    let router = service().router();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_request = format!(r#"{{"user": {}1{}}}"#, "[".repeat(200), "]".repeat(200));
    for body in [
        "",
        "{",
        "nonsense",
        &deep,
        &deep_request,
        "[]",
        "3",
        r#"{"user": 3.5}"#,
        r#"{"user": "u0"} {}"#,
        r#"{"user": "u0", "kk": 3}"#,
        r#"{"requests": 3}"#,
        r#"{"requests": [3]}"#,
        r#"{"requests": [], "more": 1}"#,
        r#"{"user": "u0", "options": {"k": -1}}"#,
        r#"{"user": "u0", "options": {"k": 1e30}}"#,
        r#"{"user": "u0", "events": [{"item": "p1", "behavior": "view", "count": NaN}]}"#,
        r#"{"user": "u0", "events": [{"item": "p1", "behavior": "view", "count": 1e999}]}"#,
        "{\"user\": \"\u{0}\"}",
    ] {
        let reply = post(&router, "/v1/recommendations", body.to_owned()).await;
        assert_eq!(reply.error(400), "bad_json", "{:.60}", body);
    }
    let request = Request::post("/v1/events").header("content-type", "text/plain");
    let reply = send(&router, request.body(Body::from("{}")).unwrap()).await;
    assert_eq!(reply.error(415), "not_json");
}

#[tokio::test]
async fn events_of_a_request_are_checked() {
    let router = service().router();
    let with = |event: serde_json::Value| json!({"user": "u0", "events": [event]}).to_string();
    for (event, code) in [
        (json!({"item": "p1", "behavior": "dance"}), "bad_event"),
        (
            json!({"item": "p1", "behavior": "view", "count": 0}),
            "bad_event",
        ),
        (
            json!({"item": "p1", "behavior": "view", "count": -3.5}),
            "bad_event",
        ),
        (
            json!({"item": "p1", "behavior": "view", "time": 99_999_999_999_i64}),
            "bad_time",
        ),
        (
            json!({"item": "p1", "behavior": "view", "time": -1}),
            "bad_time",
        ),
        (
            json!({"item": "x".repeat(300), "behavior": "view"}),
            "id_too_long",
        ),
        (json!({"item": "a\u{7}", "behavior": "view"}), "bad_id"),
    ] {
        let text = event.to_string();
        let reply = post(&router, "/v1/recommendations", with(event)).await;
        assert_eq!(reply.error(400), code, "{text}");
    }
    let many: Vec<_> = (0..201)
        .map(|_| json!({"item": "p1", "behavior": "view"}))
        .collect();
    let many = json!({"user": "u0", "item": "p1", "events": many});
    assert_eq!(
        post(&router, "/v1/explanations", many.to_string())
            .await
            .error(400),
        "too_many_events"
    );
    let batch: Vec<_> = (0..257).map(|_| json!({"user": "u0"})).collect();
    let batch = json!({"requests": batch});
    assert_eq!(
        post(&router, "/v1/recommendations", batch.to_string())
            .await
            .error(400),
        "batch_too_large"
    );
}

#[tokio::test]
async fn an_invalid_event_rejects_the_whole_post() {
    let router = service().router();
    let good = json!({"user": "new", "item": "p1", "behavior": "purchase"});
    let invalid = [
        (
            json!({"user": "new", "item": "p1", "behavior": "dance"}),
            "unknown_behavior",
        ),
        (
            json!({"user": "new", "item": "p1", "behavior": "view", "time": 99_999_999_999_i64}),
            "bad_time",
        ),
        (
            json!({"user": "new", "item": "p1", "behavior": "view", "time": i64::MIN}),
            "bad_time",
        ),
        (
            json!({"user": "new", "item": "p1", "behavior": "view", "count": 0}),
            "bad_event",
        ),
        (
            json!({"user": "", "item": "p1", "behavior": "view"}),
            "bad_id",
        ),
        (
            json!({"user": "new", "item": "a\u{0}b", "behavior": "view"}),
            "bad_id",
        ),
        (
            json!({"user": "new", "item": "p".repeat(300), "behavior": "view"}),
            "id_too_long",
        ),
    ];
    for (event, code) in invalid {
        let body = json!({"events": [good, event, event]}).to_string();
        let reply = post(&router, "/v1/events", body).await;
        assert_eq!(reply.error(400), code, "{event}");
        // The first event is valid; the other two are listed.
        let issues = reply.json()["error"]["issues"].clone();
        assert_eq!(issues.as_array().unwrap().len(), 2);
        assert!(
            issues[0].as_str().unwrap().starts_with("event 2: "),
            "{issues}"
        );
    }
    for body in [
        r#"{"events": []}"#.to_owned(),
        json!({"events": vec![good; 1001]}).to_string(),
    ] {
        assert_eq!(
            post(&router, "/v1/events", body).await.error(400),
            "too_many_events"
        );
    }
    for body in [r#"{"events": [{"user": "new"}]}"#, r#"{"event": []}"#, "[]"] {
        assert_eq!(
            post(&router, "/v1/events", body).await.error(400),
            "bad_json"
        );
    }
    let history = get(&router, "/v1/users/new").await.json();
    assert_eq!(history["history"], json!([]));
}

#[tokio::test]
async fn dates_and_days_are_no_seconds() {
    // Trained on events of 2020.
    let recommender = Recommender::from_artifact(artifact_at(1.0, 1_580_000_000)).unwrap();
    let events = Arc::new(MemoryEvents::default());
    let router = Service::from_recommender(recommender, config(), events)
        .unwrap()
        .router();
    let with = |time: i64| {
        let event = json!({"user": "new", "item": "p1", "behavior": "view", "time": time});
        json!({"events": [event]}).to_string()
    };
    for time in [20_200_126, 202_001, 18_287, 0, 20_200_126_015_320] {
        let reply = post(&router, "/v1/events", with(time)).await;
        assert_eq!(reply.error(400), "bad_time", "{time}");
        // In the events of a question, likewise.
        let event = json!({"item": "p1", "behavior": "view", "time": time});
        let question = json!({"user": "u0", "events": [event]}).to_string();
        let reply = post(&router, "/v1/recommendations", question).await;
        assert_eq!(reply.error(400), "bad_time", "{time}");
        let question = json!({"user": "u0", "item": "p1", "events": [event]}).to_string();
        let reply = post(&router, "/v1/explanations", question).await;
        assert_eq!(reply.error(400), "bad_time", "{time}");
    }
    let reply = post(&router, "/v1/events", with(1_580_000_001)).await;
    assert_eq!(reply.status, 200);
}

/// A body in chunks, without a Content-Length.
fn chunked(chunk: &'static str, times: usize) -> Body {
    let chunks = (0..times).map(move |_| Ok::<_, Infallible>(Bytes::from_static(chunk.as_bytes())));
    Body::from_stream(futures_util::stream::iter(chunks))
}

#[tokio::test]
async fn large_bodies_are_errors_with_and_without_a_length() {
    let mut config = config();
    config.limits.body_bytes = 1000;
    let router = service_with(config).router();
    let spaces = " ".repeat(1001);
    let reply = post(&router, "/v1/recommendations", spaces).await;
    assert_eq!(reply.error(413), "body_too_large");
    assert_eq!(reply.headers["connection"], "close");
    let reply = post(
        &router,
        "/v1/recommendations",
        chunked("          ", 1_000_000),
    )
    .await;
    assert_eq!(reply.error(413), "body_too_large");
    let request = Request::post("/v1/events").header("content-type", "application/json");
    let lying = request
        .header("content-length", "99999999999")
        .body(Body::from("{}"))
        .unwrap();
    assert_eq!(send(&router, lying).await.error(413), "body_too_large");
    // A small body in chunks is fine.
    let body = chunked(r#"{"user": "u0"}"#, 1);
    assert_eq!(
        post(&router, "/v1/recommendations", body)
            .await
            .items()
            .len(),
        10
    );
}

#[tokio::test]
async fn a_body_that_dribbles_times_out() {
    let mut config = config();
    config.body_timeout_seconds = 0.2;
    let router = service_with(config).router();
    let dribble = futures_util::stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
    });
    let start = std::time::Instant::now();
    let reply = post(&router, "/v1/events", Body::from_stream(dribble)).await;
    assert_eq!(reply.error(408), "slow_body");
    assert_eq!(reply.headers["connection"], "close");
    assert!(start.elapsed() < Duration::from_secs(2));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    fn ask(path: &str, body: Vec<u8>) -> u16 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let reply = post(&service().router(), path, body).await;
            let json = reply.json();
            assert!(
                reply.status == 200 || json["error"]["code"].is_string(),
                "{json}"
            );
            reply.status.as_u16()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn no_body_causes_a_server_error(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(ask("/v1/recommendations", body) < 500);
        }

        #[test]
        fn no_numbers_cause_a_server_error(
            k in any::<i32>(), count in any::<f64>(), time in any::<i64>(), diversity in any::<f64>(),
            user in ".{0,12}", item in "(p[0-9]|.{0,6})",
        ) {
            let request = json!({
                "user": user,
                "events": [{"item": item, "behavior": "view", "count": count, "time": time}],
                "options": {"k": k, "diversity": diversity},
            });
            prop_assert!(ask("/v1/recommendations", request.to_string().into_bytes()) < 500);
        }
    }
}
