//! Linear filters beside a model and together with it: `lightgcn evaluate --baselines` and `--blend`.
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
    let row = rows.iter().find(|row| row["ranker"] == ranker);
    let row = row.unwrap_or_else(|| panic!("no {ranker} in {report}"));
    row["figures"][name].as_f64().unwrap()
}

#[test]
fn filters_stand_beside_the_model() {
    let work = place();
    let all = "item-knn,rp3beta,ease,gf-cf,chebyshev,svd";
    let report = evaluate(&work, &["--baselines", all]);
    let filters = ["item-kNN", "RP3β", "EASE", "GF-CF", "ChebyCF", "PureSVD"];
    let usual = ["popularity", "seen, not bought", "random"];
    let rankers = strings(&report["rows"], "ranker");
    assert_eq!(rankers, [&["lightgcn"][..], &filters, &usual].concat());
    assert_eq!(report.get("blend"), None);
    let recalls = filters.map(|filter| recall(&report, filter));
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

    // The file's list and settings, of which flags go before the list.
    work.write(
        "filters.toml",
        "[evaluate]\nbaselines = ['svd', 'item-knn']\n\
         [filters.item-knn]\nn_neighbors = 1\nweighting = { bm25 = { k1 = 100, b = 0.5 } }\n",
    );
    let config = ["--config", "filters.toml"];
    let other = evaluate(&work, &config);
    assert_eq!(
        strings(&other["rows"], "ranker")[..3],
        ["lightgcn", "PureSVD", "item-kNN"]
    );
    assert_ne!(recall(&other, "item-kNN"), recall(&report, "item-kNN"));
    assert_eq!(recall(&other, "PureSVD"), recall(&report, "PureSVD"));
    let flag = evaluate(&work, &[&config[..], &["--baselines", "item-knn"]].concat());
    assert_eq!(
        strings(&flag["rows"], "ranker")[..3],
        ["lightgcn", "item-kNN", "popularity"]
    );
    assert_eq!(recall(&flag, "item-kNN"), recall(&other, "item-kNN"));
}

#[test]
fn a_blend_is_weighed_on_validation_data() {
    let work = place();
    let report = evaluate(&work, &["--blend", "gf-cf", "-k", "5,10"]);
    assert_eq!(report["part"], "test");
    let blend = &report["blend"];
    assert_eq!(
        (&blend["filter"], &blend["chosen_on"], &blend["k"]),
        (&json!("gf-cf"), &json!("validation"), &json!(10))
    );
    let figures: Vec<(f64, f64)> = blend["figures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["weight"].as_f64().unwrap(), c["figure"].as_f64().unwrap()))
        .collect();
    assert_eq!(figures.len(), 21);
    assert!(
        figures
            .iter()
            .zip(0..)
            .all(|(f, n)| f.0 == f64::from(n) / 20.0)
    );
    let best = figures.iter().map(|f| f.1).fold(0.0, f64::max);
    let first = figures.iter().find(|f| f.1 == best).unwrap();
    let weight = blend["weight"].as_f64().unwrap();
    assert_eq!(weight, first.0);
    let name = format!("lightgcn + GF-CF (weight {weight})");
    assert_eq!(
        strings(&report["rows"], "ranker")[..4],
        ["lightgcn", &name, "GF-CF", "item-kNN"]
    );
    unit(recall(&report, &name));

    // The figures are those of the validation part: at the ends those of model and filter alone.
    let there = ["--on-validation", "--blend", "gf-cf", "-k", "10"];
    let validation = evaluate(&work, &there);
    assert_eq!(validation["blend"]["figures"], blend["figures"]);
    for (ranker, (_, figure)) in [
        ("lightgcn", figures[0]),
        ("GF-CF", figures[20]),
        (&name, *first),
    ] {
        let found = recall(&validation, ranker);
        assert!(
            (found - figure).abs() < 1e-12,
            "{ranker}: {found}, {figure}"
        );
    }

    // A weight that is given is taken, and a partner is not measured twice.
    let given = ["--blend", "item-knn", "--blend-weight", "0.3"];
    let report = evaluate(&work, &given);
    assert_eq!(
        strings(&report["rows"], "ranker")[..4],
        [
            "lightgcn",
            "lightgcn + item-kNN (weight 0.3)",
            "item-kNN",
            "popularity"
        ]
    );
    let blend = &report["blend"];
    assert_eq!(
        (&blend["weight"], &blend["chosen_on"]),
        (&json!(0.3), &Value::Null)
    );
    let text = work.text(&[&EVALUATE[..], &given].concat());
    assert!(text.contains("item-knn") && text.contains("0.3"), "{text}");
    let text = work.text(&[&EVALUATE[..], &["--blend", "svd", "-k", "20"]].concat());
    assert!(text.contains("\nweight  recall@20\n0.00 "), "{text}");
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
        &[&EVALUATE[..], &["--blend", "ease"]].concat(),
        &["--blend-weight"],
    );
    let report = evaluate(&work, &["--blend", "ease", "--blend-weight", "1"]);
    let blend = recall(&report, "lightgcn + EASE (weight 1)");
    assert_eq!(blend, recall(&report, "EASE"));
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
    refused(&["--blend", "gfcf"], &["gfcf"]);
    refused(&["--blend-weight", "0.5"], &["--blend"]);
    for weight in ["1.5", "-0.1", "nan"] {
        refused(
            &["--blend", "svd", "--blend-weight", weight],
            &["--blend-weight"],
        );
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
    // What is not asked for does no harm.
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
