//! The road from a log to an evaluated model, by the command alone; `answers` goes on from there.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::log::Log;
use common::{Workplace, assert_messages, run_record, shop, strings, trained_shop};
use serde_json::{Value, json};

/// What came in must have been kept or dropped, at every stage.
fn assert_stages_balance(prepared: &Value) {
    for stage in prepared["stages"].as_array().unwrap() {
        let dropped: u64 = stage["dropped"]
            .as_object()
            .unwrap()
            .values()
            .map(|n| n.as_u64().unwrap())
            .sum();
        assert_eq!(
            stage["rows_in"],
            json!(stage["kept"].as_u64().unwrap() + dropped),
            "{stage}"
        );
    }
}

fn unit_interval(value: &Value) -> f64 {
    let number = value
        .as_f64()
        .unwrap_or_else(|| panic!("no number: {value}"));
    assert!(
        (0.0..=1.0).contains(&number) && number.is_sign_positive(),
        "{number}"
    );
    number
}

#[test]
fn a_log_is_made_and_prepared_by_every_split() {
    let work = Workplace::new();
    let made = work.json(&[
        "generate", "--events", "8000", "--out", "shop.csv", "--seed", "3",
    ]);
    let log = Log::parse(&work.read("shop.csv"));
    assert_eq!(made["rows"], json!(8000));
    assert_eq!(
        (made["rows"].as_u64(), made["seed"].as_u64()),
        (Some(log.n_rows), Some(3))
    );
    assert_eq!(made["users"], json!(log.n_users()));
    assert_eq!(made["items"], json!(log.n_items()));
    let behaviors = made["behaviors"].as_object().unwrap();
    assert_eq!(
        behaviors.values().map(|n| n.as_u64().unwrap()).sum::<u64>(),
        8000
    );

    for split in ["by-time", "random", "leave-last-out", "none"] {
        let prepared = work.json(&["prepare", "shop.csv", "--out", split, "--split", split]);
        assert_stages_balance(&prepared);
        let stages = prepared["stages"].as_array().unwrap();
        assert_eq!(stages[0]["rows_in"], made["rows"], "{split}");
        assert_eq!(stages[0]["kept"], json!(log.events.len()), "{split}");
        for part in ["validation", "test"] {
            let stage = stages.iter().find(|stage| stage["stage"] == part).unwrap();
            let targets = &prepared[format!("{part}_targets")];
            assert_eq!(stage["kept"], *targets, "{split}");
            assert_eq!(
                targets.as_u64().unwrap() > 0,
                split != "none",
                "{split}: {part}"
            );
        }
    }
    let all = work.json(&["prepare", "shop.csv", "--out", "none", "--split", "none"]);
    assert_eq!(all["users"], json!(log.n_users()));
    assert_eq!(all["items"], json!(log.n_items()));

    // A glob, a compressed copy and options that a person reads.
    work.json(&["generate", "--events", "500", "--out", "more-1.csv.gz"]);
    work.json(&[
        "generate",
        "--events",
        "700",
        "--out",
        "more-2.csv.zst",
        "--seed",
        "8",
    ]);
    let prepared = work.json(&["prepare", "more-*", "--out", "more", "--split", "none"]);
    assert_eq!(prepared["stages"][0]["rows_in"], json!(1200));
    let run = work.run(&[
        "prepare", "more-*", "--out", "more", "--split", "none", "--k-core", "2",
    ]);
    assert!(run.status.success() && run.stdout.contains("more"));
    assert!(run.stderr.contains("1200"), "{}", run.stderr);
    let text = work.text(&["generate", "--statistics", "shop.csv"]);
    assert!(text.contains(&log.n_users().to_string()), "{text}");
}

