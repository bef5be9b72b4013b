//! The nightly recipe of docs/operations.md, run as it stands there.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::log::{Event, Log};
use common::{Workplace, cut_log};
use lightgcn_serve::{EventStore, EventStoreConfig, StoredEvent};
use std::collections::HashSet;
use std::fs;
use std::process::Command;

/// The shell script with the retraining, without what needs the server it is written for.
fn recipe() -> String {
    let docs = include_str!("../../../docs/operations.md");
    let scripts = docs.split("```sh\n").skip(1);
    let mut scripts = scripts.map(|part| part.split("```").next().unwrap());
    let script = scripts
        .find(|script| script.contains("set -eu") && script.contains("lightgcn retrain"))
        .unwrap();
    let lines = script.lines().filter(|line| !line.starts_with("cd "));
    let lines = lines.take_while(|line| !line.starts_with("curl"));
    // Whether a model of this little data gets better is not what is tried here.
    lines
        .map(|line| format!("{line}\n"))
        .collect::<String>()
        .replace("--margin 0.01", "--margin 0.9")
}

#[test]
fn the_nightly_recipe_publishes_a_model_that_knows_yesterday() {
    let work = Workplace::new();
    for folder in ["logs", "models"] {
        fs::create_dir(work.path(folder)).unwrap();
    }
    work.write("shop.toml", "");
    cut_log(&work, &[("logs/old.csv", 90), ("posted.csv", 100)]);
    let [old, new] = ["logs/old.csv", "posted.csv"].map(|name| Log::parse(&work.read(name)).events);
    let small = [
        "--dimension",
        "16",
        "--epochs",
        "6",
        "--validate-every",
        "2",
    ];
    work.json(&["prepare", "logs/*.csv", "--out", "first.dataset"]);
    let train = [
        "train",
        "first.dataset",
        "--out",
        "models/shop.model",
        "--refit",
    ];
    let told = work.json(&[&train[..], &small, &["--learning-rate", "0.01"]].concat());
    assert_eq!(told["refit"], true);
    assert!(told["test"]["recall@20"].as_f64().unwrap() > 0.0, "{told}");
    let lineage = work.read_json("models/shop.model/lineage.json");
    assert_eq!(lineage["options"]["refit"], "true");
    assert_eq!(
        lineage["figures"]["test recall@20"],
        told["test"]["recall@20"]
    );

    // Yesterday's events were posted to the service.
    let store = EventStore::open(work.path("events.redb"), EventStoreConfig::default()).unwrap();
    let stored = |event: &Event| StoredEvent {
        user: event.user.clone(),
        item: event.item.clone(),
        behavior: event.behavior.clone(),
        time: lightgcn::data::time::parse(event.time.as_bytes()).unwrap(),
        count: 1.0,
        id: None,
    };
    let posted: Vec<StoredEvent> = new.iter().map(stored).collect();
    store.try_append(&posted).unwrap();
    drop(store);

    let command = env!("CARGO_BIN_EXE_lightgcn");
    let folder = std::path::Path::new(command).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let ran = Command::new("sh")
        .args(["-c", &recipe()])
        .current_dir(work.path("."))
        .env("PATH", path)
        .env("LIGHTGCN_DEVICE", "cpu")
        .output()
        .unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{out}{errors}");
    let told: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&told["published"], &told["refit"]),
        (&true.into(), &true.into())
    );
    assert!(told["new_users"].as_u64().unwrap() > 0, "{told}");

    // It knows who came yesterday, and recommends nothing that anyone has bought until then.
    let known: HashSet<&str> = old.iter().map(|event| &*event.user).collect();
    let newcomer = new
        .iter()
        .find(|event| !known.contains(&*event.user))
        .unwrap();
    let answer = work.json(&["recommend", "models/shop.model", &newcomer.user, "-k", "1"]);
    assert!(
        answer.to_string().contains("\"source\":\"model\""),
        "{answer}"
    );
    work.json(&[
        "recommend",
        "models/shop.model",
        "--all",
        "-k",
        "10",
        "--out",
        "all-answers.csv",
    ]);
    let bought: HashSet<(&str, &str)> = old
        .iter()
        .chain(&new)
        .filter(|event| event.behavior == "purchase")
        .map(|event| (&*event.user, &*event.item))
        .collect();
    let answers = work.read("all-answers.csv");
    let mut n_rows = 0;
    for row in answers.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        assert!(
            !bought.contains(&(fields[0], fields[2])),
            "bought before: {row}"
        );
        n_rows += 1;
    }
    assert!(n_rows > 1000, "{n_rows} rows");
}
