//! Datasets and models as Parquet files, and back.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{assert_messages, shop, small_model};
use serde_json::{Value, json};

#[test]
fn a_dataset_goes_out_as_tables_and_comes_back() {
    let work = shop();
    let told = work.json(&["export", "dataset", "--out", "tables"]);
    let pairs = told["rows"]["pairs.parquet"].as_u64().unwrap();
    let again = work.json(&[
        "prepare",
        "--pairs",
        "tables/pairs.parquet",
        "--out",
        "again",
    ]);
    let sum: u64 = ["training_pairs", "validation_targets", "test_targets"]
        .iter()
        .map(|part| again[part].as_u64().unwrap())
        .sum();
    assert_eq!(sum, pairs);
    let before = work.json(&["inspect", "dataset"]);
    let after = work.json(&["inspect", "again"]);
    let n = |told: &Value| {
        ["/users/count", "/items/count", "/pairs"]
            .map(|at| told.pointer(at).unwrap().as_u64().unwrap())
    };
    assert_eq!(n(&before), n(&after));
    // A model of the table learns from it.
    small_model(&work, "small");
    let told = work.json(&["export", "small", "--out", "model tables"]);
    let [n_users, n_items, n_pairs] = n(&before);
    let n_rows = n_users + n_items;
    assert_eq!(told["rows"]["embeddings.parquet"], json!(n_rows));
    assert_eq!(work.json(&["inspect", "small"])["pairs"], json!(n_pairs));
    work.refused(&["export", "shop.csv", "--out", "x"], &["shop.csv"]);
    work.refused(
        &[
            "prepare",
            "shop.csv",
            "--pairs",
            "tables/pairs.parquet",
            "--out",
            "x",
        ],
        &[],
    );
    assert_messages();
}

#[test]
fn a_log_is_inspected_and_drawn() {
    let work = shop();
    let told = work.json(&["inspect", "shop.csv", "--plots", "plots"]);
    assert!(told["events"].as_u64().unwrap() > 7000, "{told}");
    let plots = work.files("plots");
    assert!(!plots.is_empty());
    for (name, svg) in plots {
        assert!(name.ends_with(".svg") && svg.starts_with(b"<svg"), "{name}");
    }
}

#[test]
fn windows_in_time_are_trained_and_judged() {
    let work = common::Workplace::new();
    work.json(&["generate", "--events", "12000", "--out", "shop.csv"]);
    work.json(&["prepare", "shop.csv", "--out", "dataset"]);
    small_model(&work, "small");
    let windows = ["--windows", "2", "--history", "20d,all", "--seeds", "2"];
    let told = work.json(&[&["evaluate", "small", "dataset"][..], &windows].concat());
    assert_eq!(told["windows"].as_array().unwrap().len(), 2);
    let rows = told["rows"].as_array().unwrap();
    for history in [json!(20.0), json!(null)] {
        let of_history = rows.iter().filter(|row| row["history_days"] == history);
        let names: Vec<&str> = of_history
            .inspect(|row| assert_eq!(row["recall"].as_array().unwrap().len(), 2, "{row}"))
            .map(|row| row["ranker"].as_str().unwrap())
            .collect();
        assert!(names.contains(&"popularity"), "{names:?}");
    }
    let learned = rows
        .iter()
        .find(|row| row["recall_seed_deviation"].is_f64());
    assert!(learned.is_some(), "{told}");
    for (n, row) in rows.iter().enumerate() {
        let number = |at: &str| row.pointer(at).unwrap().as_f64().unwrap();
        let mean = (number("/recall/0") + number("/recall/1")) / 2.0;
        assert!((number("/interval/mean") - mean).abs() < 1e-9, "{row}");
        assert!(number("/interval/low") <= mean && mean <= number("/interval/high"));
        if n == 0 {
            assert!(row["first_against_this"].is_null(), "{row}");
            continue;
        }
        assert!(number("/adjusted_p_value") >= number("/first_against_this/p_value"));
    }
    let text = work.text(&["evaluate", "small", "dataset", "--windows", "2"]);
    assert!(text.contains("2 windows"), "{text}");
    // A history that was chosen so is prepared, trained on and published.
    let prepared = work.json(&["prepare", "shop.csv", "--history", "20d", "--out", "short"]);
    let all = work.json(&["prepare", "shop.csv", "--history", "all", "--out", "all"]);
    let pairs = |told: &Value| told["training_pairs"].as_u64().unwrap();
    assert!(pairs(&prepared) < pairs(&all), "{prepared} {all}");
    let days = |name: &str| {
        let told = work.json(&["inspect", name]);
        told["times"]["days"].as_array().unwrap().len()
    };
    assert!(days("short") <= 21 && days("short.whole") <= 21 && days("all") > 21);
    work.refused(&["evaluate", "small", "dataset", "--windows", "0"], &["0"]);
    work.refused(
        &[
            "evaluate",
            "small",
            "dataset",
            "--windows",
            "2",
            "--history",
            "a month",
        ],
        &["a month"],
    );
    assert_messages();
}

#[test]
fn metrics_vary_with_the_seed_of_training() {
    let work = shop();
    small_model(&work, "small");
    let told = work.json(&["evaluate", "small", "dataset", "--seeds", "3"]);
    let seeds = told["seeds"].as_array().unwrap();
    assert_eq!(seeds.len(), 2, "{told}");
    for (row, spread) in told["rows"].as_array().unwrap().iter().zip(seeds) {
        assert_eq!(row["ranker"], spread["ranker"]);
        let values = spread["recall_by_seed"].as_array().unwrap();
        let values: Vec<f64> = values.iter().map(|value| value.as_f64().unwrap()).collect();
        assert_eq!(
            (values.len(), Some(values[0])),
            (3, row["figures"]["recall@20"].as_f64())
        );
        let mean = values.iter().sum::<f64>() / 3.0;
        assert!((spread["mean"].as_f64().unwrap() - mean).abs() < 1e-9);
    }
    // The embeddings are second; the learned ranking may have left their scores out.
    assert!(seeds[1]["deviation"].as_f64().unwrap() > 0.0, "{told}");
    // The second seed is what training with it gives.
    let seed = work.read_json("small/lineage.json")["seed"]
        .as_u64()
        .unwrap()
        + 1;
    let (train, seed) = (["train", "dataset", "--out", "again"], seed.to_string());
    let small = ["--dimension", "8", "--epochs", "1", "--seed", &seed];
    work.json(&[&train[..], &small].concat());
    let again = work.json(&["evaluate", "again", "dataset"]);
    let recall = &again["rows"][1]["figures"]["recall@20"];
    assert_eq!(&seeds[1]["recall_by_seed"][1], recall);
    let text = work.text(&["evaluate", "small", "dataset", "--seeds", "2"]);
    assert!(text.contains("recall@20 over 2 seeds"), "{text}");
    work.refused(&["evaluate", "small", "dataset", "--seeds", "0"], &["0"]);
}
