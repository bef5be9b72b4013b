//! `lightgcn tune` on a small shop: from a space file to a configuration that `train` takes.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Workplace, assert_messages, run_record, shop};
use serde_json::{Value, json};

const SPACE: &str = r#"
[model]
name = "mf"
dimension = 8

[train]
epochs = 4
batch_size = 64
validate_every = 2

[space]
"train.learning_rate" = { low = 1e-5, high = 0.1, log = true }
"model.init_std" = { low = 0.01, high = 0.2 }
"train.positives" = { choices = ["targets", "all-pairs"] }
"#;

fn place() -> Workplace {
    let work = shop();
    work.write("space.toml", SPACE);
    work
}

const TUNE: [&str; 4] = ["tune", "dataset", "--space", "space.toml"];

fn trials(work: &Workplace, folder: &str) -> Vec<Value> {
    let mut lines = run_record(&work.path(folder).join("trials.jsonl"));
    assert_eq!(lines.remove(0)["event"], "search");
    for line in &mut lines {
        assert!(line["seconds"].as_f64().unwrap() > 0.0);
        line["seconds"] = Value::Null;
    }
    lines
}

#[test]
fn the_best_configuration_is_found_recorded_and_trained() {
    let work = place();
    let found = work.json(&[&TUNE[..], &["--trials", "12", "--seed", "3"]].concat());
    assert_eq!(found["metric"], "recall@20");
    assert_eq!(
        (&found["trials"], &found["failed"], &found["ended"]),
        (&json!(12), &json!(0), &json!("finished"))
    );
    let top = found["top"].as_array().unwrap();
    assert_eq!((top.len(), &top[0]), (10, &found["best"]));
    let figure = |trial: &Value| trial["figure"].as_f64().unwrap();
    assert!(top.is_sorted_by(|a, b| figure(a) >= figure(b)));
    let record = trials(&work, "dataset.tune");
    assert_eq!(record.len(), 12);
    let best = record.iter().map(figure).fold(0.0, f64::max);
    assert_eq!(figure(&found["best"]), best);
    for trial in &record {
        assert_eq!(trial["reason"], "finished");
        let rate = trial["point"]["train.learning_rate"].as_f64().unwrap();
        assert!((1e-5..=0.1).contains(&rate), "{rate}");
    }

    // The configuration is taken as it is, and leads to the same figure.
    let config = found["best_config"].as_str().unwrap();
    let trained = work.json(&["train", "dataset", "--out", "model", "--config", config]);
    assert_eq!(trained["model"], "mf");
    assert_eq!(trained["validation"]["recall@20"], found["best"]["figure"]);
    assert_eq!(trained["best_epoch"], found["best"]["best_epoch"]);
    let lineage = work.read_json("model/lineage.json");
    assert_eq!(lineage["seed"], json!(3));
    assert_eq!(
        lineage["options"]["train.positives"],
        found["best"]["point"]["train.positives"]
    );

    // The same seed makes the same trials, in one go or in parts; another one others.
    let again = ["--trials", "5", "--seed", "3", "--out", "again"];
    work.json(&[&TUNE[..], &again].concat());
    let more = [
        "--trials", "12", "--seed", "3", "--out", "again", "--resume",
    ];
    let text = work.text(&[&TUNE[..], &more].concat());
    assert_eq!(trials(&work, "again"), record);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("trial  recall@20  epoch"), "{text}");
    assert!(lines[0].ends_with("train.positives"), "{text}");
    assert_eq!(lines[11], "12 trials, 0 of them failed");
    assert!(lines[12].contains("again/best.toml"), "{text}");
    assert_eq!(work.read("again/best.toml"), work.read(config));
    let other = ["--trials", "1", "--seed", "4", "--out", "other"];
    work.json(&[&TUNE[..], &other].concat());
    assert_ne!(trials(&work, "other")[0]["point"], record[0]["point"]);
}

#[test]
fn the_softmax_recipe_is_searched() {
    let work = shop();
    work.write(
        "space.toml",
        "[model]\nname = 'lightgcn'\ndimension = 8\ninit_std = 'xavier'\n\
         [train]\nepochs = 1\nbatch_size = 64\nloss = { name = 'softmax' }\n\
         [space]\n\
         \"model.layers\" = { low = 1, high = 2, step = 1 }\n\
         \"train.loss.temperature\" = { low = 0.05, high = 0.3, log = true }\n\
         \"train.schedule\" = { choices = ['constant', { linear = { final_share = 0.1 } }] }\n",
    );
    let found = work.json(&[&TUNE[..], &["--trials", "3"]].concat());
    assert_eq!((&found["trials"], &found["failed"]), (&json!(3), &json!(0)));
    let best = work.read("dataset.tune/best.toml");
    assert!(best.contains("init_std = \"xavier\""), "{best}");
    let config = ["--config", "dataset.tune/best.toml"];
    let trained = work.json(&[&["train", "dataset", "--out", "model"][..], &config].concat());
    assert_eq!(trained["validation"]["recall@20"], found["best"]["figure"]);
}

