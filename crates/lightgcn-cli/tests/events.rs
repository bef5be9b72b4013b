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
        id: None,
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
    assert_eq!(
        (&told["n_events"], &told["n_pruned"], &told["n_kept_older"]),
        (&json!(3), &json!(2), &json!(0))
    );
    assert_eq!(work.read("more.csv").lines().count(), 4);
    // The archive of what was removed is not replaced.
    work.refused(&arguments, &["more.csv"]);
    work.refused(
        &["events", "export", "events.redb", "--out", "events.redb"],
        &["events.redb"],
    );
    let told = work.json(&["events", "export", "events.redb", "--out", "left.csv"]);
    assert_eq!(told["n_events"], json!(1));
    assert!(
        work.read("left.csv").contains("2030-03-17"),
        "{}",
        work.read("left.csv")
    );

    // In the form of a log that the configuration describes.
    std::fs::write(
        work.path("other.toml"),
        "[prepare.format]\nevent_time = 'timestamp'\nbrand = ''\ndelimiter = ';'\n",
    )
    .unwrap();
    let export = ["events", "export", "events.redb", "--out", "other.csv"];
    work.json(&[&export[..], &["--config", "other.toml"]].concat());
    let other = work.read("other.csv");
    assert_eq!(
        other.lines().next(),
        Some(
            "timestamp;event_type;product_id;category_id;category_code;price;user_id;user_session;event_number"
        )
    );
    // A store that was not closed is repaired, and of a damaged one nothing is lost in silence.
    let store = EventStore::open(work.path("events.redb"), EventStoreConfig::default()).unwrap();
    let mut bytes = std::fs::read(work.path("events.redb")).unwrap();
    drop(store);
    std::fs::write(work.path("killed.redb"), &bytes).unwrap();
    let told = work.json(&["events", "export", "killed.redb", "--out", "killed.csv"]);
    assert_eq!((&told["n_events"], &told["n_lost"]), (&json!(1), &json!(0)));
    bytes[4096..].fill(0);
    std::fs::write(work.path("damaged.redb"), &bytes).unwrap();
    let run = work.run(&["events", "export", "damaged.redb", "--out", "damaged.csv"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(run.stderr.contains("can be read"), "{}", run.stderr);

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
