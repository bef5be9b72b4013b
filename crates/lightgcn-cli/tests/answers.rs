//! What consumers get from a trained model: recommendations and explanations, held against the log.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::log::LeaveLastOut;
use common::{strings, trained_shop};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn consumers_get_distinct_products_that_they_have_not_bought() {
    let (work, parts) = trained_shop();
    let consumer = parts.best_customer();
    let bought = parts.bought(consumer);
    assert!(bought.len() >= 3);
    let answers = work.json(&["recommend", "lightgcn", consumer, "nobody"]);
    let [known, unknown] = &answers["answers"].as_array().unwrap()[..] else {
        panic!("two answers: {answers}");
    };
    assert_eq!(
        (&known["known"], &known["source"]),
        (&json!(true), &json!("model"))
    );
    let products = strings(&known["items"], "product");
    let distinct: BTreeSet<&str> = products.iter().copied().collect();
    assert_eq!((products.len(), distinct.len()), (20, 20));
    assert!(distinct.is_disjoint(&bought), "{distinct:?} and {bought:?}");
    let items = known["items"].as_array().unwrap();
    for (n, item) in items.iter().enumerate() {
        assert_eq!(item["rank"], json!(n + 1));
        assert!(item["details"]["category_id"].is_string(), "{item}");
    }
    let score = |item: &Value| item["score"].as_f64().unwrap();
    assert!(items.is_sorted_by(|a, b| score(a) >= score(b)));

    assert_eq!(
        (&unknown["known"], &unknown["source"]),
        (&json!(false), &json!("popularity"))
    );
    // The popular products, counted again: consumers who bought each in training.
    let mut buyers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in parts.train.iter().filter(|e| e.behaviour == "purchase") {
        buyers
            .entry(&event.product)
            .or_default()
            .insert(&event.consumer);
    }
    let mut most: Vec<usize> = buyers.values().map(BTreeSet::len).collect();
    most.sort_unstable_by(|a, b| b.cmp(a));
    let popular = unknown["items"].as_array().unwrap();
    assert_eq!(popular.len(), 20);
    for (item, most) in popular.iter().zip(most) {
        let product = item["product"].as_str().unwrap();
        assert_eq!(item["score"].as_f64(), Some(most as f64));
        assert_eq!(buyers[product].len(), most);
    }

    // As many as there are: all but what was bought, or all.
    let n_products = parts
        .train
        .iter()
        .map(|e| &e.product)
        .collect::<BTreeSet<_>>()
        .len();
    let beyond = ["recommend", "lightgcn", consumer, "-k", "1000000"];
    let rest = work.json(&beyond);
    let rest: BTreeSet<&str> = strings(&rest["answers"][0]["items"], "product")
        .into_iter()
        .collect();
    assert_eq!(rest.len(), n_products - bought.len());
    assert!(rest.is_disjoint(&bought));
    let all = work.json(&[&beyond[..], &["--include-bought"]].concat());
    let all: BTreeSet<&str> = strings(&all["answers"][0]["items"], "product")
        .into_iter()
        .collect();
    assert_eq!(all.len(), n_products);
    assert!(all.is_superset(&bought));

    let text = work.text(&["recommend", "lightgcn", consumer, "nobody", "-k", "3"]);
    assert!(
        text.contains(&format!("For consumer {consumer}\n")),
        "{text}"
    );
    assert!(
        text.contains("Consumer nobody is unknown: what most consumers bought"),
        "{text}"
    );
    assert_eq!(
        text.lines().count(),
        11,
        "two lists of a title, a head and 3 rows: {text}"
    );
}

#[test]
fn explanations_walk_over_what_the_log_says() {
    let (work, parts) = trained_shop();
    let consumer = parts.best_customer();
    let answer = work.json(&["recommend", "lightgcn", consumer, "-k", "5"]);
    let mut n_paths = 0;
    for item in answer["answers"][0]["items"].as_array().unwrap() {
        let product = item["product"].as_str().unwrap();
        let explain = ["explain", "lightgcn", consumer, product, "--paths", "3"];
        let why = work.json(&[&explain[..], &["--min-consumers", "1"]].concat());
        let value = |part: &Value| part["value"].as_f64().unwrap();
        let parts_of = why["contributions"].as_array().unwrap();
        let sum = parts_of.iter().map(value).sum::<f64>() + value(&why["own_taste"]);
        let score = why["score"].as_f64().unwrap();
        assert!((sum - score).abs() < 1e-4, "{sum} is not {score}");
        assert_eq!(
            (&why["consumer"], &why["product"]),
            (&json!(consumer), &item["product"])
        );
        assert_eq!(why["score"], item["score"], "the same bits as in the list");
        assert_eq!(why["bought"], json!(false));
        let paths = why["paths"].as_array().unwrap();
        assert!(paths.len() <= 3);
        assert_eq!(why["reason"].is_string(), paths.is_empty());
        for path in paths {
            assert_path(path, consumer, product, &parts);
            n_paths += 1;
        }
    }
    assert!(n_paths > 0, "none of five recommended products has a path");

    let bought = *parts.bought(consumer).first().unwrap();
    let why = work.json(&["explain", "lightgcn", consumer, bought]);
    assert_eq!(why["bought"], json!(true));
    assert_eq!(
        why["paths"][0]["edges"].as_array().unwrap().len(),
        1,
        "the purchase itself"
    );
    let text = work.text(&["explain", "lightgcn", consumer, bought]);
    assert!(text.starts_with(&format!("Product {bought}")), "{text}");
    assert!(
        text.contains("bought before") && text.contains("purchased"),
        "{text}"
    );
}

