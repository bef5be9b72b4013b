//! Linear filters beside a model and in an ensemble with it: `lightgcn evaluate --baselines` and `--ensemble`.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Workplace, assert_messages, shop, small_model, strings};
use serde_json::{Value, json};

const EVALUATE: [&str; 3] = ["evaluate", "model", "dataset"];

fn place() -> Workplace {
    let work = shop();
    small_model(&work, "model");
    work
}

fn evaluate(work: &Workplace, more: &[&str]) -> Value {
    work.json(&[&EVALUATE[..], more].concat())
}

/// The recall of a report's ranker at its leading K.
fn recall(report: &Value, ranker: &str) -> f64 {
    let name = format!("recall@{}", report["k"]);
    let rows = report["rows"].as_array().unwrap();
    // A filter may have left out what was seen.
    let names = [ranker.to_owned(), format!("{ranker}, new items")];
    let row = rows
        .iter()
        .find(|row| names.iter().any(|name| row["ranker"] == **name));
    let row = row.unwrap_or_else(|| panic!("no {ranker} in {report}"));
    row["figures"][name].as_f64().unwrap()
}

#[test]
fn filters_are_compared_with_the_model() {
    let work = place();
    let all = "item-knn,rp3beta,ease,gf-cf,chebyshev,svd";
    let report = evaluate(&work, &["--baselines", all]);
    let filters = ["item-kNN", "RP3β", "EASE", "GF-CF", "ChebyCF", "PureSVD"];
    let usual = [
        "popularity",
        "seen, by events",
        "seen, by recency",
        "seen, by strongest behavior",
        "seen, by conversion",
        "random",
    ];
    // Filters leave out what was seen where that is better on validation.
    let rankers = strings(&report["rows"], "ranker");
    let bare: Vec<&str> = rankers
        .iter()
        .map(|name| name.trim_end_matches(", new items"))
        .collect();
    let models = ["learned ranking", "lightgcn"];
    assert_eq!(bare, [&models[..], &filters, &usual].concat());
    assert_eq!(report.get("ensemble"), None);
    let recalls: Vec<f64> = (2..8).map(|n| recall(&report, rankers[n])).collect();
    let random = recall(&report, "random");
    // 128 singular vectors are far too many for so small a shop.
    assert!(
        recalls[..5].iter().all(|&recall| recall > random),
        "{recalls:?}, {random}"
    );
    // The same filter has the same figures in every report.
    assert_eq!(
        recall(&evaluate(&work, &[]), "item-kNN"),
        recall(&report, "item-kNN")
    );
    let text = work.text(&[&EVALUATE[..], &["--baselines", "none"]].concat());
    assert!(
        !text.contains("kNN") && text.contains("popularity"),
        "{text}"
    );

    // The file's list and settings; a flag overrides the list.
    work.write(
        "filters.toml",
        "[evaluate]\nbaselines = ['svd', 'item-knn']\n\
         [filters.item-knn]\nn_neighbors = 1\nweighting = { bm25 = { k1 = 100, b = 0.5 } }\n",
    );
    let config = ["--config", "filters.toml"];
    let other = evaluate(&work, &config);
    assert_eq!(
        strings(&other["rows"], "ranker")[..3],
        ["learned ranking", "lightgcn", "PureSVD"]
    );
    assert_ne!(recall(&other, "item-kNN"), recall(&report, "item-kNN"));
    assert_eq!(recall(&other, "PureSVD"), recall(&report, "PureSVD"));
    let flag = evaluate(&work, &[&config[..], &["--baselines", "item-knn"]].concat());
    assert_eq!(
        strings(&flag["rows"], "ranker")[..3],
        ["learned ranking", "lightgcn", "item-kNN"]
    );
    assert_eq!(recall(&flag, "item-kNN"), recall(&other, "item-kNN"));
}

