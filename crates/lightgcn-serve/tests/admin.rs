//! Loading and switching models: who may do it, and what is refused.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::{Reply, artifact, config, send};
use lightgcn_serve::{ServeConfig, ServeError, Service, Token};
use serde_json::json;
use std::path::Path;

const TOKEN: &str = "a-token-of-some-length";

/// A folder with two models, `up` and `down`.
fn models() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    artifact(1.0).save(folder.path().join("up")).unwrap();
    artifact(-1.0).save(folder.path().join("down")).unwrap();
    folder
}

fn open(folder: &Path, config: ServeConfig) -> Service {
    Service::open(folder.join("up"), config).unwrap()
}

async fn admin(router: &Router, method: &str, path: &str, body: &str) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost:8081");
    let request = request.header("content-type", "application/json");
    send(router, request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn load(router: &Router, name: &str) -> Reply {
    admin(
        router,
        "POST",
        "/admin/models",
        &json!({"path": name}).to_string(),
    )
    .await
}

#[tokio::test]
async fn models_are_loaded_listed_and_activated() {
    let folder = models();
    let service = open(folder.path(), config());
    let (router, public) = (service.admin_router(), service.router());
    let first = service.model_version();
    let reply = load(&router, "down").await;
    assert_eq!(reply.status, 200, "{:?}", reply.json());
    let models = reply.json();
    assert_eq!(models["models"].as_array().unwrap().len(), 2);
    assert_eq!(
        (
            &models["models"][0]["active"],
            &models["models"][1]["active"]
        ),
        (&json!(true), &json!(false))
    );
    let second = service.model_version();
    assert_ne!(first, second);
    assert_eq!(models["models"][0]["version"], second);
    let answer = common::get(&public, "/v1/recommendations/u0?k=1").await;
    assert_eq!(
        (answer.items(), answer.json()["model_version"].clone()),
        (vec!["p5".to_owned()], json!(second))
    );
    let back = admin(
        &router,
        "POST",
        &format!("/admin/models/{first}/activate"),
        "",
    )
    .await;
    assert_eq!(back.json()["models"][0]["version"], first);
    assert_eq!(
        common::get(&public, "/v1/recommendations/u0?k=1")
            .await
            .items(),
        ["p6"]
    );
    assert_eq!(
        admin(&router, "GET", "/admin/models", "").await.json(),
        back.json()
    );
    let unknown = admin(
        &router,
        "POST",
        "/admin/models/0123456789abcdef/activate",
        "",
    )
    .await;
    assert_eq!(unknown.error(404), "unknown_version");
    // Loading the same model again does not list it twice.
    assert_eq!(
        load(&router, "up").await.json()["models"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert!(
        common::get(&public, "/metrics")
            .await
            .text()
            .contains("lightgcn_model_swaps_total 3")
    );
}

#[tokio::test]
async fn old_models_leave_memory_beyond_the_limit() {
    let folder = models();
    let mut config = config();
    config.admin.keep = 1;
    let service = open(folder.path(), config);
    let first = service.model_version();
    service.load("down").unwrap();
    assert!(matches!(
        service.activate(&first),
        Err(ServeError::UnknownVersion { .. })
    ));
    service.activate(&service.model_version()).unwrap();
}

#[tokio::test]
async fn names_that_lead_outside_the_folder_are_errors() {
    let folder = models();
    let outside = models();
    std::os::unix::fs::symlink(outside.path().join("down"), folder.path().join("link")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero")).unwrap();
    std::fs::write(folder.path().join("file"), "x").unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    let service = open(folder.path(), config());
    let router = service.admin_router();
    let version = service.model_version();
    let absolute = outside.path().join("down").display().to_string();
    for name in [
        "../down",
        "..",
        ".",
        "",
        "%2e%2e/down",
        "down/../down",
        "down\0",
        "/dev/zero",
        &absolute,
        "link",
        "zero",
        "file",
        "none",
        "down/",
        "down\\x",
        ".hidden",
    ] {
        assert_eq!(
            load(&router, name).await.error(400),
            "bad_model_name",
            "{name:?}"
        );
    }
    assert_eq!(load(&router, "empty").await.error(422), "bad_model");
    for body in ["", "{}", r#"{"path": 3}"#, r#"{"path": "up", "more": 1}"#] {
        assert_eq!(
            admin(&router, "POST", "/admin/models", body)
                .await
                .error(400),
            "bad_json"
        );
    }
    assert_eq!(service.model_version(), version);
}

#[tokio::test]
async fn a_damaged_model_is_refused_and_the_active_one_stays() {
    let folder = models();
    let service = open(folder.path(), config());
    let (router, public) = (service.admin_router(), service.router());
    let before = common::get(&public, "/v1/recommendations/u0?k=5")
        .await
        .json();
    let names: Vec<_> = std::fs::read_dir(folder.path().join("down"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(names.len() > 5);
    for name in names {
        let path = folder.path().join("down").join(&name);
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [&whole[..whole.len() - 1], &flipped, &[]] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(
                load(&router, "down").await.error(422),
                "bad_model",
                "{name:?}"
            );
        }
        // A symbolic link in place of a file.
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert_eq!(
            load(&router, "down").await.error(422),
            "bad_model",
            "{name:?}"
        );
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            load(&router, "down").await.error(422),
            "bad_model",
            "{name:?}"
        );
        std::fs::write(&path, whole).unwrap();
    }
    assert_eq!(
        common::get(&public, "/v1/recommendations/u0?k=5")
            .await
            .json(),
        before
    );
    assert_eq!(load(&router, "down").await.status, 200);
}

#[tokio::test]
async fn requests_without_the_token_are_refused() {
    let folder = models();
    let mut config = config();
    config.admin.token = Some(Token::new(TOKEN));
    let service = open(folder.path(), config);
    let router = service.admin_router();
    let with = |value: Option<String>| {
        let mut request = Request::get("/admin/models").header("host", "elsewhere.example");
        if let Some(value) = value {
            request = request.header("authorization", value);
        }
        request.body(Body::empty()).unwrap()
    };
    for wrong in [
        None,
        Some("Bearer wrong".to_owned()),
        Some(TOKEN.to_owned()),
        Some(format!("Bearer {TOKEN}x")),
    ] {
        let reply = send(&router, with(wrong)).await;
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
        assert_eq!(reply.error(401), "unauthorized");
    }
    assert_eq!(
        send(&router, with(Some(format!("Bearer {TOKEN}"))))
            .await
            .status,
        200
    );
    assert!(!format!("{service:?}").contains(TOKEN));
}

#[tokio::test]
async fn without_a_token_only_local_hosts_are_answered() {
    let folder = models();
    let router = open(folder.path(), config()).admin_router();
    let request = Request::get("/admin/models").header("host", "rebound.example:8081");
    let reply = send(&router, request.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.error(403), "foreign_host");
    assert_eq!(
        admin(&router, "DELETE", "/admin/models", "")
            .await
            .error(405),
        "no_method"
    );
    assert_eq!(
        admin(&router, "GET", "/admin/nothing", "").await.error(404),
        "no_route"
    );
    // The public listener has no admin routes.
    let public = open(folder.path(), config()).router();
    assert_eq!(
        common::get(&public, "/admin/models").await.error(404),
        "no_route"
    );
}

#[tokio::test]
async fn the_run_record_beside_a_model_is_shown() {
    let folder = models();
    let run = folder.path().join("up.run");
    std::fs::create_dir(&run).unwrap();
    let line = r#"{"event":"epoch","epoch":1,"loss":0.5,"validation":{"recall@20":0.1}}"#;
    std::fs::write(run.join("run.jsonl"), line).unwrap();
    std::fs::write(run.join("evaluation.json"), r#"{"rankers":[]}"#).unwrap();
    let model = common::get(&open(folder.path(), config()).router(), "/v1/model")
        .await
        .json();
    assert_eq!(
        model["figures"]["curve"],
        json!([{"epoch": 1, "loss": 0.5, "recall@20": 0.1}])
    );
    assert_eq!(model["figures"]["baselines"], json!({"rankers": []}));
}
