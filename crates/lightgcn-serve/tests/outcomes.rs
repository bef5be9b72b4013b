//! What was shown, what came of it, and experiments.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::{Reply, artifact, config, get, post, send, service, service_with};
use lightgcn_recommend::{RecommendOptions, RecommendedItem, Recommender};
use lightgcn_serve::{
    ApiKey, ArmConfig, ExperimentConfig, Scope, ServeConfig, ServeError, Service,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn recording() -> ServeConfig {
    ServeConfig {
        impressions: true,
        ..config()
    }
}

async fn get_as(router: &Router, path: &str, request_id: &str) -> Reply {
    let request = Request::get(path).header("x-request-id", request_id);
    send(router, request.body(Body::empty()).unwrap()).await
}

fn event(user: &str, item: &str, behavior: &str, request_id: &str) -> Value {
    json!({"user": user, "item": item, "behavior": behavior, "request_id": request_id})
}

/// The rows of an answer: source, shown, clicked and converted.
fn rows(outcomes: &Value) -> Vec<(String, [u64; 3])> {
    let rows = outcomes["days"].as_array().unwrap().iter();
    let rows = rows.map(|row| {
        let n = |name: &str| row[name].as_u64().unwrap();
        let source = row["source"].as_str().unwrap_or("").to_owned();
        (source, [n("shown"), n("clicked"), n("converted")])
    });
    rows.collect()
}

#[tokio::test]
async fn outcomes_are_counted_by_list_and_source() {
    let service = service_with(recording());
    let router = service.router();
    let list = get_as(&router, "/v1/recommendations/u0?k=3", "r1").await;
    assert_eq!(list.items(), ["p6", "p4", "p3"]);
    let batch = json!({"requests": [{"user": "u1", "options": {"k": 2}}, {"user": "u2", "options": {"k": 2}}]});
    let request = Request::post("/v1/recommendations")
        .header("content-type", "application/json")
        .header("x-request-id", "r2");
    let request = request.body(Body::from(batch.to_string())).unwrap();
    assert_eq!(send(&router, request).await.status, 200);
    let events = json!({"events": [
        event("u0", "p4", "view", "r1"),
        event("u0", "p4", "view", "r1"),
        event("u0", "p6", "purchase", "r1"),
        // Against the item, not shown, not theirs, and without a list.
        event("u0", "p3", "remove_from_cart", "r1"),
        event("u0", "p0", "purchase", "r1"),
        event("u3", "p6", "purchase", "r1"),
        {"user": "u0", "item": "p3", "behavior": "purchase"},
    ]});
    assert_eq!(
        post(&router, "/v1/events", events.to_string()).await.status,
        200
    );
    let reply = get(&router, "/v1/outcomes").await;
    let outcomes = reply.json();
    let expected = [("model".to_owned(), [7, 2, 1]), (String::new(), [3, 1, 1])];
    assert_eq!(rows(&outcomes), expected, "{outcomes}");
    let day = &outcomes["days"][0];
    assert_eq!(day["model"], service.model_version());
    assert_eq!(day["day"].as_str().unwrap().len(), 10);
    assert!((day["click_through"].as_f64().unwrap() - 2.0 / 7.0).abs() < 1e-12);
    assert!(outcomes.get("experiment").is_none() && day.get("arm").is_none());
    let metrics = get(&router, "/metrics").await.text();
    let version = service.model_version();
    for line in [
        format!("lightgcn_shown_lists_total{{model=\"{version}\",arm=\"\"}} 3"),
        format!(
            "lightgcn_converted_items_total{{model=\"{version}\",arm=\"\",source=\"model\"}} 1"
        ),
        "lightgcn_outcomes_lost_total 0".to_owned(),
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}\n{metrics}"
        );
    }
}

