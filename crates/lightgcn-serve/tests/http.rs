//! What integrators expect of HTTP: problems, entity tags, hosts, keys, one answer for a field that
//! appears twice.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::{Reply, Running, config, get, post, raw, send, service, service_with};
use lightgcn_serve::{ApiKey, Scope};
use serde_json::Value;
use std::collections::BTreeSet;

async fn with(router: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match method {
        "POST" => "{\"events\": [{\"user\": \"u0\", \"item\": \"p1\", \"behavior\": \"view\"}]}",
        _ => "",
    };
    send(router, request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn failures_are_problems() {
    let router = service().router();
    for (path, status, title) in [
        ("/v1/recommendations/u0?k=0", 400, "Bad Request"),
        ("/v1/explanations/u0/nothing", 404, "Not Found"),
        ("/nothing", 404, "Not Found"),
    ] {
        let reply = get(&router, path).await;
        assert_eq!(reply.headers["content-type"], "application/problem+json");
        let json = reply.json();
        assert_eq!(
            (&json["type"], &json["title"]),
            (&"about:blank".into(), &title.into())
        );
        assert_eq!(
            (json["status"].as_u64(), reply.status.as_u16()),
            (Some(status), status as u16)
        );
        assert_eq!(json["detail"], json["error"]["message"]);
    }
}

#[tokio::test]
async fn a_field_that_stands_twice_is_an_error() {
    let router = service().router();
    for body in [
        r#"{"user": "u0", "user": "u1"}"#,
        r#"{"user": "u0", "options": {"k": 1, "k": 2}}"#,
        r#"{"requests": [], "requests": []}"#,
        r#"{"requests": [{"user": "u0", "user": "u1"}]}"#,
        r#"{"requests": [], "user": "u0"}"#,
    ] {
        let reply = post(&router, "/v1/recommendations", body).await;
        assert_eq!(reply.error(400), "bad_json", "{body}");
    }
    let twice = get(&router, "/v1/popular?k=1&k=2").await;
    assert_eq!(twice.error(400), "bad_query");
}

#[tokio::test]
async fn answers_of_the_model_alone_are_tagged() {
    let service = service();
    let router = service.router();
    let path = "/v1/similar/p1?k=3";
    let first = get(&router, path).await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    assert!(
        tag.starts_with(&format!("W/\"{}", service.model_version())),
        "{tag}"
    );
    assert_eq!(first.headers["cache-control"], "private, no-cache");
    let tags = format!("W/\"other\", {tag}");
    let again = with(&router, "GET", path, &[("if-none-match", &tags)]).await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    assert_eq!(again.headers["etag"], tag.as_str());
    // Another model has another tag.
    let other = lightgcn_recommend::Recommender::from_artifact(common::artifact(-1.0)).unwrap();
    service.switch_to(other).unwrap();
    let after = with(&router, "GET", path, &[("if-none-match", &tags)]).await;
    assert_eq!(after.status, 200);
    assert_ne!(after.headers["etag"], tag.as_str());
    // Lists for users change with their events, and errors are not kept.
    for path in ["/v1/recommendations/u0", "/v1/similar/nothing"] {
        let reply = with(&router, "GET", path, &[("if-none-match", &tags)]).await;
        assert!(!reply.headers.contains_key("etag"));
        assert_eq!(reply.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn requests_for_other_hosts_are_refused() {
    let mut config = config();
    config.hosts = vec!["shop.example".to_owned()];
    let router = service_with(config).router();
    for host in ["shop.example", "Shop.Example:8080"] {
        let reply = with(&router, "GET", "/v1/popular", &[("host", host)]).await;
        assert_eq!(reply.status, 200, "{host}");
    }
    for host in ["evil.example", "shop.example.evil.example", "127.0.0.1"] {
        let reply = with(&router, "GET", "/v1/popular", &[("host", host)]).await;
        assert_eq!(reply.error(421), "foreign_host", "{host}");
    }
    assert_eq!(get(&router, "/v1/popular").await.error(421), "foreign_host");
    // A health check may know only an address.
    let health = with(
        &router,
        "GET",
        "/health/ready",
        &[("host", "10.0.0.7:8080")],
    )
    .await;
    assert_eq!(health.status, 200);
    let text = with(&router, "GET", "/metrics", &[("host", "shop.example")])
        .await
        .text();
    assert!(
        text.contains("lightgcn_refused_authentications_total 4"),
        "{text}"
    );
}

#[tokio::test]
async fn a_listener_on_loopback_answers_for_this_machine_alone() {
    let running = Running::start(service()).await;
    let ask = async |path: &str, host: &str| {
        let head = format!("GET {path} HTTP/1.1\r\n{host}connection: close\r\n\r\n");
        let reply = raw(running.address, head.as_bytes()).await;
        let status = reply.split(' ').nth(1).unwrap().to_owned();
        (status, reply.contains("\"foreign_host\""))
    };
    for host in [
        "localhost",
        "LOCALHOST:9",
        "127.0.0.1:8080",
        "127.1.2.3",
        "[::1]:8080",
    ] {
        let host = format!("host: {host}\r\n");
        let reply = ask("/v1/popular", &host).await;
        assert_eq!(reply, ("200".to_owned(), false), "{host}");
    }
    for host in [
        "host: rebound.example:8080\r\n",
        "host: 127.0.0.1.nip.io\r\n",
        "host: 10.0.0.7\r\n",
        "",
    ] {
        for path in ["/v1/popular", "/", "/openapi.json", "/metrics"] {
            let reply = ask(path, host).await;
            assert_eq!(reply, ("421".to_owned(), true), "{host} {path}");
        }
        // A health check may know only an address.
        let reply = ask("/health/live", host).await;
        assert_eq!(reply, ("200".to_owned(), false), "{host}");
    }
    // Within another program, which has its own listener, every host is answered.
    let host = [("host", "rebound.example")];
    let nested = with(&service().router(), "GET", "/v1/popular", &host).await;
    assert_eq!(nested.status, 200);
    // Where hosts are named, they alone count.
    let mut config = config();
    config.hosts = vec!["shop.example".to_owned()];
    let named = Running::start(service_with(config)).await;
    for (host, status) in [("shop.example", "200"), ("localhost", "421")] {
        let head = format!("GET /v1/popular HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let reply = raw(named.address, head.as_bytes()).await;
        assert_eq!(reply.split(' ').nth(1), Some(status), "{host}");
    }
}

/// Keys `reader` and `writer`.
fn keys() -> Vec<ApiKey> {
    let key = |name: &str, sha256: &str, scopes: &[Scope]| ApiKey {
        name: name.to_owned(),
        sha256: sha256.to_owned(),
        scopes: scopes.to_vec(),
        shops: Vec::new(),
    };
    let reader = "3d0941964aa3ebdcb00ccef58b1bb399f9f898465e9886d5aec7f31090a0fb30";
    let writer = "b93006774cbdd4b299389a03ac3d88c3a76b460d538795bc12718011a909fba5";
    vec![
        key("reports", reader, &[Scope::Read]),
        key("shop", writer, &[Scope::Write]),
    ]
}

#[tokio::test]
async fn keys_open_what_their_scopes_say() {
    let mut config = config();
    config.keys = keys();
    let router = service_with(config).router();
    let reader = ("authorization", "Bearer reader");
    let writer = ("authorization", "Bearer writer");
    let json = ("content-type", "application/json");
    for (method, path, allowed, refused) in [
        ("GET", "/v1/popular", reader, writer),
        ("GET", "/metrics", reader, writer),
        ("POST", "/v1/events", writer, reader),
    ] {
        let reply = with(&router, method, path, &[allowed, json]).await;
        assert_eq!(reply.status, 200, "{path}");
        let reply = with(&router, method, path, &[refused, json]).await;
        assert_eq!(reply.error(403), "forbidden", "{path}");
        for headers in [vec![json], vec![json, ("authorization", "Bearer other")]] {
            let reply = with(&router, method, path, &headers).await;
            assert_eq!(reply.error(401), "unauthorized", "{path}");
            assert_eq!(reply.headers["www-authenticate"], "Bearer");
        }
    }
    for path in ["/health/live", "/openapi.json", "/"] {
        assert_eq!(get(&router, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_openapi_document_is_complete() {
    let document = get(&service().router(), "/openapi.json").await.json();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} stands twice");
            let responses = operation["responses"].as_object().unwrap();
            let has = |status: &str| responses.contains_key(status);
            assert!(has("200"), "{method} {path}");
            if path.starts_with("/v1/") {
                assert!(has("400") && has("503"), "{method} {path}");
                let has_body = operation.get("requestBody").is_some();
                assert_eq!(has("413"), has_body, "{method} {path}");
            }
            let with_body = responses.iter().filter(|(status, _)| *status != "304");
            for (status, response) in with_body.filter(|_| path.starts_with("/v1/")) {
                assert!(response["description"].is_string());
                let kinds: Vec<&String> = response["content"].as_object().unwrap().keys().collect();
                let expected = match status.starts_with('2') {
                    true => "application/json",
                    false => "application/problem+json",
                };
                assert_eq!(kinds, [expected], "{method} {path} {status}");
            }
        }
    }
    // A problem has the fields that are sent.
    let sent = get(&service().router(), "/v1/similar/nothing").await.json();
    let schema = &document["components"]["schemas"]["Problem"]["properties"];
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(names(&sent), names(schema));
}

#[tokio::test]
async fn users_are_forgotten_by_administrators_alone() {
    let path = "/v1/users/new";
    // Without keys nobody is known to be one.
    assert_eq!(
        with(&service().router(), "DELETE", path, &[])
            .await
            .error(403),
        "forbidden"
    );
    let mut config = config();
    config.keys = keys();
    config.keys[1].scopes = vec![Scope::Write, Scope::Admin];
    let router = service_with(config).router();
    let admin = ("authorization", "Bearer writer");
    let json = ("content-type", "application/json");
    assert_eq!(
        with(&router, "POST", "/v1/events", &[admin, json])
            .await
            .status,
        200
    );
    let reader = with(
        &router,
        "DELETE",
        "/v1/users/u0",
        &[("authorization", "Bearer reader")],
    )
    .await;
    assert_eq!(reader.error(403), "forbidden");
    for events in [1, 0] {
        let reply = with(&router, "DELETE", "/v1/users/u0", &[admin]).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["events"].as_u64()),
            (200, Some(events))
        );
    }
}

#[tokio::test]
async fn a_forgotten_user_is_a_stranger_until_a_model_is_loaded() {
    let mut config = config();
    config.keys = keys();
    config.keys[1].scopes = vec![Scope::Read, Scope::Write, Scope::Admin];
    let service = service_with(config);
    let router = service.router();
    let ask = async |method: &str, path: &str| {
        with(&router, method, path, &[("authorization", "Bearer writer")]).await
    };
    let known = ask("GET", "/v1/recommendations/u3?k=3").await.json();
    assert_eq!(known["known"], true);
    let search = ask("GET", "/v1/users?q=u3").await;
    assert_eq!(search.json()["total"], 1);
    assert_eq!(ask("GET", "/v1/explanations/u3/p6").await.status, 200);
    let stranger = ask("GET", "/v1/recommendations/nobody?k=3").await.json();

    assert_eq!(ask("DELETE", "/v1/users/u3").await.status, 200);
    let forgotten = ask("GET", "/v1/recommendations/u3?k=3").await.json();
    assert_eq!(forgotten["known"], false);
    assert_eq!(forgotten["items"], stranger["items"]);
    let why = ask("GET", "/v1/explanations/u3/p6").await;
    assert_eq!(why.error(404), "unknown_user");
    let history = ask("GET", "/v1/users/u3").await.json();
    assert_eq!(
        (&history["known"], &history["history"]),
        (&false.into(), &Value::Array(vec![]))
    );
    // What a browser has kept of the search is no longer right.
    let tag = search.headers["etag"].to_str().unwrap().to_owned();
    let headers = [("authorization", "Bearer writer"), ("if-none-match", &tag)];
    let again = with(&router, "GET", "/v1/users?q=u3", &headers).await;
    assert_eq!(
        (again.status.as_u16(), &again.json()["total"]),
        (200, &0.into())
    );
    let typical = ask("GET", "/v1/model").await.json()["typical_users"].to_string();
    assert!(!typical.contains("\"u3\""), "{typical}");
    let graph = ask("GET", "/v1/graph/u3").await.json();
    assert_eq!(graph["edges"], Value::Array(vec![]));
    // Others are known as before.
    assert_eq!(
        ask("GET", "/v1/recommendations/u4?k=3").await.json()["known"],
        true
    );
    // What the user does from now on counts.
    let json = ("content-type", "application/json");
    let events = r#"{"events": [{"user": "u3", "item": "p9", "behavior": "purchase"}]}"#;
    let request = Request::post("/v1/events")
        .header("authorization", "Bearer writer")
        .header(json.0, json.1);
    let posted = send(&router, request.body(Body::from(events)).unwrap()).await;
    assert_eq!(posted.status, 200);
    let history = ask("GET", "/v1/users/u3").await.json()["history"].clone();
    assert_eq!(
        (history.as_array().unwrap().len(), &history[0]["item"]),
        (1, &"p9".into())
    );
    // Another model knows whom it was trained on.
    let other = lightgcn_recommend::Recommender::from_artifact(common::artifact(-1.0)).unwrap();
    service.switch_to(other).unwrap();
    let known = ask("GET", "/v1/recommendations/u3?k=3").await.json();
    assert_eq!(known["known"], true);
}

#[tokio::test]
async fn batches_are_compressed_on_request() {
    let router = service().router();
    let batch = r#"{"requests": [{"user": "u0"}, {"user": "u1"}, {"user": "u2"}]}"#;
    let request = |encoding: &str| {
        Request::post("/v1/recommendations")
            .header("content-type", "application/json")
            .header("accept-encoding", encoding)
            .body(Body::from(batch))
            .unwrap()
    };
    let plain = send(&router, request("identity")).await;
    assert_eq!(plain.json()["answers"].as_array().unwrap().len(), 3);
    // It ends in full: the trailer of gzip has the length.
    let gzip = send(&router, request("gzip")).await;
    assert_eq!(
        (gzip.status.as_u16(), &gzip.headers["content-encoding"]),
        (200, &"gzip".parse().unwrap())
    );
    let (_, trailer) = gzip.bytes.split_at(gzip.bytes.len() - 4);
    let length = u32::from_le_bytes(trailer.try_into().unwrap());
    assert_eq!(length as usize, plain.bytes.len());
}
