//! Unusable options and questions: the error says where and how to fix it, and nothing is left behind (see
//! `Workplace::refused`).
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::log::Log;
use common::{assert_messages, shop, small_model};

#[test]
fn unanswerable_questions_are_errors() {
    let work = shop();
    small_model(&work, "model");
    let first = Log::parse(&work.read("shop.csv"))
        .leave_last_out()
        .train
        .swap_remove(0);
    let user = first.user.as_str();
    work.refused(&["recommend", "model", user, "-k", "0"], &[]);
    work.refused(&["evaluate", "model", "dataset", "-k", "0"], &[]);
    for (flag, value, fields) in [
        ("--exploration", "1.5", "1.5"),
        ("--diversity", "-1", "-1"),
        ("--revenue", "NaN", "NaN"),
        ("--event", "purchase", "BEHAVIOR:ITEM"),
        ("--event", "kiss:1", "kiss"),
        ("--chain", "random,random", "random"),
        ("--unsuitable", "gone.txt", "gone.txt"),
    ] {
        work.refused(&["recommend", "model", user, flag, value], &[fields]);
    }
    // A list of which nothing is known would hide nothing.
    std::fs::write(work.path("float.txt"), format!("{}.0\n", first.item)).unwrap();
    let hidden = ["recommend", "model", user, "--unsuitable", "float.txt"];
    work.refused(&hidden, &["float.txt", &format!("{}.0", first.item)]);
    // A name that no item has allows nothing, and denies nothing.
    for (flag, rule, allowed) in [
        ("--category", "categories", false),
        ("--brand", "brands", false),
        ("--deny-category", "deny_categories", true),
        ("--deny-brand", "deny_brands", true),
    ] {
        let told = work.json(&["recommend", "model", user, flag, "no such"]);
        let answer = &told["answers"][0];
        assert_eq!(answer["unknown"][0]["rule"], rule);
        assert_eq!(answer["items"].as_array().unwrap().is_empty(), !allowed);
        let emptied = (!allowed).then_some(rule);
        assert_eq!(answer["emptied_by"].as_str(), emptied);
    }
    for flag in ["--exploration", "--diversity", "--revenue"] {
        let fields = [];
        work.refused(&["evaluate", "model", "dataset", flag, "0,2"], &fields);
    }
    let explain = ["explain", "model", user, &first.item];
    work.refused(&[&explain[..], &["--paths", "0"]].concat(), &[]);
    let near = format!("{}x", first.item);
    let known = format!("{:?}", first.item);
    work.refused(&["explain", "model", user, &near], &[&near, &known]);
    let fields = ["?"];
    work.refused(&["explain", "model", user, "?"], &fields);
    let fields = ["nobody"];
    work.refused(&["explain", "model", "nobody", &first.item], &fields);
    work.refused(&["recommend", "gone", user], &[]);
    work.refused(&["recommend", "dataset", user], &[]);
    work.refused(&["train", "model", "--out", "m"], &[]);
    work.refused(&["recommend", "shop.csv", user], &["shop.csv"]);

    // Other pairs of the same shop could contain the answers.
    work.json(&["prepare", "shop.csv", "--out", "other", "--split", "random"]);
    let fields = [];
    work.refused(&["evaluate", "model", "other"], &fields);
    work.json(&[
        "train", "other", "--out", "mf", "--model", "mf", "--epochs", "1",
    ]);
    work.refused(&["evaluate", "model", "dataset", "--against", "mf"], &[]);
    assert_messages();
}

#[test]
fn unusable_options_are_errors() {
    let work = shop();
    let config = |text: &str, fields: &[&str]| {
        work.write("lightgcn.toml", text);
        let fields = [&["lightgcn.toml"], fields].concat();
        work.refused(
            &[
                "train",
                "dataset",
                "--out",
                "m",
                "--config",
                "lightgcn.toml",
            ],
            &fields,
        );
    };
    config(
        "[model]\nname = 'lightgcn'\ndimensions = 8\n",
        &["dimensions"],
    );
    config(
        "[train]\nepoch = 8\n",
        &["line 2, column 1", "epoch", "`epochs`"],
    );
    config("[models]\n", &["line 1", "models", "`model`"]);
    config("[model]\nname = 'lightgcn'\ndimension = -3\n", &["-3"]);
    config("[model]\nname = 'gcn'\n", &["gcn", "`lightgcn`"]);
    config("device = 'gpu'\n", &["line 1", "gpu", "cuda:N"]);
    config("seed = \n", &["line 1, column 8"]);
    config("seed = 'x'\n", &["line 1, column 8"]);

    let train = |flags: &[&str], fields: &[&str]| {
        work.refused(
            &[&["train", "dataset", "--out", "m"][..], flags].concat(),
            fields,
        );
    };
    work.write(
        "top_k.toml",
        "[train]\nloss = { name = 'softmax', top_k = { k = 0, temperature = -1, every = 0 } }\n",
    );
    train(
        &["--config", "top_k.toml"],
        &["top_k.k", "top_k.temperature", "0.01", "100", "top_k.every"],
    );
    train(&["--config", "gone.toml"], &["gone.toml"]);
    train(&["--device", "gpu"], &["--device", "gpu", "cuda:N"]);
    train(&["--dimension", "-3"], &["--dimension"]);
    train(&["--learning-rate", "-1"], &["learning_rate"]);
    train(&["--dimension", "0"], &[]);
    train(&["--layers", "9"], &["9", "8"]);
    train(&["--model", "gcn"], &["gcn"]);
    train(&["--model", "mf", "--layers", "2"], &["--layers"]);
    let fields = ["learning_rate"];
    train(
        &["--epochs", "0", "--learning-rate", "nan", "--l2", "inf"],
        &fields,
    );
    train(&["--batchsize", "3"], &["--batchsize", "--batch-size"]);
    work.refused(&["train", "--out", "m"], &["DATASET"]);
    work.refused(
        &["generate", "--events", "0", "--out", "x.csv"],
        &["n_events"],
    );
    work.refused(&["generate"], &["--out"]);

    // Without --json, standard output stays empty; usage errors have their own exit code.
    let run = work.run(&["train", "dataset", "--out", "m", "--device", "gpu"]);
    assert_eq!((run.status.code(), run.stdout.as_str()), (Some(2), ""));
    let run = work.run(&["train", "gone", "--out", "m"]);
    assert_eq!((run.status.code(), run.stdout.as_str()), (Some(1), ""));
    assert!(work.text(&["--help", "--json"]).contains("Usage: lightgcn"));
    assert_messages();
}