#[test]
fn models_are_trained_by_configuration_and_flags() {
    let work = shop();
    work.write(
        "lightgcn.toml",
        "seed = 5\n\
         [model]\nname = 'lightgcn'\ndimension = 12\nlayers = 2\n\
         [train]\nepochs = 2\nbatch_size = 64\nlearning_rate = 0.01\nvalidate_every = 2\n",
    );
    let config = ["--config", "lightgcn.toml"];
    for (model, flags) in [
        ("lightgcn", &["--dimension", "16", "--epochs", "4"][..]),
        (
            "lightgcn++",
            &[
                "--model",
                "lightgcn++",
                "--dimension",
                "16",
                "--layers",
                "1",
                "--epochs",
                "4",
            ],
        ),
        (
            "ngcf",
            &["--model", "ngcf", "--dimension", "16", "--epochs", "4"],
        ),
        (
            "mf",
            &["--model", "mf", "--dimension", "16", "--epochs", "4"],
        ),
    ] {
        let train = [&["train", "dataset", "--out", model][..], &config, flags].concat();
        let trained = work.json(&train);
        assert_eq!(trained["model"], model);
        assert_eq!(
            (&trained["path"], &trained["device"]),
            (&json!(model), &json!("the CPU"))
        );
        assert_eq!(trained["reason"], "finished");
        let version = trained["version"].as_str().unwrap();
        assert!(version.len() == 64 && version.bytes().all(|c| c.is_ascii_hexdigit()));
        let recall = unit_interval(&trained["validation"]["recall@20"]);

        let lineage = work.read_json(&format!("{model}/lineage.json"));
        let option = |name: &str| lineage["options"][name].as_str().unwrap();
        assert_eq!(lineage["seed"], json!(5), "the file's seed");
        assert_eq!(option("train.batch_size"), "64", "the file's value");
        assert_eq!(
            option("model.dimension"),
            "16",
            "the flag goes before the file"
        );
        assert_eq!(option("train.epochs"), "4", "the flag goes before the file");
        assert_eq!(lineage["inputs"][0]["name"], "shop.csv");
        assert_eq!(
            lineage["figures"]["validation recall@20"].as_f64(),
            Some(recall)
        );
        match model {
            "lightgcn" => assert_eq!(option("model.layers"), "2"),
            "lightgcn++" => {
                assert_eq!(option("model.layers"), "1");
                let described = work.read_json("lightgcn++/model.json");
                assert_eq!(described["graphs"][0]["normalization"], "powers:0.6:-0.1");
                assert_eq!(described["n_layers"], json!(1));
                assert_eq!(described["layer_weights"], Value::Null, "not linear");
            }
            "ngcf" => assert_eq!(option("model.layer_widths"), "[16,16,16]"),
            _ => {}
        }

        let record = run_record(&work.path(&format!("{model}.run/run.jsonl")));
        let epochs: Vec<&Value> = record
            .iter()
            .filter(|line| line["event"] == "epoch")
            .collect();
        assert_eq!(
            (record.len(), epochs.len()),
            (6, 4),
            "a start, four epochs, an end"
        );
        let loss = |n: usize| epochs[n]["loss"].as_f64().unwrap();
        assert!(
            loss(3) < loss(0),
            "{model} learns nothing: {} to {}",
            loss(0),
            loss(3)
        );
        assert_eq!(record[5]["best_epoch"], trained["best_epoch"]);
        let best = trained["best_epoch"].as_u64().unwrap() as usize;
        assert_eq!(epochs[best - 1]["validation"], trained["validation"]);
        assert!(
            work.path(&format!("{model}.run/checkpoint/manifest.json"))
                .exists()
        );
    }
    // Without --json, the figures as text.
    let train = [
        "train", "dataset", "--out", "text", "--epochs", "1", "--model", "mf",
    ];
    let text = work.text(&train);
    assert!(text.contains("mf") && text.contains("recall@20"), "{text}");
}

#[test]
fn the_seed_of_a_table_counts_where_no_other_is_given() {
    let work = shop();
    let prepare = |out: &str, more: &[&str]| {
        let usual = ["prepare", "shop.csv", "--out", out, "--split", "random"];
        work.json(&[&usual, more].concat());
        work.files(out)
    };
    work.write("seed.toml", "[prepare]\nseed = 7\n");
    let config = ["--config", "seed.toml"];
    let of_table = prepare("table", &config);
    assert_eq!(of_table, prepare("flag", &["--seed", "7"]));
    let usual = prepare("usual", &[]);
    assert_ne!(of_table, usual);
    assert_eq!(
        usual,
        prepare("42", &[&config[..], &["--seed", "42"]].concat())
    );
}