#[tokio::test]
async fn lists_that_nobody_sees_do_not_count() {
    let router = service_with(recording()).router();
    let path = "/v1/recommendations/u0?k=3";
    let hidden = Request::get(path)
        .header("x-request-id", "r1")
        .header("x-not-shown", "page");
    let reply = send(&router, hidden.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.items(), ["p6", "p4", "p3"]);
    assert_eq!(reply.headers["x-request-id"], "r1");
    let batch = json!({"requests": [{"user": "u1"}]}).to_string();
    let hidden = Request::post("/v1/recommendations")
        .header("content-type", "application/json")
        .header("x-not-shown", "page");
    let reply = send(&router, hidden.body(Body::from(batch)).unwrap()).await;
    assert_eq!(reply.status, 200);
    assert!(rows(&get(&router, "/v1/outcomes").await.json()).is_empty());
    get_as(&router, path, "r2").await;
    let expected = [("model".to_owned(), [3, 0, 0]), (String::new(), [1, 0, 0])];
    assert_eq!(rows(&get(&router, "/v1/outcomes").await.json()), expected);
}

#[tokio::test]
async fn without_the_setting_nothing_is_kept() {
    let router = service().router();
    get_as(&router, "/v1/recommendations/u0", "r1").await;
    let events = json!({"events": [event("u0", "p4", "view", "r1")]});
    assert_eq!(
        post(&router, "/v1/events", events.to_string()).await.status,
        200
    );
    assert_eq!(get(&router, "/v1/outcomes").await.error(404), "no_outcomes");
    let model = get(&router, "/v1/model").await.json();
    assert_eq!(model["impressions"], false);
    assert!(
        !get(&router, "/metrics")
            .await
            .text()
            .contains("shown_lists")
    );
    let router = service_with(recording()).router();
    let model = get(&router, "/v1/model").await.json();
    assert_eq!(model["impressions"], true);
    for days in ["0", "367", "-1", "x"] {
        let reply = get(&router, &format!("/v1/outcomes?days={days}")).await;
        assert_eq!(reply.error(400), "bad_query", "{days}");
    }
    let bad = json!({"events": [event("u0", "p4", "view", "")]});
    assert_eq!(
        post(&router, "/v1/events", bad.to_string())
            .await
            .error(400),
        "bad_id"
    );
}

/// A service with the model `a` of sign 1 and an experiment with the model `b` of sign −1, which gets three of four users.
fn experiment(folder: &tempfile::TempDir) -> Service {
    artifact(1.0).save(folder.path().join("a")).unwrap();
    artifact(-1.0).save(folder.path().join("b")).unwrap();
    let arm = |name: &str, model: Option<&str>, weight| ArmConfig {
        name: name.to_owned(),
        model: model.map(str::to_owned),
        weight,
    };
    let experiment = ExperimentConfig {
        name: "signs".to_owned(),
        arms: vec![arm("control", None, 1.0), arm("minus", Some("b"), 3.0)],
        alpha: 0.05,
        effect: 0.1,
    };
    let config = ServeConfig {
        experiment: Some(experiment),
        ..recording()
    };
    Service::open(folder.path().join("a"), config).unwrap()
}

#[tokio::test]
async fn every_user_has_one_arm() {
    let folder = tempfile::tempdir().unwrap();
    let service = experiment(&folder);
    let router = service.router();
    let mut versions = BTreeSet::new();
    let (mut requests, mut expected) = (Vec::new(), Vec::new());
    for n in 0..30 {
        let user = format!("u{n}");
        let reply = get(
            &router,
            &format!("/v1/recommendations/{user}?hide=nothing&k=1"),
        )
        .await;
        let arm = reply.headers["x-experiment-arm"]
            .to_str()
            .unwrap()
            .to_owned();
        let answer = reply.json();
        assert_eq!(answer["arm"], arm);
        assert_eq!(
            reply.headers["x-model-version"],
            answer["model_version"].as_str().unwrap()
        );
        // The order of the list is that of the arm's model, and so is the score that is explained.
        let (first, score) = if arm == "signs/minus" {
            ("p0", -3.0)
        } else {
            ("p6", 3.0)
        };
        assert_eq!(reply.items(), [first], "{answer}");
        let explained = get(&router, &format!("/v1/explanations/{user}/p3"))
            .await
            .json();
        assert_eq!(
            (&explained["arm"], &explained["score"]),
            (&json!(arm), &json!(score))
        );
        versions.insert((arm, answer["model_version"].as_str().unwrap().to_owned()));
        requests.push(json!({"user": user, "options": {"hide": "nothing", "k": 1}}));
        expected.push(answer);
    }
    assert_eq!(versions.len(), 2);
    // A batch answers each user by their own arm.
    let batch = json!({"requests": requests}).to_string();
    let batch = post(&router, "/v1/recommendations", batch).await.json();
    assert_eq!(batch["answers"], json!(expected));
    assert_eq!(batch["model_version"], service.model_version());
}

