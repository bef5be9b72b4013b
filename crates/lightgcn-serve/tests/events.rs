//! Posted events: what is stored, once, and under which labels.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::TRAINED;
use common::{Reply, artifact, config, get, post, send, service, service_with};
use lightgcn_core::{InteractionsBuilder, ItemId, PairEvent, SessionMark, UserId};
use lightgcn_recommend::Recommender;
use lightgcn_serve::{
    EventSink, EventStore, EventStoreConfig, MemoryEvents, PruneReport, Service, StoredEvent,
    TrainedEvents, UnknownBehaviors,
};
use serde_json::{Value, json};
use std::sync::Arc;

fn event(item: &str, behavior: &str) -> Value {
    json!({"user": "new", "item": item, "behavior": behavior})
}

async fn post_with_key(router: &Router, key: &[u8], events: &[Value]) -> Reply {
    let request = Request::post("/v1/events")
        .header("content-type", "application/json")
        .header("idempotency-key", key);
    let body = json!({ "events": events }).to_string();
    send(router, request.body(Body::from(body)).unwrap()).await
}

/// How many events of an item a user's history has.
async fn count(router: &Router, item: &str) -> u64 {
    let history = get(router, "/v1/users/new").await.json();
    let items = history["history"].as_array().unwrap();
    let found = items.iter().find(|found| found["item"] == item);
    found.map_or(0, |found| found["behaviors"][0]["count"].as_u64().unwrap())
}

#[tokio::test]
async fn a_post_that_is_sent_again_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.redb");
    let store = EventStore::open(path, EventStoreConfig::default()).unwrap();
    let recommender = || Recommender::from_artifact(artifact(1.0)).unwrap();
    let in_file = Service::from_recommender(recommender(), config(), Arc::new(store)).unwrap();
    for router in [service().router(), in_file.router()] {
        let two = [event("p1", "view"), event("p1", "view")];
        for duplicates in [Value::Null, json!(2)] {
            let reply = post_with_key(&router, b"order 7", &two).await.json();
            assert_eq!(reply["accepted"], 2);
            assert_eq!(reply["duplicates"], duplicates);
            assert_eq!(count(&router, "p1").await, 2);
        }
        post_with_key(&router, b"order 8", &two).await;
        assert_eq!(count(&router, "p1").await, 4);
        // An event's own id counts, whatever post it comes with.
        let mut own = event("p2", "view");
        own["event_id"] = json!("7");
        let reply = post_with_key(&router, b"order 7", &[own.clone()]).await;
        assert_eq!(reply.json().get("duplicates"), None);
        let body = json!({"events": [own, event("p2", "view")]}).to_string();
        let reply = post(&router, "/v1/events", body).await.json();
        assert_eq!(
            (&reply["accepted"], &reply["duplicates"]),
            (&json!(2), &json!(1))
        );
        assert_eq!(count(&router, "p2").await, 2);
        for key in [&b""[..], b"\xff", &[b'x'; 300], b"NULL"] {
            let reply = post_with_key(&router, key, &two).await;
            let code = if key.len() > 256 {
                "id_too_long"
            } else {
                "bad_id"
            };
            assert_eq!(reply.error(400), code);
        }
    }
}

#[tokio::test]
async fn a_store_whose_file_is_gone_refuses_events() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.redb");
    let store = EventStore::open(&path, EventStoreConfig::default()).unwrap();
    let recommender = Recommender::from_artifact(artifact(1.0)).unwrap();
    let service = Service::from_recommender(recommender, config(), Arc::new(store)).unwrap();
    let router = service.router();
    let body = json!({"events": [event("p1", "view")]}).to_string();
    assert_eq!(post(&router, "/v1/events", body.clone()).await.status, 200);
    std::fs::remove_file(&path).unwrap();
    let refused = post(&router, "/v1/events", body).await;
    assert_eq!(refused.error(503), "events_moved");
    assert!(refused.headers.contains_key("retry-after"));
    assert!(!path.exists());
    assert_eq!(count(&router, "p1").await, 1);
}

#[tokio::test]
async fn unknown_behaviors_are_refused_or_collected() {
    let body = json!({"events": [event("p1", "like")]}).to_string();
    let reply = post(&service().router(), "/v1/events", body.clone()).await;
    assert_eq!(reply.error(400), "unknown_behavior");
    let mut collecting = config();
    collecting.unknown_behaviors = UnknownBehaviors::Collect;
    let router = service_with(collecting).router();
    assert_eq!(
        post(&router, "/v1/events", body).await.json()["accepted"],
        1
    );
    // It has no effect.
    let answer = get(&router, "/v1/recommendations/new").await.json();
    assert_eq!(answer["source"], "popularity");
    assert_eq!(count(&router, "p1").await, 0);
    let empty = json!({"events": [event("p1", "")]}).to_string();
    assert_eq!(
        post(&router, "/v1/events", empty).await.error(400),
        "bad_id"
    );
}