#[test]
fn a_model_is_evaluated_beside_its_baselines() {
    let (work, parts) = trained_shop();
    let report = work.json(&[
        "evaluate",
        "lightgcn",
        "dataset",
        "--against",
        "mf",
        "-k",
        "5,20",
    ]);
    assert_eq!(
        (&report["part"], &report["metric"]),
        (&json!("test"), &json!("recall"))
    );
    assert_eq!(report["k"], json!(20));
    // Who is measured, found again from the log itself.
    assert_eq!(report["n_targets"], json!(parts.test.len()));
    assert_eq!(report["n_users"], json!(parts.test.len()));
    let rows = report["rows"].as_array().unwrap();
    let rankers = strings(&report["rows"], "ranker");
    assert_eq!(
        rankers,
        [
            "learned ranking",
            "lightgcn",
            "learned ranking of mf",
            "item-kNN, new items",
            "popularity",
            "seen, by events",
            "seen, by recency",
            "seen, by strongest behavior",
            "seen, by conversion",
            "random"
        ]
    );
    for (n, row) in rows.iter().enumerate() {
        let figures = row["figures"].as_object().unwrap();
        assert_eq!(figures.len(), 12, "six metrics at two cutoffs: {figures:?}");
        figures.values().for_each(|figure| {
            unit_interval(figure);
        });
        let recall = |k: u64| unit_interval(&figures[&format!("recall@{k}")]);
        assert!(recall(5) <= recall(20));
        assert_eq!(row["first_against_this"].is_null(), n == 0);
        if n > 0 {
            unit_interval(&row["first_against_this"]["p_value"]);
        }
    }

    // The model's recall, found again from the lists that users get.
    let users: Vec<&str> = parts.test.keys().map(String::as_str).collect();
    let ask = [&["recommend", "lightgcn", "-k", "20"][..], &users].concat();
    let answers = work.json(&ask);
    let answers = answers["answers"].as_array().unwrap();
    assert_eq!(answers.len(), users.len());
    let hits = answers
        .iter()
        .zip(&parts.test)
        .filter(|(answer, (user, item))| {
            assert_eq!(answer["user"], **user);
            strings(&answer["items"], "item").contains(&item.as_str())
        });
    let recall = hits.count() as f64 / users.len() as f64;
    let reported = rows[0]["figures"]["recall@20"].as_f64().unwrap();
    assert!(
        (recall - reported).abs() < 1e-12,
        "{recall} is not {reported}"
    );

    let report = work.json(&["evaluate", "mf", "dataset", "--on-validation"]);
    assert_eq!(report["part"], "validation");
    let trained = work.read_json("mf/lineage.json");
    // The first is the learned ranking, the second the model.
    let figures = &report["rows"][1]["figures"];
    assert_eq!(
        figures["recall@20"],
        trained["figures"]["validation recall@20"]
    );
    // A cutoff beyond the catalogue is as good as the whole catalogue.
    let report = work.json(&["evaluate", "mf", "dataset", "-k", "1000000"]);
    assert_eq!(report["rows"][0]["figures"]["recall@1000000"], json!(1.0));
    let text = work.text(&["evaluate", "mf", "dataset"]);
    assert!(
        text.contains("recall@20") && text.contains("popularity"),
        "{text}"
    );
}