#[tokio::test]
async fn weights_are_kept_and_arms_compared() {
    let folder = tempfile::tempdir().unwrap();
    let router = experiment(&folder).router();
    let mut n_minus = 0;
    let mut events = Vec::new();
    for n in 0..400 {
        let (user, id) = (format!("new{n}"), format!("r{n}"));
        let reply = get_as(&router, &format!("/v1/recommendations/{user}?k=1"), &id).await;
        let is_minus = reply.json()["arm"] == "signs/minus";
        n_minus += u64::from(is_minus);
        // Of the control one list in ten has a click, of the other arm every second.
        if n % if is_minus { 2 } else { 10 } == 0 {
            events.push(event(&user, &reply.items()[0], "view", &id));
        }
    }
    // Three quarters, within four standard deviations.
    assert!((265..=335).contains(&n_minus), "{n_minus}");
    let posted = json!({"events": events}).to_string();
    assert_eq!(post(&router, "/v1/events", posted).await.status, 200);
    let outcomes = get(&router, "/v1/outcomes?days=1").await.json();
    let experiment = &outcomes["experiment"];
    assert_eq!(experiment["name"], "signs");
    let [control, minus] = [&experiment["arms"][0], &experiment["arms"][1]];
    assert_eq!(
        (&control["arm"], &minus["arm"]),
        (&json!("signs/control"), &json!("signs/minus"))
    );
    assert_eq!(minus["shown"], n_minus);
    assert!(control.get("click_through_test").is_none());
    let clicks = &minus["click_through_test"];
    assert_eq!(clicks["is_different"], true, "{experiment}");
    assert!(clicks["low"].as_f64().unwrap() > 0.0);
    assert_eq!(minus["conversion_test"]["is_different"], false);
}

#[tokio::test]
async fn an_arm_gets_its_new_model() {
    let folder = tempfile::tempdir().unwrap();
    let service = experiment(&folder);
    let before = service.model_version();
    artifact(-2.0).save(folder.path().join("b")).unwrap();
    let loaded = service.load("b").unwrap();
    assert_eq!(service.model_version(), before);
    let router = service.router();
    let mut versions = BTreeSet::new();
    for n in 0..20 {
        let reply = get(&router, &format!("/v1/recommendations/u{n}")).await;
        versions.insert(reply.json()["model_version"].as_str().unwrap().to_owned());
    }
    assert_eq!(versions, BTreeSet::from([before, loaded]));
}

#[tokio::test]
async fn a_second_model_answers_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    artifact(1.0).save(folder.path().join("a")).unwrap();
    artifact(-1.0).save(folder.path().join("b")).unwrap();
    let config = ServeConfig {
        shadow: Some("b".to_owned()),
        ..config()
    };
    let service = Service::open(folder.path().join("a"), config).unwrap();
    let router = service.router();
    let reply = get(&router, "/v1/recommendations/u0?k=3").await;
    assert_eq!(reply.items(), ["p6", "p4", "p3"]);
    assert_eq!(
        reply.headers["x-model-version"],
        service.model_version().as_str()
    );
    let other = Recommender::from_artifact(artifact(-1.0)).unwrap();
    let options = RecommendOptions {
        k: 3,
        ..RecommendOptions::default()
    };
    let other = other.recommend("u0", &options).unwrap().items;
    let is_common = |item: &&RecommendedItem| ["p6", "p4", "p3"].contains(&&*item.item);
    let n_common = other.iter().filter(is_common).count() as u32;
    assert!(n_common < 3);
    let wanted = [
        ("lists", 1),
        ("items", 3),
        ("common_items", n_common),
        ("skipped_lists", 0),
    ];
    let mut metrics = String::new();
    for _ in 0..500 {
        metrics = get(&router, "/metrics").await.text();
        let is_there = |(name, n): (&str, u32)| {
            let lines = metrics
                .lines()
                .filter(|line| line.contains(&format!("shadow_{name}_total{{")));
            lines
                .into_iter()
                .any(|line| line.ends_with(&format!(" {n}")))
        };
        if wanted.into_iter().all(is_there) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{metrics}");
}