#[test]
fn the_weights_of_an_ensemble_are_chosen_on_validation_data() {
    let work = place();
    let report = evaluate(&work, &["--ensemble", "gf-cf", "-k", "5,10"]);
    assert_eq!(report["part"], "test");
    let ensemble = &report["ensemble"];
    assert_eq!(ensemble["members"], json!(["model", "gf-cf"]));
    assert_eq!(
        (&ensemble["chosen_on"], &ensemble["k"]),
        (&json!("validation"), &json!(10))
    );
    let numbers = |values: &Value| -> Vec<f64> {
        let values = values.as_array().unwrap().iter();
        values.map(|value| value.as_f64().unwrap()).collect()
    };
    let figures: Vec<(Vec<f64>, f64)> = ensemble["figures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (numbers(&f["weights"]), f["figure"].as_f64().unwrap()))
        .collect();
    assert_eq!(figures.len(), 21);
    for ((weights, _), n) in figures.iter().zip(0..) {
        assert_eq!(weights[..], [f64::from(n) / 20.0, f64::from(20 - n) / 20.0]);
    }
    let best = figures.iter().map(|f| f.1).fold(0.0, f64::max);
    let first = figures.iter().find(|f| f.1 == best).unwrap();
    let weights = numbers(&ensemble["weights"]);
    assert_eq!(weights, first.0);
    let name = format!("{} lightgcn + {} GF-CF", weights[0], weights[1]);
    assert_eq!(
        strings(&report["rows"], "ranker")[..3],
        ["learned ranking", "lightgcn", &name]
    );
    unit(recall(&report, &name));

    // The figures are those of the validation part: at the ends those of filter and model alone.
    let there = ["--on-validation", "--ensemble", "gf-cf", "-k", "10"];
    let validation = evaluate(&work, &[&there[..], &["--baselines", "gf-cf"]].concat());
    assert_eq!(validation["ensemble"]["figures"], ensemble["figures"]);
    for (ranker, (_, figure)) in [("lightgcn", &figures[20]), (&name, first)] {
        let found = recall(&validation, ranker);
        assert!(
            (found - figure).abs() < 1e-12,
            "{ranker}: {found}, {figure}"
        );
    }
    let text = work.text(&[&EVALUATE[..], &["--ensemble", "svd", "-k", "20"]].concat());
    assert!(text.contains("\nweight  recall@20\n0.00 "), "{text}");
}

#[test]
fn given_weights_are_used() {
    let work = place();
    let report = evaluate(&work, &["--ensemble", "item-knn=0.25"]);
    assert_eq!(
        strings(&report["rows"], "ranker")[..4],
        [
            "learned ranking",
            "lightgcn",
            "0.75 lightgcn + 0.25 item-kNN",
            "item-kNN, new items"
        ]
    );
    let ensemble = &report["ensemble"];
    assert_eq!(
        (&ensemble["weights"], &ensemble["chosen_on"]),
        (&json!([0.75, 0.25]), &Value::Null)
    );
    assert_eq!(ensemble["figures"], json!([]));
}

fn unit(figure: f64) {
    assert!((0.0..=1.0).contains(&figure), "{figure}");
}

#[test]
fn without_validation_data_the_weight_must_be_given() {
    let work = shop();
    work.write(
        "split.toml",
        "[prepare.split]\nkind = 'leave-last-out'\nvalidation = false\n",
    );
    let prepare = [
        "prepare",
        "shop.csv",
        "--out",
        "dataset",
        "--config",
        "split.toml",
    ];
    work.json(&prepare);
    small_model(&work, "model");
    work.refused(
        &[&EVALUATE[..], &["--ensemble", "ease"]].concat(),
        &["--ensemble"],
    );
    let report = evaluate(&work, &["--ensemble", "ease=1", "--baselines", "ease"]);
    let ensemble = recall(&report, "0 lightgcn + 1 EASE");
    assert_eq!(ensemble, recall(&report, "EASE"));
    assert_messages();
}

#[test]
fn unusable_filters_are_errors() {
    let work = place();
    let refused = |flags: &[&str], fields: &[&str]| {
        work.refused(&[&EVALUATE[..], flags].concat(), fields);
    };
    refused(&["--baselines", "knn"], &["knn"]);
    refused(&["--baselines", "svd,svd"], &[]);
    refused(&["--baselines", "none,svd"], &[]);
    refused(&["--ensemble", "gfcf"], &["gfcf"]);
    refused(&["--ensemble", "svd=0.5,ease"], &["--ensemble"]);
    refused(&["--ensemble", "svd=0.6,ease=0.6"], &["--ensemble", "1.2"]);
    for weight in ["svd=1.5", "svd=-0.1", "svd=nan"] {
        refused(&["--ensemble", weight], &[weight]);
    }

    let config = |text: &str, flags: &[&str], fields: &[&str]| {
        work.write("filters.toml", text);
        refused(&[&["--config", "filters.toml"], flags].concat(), fields);
    };
    config("[filters.knn]\n", &[], &["knn", "`item-knn`"]);
    config("[filters.svd]\nranks = 3\n", &[], &["ranks", "`rank`"]);
    config("[evaluate]\nbaselines = ['ease', 'x']\n", &[], &["x"]);
    config("[evaluate]\nbaselines = ['ease', 'ease']\n", &[], &[]);
    let fields = ["n_neighbors"];
    let text = "[filters.item-knn]\nn_neighbors = 0\nshrinkage = -1.0\n";
    config(text, &[], &fields);
    // Settings of filters that are not used are not checked.
    work.json(
        &[
            &EVALUATE[..],
            &["--config", "filters.toml", "--baselines", "none"],
        ]
        .concat(),
    );
    let fields = ["max_bytes", "1000"];
    config(
        "[filters.ease]\nmax_bytes = 1000\n",
        &["--baselines", "ease"],
        &fields,
    );
    assert_messages();
}
