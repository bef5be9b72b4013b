//! The events of a service, by the command: export, and removal of what was trained on.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{assert_messages, shop};
use lightgcn_serve::{EventStore, EventStoreConfig, StoredEvent};
use serde_json::json;

#[test]
fn events_are_exported_trained_on_and_removed() {
    let work = shop();
    let text = work.read("shop.csv");
    let row: Vec<&str> = text.lines().nth(1).unwrap().split(',').collect();
    let (item, user) = (row[2], row[7]);
    let event = |user: &str, behavior: &str, time| StoredEvent {
        user: user.to_owned(),
        item: item.to_owned(),
        behavior: behavior.to_owned(),
        time,
        count: 1.0,
    };
    let store = EventStore::open(work.path("events.redb"), EventStoreConfig::default()).unwrap();
    store
        .try_append(&[
            event("somebody new", "purchase", 1_570_000_000),
            event(user, "view", 1_570_000_001),
        ])
        .unwrap();
    // The service goes on while its events are exported.
    let told = work.json(&["events", "export", "events.redb", "--out", "events.csv"]);
    assert_eq!((&told["n_events"], &told["n_rows"]), (&json!(2), &json!(2)));
    let arguments = [
        "events",
        "prune",
        "events.redb",
        "--out",
        "more.csv",
        "--trained",
        "new.model",
    ];
    work.json(&[
        "prepare",
        "shop.csv",
        "events.csv",
        "--out",
        "new",
        "--split",
        "none",
    ]);
    work.json(&[
        "train",
        "new",
        "--out",
        "new.model",
        "--dimension",
        "8",
        "--epochs",
        "1",
    ]);
    work.json(&["recommend", "new.model", "somebody new", "-k", "2"]);
    work.refused(&arguments, &[]);
    // An event of next year is not one that the model was trained on.
    store
        .try_append(&[event(user, "cart", 1_900_000_000)])
        .unwrap();
    drop(store);
    let told = work.json(&arguments);
    assert_eq!((&told["n_events"], &told["pruned"]), (&json!(3), &json!(2)));
    assert_eq!(work.read("more.csv").lines().count(), 4);
    let told = work.json(&["events", "export", "events.redb", "--out", "left.csv"]);
    assert_eq!(told["n_events"], json!(1));
    assert!(
        work.read("left.csv").contains("2030-03-17"),
        "{}",
        work.read("left.csv")
    );

    work.refused(&["events", "export", "nothing", "--out", "x.csv"], &[]);
    work.refused(&["events", "export", "shop.csv", "--out", "x.csv"], &[]);
    work.refused(
        &["events", "export", "events.redb", "--out", "no/such/x.csv"],
        &["x.csv"],
    );
    work.refused(
        &[
            "events",
            "prune",
            "nothing",
            "--out",
            "x.csv",
            "--trained",
            "new.model",
        ],
        &[],
    );
    assert_messages();
}