#[tokio::test]
async fn the_logs_own_labels_are_accepted() {
    let mut artifact = artifact(1.0);
    for (option, name) in [
        ("format.rename_behaviors.transaction", "purchase"),
        ("format.ignore_behaviors.wish", "true"),
    ] {
        let options = &mut artifact.lineage.options;
        options.insert(option.to_owned(), name.to_owned());
    }
    let recommender = Recommender::from_artifact(artifact).unwrap();
    let events = Arc::new(MemoryEvents::default());
    let router = Service::from_recommender(recommender, config(), events)
        .unwrap()
        .router();
    let events = [
        event("p1", "transaction"),
        event("p2", "wish"),
        event("p3", "purchase"),
    ];
    let body = json!({ "events": events }).to_string();
    assert_eq!(
        post(&router, "/v1/events", body).await.json()["accepted"],
        3
    );
    let history = get(&router, "/v1/users/new").await.json();
    let bought: Vec<(&str, bool)> = history["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let id = item["item"].as_str().unwrap();
            (id, item["bought"].as_bool().unwrap())
        })
        .collect();
    assert_eq!(bought, [("p1", true), ("p3", true)]);
    let items = get(&router, "/v1/recommendations/new?k=12").await.items();
    assert!(!items.contains(&"p1".to_owned()) && items.contains(&"p2".to_owned()));
}

#[tokio::test]
async fn what_was_only_removed_from_the_cart_is_not_recommended() {
    let router = service().router();
    let body = json!({"events": [event("p11", "remove_from_cart")]}).to_string();
    assert_eq!(post(&router, "/v1/events", body).await.status, 200);
    let answer = get(&router, "/v1/recommendations/new?k=12").await;
    assert_eq!(answer.items().len(), 11);
    assert!(!answer.items().contains(&"p11".to_owned()));
    assert_eq!(answer.json()["source"], "popularity");
}

/// An id that no log may have is not stored, where it could never be read again.
#[tokio::test]
async fn ids_that_a_log_may_not_have_are_refused() {
    let router = service().router();
    for id in ["NULL", "nan", " ", "", "undefined", "a\rb"] {
        for field in ["user", "item", "behavior", "event_id"] {
            let mut event = event("p1", "view");
            event[field] = json!(id);
            let body = json!({ "events": [event] }).to_string();
            let reply = post(&router, "/v1/events", body).await;
            assert_eq!(reply.error(400), "bad_id", "{field} {id:?}");
        }
    }
    // Asking about such an id is not an error: no one has it.
    let answer = get(&router, "/v1/recommendations/null").await.json();
    assert_eq!(answer["known"], false);
}

fn stored(user: &str, item: &str, behavior: &str, time: i64) -> StoredEvent {
    StoredEvent {
        user: user.to_owned(),
        item: item.to_owned(),
        behavior: behavior.to_owned(),
        time,
        count: 1.0,
        id: None,
    }
}

/// What pruning a new store of these events says, and the items that stay in order of arrival, all of one user.
fn pruned(model: &Recommender, events: &[StoredEvent]) -> (PruneReport, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.redb");
    let store = EventStore::open(path, EventStoreConfig::default()).unwrap();
    store.try_append(events).unwrap();
    let report = TrainedEvents::new(model)
        .unwrap()
        .prune(&store, u64::MAX)
        .unwrap();
    let left = store.try_of_user(&events[0].user).unwrap();
    (report, left.into_iter().map(|event| event.item).collect())
}

