//! Options and questions that cannot be used: each is refused with its place and how to fix it, and
//! nothing is left (`Workplace::refused` holds the common part).
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::log::Log;
use common::{shop, small_model};

#[test]
fn questions_that_have_no_answer() {
    let work = shop();
    small_model(&work, "model");
    let first = Log::parse(&work.read("shop.csv"))
        .leave_last_out()
        .train
        .swap_remove(0);
    let user = first.user.as_str();
    work.refused(
        &["recommend", "model", user, "-k", "0"],
        &["k is 0", "at least one item"],
    );
    work.refused(
        &["evaluate", "model", "dataset", "-k", "0"],
        &["cutoff K is 0", "1 or more"],
    );
    for (flag, value, words) in [
        (
            "--exploration",
            "1.5",
            "exploration is 1.5; it must lie between 0 and 1",
        ),
        ("--diversity", "-1", "diversity is -1"),
        ("--revenue", "NaN", "revenue is NaN"),
        ("--category", "no such", "unknown category \"no such\""),
        ("--brand", "no such", "unknown brand \"no such\""),
        ("--event", "purchase", "write BEHAVIOR:ITEM"),
        ("--event", "kiss:1", "unknown behavior \"kiss\""),
        ("--chain", "random,random", "names random twice"),
        ("--unsuitable", "gone.txt", "gone.txt"),
    ] {
        work.refused(&["recommend", "model", user, flag, value], &[words]);
    }
    for flag in ["--exploration", "--diversity", "--revenue"] {
        let words = ["must lie between 0 and 1"];
        work.refused(&["evaluate", "model", "dataset", flag, "0,2"], &words);
    }
    let explain = ["explain", "model", user, &first.item];
    work.refused(
        &[&explain[..], &["--paths", "0"]].concat(),
        &["0: ask for at least one path"],
    );
    let near = format!("{}x", first.item);
    let known = format!("did you mean {:?}?", first.item);
    work.refused(
        &["explain", "model", user, &near],
        &["unknown item", &near, &known],
    );
    let words = ["unknown item \"?\"", "check the id as the log writes it"];
    work.refused(&["explain", "model", user, "?"], &words);
    let words = [
        "unknown user \"nobody\"",
        "check the id",
        "fall back on popularity",
    ];
    work.refused(&["explain", "model", "nobody", &first.item], &words);
    work.refused(
        &["recommend", "gone", user],
        &["no lightgcn-artifact folder at gone"],
    );
    work.refused(
        &["recommend", "dataset", user],
        &["dataset is a lightgcn-dataset folder"],
    );
    work.refused(
        &["train", "model", "--out", "m"],
        &["model is a lightgcn-artifact folder"],
    );
    work.refused(
        &["recommend", "shop.csv", user],
        &["shop.csv", "it is a file: give the folder"],
    );

    // Other pairs of the same shop may hold the answers.
    work.json(&["prepare", "shop.csv", "--out", "other", "--split", "random"]);
    let words = [
        "the model in model was trained on other data",
        "evaluate it on its own dataset",
    ];
    work.refused(&["evaluate", "model", "other"], &words);
    work.json(&[
        "train", "other", "--out", "mf", "--model", "mf", "--epochs", "1",
    ]);
    work.refused(
        &["evaluate", "model", "dataset", "--against", "mf"],
        &["the model in mf was"],
    );
}

#[test]
fn options_that_are_not_usable() {
    let work = shop();
    let config = |text: &str, words: &[&str]| {
        work.write("lightgcn.toml", text);
        let words = [&["lightgcn.toml"], words].concat();
        work.refused(
            &[
                "train",
                "dataset",
                "--out",
                "m",
                "--config",
                "lightgcn.toml",
            ],
            &words,
        );
    };
    config(
        "[model]\nname = 'lightgcn'\ndimensions = 8\n",
        &["unknown field `dimensions`"],
    );
    config(
        "[train]\nepoch = 8\n",
        &["line 2, column 1", "unknown field `epoch`", "`epochs`"],
    );
    config(
        "[models]\n",
        &["line 1", "unknown field `models`", "`model`"],
    );
    config("[model]\nname = 'lightgcn'\ndimension = -3\n", &["-3"]);
    config(
        "[model]\nname = 'gcn'\n",
        &["unknown variant `gcn`", "`lightgcn`"],
    );
    config(
        "device = 'gpu'\n",
        &["line 1", "unknown device \"gpu\"", "cuda:N"],
    );
    config("seed = \n", &["line 1, column 8"]);
    config("seed = 'x'\n", &["line 1, column 8", "invalid type"]);

    let train = |flags: &[&str], words: &[&str]| {
        work.refused(
            &[&["train", "dataset", "--out", "m"][..], flags].concat(),
            words,
        );
    };
    work.write(
        "top_k.toml",
        "[train]\nloss = { name = 'softmax', top_k = { k = 0, temperature = -1, every = 0 } }\n",
    );
    train(
        &["--config", "top_k.toml"],
        &[
            "top_k.k must be at least 1",
            "top_k.temperature must be from 0.01 to 100",
            "top_k.every must be at least 1",
        ],
    );
    train(
        &["--config", "gone.toml"],
        &["reading the configuration gone.toml", "No such file"],
    );
    train(
        &["--device", "gpu"],
        &["--device", "unknown device \"gpu\"", "cuda:N"],
    );
    train(
        &["--dimension", "-3"],
        &["invalid value '-3' for '--dimension"],
    );
    train(
        &["--learning-rate", "-1"],
        &["learning_rate must be above 0"],
    );
    train(&["--dimension", "0"], &["dimension is 0"]);
    train(&["--layers", "9"], &["9", "8"]);
    train(
        &["--model", "gcn"],
        &["unknown model \"gcn\"", "lightgcn, lightgcn++, ngcf, mf"],
    );
    train(
        &["--model", "mf", "--layers", "2"],
        &["model mf has no --layers"],
    );
    let words = [
        "epochs must be at least 1",
        "learning_rate must be above 0",
        "l2 must be finite",
    ];
    train(
        &["--epochs", "0", "--learning-rate", "nan", "--l2", "inf"],
        &words,
    );
    train(
        &["--batchsize", "3"],
        &["unexpected argument '--batchsize'", "--batch-size"],
    );
    work.refused(&["train", "--out", "m"], &["DATASET"]);
    work.refused(
        &["generate", "--events", "0", "--out", "x.csv"],
        &["n_events"],
    );
    work.refused(&["generate"], &["--out"]);

    // Without --json, standard output stays empty, and misuse has its own exit code.
    let run = work.run(&["train", "dataset", "--out", "m", "--device", "gpu"]);
    assert_eq!((run.status.code(), run.stdout.as_str()), (Some(2), ""));
    let run = work.run(&["train", "gone", "--out", "m"]);
    assert_eq!((run.status.code(), run.stdout.as_str()), (Some(1), ""));
    assert!(work.text(&["--help", "--json"]).contains("Usage: lightgcn"));
}