#[tokio::test]
async fn a_second_model_forgets_and_follows_the_catalogue() {
    let folder = tempfile::tempdir().unwrap();
    artifact(1.0).save(folder.path().join("a")).unwrap();
    artifact(1.0).save(folder.path().join("b")).unwrap();
    let config = ServeConfig {
        shadow: Some("b".to_owned()),
        keys: vec![ApiKey {
            name: "all".to_owned(),
            // Of `a-key`.
            sha256: "2a8a1240f50636655520ac8ed22aa29473b8517b4abfdbc3bc03bcad73fc8849".to_owned(),
            scopes: vec![Scope::Read, Scope::Write, Scope::Admin],
            shops: Vec::new(),
        }],
        ..config()
    };
    let router = Service::open(folder.path().join("a"), config)
        .unwrap()
        .router();
    let call = async |method: &str, path: &str, body: String| {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("authorization", "Bearer a-key")
            .header("content-type", "application/json");
        let reply = send(&router, request.body(Body::from(body)).unwrap()).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply
    };
    // A list of three items, and how many of the lists so far the second model agrees with.
    let list = async |n: u32| {
        let path = "/v1/recommendations/u0?k=3";
        let items = call("GET", path, String::new()).await.items();
        for _ in 0..500 {
            let metrics = call("GET", "/metrics", String::new()).await.text();
            let of = |name: &str| {
                let name = format!("lightgcn_shadow_{name}_total{{");
                let mut lines = metrics.lines();
                let line = lines.find(|line| line.starts_with(&name)).unwrap();
                line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()
            };
            if of("lists") == n {
                assert_eq!(
                    (of("items"), of("common_items")),
                    (3 * n, 3 * n),
                    "{metrics}"
                );
                return items;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the second model does not answer");
    };
    let known = list(1).await;
    call("DELETE", "/v1/users/u0", String::new()).await;
    let stranger = list(2).await;
    assert_ne!(known, stranger);
    let gone = json!([{"item": stranger[0], "stock": 0}]).to_string();
    call("PUT", "/v1/catalogue", gone).await;
    assert!(!list(3).await.contains(&stranger[0]));
}

#[test]
fn bad_experiments_are_refused() {
    let text = "name = 'a b'\narms = [{name = 'x', weight = 0.0}, {name = 'x'}]\nalpha = 2.0";
    let experiment: ExperimentConfig = toml::from_str(text).unwrap();
    assert_eq!((experiment.effect, experiment.arms[1].weight), (0.01, 1.0));
    let config = |experiment| ServeConfig {
        experiment: Some(experiment),
        ..config()
    };
    let Err(ServeError::Config { issues }) = config(experiment).check() else {
        panic!("it was accepted");
    };
    let keys: Vec<&str> = issues.iter().map(|issue| &*issue.key).collect();
    let expected = [
        "experiment.name",
        "experiment.arms",
        "experiment.arms",
        "experiment.alpha",
    ];
    assert_eq!(keys, expected);
    let one: ExperimentConfig = toml::from_str("name = 'a'\narms = [{name = 'x'}]").unwrap();
    assert!(config(one).check().is_err());
    assert!(toml::from_str::<ExperimentConfig>("name = 'a'\narms = []\nwho = 1").is_err());
}
