//! Retraining by the command: what goes on, what is published, and what the exit code tells.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Workplace, assert_messages, cut_log};
use serde_json::json;
use std::fs;

/// A log cut by time at these percentages into old.csv, new.csv, newer.csv and newest.csv, and a model of old.csv.
fn cut_shop(cuts: [usize; 3]) -> Workplace {
    let work = Workplace::new();
    let [a, b, c] = cuts;
    let files = [
        ("old.csv", a),
        ("new.csv", b),
        ("newer.csv", c),
        ("newest.csv", 100),
    ];
    cut_log(&work, &files);
    work.json(&["prepare", "old.csv", "--out", "old"]);
    let small = [
        "--dimension",
        "16",
        "--epochs",
        "6",
        "--validate-every",
        "2",
    ];
    let train = [
        "train",
        "old",
        "--out",
        "shop.model",
        "--learning-rate",
        "0.01",
    ];
    work.json(&[&train[..], &small].concat());
    work
}

/// The log in four parts, and a data set of the first two.
fn shop() -> Workplace {
    let work = cut_shop([50, 80, 90]);
    let after = ["--after", "shop.model", "--out", "new"];
    work.json(&[&["prepare", "old.csv", "new.csv"][..], &after].concat());
    work
}

#[test]
fn a_model_is_retrained_and_published_with_its_run() {
    let work = shop();
    let before = work.files("shop.model");
    let told = work.json(&["retrain", "shop.model", "new", "--margin", "0.9"]);
    assert_eq!(told["published"], json!(true), "{told}");
    assert_eq!(told["adam_carried_over"], json!(true));
    assert_eq!(told["issues"], json!([]));
    assert_ne!(told["version"], told["previous_version"]);
    for part in [
        "known_users",
        "new_users",
        "known_items",
        "n_users",
        "n_targets",
    ] {
        assert!(told[part].as_u64().unwrap() > 0, "{part}: {told}");
    }
    for model in ["previous", "retrained"] {
        for figure in ["recall@20", "ndcg@20"] {
            let value = told[model][figure].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&value), "{model} {figure}: {told}");
        }
    }
    assert_ne!(work.files("shop.model"), before);
    let lineage = work.read_json("shop.model/lineage.json");
    assert_eq!(
        lineage["options"]["warm_start.previous"],
        told["previous_version"]
    );
    // Options of the first training go on.
    assert_eq!(lineage["options"]["train.learning_rate"], "0.01");
    // It knows the held-out part too.
    assert_eq!(
        (&told["refit"], &lineage["options"]["refit"]),
        (&json!(true), &json!("true"))
    );
    assert_eq!(lineage["options"]["model.dimension"], "16");
    assert!(work.path("shop.model.run/checkpoint").is_dir());
    assert!(!work.path("shop.model.run.next").exists());

    // A crash between publishing and the run's following: the next retraining makes up for it.
    fs::rename(
        work.path("shop.model.run"),
        work.path("shop.model.run.next"),
    )
    .unwrap();
    work.json(&[
        "prepare",
        "old.csv",
        "new.csv",
        "newer.csv",
        "--after",
        "shop.model",
        "--out",
        "newer",
    ]);
    let again = work.json(&[
        "retrain",
        "shop.model",
        "newer",
        "--margin",
        "0.9",
        "--epochs",
        "2",
    ]);
    assert_eq!(again["adam_carried_over"], json!(true), "{again}");
    assert_eq!(again["previous_version"], told["version"]);

    // Elsewhere than in the old place, without the run of the old one.
    fs::remove_dir_all(work.path("shop.model.run")).unwrap();
    let kept = work.files("shop.model");
    let logs = ["old.csv", "new.csv", "newer.csv", "newest.csv"];
    work.json(
        &[
            &["prepare"],
            &logs[..],
            &["--after", "shop.model", "--out", "newest"],
        ]
        .concat(),
    );
    let run = work.run(&[
        "retrain",
        "shop.model",
        "newest",
        "--margin",
        "0.9",
        "--out",
        "other.model",
    ]);
    assert!(run.stdout.contains("other.model"), "{}", run.stdout);
    assert!(run.stderr.contains("Adam"), "{}", run.stderr);
    assert!(work.path("other.model.run/run.jsonl").is_file());
    assert_eq!(work.files("shop.model"), kept);
    work.json(&["recommend", "other.model", "nobody", "-k", "3"]);
}

#[test]
fn an_interval_without_purchases_has_its_own_exit_code() {
    let work = cut_shop([50, 80, 90]);
    let train = [
        "train",
        "old",
        "--out",
        "all.model",
        "--refit",
        "--no-ranking",
    ];
    let small = [
        "--dimension",
        "16",
        "--epochs",
        "2",
        "--validate-every",
        "1",
    ];
    work.json(&[&train[..], &small].concat());
    let after = ["--after", "all.model", "--out", "same"];
    let run = work.run(&[&["prepare", "old.csv"][..], &after].concat());
    assert_eq!(run.status.code(), Some(4), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("nothing new to retrain on: nothing was bought after"),
        "{}",
        run.stderr
    );
    assert!(!work.path("same").exists());
    // Other errors stay errors.
    let run = work.run(&[&["prepare", "no.csv"][..], &after].concat());
    assert_eq!(run.status.code(), Some(1), "{}", run.stderr);
}

