//! Facts about items: prepared, trained on by LightGCN and KGAT, and what is wrong with them.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Workplace, assert_messages};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A shop whose items have a made-up color, by facts in `facts.tsv`, and its data set `dataset`.
fn colorful_shop() -> Workplace {
    let work = Workplace::new();
    work.json(&["generate", "--events", "8000", "--out", "shop.csv"]);
    let log = work.read("shop.csv");
    let items = log
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(2).unwrap());
    let items: BTreeSet<&str> = items.collect();
    let mut facts = "head\trelation\ttail\n".to_owned();
    for (n, item) in items.iter().enumerate() {
        facts += &format!("{item}\tcolor\t{}\n", ["red", "green", "blue"][n % 3]);
    }
    facts += "red\tlooks_like\tblue\nred\tlooks_like\tred\nred\tlooks_like\tblue\n";
    work.write("facts.tsv", facts);
    let found = work.json(&prepare("dataset", "facts.tsv"));
    let stages = found["stages"].as_array().unwrap();
    let stage = &stages[stages.len() - 1];
    assert_eq!(stage["stage"], "knowledge");
    assert_eq!(stage["dropped"]["of a node with itself"], 1);
    assert_eq!(stage["dropped"]["repeated"], 1);
    work
}

fn prepare<'a>(out: &'a str, knowledge: &'a str) -> [&'a str; 8] {
    let split = "leave-last-out";
    [
        "prepare",
        "shop.csv",
        "--out",
        out,
        "--split",
        split,
        "--knowledge",
        knowledge,
    ]
}

/// Trains, evaluates, answers and explains with the model of a configuration; returns its description.
fn whole_road(work: &Workplace, config: &str) -> Value {
    work.write("model.toml", config);
    let train = |out: &str, epochs: &str, more: &[&str]| {
        let usual = ["train", "dataset", "--config", "model.toml", "--out", out];
        let fast = ["--learning-rate", "0.02", "--validate-every", "2"];
        work.json(&[&usual[..], &fast, &["--epochs", epochs], more].concat())
    };
    train("model", "4", &[]);
    work.json(&["evaluate", "model", "dataset"]);
    let log = work.read("shop.csv");
    let user = log
        .lines()
        .nth(1)
        .unwrap()
        .split(',')
        .nth(7)
        .unwrap()
        .to_owned();
    let answer = work.json(&["recommend", "model", &user]);
    let item = answer["answers"][0]["items"][0]["item"].as_str().unwrap();
    let explained = work.json(&["explain", "model", &user, item]);
    assert_eq!(explained["item"], json!(item));
    // An interrupted run goes on to the same bits, and another starts from the model.
    train("part", "2", &["--run", "run"]);
    train("whole", "4", &["--run", "run", "--resume"]);
    assert_eq!(
        work.files("whole")["embeddings.safetensors"],
        work.files("model")["embeddings.safetensors"]
    );
    let next = work.run(&[
        "retrain", "model", "dataset", "--out", "next", "--epochs", "1",
    ]);
    assert!(matches!(next.status.code(), Some(0 | 3)), "{}", next.stderr);
    work.read_json("model/model.json")
}

#[test]
fn lightgcn_takes_relations_as_edges() {
    let work = colorful_shop();
    let config = "[model]\nname = 'lightgcn'\ndimension = 8\nrelations = ['all']\n";
    let model = whole_road(&work, config);
    let edges = json!(["behaviors", { "relation": "color" }, { "relation": "looks_like" }]);
    assert_eq!(model["graphs"][0]["edges"], edges);
    assert_eq!(model["config"]["relations"], json!(["color", "looks_like"]));
    assert_eq!(model["layer_weights"], Value::Null);
}