#[test]
fn an_interrupted_search_is_continued() {
    let work = place();
    let usual = ["--trials", "4", "--strategy", "random", "--json"];
    let start =
        |out: &str, more: &[&str]| work.start(&[&TUNE[..], &usual, &["--out", out], more].concat());
    let whole = start("whole", &[]).wait();
    assert!(whole.status.success(), "{}", whole.stderr);
    // With this seed the first trial has 2 epochs and the second too many to finish.
    work.write(
        "space.toml",
        "[model]\nname = 'mf'\n[train]\nvalidate_every = 2\npatience = 0\n\
         [space]\ntrain.epochs = { choices = [2, 1000000] }\n",
    );
    let mut running = start("part", &["--seed", "2"]);
    let record = work.path("part/trials.jsonl");
    running.wait_until(|| run_record(&record).len() == 2);
    running.interrupt();
    let run = running.wait();
    assert_eq!(run.status.code(), Some(1), "{}", run.stderr);
    for words in ["trial 2", "--resume", "part"] {
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    let object: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(object["error"].as_str().unwrap().starts_with("interrupted"));
    assert_eq!(trials(&work, "part").len(), 1);
    assert!(work.read("part/best.toml").contains("epochs = 2"));

    // Recorded lines of the whole search, and a torn one, are what a crash leaves.
    work.write("space.toml", SPACE);
    let lines = work.read("whole/trials.jsonl");
    let all = trials(&work, "whole");
    let torn = lines.len() - 30;
    work.write("whole/trials.jsonl", &lines[..torn]);
    let resumed = start("whole", &["--resume"]).wait();
    assert!(resumed.status.success(), "{}", resumed.stderr);
    assert!(
        resumed.stderr.contains("trials.jsonl"),
        "{}",
        resumed.stderr
    );
    assert!(resumed.stderr.contains("3 trials"), "{}", resumed.stderr);
    assert_eq!(trials(&work, "whole"), all);
}

#[test]
fn time_and_rungs_end_trials_early() {
    let work = place();
    let text = SPACE.replace("epochs = 4", "epochs = 1000000\npatience = 0");
    work.write("long.toml", text);
    let tune = [
        "tune",
        "dataset",
        "--space",
        "long.toml",
        "--out",
        "cut",
        "--minutes",
        "0.05",
    ];
    let found = work.json(&tune);
    assert_eq!(
        (&found["ended"], &found["trials"]),
        (&json!("out-of-time"), &json!(1))
    );
    assert_eq!(found["best"]["reason"], "cut");
    assert!(found["best"]["figure"].as_f64().unwrap() >= 0.0);

    let rungs = ["--rungs", "2", "--reduction", "2", "--trials", "6"];
    let found = work.json(&[&TUNE[..], &rungs].concat());
    let reasons: Vec<Value> = trials(&work, "dataset.tune")
        .iter()
        .map(|trial| trial["reason"].clone())
        .collect();
    assert!(reasons.contains(&json!("halted")), "{reasons:?}");
    assert_eq!(found["best"]["reason"], "finished");
}

#[test]
fn the_configuration_file_is_the_base_where_the_space_has_none() {
    let work = shop();
    work.write(
        "space.toml",
        "[space]\ntrain.l2 = { choices = [0.0, 1e300] }\n",
    );
    work.write(
        "base.toml",
        "seed = 9\n[model]\nname = 'mf'\ndimension = 8\n[train]\nepochs = 1\n",
    );
    let found = work.json(&[&TUNE[..], &["--config", "base.toml"]].concat());
    // One of the two diverges: it is recorded, and the search goes on.
    assert_eq!(
        (&found["trials"], &found["failed"], &found["ended"]),
        (&json!(2), &json!(1), &json!("exhausted"))
    );
    let best = work.read("dataset.tune/best.toml");
    for words in ["name = \"mf\"", "dimension = 8", "epochs = 1", "seed = 9"] {
        assert!(best.contains(words), "{best}");
    }
    work.write(
        "space.toml",
        "[train]\nl2 = 1e300\n[space]\ntrain.epochs = { choices = [1] }\n",
    );
    let words = ["hopeless/trials.jsonl"];
    work.fails(&[&TUNE[..], &["--out", "hopeless"]].concat(), &words);
    assert_messages();
}

#[test]
fn unusable_searches_are_errors() {
    let work = place();
    work.refused(&["tune", "dataset", "--space", "none.toml"], &["none.toml"]);
    work.write(
        "bad.toml",
        "[train]\nepoch = 3\n[space]\n\"train.l2\" = { low = 2, high = 1 }\n\"model.depth\" = 3\n",
    );
    work.refused(
        &["tune", "dataset", "--space", "bad.toml"],
        &["bad.toml", "train.l2", "model.depth", "epoch"],
    );
    work.write("torn.toml", "[space\n");
    let words = ["torn.toml"];
    work.refused(&["tune", "dataset", "--space", "torn.toml"], &words);
    for (options, words) in [
        (&["--trials", "0"][..], &["at least one trial"][..]),
        (
            &["--minutes", "-1"],
            &["--minutes -1 is not a valid duration"],
        ),
        (&["--minutes", "0"], &["time of a search must be above 0"]),
        (&["--rungs", "4,2"], &["rungs of a search must ascend"]),
        (
            &["--rungs", "2", "--reduction", "1"],
            &["must be at least 2"],
        ),
        (&["--resume"], &["records no search", "without --resume"]),
        (&["--strategy", "grid"], &["grid", "tpe"]),
    ] {
        work.refused(&[&TUNE[..], options].concat(), words);
    }

    let one = [&TUNE[..], &["--trials", "1"]].concat();
    work.json(&one);
    work.refused(&one, &["--resume"]);
    let resume = [&one[..], &["--resume"]].concat();
    work.refused(&[&resume[..], &["--seed", "7"]].concat(), &[]);
    work.refused(&[&resume[..], &["--strategy", "random"]].concat(), &[]);
    work.json(&["prepare", "shop.csv", "--out", "all", "--split", "none"]);
    let words = [];
    work.refused(&["tune", "all", "--space", "space.toml"], &words);
    work.json(&["prepare", "shop.csv", "--out", "all", "--split", "random"]);
    let other = [
        "tune",
        "all",
        "--space",
        "space.toml",
        "--resume",
        "--out",
        "dataset.tune",
    ];
    work.refused(&other, &[]);
    assert_messages();
}
