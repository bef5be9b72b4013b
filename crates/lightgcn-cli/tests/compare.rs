//! `lightgcn compare`, and models over behaviors and attributes, on a small shop.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Workplace, assert_messages, shop};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A comparison without what depends on the machine.
fn figures(found: &Value) -> Value {
    let mut found = found.clone();
    for row in found["models"].as_array_mut().unwrap() {
        for name in ["search_seconds", "seconds", "peak_bytes"] {
            row[name] = Value::Null;
        }
    }
    found
}

#[test]
fn models_are_searched_trained_and_compared() {
    let work = shop();
    let models = "mf,crgcn,mb-cgcn,mbgcn";
    let budget = ["--trials", "3", "--seeds", "2", "--epochs", "2", "-k", "5"];
    let compare = [&["compare", "dataset", "--models", models][..], &budget].concat();
    let found = work.json(&[&compare[..], &["--out", "table"]].concat());
    let rows = found["comparison"]["rows"].as_array().unwrap();
    let rows: Vec<&str> = rows.iter().map(|r| r["ranker"].as_str().unwrap()).collect();
    let more = found["models"].as_array().unwrap();
    assert_eq!(rows.len(), more.len());
    // Four models, two filters, CascadingRank, session kNN, four rules and popularity.
    assert_eq!(rows.len(), 13, "{rows:?}");
    let number = |value: &Value| value.as_f64().unwrap();
    let validation = more.iter().map(|row| number(&row["validation"]));
    assert!(validation.clone().is_sorted_by(|a, b| a >= b));
    for (name, row) in rows.iter().zip(more) {
        let seeds = row["by_seed"].as_array().unwrap();
        match models.split(',').any(|model| model == *name) {
            true => {
                assert_eq!((&row["trials"], seeds.len()), (&json!(3), 2), "{name}");
                assert!(number(&row["seconds"]) > 0.0);
                assert!((1..=2).contains(&row["best_epoch"].as_u64().unwrap()));
            }
            false => assert_eq!((&row["trials"], seeds.len()), (&json!(0), 1), "{name}"),
        }
    }
    let first = &found["comparison"]["rows"][0];
    assert_eq!(first["figures"]["recall@5"], more[0]["by_seed"][0]);

    assert_eq!(figures(&work.json(&compare)), figures(&found));
    assert_eq!(work.read_json("table/comparison.json"), found);
    let csv = work.read("table/comparison.csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 14);
    assert!(lines[0].starts_with("ranker,recall,low,high"), "{csv}");
    assert!(lines[1].contains(rows[0]), "{csv}");
    let markdown = work.read("table/comparison.md");
    assert!(markdown.lines().nth(1).unwrap().starts_with("|---|---:|"));
    let svg = work.read("table/comparison.svg");
    assert!(svg.starts_with("<svg") && svg.contains(rows[12]), "{svg}");
}

#[test]
fn unusable_comparisons_are_errors() {
    let work = shop();
    let refused = |more: &[&str], fields: &[&str]| {
        work.refused(&[&["compare", "dataset"][..], more].concat(), fields)
    };
    refused(&["--models", "mf,gpt"], &["gpt", "lightgcn"]);
    refused(&["--models", "mf,mf"], &["mf"]);
    refused(&["--trials", "0", "--seeds", "0"], &["trials", "seeds"]);
    refused(&["--minutes", "-1"], &["minutes"]);
    refused(&["--baselines", "ease,ease"], &["ease"]);
    refused(&["--out", "dataset"], &["dataset"]);
    assert_messages();
}

/// A user with several purchases.
fn buyer(work: &Workplace) -> String {
    let mut purchases = BTreeMap::new();
    for line in work.read("shop.csv").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        if cells[1] == "purchase" {
            *purchases.entry(cells[7].to_owned()).or_insert(0) += 1;
        }
    }
    let most = purchases.into_iter().max_by_key(|(_, count)| *count);
    most.unwrap().0
}

/// Trains, evaluates, answers and explains with the model of a configuration; returns its description.
fn whole_road(config: &str) -> Value {
    let work = shop();
    work.write("model.toml", config);
    let train = |out: &str, epochs: &str, more: &[&str]| {
        let usual = ["train", "dataset", "--config", "model.toml", "--out", out];
        let fast = ["--learning-rate", "0.02", "--validate-every", "2"];
        work.json(&[&usual[..], &fast, &["--epochs", epochs], more].concat())
    };
    let trained = train("model", "4", &[]);
    assert!(
        trained["validation"]["recall@20"].as_f64() > Some(0.0),
        "{trained}"
    );
    work.json(&["evaluate", "model", "dataset"]);
    let user = buyer(&work);
    let answer = work.json(&["recommend", "model", &user]);
    let answer = &answer["answers"][0];
    assert_eq!(answer["known"], json!(true));
    let item = answer["items"][0]["item"].as_str().unwrap();
    let explained = work.json(&["explain", "model", &user, item]);
    assert_eq!(explained["item"], json!(item));
    // An interrupted run goes on to the same bits, and another starts from the model.
    train("part", "2", &["--run", "run"]);
    train("whole", "4", &["--run", "run", "--resume"]);
    assert_eq!(
        work.files("whole")["embeddings.safetensors"],
        work.files("model")["embeddings.safetensors"]
    );
    // Published or, as worse on validation, not: both have trained.
    let next = work.run(&[
        "retrain", "model", "dataset", "--out", "next", "--epochs", "1",
    ]);
    assert!(matches!(next.status.code(), Some(0 | 3)), "{}", next.stderr);
    work.read_json("model/model.json")
}

#[test]
fn a_model_over_behaviors_takes_them_from_the_log() {
    let model = whole_road("[model]\nname = 'mb-cgcn'\ndimension = 8\n");
    let behaviors = json!(["view", "cart", "purchase"]);
    assert_eq!(model["config"]["behaviors"], behaviors);
    assert_eq!(model["graphs"].as_array().unwrap().len(), 3);
    assert_eq!(model["layer_weights"], Value::Null);
}

#[test]
fn attributes_of_items_are_nodes_of_the_graph() {
    let config = "[model]\nname = 'lightgcn'\ndimension = 8\nattributes = ['brand', 'price:3']\n";
    let model = whole_road(config);
    let edges = json!(["behaviors", { "attribute": "brand" }, { "attribute": "price:3" }]);
    assert_eq!(model["graphs"][0]["edges"], edges);
    assert_eq!(model["layer_weights"], Value::Null);
}