#[test]
fn a_model_that_falls_is_not_published() {
    let work = cut_shop([80, 100, 100]);
    work.json(&["prepare", "old.csv", "new.csv", "--out", "new"]);
    let before = work.files("shop.model");
    // A ranking that learns from random pairs, although the split is by time.
    work.write("weak.toml", "[ranking]\nwithhold = 'one-pair'\n");
    let arguments = [
        "retrain",
        "shop.model",
        "new",
        "--config",
        "weak.toml",
        "--margin",
        "0",
        "--learning-rate",
        "1",
        "--epochs",
        "1",
    ];
    let run = work.run(&[&arguments[..], &["--json"]].concat());
    assert_eq!(run.status.code(), Some(3), "{}{}", run.stdout, run.stderr);
    let told: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["published"], json!(false));
    let issue = told["issues"][0].as_str().unwrap();
    assert!(issue.contains("@20"), "{issue}");
    assert_eq!(work.files("shop.model"), before);
    assert!(work.path("shop.model.run.next/run.jsonl").is_file());
    assert!(work.path("shop.model.run/run.jsonl").is_file());
    // Its leftovers do not block the next one.
    let run = work.run(&arguments);
    assert_eq!(run.status.code(), Some(3));
    assert!(run.stdout.contains("shop.model"), "{}", run.stdout);
}

#[test]
fn unusable_retrainings_are_errors() {
    let work = shop();
    work.refused(
        &["retrain", "shop.model", "new", "--margin", "-0.1"],
        &["-0.1"],
    );
    work.refused(&["retrain", "nothing", "new"], &["nothing"]);
    work.refused(
        &["retrain", "shop.model", "new", "--from-run", "nowhere"],
        &[],
    );
    work.write(
        "wide.toml",
        "[model]\nname = 'lightgcn'\ndimension = 8\nlayers = 1\n",
    );
    work.refused(
        &["retrain", "shop.model", "new", "--config", "wide.toml"],
        &["dimension", "16", "8"],
    );
    fs::create_dir(work.path("shop.model.run.next")).unwrap();
    work.write("shop.model.run.next/notes.txt", "mine");
    work.refused(&["retrain", "shop.model", "new"], &["notes.txt"]);
    fs::remove_dir_all(work.path("shop.model.run.next")).unwrap();
    // Without a validation part there is nothing to compare.
    work.json(&[
        "prepare", "old.csv", "new.csv", "--out", "all", "--split", "none",
    ]);
    work.refused(&["retrain", "shop.model", "all", "--epochs", "1"], &[]);
    // Ids that have got a leading zero are other ids.
    let text = work.read("new.csv").replace(",57", ",057");
    work.write("zero.csv", text);
    work.json(&["prepare", "zero.csv", "--out", "zero", "--split", "none"]);
    work.refused(&["retrain", "shop.model", "zero"], &["--allow-other-ids"]);
    // The whole log is needed to train on everything.
    fs::remove_dir_all(work.path("new.whole")).unwrap();
    work.refused(&["retrain", "shop.model", "new"], &["new.whole"]);
    work.refused(
        &["train", "new", "--refit", "--epochs", "1", "--out", "x"],
        &["new.whole"],
    );
    assert_messages();
}

/// Rows that arrive after the model was trained, with a time that it knows, are learned and counted.
#[test]
fn late_rows_are_counted_and_learned() {
    let work = cut_shop([50, 80, 90]);
    let prepare = |logs: &[&str], out: &str| {
        let after = ["--after", "shop.model", "--out", out];
        work.json(&[&["prepare"], logs, &after].concat())
    };
    let before = prepare(&["old.csv", "new.csv"], "before");
    let late = |told: &serde_json::Value| told["late_events"].as_u64().unwrap();
    let pairs = |told: &serde_json::Value| told["training_pairs"].as_u64().unwrap();
    // The model was not refitted: it does not know the validation and test parts of its own dataset, but those are
    // newer than what it was trained on.
    assert_eq!(late(&before), 0);
    let old = work.read("old.csv");
    let [head, first] = [0, 1].map(|n| old.lines().nth(n).unwrap());
    let mut row: Vec<&str> = first.split(',').collect();
    let columns: Vec<&str> = head.split(',').collect();
    let at = |name: &str| columns.iter().position(|column| *column == name).unwrap();
    (row[at("user_id")], row[at("event_type")]) = ("latecomer", "purchase");
    let line = row.join(",");
    row[at("user_id")] = "another";
    // Twice the same row is one event.
    work.write(
        "late.csv",
        format!("{head}\n{line}\n{line}\n{}\n", row.join(",")),
    );
    let logs = ["late.csv", "old.csv", "new.csv"];
    let told = prepare(&logs, "after");
    assert_eq!((late(&told), pairs(&told)), (2, pairs(&before) + 2));
    assert_eq!(told["validation_targets"], before["validation_targets"]);
    let run = work.text(
        &[
            &["prepare"],
            &logs[..],
            &["--after", "shop.model", "--out", "again"],
        ]
        .concat(),
    );
    assert!(run.contains("\n2 of the training events"), "{run}");
    let published = work.json(&["retrain", "shop.model", "after", "--margin", "0.9"]);
    assert_eq!(published["published"], json!(true), "{published}");
    let answer = work.json(&["recommend", "shop.model", "latecomer"]);
    assert_eq!(answer["answers"][0]["known"], json!(true), "{answer}");
}