#[test]
fn pair_files_work_like_logs() {
    let work = Workplace::new();
    // Two groups of users, each with its own 12 items; everyone leaves three unbought.
    let (mut train, mut validation, mut test) = (String::new(), String::new(), String::new());
    for user in 0..40 {
        let item = |n: usize| 12 * (user % 2) + (user / 2 + n) % 12;
        let bought: Vec<String> = (0..9).map(|n| item(n).to_string()).collect();
        train += &format!("{user} {}\n", bought.join(" "));
        // The validation pair is also in the training file, as in published files.
        validation += &format!("{user} {}\n", item(8));
        test += &format!("{user} {}\n", item(9));
    }
    test += "stranger 3\n";
    for (name, text) in [
        ("train.txt", train),
        ("valid.txt", validation),
        ("test.txt", test),
    ] {
        work.write(name, text);
    }
    let files = [
        "--pairs-train",
        "train.txt",
        "--pairs-valid",
        "valid.txt",
        "--pairs-test",
        "test.txt",
    ];
    let small = ["--dimension", "8", "--epochs", "30", "--batch-size", "64"];
    let rate = ["--preset", "paper", "--learning-rate", "0.02"];
    let trained = work.json(&[&["train", "--out", "model"][..], &files, &small, &rate].concat());
    assert_eq!(
        (&trained["users"], &trained["items"]),
        (&json!(40), &json!(24))
    );
    assert_eq!(
        trained["pairs"],
        json!(40 * 8),
        "validation pairs left training"
    );

    let report = work.json(&[&["evaluate", "model", "-k", "4"][..], &files].concat());
    assert_eq!(
        report["n_targets"],
        json!(40),
        "the stranger is not measured"
    );
    // The four unbought items of a user's own group are a list of four.
    assert_eq!(
        report["rows"][0]["figures"]["recall@4"],
        json!(1.0),
        "{report}"
    );
    let rankers = strings(&report["rows"], "ranker");
    assert_eq!(
        rankers,
        [
            "learned ranking",
            "lightgcn",
            "item-kNN",
            "popularity",
            "random"
        ],
        "all pairs are purchases"
    );

    let answer = work.json(&["recommend", "model", "7", "-k", "4"]);
    for item in strings(&answer["answers"][0]["items"], "item") {
        assert!(
            (12..24).contains(&item.parse().unwrap()),
            "user 7 is of the second group"
        );
    }
    let unseen = [
        &["train", "--out", "all", "--keep-unseen"][..],
        &files,
        &small,
    ]
    .concat();
    assert_eq!(work.json(&unseen)["users"], json!(41));

    let fewer = ["--pairs-train", "train.txt", "--pairs-test", "test.txt"];
    let words = [];
    work.refused(&[&["evaluate", "model"][..], &fewer].concat(), &words);
    // Retrained on all of the training file, it has not seen the test file.
    let chosen = ["--pairs-train", "train.txt", "--pairs-valid", "valid.txt"];
    work.json(
        &[
            &["train", "--refit", "--out", "refit"][..],
            &chosen,
            &small,
            &rate,
        ]
        .concat(),
    );
    let report = work.json(&[&["evaluate", "refit", "-k", "4"][..], &fewer].concat());
    assert_eq!(report["n_targets"], json!(40));
    work.refused(&[&["evaluate", "refit"][..], &files].concat(), &words);
    let overlap = ["--pairs-train", "train.txt", "--pairs-test", "valid.txt"];
    let words = ["valid.txt", "line 1", "train.txt", "remove"];
    work.refused(&[&["train", "--out", "x"][..], &overlap].concat(), &words);
    assert_messages();
}

#[test]
fn without_a_ranking_answers_are_those_of_the_embeddings() {
    let (work, parts) = trained_shop();
    // As `trained_shop` trains, but for the ranking: the embeddings are the same.
    let usual = ["train", "dataset", "--out", "plain", "--model", "lightgcn"];
    let size = ["--dimension", "16", "--epochs", "6", "--batch-size", "64"];
    let rest = ["--learning-rate", "0.02", "--no-ranking"];
    work.json(&[&usual[..], &size, &rest].concat());
    let rows = |model: &str| work.json(&["evaluate", model, "dataset"])["rows"].clone();
    let (plain, learned) = (rows("plain"), rows("lightgcn"));
    assert_eq!(
        strings(&learned, "ranker")[..2],
        ["learned ranking", "lightgcn"]
    );
    let rankers = strings(&plain, "ranker");
    assert_eq!(rankers[0], "lightgcn");
    assert!(!rankers.contains(&"learned ranking"));
    assert_eq!(plain[0]["figures"], learned[1]["figures"]);
    // What users get has that recall.
    let users: Vec<&str> = parts.test.keys().map(String::as_str).collect();
    let ask = [&["recommend", "plain", "-k", "20"][..], &users].concat();
    let answers = work.json(&ask)["answers"].clone();
    let answers = answers.as_array().unwrap().iter();
    let hits = answers.zip(parts.test.values());
    let hits = hits.filter(|(answer, item)| strings(&answer["items"], "item").contains(&&item[..]));
    let recall = hits.count() as f64 / users.len() as f64;
    let told = plain[0]["figures"]["recall@20"].as_f64().unwrap();
    assert!((recall - told).abs() < 1e-12, "{recall} is not {told}");
    let item = parts.test.values().next().unwrap();
    let why = work.json(&["explain", "plain", users[0], item]);
    assert_eq!(
        (&why["method"], &why["terms"]),
        (&json!("path_sum"), &json!(null))
    );
}
