//! `fit`: from a log to a model with a verdict, and lists of new or familiar items alone.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Workplace, shop, strings};
use serde_json::{Value, json};

const FIT: [&str; 8] = [
    "fit",
    "shop.csv",
    "--out",
    "model",
    "--split",
    "leave-last-out",
    "--epochs",
    "5",
];

fn fitted(flags: &[&str]) -> (Workplace, Value) {
    let work = shop();
    let outcome = work.json(&[&FIT[..], flags].concat());
    (work, outcome)
}

#[test]
fn a_log_becomes_a_model_with_a_verdict() {
    let (work, outcome) = fitted(&[]);
    let rows = &outcome["comparison"]["rows"];
    let rankers = strings(rows, "ranker");
    assert_eq!(rankers[..2], ["learned ranking", "lightgcn"]);
    assert_eq!(rankers.last(), Some(&"popularity"));
    // The verdict is about the best of the others, which are all but the ranking and its model.
    let recall = |row: &Value| row["figures"]["recall@20"].as_f64().unwrap();
    let others = rows.as_array().unwrap()[2..].iter();
    let best = others.map(recall).fold(f64::NEG_INFINITY, f64::max);
    let verdict = &outcome["verdict"];
    assert_eq!(verdict["recall"], json!(recall(&rows[0])));
    assert_eq!(verdict["other_recall"], json!(best));
    assert_eq!(outcome["ranking"]["withheld"], json!("last-pair"));
    // The model knows the whole log: more users and items than the training part.
    let dataset = [
        "prepare",
        "shop.csv",
        "--out",
        "d",
        "--split",
        "leave-last-out",
    ];
    let trained = work.json(&dataset);
    assert!(outcome["items"].as_u64() >= trained["items"].as_u64());
    assert_eq!(
        work.read_json("model.run/evaluation.json"),
        outcome["comparison"]
    );
    assert!(work.read("model/ranking.json").contains("\"features\""));
}

#[test]
fn lists_are_of_new_or_familiar_items_where_asked() {
    let (work, _) = fitted(&["--no-refit"]);
    let users = work.read("shop.csv");
    let user = users
        .lines()
        .nth(1)
        .unwrap()
        .split(',')
        .nth(7)
        .unwrap()
        .to_owned();
    let list = |only: &[&str]| {
        let ask = ["recommend", "model", &user, "-k", "30"];
        let answer = work.json(&[&ask[..], only].concat());
        answer["answers"][0]["items"].as_array().unwrap().clone()
    };
    let is_familiar = |item: &Value| item["familiar"] == json!(true);
    assert!(
        list(&["--only", "new"])
            .iter()
            .all(|item| !is_familiar(item))
    );
    assert!(list(&["--only", "familiar"]).iter().all(is_familiar));
}

#[test]
fn unknown_targets_and_logs_without_targets_are_refused() {
    let work = shop();
    work.refused(&[&FIT[..], &["--target", "rent"]].concat(), &["rent"]);
    assert!(!work.path("model").exists());
}

#[test]
fn logs_with_other_behaviors_need_no_option() {
    let work = shop();
    let log = work.read("shop.csv");
    let renamed = log
        .replace(",view,", ",pv,")
        .replace(",remove_from_cart,", ",uncart,")
        .replace(",purchase,", ",Order,");
    work.write("shop.csv", renamed.as_bytes());
    let outcome = work.json(&FIT);
    assert!(outcome["verdict"]["recall"].as_f64().unwrap() > 0.0);
    assert!(work.read("model/behaviors.json").contains("\"Order\""));
    // The target may be another behavior.
    let other = [
        "fit",
        "shop.csv",
        "--out",
        "other",
        "--split",
        "leave-last-out",
    ];
    let outcome = work.json(&[&other[..], &["--epochs", "2", "--target", "cart"]].concat());
    assert!(outcome["comparison"]["n_users"].as_u64().unwrap() > 0);
}

#[test]
fn members_and_time_are_bounded_where_asked() {
    let flags = ["--members", "propagation", "--minutes", "10"];
    let (work, outcome) = fitted(&flags);
    let groups = strings(&outcome["ranking"]["groups"], "group");
    assert!(groups.contains(&"propagation") && !groups.contains(&"EASE"));
    work.refused(
        &[&FIT[..], &["--minutes", "-1"]].concat(),
        &["--minutes -1"],
    );
    work.refused(&[&FIT[..], &["--members", "mf"]].concat(), &["mf"]);
}
