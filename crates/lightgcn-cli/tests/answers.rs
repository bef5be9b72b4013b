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

#[test]
fn lists_of_all_consumers_are_the_same_in_csv_and_parquet() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let (work, _) = trained_shop();
    let all = |out: &str| {
        let rules = ["--exploration", "0.2", "-k", "5", "--price-min", "1"];
        work.json(
            &[
                &["recommend", "lightgcn", "--all", "--out", out][..],
                &rules,
            ]
            .concat(),
        )
    };
    let (csv, parquet) = (all("all.csv"), all("all.parquet"));
    assert_eq!(csv["rows"], parquet["rows"]);
    let file = std::fs::File::open(work.path("all.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let names = reader.metadata().file_metadata().schema_descr().columns();
    let names: Vec<&str> = names.iter().map(|column| column.name()).collect();
    assert_eq!(names, ["consumer", "rank", "product", "score", "source"]);
    let rows: Vec<String> = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| {
            let row = row.unwrap();
            let cells = row.get_column_iter().map(|(_, cell)| match cell {
                parquet::record::Field::Float(score) => score.to_string(),
                cell => cell.to_string().trim_matches('"').to_owned(),
            });
            cells.collect::<Vec<_>>().join(",")
        })
        .collect();
    let text = work.read("all.csv");
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(rows.len() as u64, parquet["rows"].as_u64().unwrap());
    assert_eq!(rows, lines);
    assert!(lines.iter().any(|line| line.ends_with(",exploration")));
    let left: Vec<_> = work
        .listing()
        .into_iter()
        .filter(|p| p.extension().is_some_and(|e| e == "part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn models_and_filters_answer_together() {
    let (work, parts) = trained_shop();
    let consumer = parts.best_customer();
    for fusion in ["score", "rank"] {
        let evaluate = [
            "evaluate",
            "lightgcn",
            "dataset",
            "--ensemble",
            "ease,mf",
            "--fusion",
            fusion,
        ];
        let report = work.json(
            &[
                &evaluate[..],
                &["--exploration", "0,0.5", "--revenue", "0.5"],
            ]
            .concat(),
        );
        let ensemble = &report["ensemble"];
        assert_eq!(ensemble["members"], json!(["lightgcn", "ease", "mf"]));
        assert_eq!(
            (&ensemble["chosen_on"], &ensemble["fusion"]),
            (&json!("validation"), &json!(fusion))
        );
        let weights: Vec<f64> = ensemble["weights"]
            .as_array()
            .unwrap()
            .iter()
            .map(|w| w.as_f64().unwrap())
            .collect();
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let name = format!(
            "{} lightgcn + {} EASE + {} mf",
            weights[0], weights[1], weights[2]
        );
        let rankers = strings(&report["rows"], "ranker");
        assert!(rankers.contains(&name.as_str()), "{name} in {rankers:?}");
        // What chance costs and gains; diversity at the same share.
        let costs = report["costs"].as_array().unwrap();
        let rankers = strings(&report["costs"], "ranker");
        assert_eq!(
            rankers,
            [
                "lightgcn",
                "lightgcn, exploration 0",
                "lightgcn, exploration 0.5",
                "lightgcn, diversity 0.5",
                "lightgcn (revenue 0.5)"
            ]
        );
        let number = |n: usize, name: &str| costs[n][name].as_f64().unwrap();
        assert_eq!(number(1, "recall"), number(0, "recall"));
        assert_eq!(number(1, "recall_change"), 0.0);
        assert!(number(2, "recall") < number(0, "recall"));
        assert!(number(2, "coverage") > number(0, "coverage"));
        assert!(number(2, "gini") < number(0, "gini"));
        assert!(number(2, "novelty") > number(0, "novelty"));
        assert!(number(4, "revenue") >= 0.0);
        let text = work.text(&evaluate);
        assert!(
            text.contains("weights chosen on validation data (recall@20)"),
            "{text}"
        );
    }
    let text = work.text(&["evaluate", "lightgcn", "dataset", "--exploration", "0.1"]);
    assert!(
        text.contains("what chance, diversity and revenue cost and gain at 20"),
        "{text}"
    );

    let with = ["--with", "ease=0.3", "--with", "mf=0.2"];
    let plain = work.json(&["recommend", "lightgcn", consumer]);
    let fused = work.json(&[&["recommend", "lightgcn", consumer][..], &with].concat());
    let items = &fused["answers"][0]["items"];
    assert_ne!(items, &plain["answers"][0]["items"]);
    assert!(
        parts
            .bought(consumer)
            .is_disjoint(&strings(items, "product").into_iter().collect())
    );
    let product = items[0]["product"].as_str().unwrap();
    let why = work.json(&[&["explain", "lightgcn", consumer, product][..], &with].concat());
    assert_eq!(
        (&why["method"], &why["score"]),
        (&json!("ensemble"), &items[0]["score"])
    );
    let value = |part: &Value| part["value"].as_f64().unwrap();
    let contributions = why["contributions"].as_array().unwrap();
    let sum = contributions.iter().map(value).sum::<f64>() + value(&why["own_taste"]);
    assert!((sum - why["score"].as_f64().unwrap()).abs() < 1e-4);
    let ranks = [
        &["explain", "lightgcn", consumer, product][..],
        &with,
        &["--fusion", "rank"],
    ];
    assert_eq!(work.json(&ranks.concat())["method"], json!("evidence"));

    let refused = |flags: &[&str], words: &[&str]| {
        work.refused(
            &[&["recommend", "lightgcn", consumer][..], flags].concat(),
            words,
        );
    };
    refused(&["--with", "ease"], &["has no weight", "FILTER=WEIGHT"]);
    refused(&["--with", "ease=2"], &["a number from 0 to 1"]);
    refused(&["--with", "ease=0.6", "--with", "mf=0.6"], &["sum to 1.2"]);
    refused(
        &["--with", "gone=0.5"],
        &["no lightgcn-artifact folder at gone"],
    );
    refused(&["--new-products", "gone.jsonl"], &["gone.jsonl"]);
    work.write("new.jsonl", "\n{\"product\": \"n\", \"events\": 3}\n");
    refused(&["--new-products", "new.jsonl"], &["new.jsonl line 2"]);
    let all = ["recommend", "lightgcn", "--all", "--out", "all.txt"];
    work.refused(&all, &["all.txt", "neither .csv nor .parquet"]);
    // A model of another shop.
    work.json(&[
        "generate",
        "--events",
        "3000",
        "--seed",
        "9",
        "--out",
        "other.csv",
    ]);
    work.json(&[
        "prepare",
        "other.csv",
        "--split",
        "none",
        "--out",
        "other.dataset",
    ]);
    work.json(&[
        "train",
        "other.dataset",
        "--out",
        "other",
        "--epochs",
        "1",
        "--dimension",
        "8",
    ]);
    refused(
        &["--with", "other=0.5"],
        &["joining other", "products differ"],
    );

    // A new product joins at once.
    let history = parts.bought(consumer);
    let line = format!(
        "{{\"product\": \"fresh\", \"events\": [{{\"consumer\": \"{consumer}\", \"behaviour\": \"view\"}}]}}\n"
    );
    work.write("new.jsonl", line);
    let asked = [
        "recommend",
        "lightgcn",
        consumer,
        "-k",
        "100000",
        "--new-products",
        "new.jsonl",
    ];
    let answer = work.json(&asked);
    let items = answer["answers"][0]["items"].as_array().unwrap();
    let fresh = items
        .iter()
        .find(|item| item["product"] == "fresh")
        .unwrap();
    assert_eq!(fresh["source"], json!("fold_in"));
    assert!(!history.contains("fresh"));
}