/// A path must lead from the consumer to the product over connected edges; the consumer's own ones
/// must be what the log says.
fn assert_path(path: &Value, consumer: &str, product: &str, parts: &LeaveLastOut) {
    let edges = path["edges"].as_array().unwrap();
    assert!([1, 3, 5].contains(&edges.len()), "{path}");
    assert_eq!(edges[0]["from"], json!({"kind": "consumer"}));
    let last = &edges[edges.len() - 1]["to"];
    assert_eq!(
        (&last["kind"], &last["product"]),
        (&json!("product"), &json!(product))
    );
    assert!(
        edges
            .windows(2)
            .all(|pair| pair[0]["to"] == pair[1]["from"]),
        "{path}"
    );
    assert!(path["strength"].as_f64().unwrap() > 0.0);
    for edge in edges {
        assert!(edge["weight"].as_f64().unwrap() > 0.0);
        assert!(!edge["behaviours"].as_array().unwrap().is_empty(), "{edge}");
        if edge["from"]["kind"] == "consumer" {
            let counts: BTreeMap<&str, u64> = edge["behaviours"]
                .as_array()
                .unwrap()
                .iter()
                .map(|b| {
                    (
                        b["behaviour"].as_str().unwrap(),
                        b["count"].as_u64().unwrap(),
                    )
                })
                .collect();
            let met = edge["to"]["product"].as_str().unwrap();
            assert_eq!(counts, parts.counts(consumer, met));
        }
    }
}

#[test]
fn rules_events_and_batches_of_all_consumers() {
    let (work, parts) = trained_shop();
    let consumer = parts.best_customer();
    let all = work.json(&["recommend", "lightgcn", consumer, "-k", "30"]);
    let all = strings(&all["answers"][0]["items"], "product");
    // Filters, and a file of unsuitable products.
    std::fs::write(work.path("bad.txt"), format!("{}\n\n{}\n", all[0], all[2])).unwrap();
    let less = work.json(&[
        "recommend",
        "lightgcn",
        consumer,
        "-k",
        "3",
        "--unsuitable",
        "bad.txt",
        "--deny",
        all[1],
    ]);
    assert_eq!(strings(&less["answers"][0]["items"], "product"), all[3..6]);
    let only = work.json(&["recommend", "lightgcn", consumer, "--allow", all[7]]);
    assert_eq!(strings(&only["answers"][0]["items"], "product"), [all[7]]);
    // A newcomer with an event.
    let event = format!("purchase:{}", all[0]);
    let new = work.json(&["recommend", "lightgcn", "nobody", "--event", &event]);
    assert_eq!(new["answers"][0]["source"], json!("fold_in"));
    let items = strings(&new["answers"][0]["items"], "product");
    assert!(!items.contains(&all[0]));
    let why = work.json(&["explain", "lightgcn", "nobody", items[0], "--event", &event]);
    assert_eq!(why["method"], json!("fold_in"));
    assert_eq!(why["contributions"].as_array().unwrap().len(), 1);
    // Every consumer at once, the same lists.
    let written = work.json(&[
        "recommend",
        "lightgcn",
        "--all",
        "--out",
        "all.csv",
        "-k",
        "5",
    ]);
    let text = work.read("all.csv");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("consumer,rank,product,score,source"));
    assert_eq!(
        written["rows"].as_u64().unwrap() as usize,
        text.lines().count() - 1
    );
    let mine: Vec<&str> = lines
        .filter_map(|line| line.strip_prefix(&format!("{consumer},")))
        .map(|line| line.split(',').nth(1).unwrap())
        .collect();
    assert_eq!(mine, all[..5]);
}