#[test]
fn kgat_attends_to_relations_and_attributes() {
    let work = colorful_shop();
    let config = "[model]\nname = 'kgat'\ndimension = 8\nlayer_widths = [8]\n\
                  relations = ['color']\nattributes = ['price_in_category:3']\nfacts_per_step = 64\n";
    let model = whole_road(&work, config);
    let edges: Vec<&Value> = model["graphs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|graph| &graph["edges"][0])
        .collect();
    let attribute = json!({ "attribute": "price_in_category:3" });
    assert_eq!(
        edges,
        [
            &json!("behaviors"),
            &attribute,
            &json!({ "relation": "color" })
        ]
    );
}

#[test]
fn kgat_explains_by_the_attention_of_its_relations() {
    let work = colorful_shop();
    let config = "[model]\nname = 'kgat'\ndimension = 8\nlayer_widths = [8, 8, 8]\n\
                  relations = ['color']\nfacts_per_step = 64\n";
    work.write("model.toml", config);
    let train = [
        "train",
        "dataset",
        "--config",
        "model.toml",
        "--epochs",
        "2",
    ];
    work.json(&[&train[..], &["--out", "model", "--no-ranking"]].concat());
    let log = work.read("shop.csv");
    let user = log.lines().nth(1).unwrap().split(',').nth(7).unwrap();
    let facts = work.read("facts.tsv");
    let answer = work.json(&["recommend", "model", user]);
    let mut by_color = None;
    for listed in answer["answers"][0]["items"].as_array().unwrap() {
        let item = listed["item"].as_str().unwrap();
        let why = work.json(&["explain", "model", user, item]);
        let paths = why["paths"].as_array().unwrap();
        let attended = paths.iter().any(|path| path["attention"] == true);
        let expected = if attended { "attention" } else { "evidence" };
        assert_eq!(why["method"], expected);
        for path in paths.iter().filter(|_| attended) {
            assert_eq!(
                (&path["value"], &path["share"]),
                (&Value::Null, &Value::Null)
            );
            let edges = path["edges"].as_array().unwrap();
            assert!((1..=3).contains(&edges.len()));
            let weights = edges.iter().map(|edge| edge["weight"].as_f64().unwrap());
            let product: f64 = weights.product();
            assert!((product - path["strength"].as_f64().unwrap()).abs() < 1e-12);
            assert!(product > 0.0 && product <= 1.0);
            if edges.len() < 3 || edges[1]["relation"]["name"] != "color" {
                continue;
            }
            // Both items have the color that the path goes over.
            let color = edges[1]["to"]["name"].as_str().unwrap();
            for item in [&edges[1]["from"]["item"], &edges[2]["to"]["item"]] {
                let fact = format!("{}\tcolor\t{color}\n", item.as_str().unwrap());
                assert!(facts.contains(&fact), "{fact}");
            }
            assert_eq!(edges[1]["relation"]["against"], false);
            assert_eq!(edges[2]["relation"]["against"], true);
            by_color = Some(item.to_owned());
        }
    }
    let item = by_color.expect("some item shares its color with the history");
    let text = work.run(&["explain", "model", user, &item]).stdout;
    for part in [
        "-[color: ",
        "<-[color: ",
        "(attention ",
        "not a part of the score",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    // With the learned ranking, its terms make up the score and the paths are the same.
    work.json(&[&train[..], &["--out", "ranked"]].concat());
    let paths = |model: &str| work.json(&["explain", model, user, &item])["paths"].clone();
    assert_eq!(paths("ranked"), paths("model"));
    let why = work.json(&["explain", "ranked", user, &item]);
    assert_eq!(why["method"], "ranking");
    assert_eq!(
        work.files("ranked")["attention.safetensors"],
        work.files("model")["attention.safetensors"]
    );
}

#[test]
fn unusable_facts_are_errors() {
    let work = colorful_shop();
    for (facts, fields) in [
        ("red\tlooks_like\n", &["bad.tsv", "line 1", "2 fields"][..]),
        ("", &["bad.tsv", "empty"]),
        ("red\tlooks_like\tblue\n", &["none of the 1 triples"]),
        ("red\t\tblue\n", &["bad.tsv", "line 1", "relation"]),
    ] {
        work.write("bad.tsv", facts);
        work.refused(&prepare("d", "bad.tsv"), fields);
    }
    work.refused(&prepare("d", "gone.tsv"), &["gone.tsv"]);

    let train = |relation: &str, fields: &[&str]| {
        let config = format!("[model]\nname = 'lightgcn'\nrelations = ['{relation}']\n");
        work.write("model.toml", config);
        let train = ["train", "dataset", "--out", "m", "--config", "model.toml"];
        work.refused(&train, fields);
    };
    train("colour", &["\"colour\"", "did you mean \"color\"?"]);
    work.json(&[
        "prepare",
        "shop.csv",
        "--out",
        "plain",
        "--split",
        "leave-last-out",
    ]);
    let train = ["train", "plain", "--out", "m", "--config", "model.toml"];
    work.refused(&train, &["--knowledge"]);
    assert_messages();
}
