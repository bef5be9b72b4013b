//! The same seed gives the same bytes: at any number of threads, and after an interruption.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{run_record, shop};
use lightgcn::prelude::{Dataset, DatasetFolder, Trainer};
use serde_json::json;

#[test]
fn every_file_of_a_model_is_the_same_at_any_number_of_threads() {
    let work = shop();
    let mut all = Vec::new();
    for model in ["lightgcn", "ngcf", "mf"] {
        let mut versions = Vec::new();
        let mut folders = Vec::new();
        for threads in ["1", "2", "5", "2"] {
            let out = format!("{model}-{}", folders.len());
            let train = ["train", "dataset", "--out", &out, "--model", model];
            let small = ["--dimension", "16", "--epochs", "4", "--batch-size", "50"];
            let order = ["--validate-every", "1", "--threads", threads];
            let trained = work.json(&[&train[..], &small, &order].concat());
            let record = run_record(&work.path(&format!("{out}.run/run.jsonl")));
            assert_eq!(record[0]["threads"], json!(threads.parse::<u32>().unwrap()));
            versions.push(trained["version"].clone());
            folders.push(work.files(&out));
        }
        assert_eq!(folders[0].len(), 12, "{:?}", folders[0].keys());
        for (n, folder) in folders.iter().enumerate() {
            assert!(folders[0].keys().eq(folder.keys()));
            for (name, bytes) in folder {
                assert!(
                    folders[0][name] == *bytes,
                    "{model}: {name} of run {n} differs"
                );
            }
        }
        assert!(
            versions.iter().all(|version| *version == versions[0]),
            "{versions:?}"
        );
        all.push(folders.swap_remove(0));
    }
    assert!(all[0]["embeddings.safetensors"] != all[2]["embeddings.safetensors"]);

    let train = [
        "train", "dataset", "--out", "other", "--seed", "43", "--epochs", "4",
    ];
    work.json(&[&train[..], &["--dimension", "16", "--batch-size", "50"]].concat());
    let other = work.files("other");
    assert!(other["embeddings.safetensors"] != all[0]["embeddings.safetensors"]);
}

#[test]
fn logs_data_sets_and_reports_are_the_same_at_any_number_of_threads() {
    let work = shop();
    let model = [
        "train", "dataset", "--out", "model", "--model", "mf", "--epochs", "1",
    ];
    work.json(&model);
    let mut found = Vec::new();
    for threads in ["1", "5"] {
        let threads = ["--threads", threads];
        let log = ["generate", "--events", "3000", "--out", "log.csv"];
        work.json(&[&log[..], &threads].concat());
        let prepare = ["prepare", "log.csv", "--out", "d", "--split", "random"];
        let prepared = work.json(&[&prepare[..], &threads].concat());
        let report = work.json(&[&["evaluate", "model", "dataset"][..], &threads].concat());
        let ask = ["recommend", "model", "nobody", "--json"];
        let answer = work.text(&[&ask[..], &threads].concat());
        found.push((
            work.read("log.csv"),
            work.files("d"),
            prepared,
            report,
            answer,
        ));
    }
    assert!(found[0] == found[1]);
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bytes() {
    let work = shop();
    let start = |out: &str, epochs: usize, more: &[&str]| {
        let epochs = epochs.to_string();
        let usual = [
            "train", "dataset", "--out", out, "--epochs", &epochs, "--json",
        ];
        let small = [
            "--dimension",
            "16",
            "--batch-size",
            "20",
            "--validate-every",
            "2",
        ];
        let only_when_interrupted = ["--patience", "0", "--checkpoint-every", "0"];
        work.start(&[&usual[..], &small, &only_when_interrupted, more].concat())
    };
    let finish = |out: &str, epochs: usize, more: &[&str]| {
        let run = start(out, epochs, more).wait();
        assert!(run.status.success(), "{}", run.stderr);
    };
    let record = work.path("parts.run/run.jsonl");
    let epochs = || {
        run_record(&record)
            .iter()
            .filter(|line| line["event"] == "epoch")
            .count()
    };

    // Too many epochs to finish before the interruption.
    let mut running = start("parts", 1_000_000, &[]);
    running.wait_until(|| epochs() >= 5);
    running.interrupt();
    let run = running.wait();
    assert!(run.status.success(), "{}", run.stderr);
    let told: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["reason"], "interrupted");
    assert_eq!(run_record(&record).last().unwrap()["reason"], "interrupted");
    assert!(work.path("parts.run/checkpoint/manifest.json").exists());
    // The best model so far answers, and says that it was not trained to the end.
    let lineage = work.read_json("parts/lineage.json");
    assert_eq!(lineage["options"]["ended"], "interrupted");
    let best_epoch = lineage["figures"]["best epoch"].as_f64();
    assert_eq!(best_epoch, told["best_epoch"].as_f64());
    work.json(&["recommend", "parts", "nobody", "-k", "1"]);

    let n_epochs = epochs() + 5;
    finish("parts", n_epochs, &["--resume"]);
    // Every epoch was trained, none twice.
    assert_eq!(epochs(), n_epochs);
    finish("whole", n_epochs, &[]);
    let (whole, parts) = (work.files("whole"), work.files("parts"));
    assert!(whole.keys().eq(parts.keys()));
    for (name, bytes) in &whole {
        assert!(*bytes == parts[name], "{name} differs");
    }
}

#[test]
fn the_library_by_its_defaults_makes_the_commands_artifact() {
    let work = shop();
    work.json(&["train", "dataset", "--out", "command", "--epochs", "2"]);
    let dataset = Dataset::load(work.path("dataset")).unwrap();
    let artifact = Trainer::new(&dataset).epochs(2).run().unwrap().artifact;
    artifact.save(work.path("library")).unwrap();
    assert!(work.files("command") == work.files("library"));
}