#[test]
fn only_events_that_the_model_was_trained_on_are_removed() {
    let future = 4_000_000_000;
    let mut artifact = artifact(1.0);
    let behaviors = artifact.train.behaviors().to_vec();
    let index = |name: &str| behaviors.iter().position(|b| b == name).unwrap() as u8;
    let at = |name: &str, time| PairEvent::new(lightgcn_core::BehaviorId(index(name)), time);
    let mut pairs = InteractionsBuilder::from_names(&behaviors, &["purchase"]).unwrap();
    for (item, events) in [
        (
            0,
            // Posted events do not say in which session they were.
            vec![
                at("view", 100).in_session(SessionMark::of_number(6)),
                at("purchase", 200),
            ],
        ),
        (1, vec![at("view", future)]),
    ] {
        pairs
            .push_events(UserId(0), ItemId(item), 1.0, &events)
            .unwrap();
    }
    artifact.train = pairs.build(common::USERS, common::ITEMS).unwrap();
    artifact.popularity = lightgcn_store::popularity_of(&artifact.train);
    let renamed = ("format.rename_behaviors.buy", "purchase");
    let options = &mut artifact.lineage.options;
    options.insert(renamed.0.to_owned(), renamed.1.to_owned());
    let model = Recommender::from_artifact(artifact).unwrap();
    let (report, left) = pruned(
        &model,
        &[
            stored("u0", "p0", "view", 100),
            stored("u0", "p0", "buy", 200),
            stored("u0", "p1", "view", future),
            // Another time, behavior, item; an unknown label and item; another user.
            stored("u0", "p0", "view", 150),
            stored("u0", "p0", "cart", 100),
            stored("u0", "p2", "view", 100),
            stored("u0", "p0", "like", 100),
            stored("u0", "new", "view", 100),
            stored("u1", "p0", "view", 100),
            // The row of the future does not make this one old.
            stored("u0", "p3", "view", future - 1),
        ],
    );
    assert_eq!(left, ["p0", "p0", "p2", "p0", "new", "p3"]);
    let expected = PruneReport {
        n_pruned: 3,
        n_kept_older: 6,
    };
    assert_eq!(report, expected);
}

#[test]
fn without_single_events_the_time_decides() {
    let model = Recommender::from_artifact(artifact(1.0)).unwrap();
    let events = [
        stored("u0", "p0", "view", TRAINED),
        stored("u0", "p1", "view", TRAINED + 1),
    ];
    let (report, left) = pruned(&model, &events);
    assert_eq!((report.n_pruned, report.n_kept_older), (1, 0));
    assert_eq!(left, ["p1"]);

    // A pair of the future does not remove what comes until then.
    let timed = |time: Option<i64>| {
        let mut artifact = artifact(1.0);
        let mut pairs =
            InteractionsBuilder::from_names(artifact.train.behaviors(), &["purchase"]).unwrap();
        pairs
            .push(UserId(0), ItemId(0), 1.0, &[0, 0, 0, 1], time)
            .unwrap();
        artifact.train = pairs.build(common::USERS, common::ITEMS).unwrap();
        artifact.popularity = lightgcn_store::popularity_of(&artifact.train);
        Recommender::from_artifact(artifact).unwrap()
    };
    let events = [
        stored("u0", "p0", "view", TRAINED),
        stored("u0", "p1", "view", 4_000_000_000),
    ];
    let (report, left) = pruned(&timed(Some(5_000_000_000)), &events);
    assert_eq!((report.n_pruned, report.n_kept_older), (1, 0));
    assert_eq!(left, ["p1"]);
    assert!(TrainedEvents::new(&timed(None)).is_none());
}

#[tokio::test]
async fn an_event_cannot_make_its_user_unanswerable() {
    let sink = Arc::new(MemoryEvents::default());
    let recommender = Recommender::from_artifact(artifact(1.0)).unwrap();
    let events = Arc::clone(&sink) as Arc<dyn EventSink>;
    let router = Service::from_recommender(recommender, config(), events)
        .unwrap()
        .router();
    let event = |count: f64| {
        let event = json!({"user": "u0", "item": "p8", "behavior": "view", "count": count});
        json!({ "events": [event] }).to_string()
    };
    for count in [0.0, -1.0, 1_000_001.0, 1e308] {
        let reply = post(&router, "/v1/events", event(count)).await;
        assert_eq!(reply.error(400), "bad_event", "{count}");
    }
    // The largest one is fine, and one that an older version stored is left out.
    let reply = post(&router, "/v1/events", event(1e6)).await;
    assert_eq!(reply.status, 200);
    sink.append(&[StoredEvent {
        user: "u0".to_owned(),
        item: "p9".to_owned(),
        behavior: "view".to_owned(),
        time: TRAINED + 1,
        count: 1e308,
        id: None,
    }])
    .unwrap();
    for path in ["/v1/recommendations/u0", "/v1/users/u0", "/v1/graph/u0"] {
        let reply = get(&router, path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
    let history = get(&router, "/v1/users/u0").await.text();
    assert!(
        history.contains("\"p8\"") && !history.contains("\"p9\""),
        "{history}"
    );
}
