//! Damaged models and checkpoints, full disks, folders that cannot be written, and runs that must
//! not be mixed up.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Workplace, assert_messages, shop, small_model};
use std::fs;
use std::process::Command;

#[test]
fn damaged_model_files_are_errors() {
    let work = shop();
    small_model(&work, "model");
    let ask = ["recommend", "model", "nobody"];
    work.json(&ask);
    let files = work.files("model");
    assert_eq!(files.len(), 12, "{:?}", files.keys());
    for (name, bytes) in &files {
        let path = format!("model/{name}");
        let refused = |what: &str, damaged: &[u8]| {
            work.write(&path, damaged);
            let error = work.refused(&ask, &["model"]);
            // What is not the manifest itself is told from it, with the file's name.
            assert!(
                name == "manifest.json" || error.contains(name),
                "{what} {name}: {error}"
            );
        };
        refused("cut short", &bytes[..bytes.len() - 1]);
        refused("emptied", &[]);
        for place in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1;
            refused("bit-flipped", &flipped);
        }
        refused("longer", &[&bytes[..], b"\n"].concat());
        fs::remove_file(work.path(&path)).unwrap();
        work.refused(&ask, &[name]);
        work.write(&path, bytes);
    }
    work.write("model/notes.txt", "mine");
    work.refused(&ask, &["notes.txt"]);
    fs::remove_file(work.path("model/notes.txt")).unwrap();

    let manifest = work.read("model/manifest.json");
    let newer = manifest.replace("\"format_version\": 3", "\"format_version\": 99");
    assert_ne!(newer, manifest);
    work.write("model/manifest.json", newer);
    work.refused(&ask, &["99"]);
    work.write("model/manifest.json", manifest);
    work.json(&ask);
}

#[test]
fn files_of_another_model_are_errors() {
    let work = shop();
    small_model(&work, "model");
    work.json(&[
        "train",
        "dataset",
        "--out",
        "wide",
        "--dimension",
        "12",
        "--epochs",
        "1",
    ]);
    let made = [
        "generate",
        "--events",
        "2000",
        "--out",
        "small.csv",
        "--seed",
        "1",
    ];
    work.json(&made);
    work.json(&["prepare", "small.csv", "--out", "small", "--split", "none"]);
    work.json(&[
        "train",
        "small",
        "--out",
        "other",
        "--dimension",
        "8",
        "--epochs",
        "1",
    ]);
    let ask = ["recommend", "model", "nobody"];
    for (from, name) in [
        ("wide", "embeddings.safetensors"),
        ("other", "embeddings.safetensors"),
        ("other", "items.safetensors"),
        ("other", "users.safetensors"),
        ("other", "popularity.safetensors"),
        ("other", "catalogue.safetensors"),
        ("other", "interactions.safetensors"),
    ] {
        let path = format!("model/{name}");
        let (whole, manifest) = (work.files("model"), work.read("model/manifest.json"));
        // The foreign file with a correct size and checksum: only its content does not fit.
        let mut altered = manifest.clone();
        for field in ["bytes", "sha256"] {
            let [own, foreign] = ["model", from].map(|model| entry(&work, model, name, field));
            altered = altered.replacen(&own, &foreign, 1);
        }
        fs::copy(work.path(&format!("{from}/{name}")), work.path(&path)).unwrap();
        work.write("model/manifest.json", altered);
        work.refused(&ask, &["model"]);
        work.write(&path, &whole[name]);
        work.write("model/manifest.json", manifest);
    }
    work.json(&ask);
    assert_messages();
}

/// A line of a file's entry in a model's manifest.
fn entry(work: &Workplace, model: &str, name: &str, field: &str) -> String {
    let manifest = work.read(&format!("{model}/manifest.json"));
    let (_, after) = manifest
        .split_once(&format!("\"name\": \"{name}\""))
        .unwrap();
    let entry = &after[..after.find('}').unwrap()];
    entry
        .lines()
        .find(|line| line.contains(&format!("\"{field}\"")))
        .unwrap()
        .trim()
        .to_owned()
}

#[test]
fn checkpoints_of_another_run_are_errors() {
    let work = shop();
    let train = |flags: &[&'static str]| {
        let usual = [
            "train",
            "dataset",
            "--out",
            "m",
            "--epochs",
            "2",
            "--checkpoint-every",
            "1",
        ];
        [&usual[..], &["--batch-size", "64"], flags].concat()
    };
    let small = train(&["--dimension", "8"]);
    let resumed = [&small[..], &["--resume"]].concat();
    work.refused(&resumed, &["m.run", "--resume"]);
    work.json(&small);
    let model = work.files("m");
    work.refused(&small, &["m.run", "--resume", "another"]);
    let fields = [];
    work.refused(&train(&["--dimension", "16", "--resume"]), &fields);
    work.refused(
        &train(&["--dimension", "8", "--seed", "1", "--resume"]),
        &fields,
    );
    for name in ["model.mpk", "optimizer.mpk"] {
        let path = format!("m.run/checkpoint/{name}");
        let bytes = fs::read(work.path(&path)).unwrap();
        let mut damaged = bytes.clone();
        damaged[bytes.len() / 2] ^= 1;
        work.write(&path, &damaged);
        work.refused(&resumed, &["damaged", name]);
        work.write(&path, &bytes);
    }
    assert!(
        work.files("m") == model,
        "refused runs leave the model alone"
    );
    work.json(&resumed);
    assert!(
        work.files("m") == model,
        "a finished run is resumed to its end at once"
    );
    assert_messages();
}

#[test]
fn existing_files_are_not_overwritten() {
    let work = shop();
    small_model(&work, "model");
    let log = work.read("shop.csv");
    // Under a regular file there can be no folder, whoever asks.
    let fields = ["shop.csv/x"];
    let none = ["--split", "none"];
    work.refused(
        &[&["prepare", "shop.csv", "--out", "shop.csv/x"][..], &none].concat(),
        &fields,
    );
    work.refused(
        &["generate", "--events", "500", "--out", "shop.csv/x"],
        &fields,
    );
    work.refused(
        &["train", "dataset", "--out", "shop.csv/x", "--epochs", "1"],
        &fields,
    );
    let mf = ["train", "dataset", "--model", "mf", "--epochs", "1"];
    work.fails(
        &[&mf[..], &["--out", "shop.csv/x", "--run", "run"]].concat(),
        &fields,
    );

    // Files that someone else put there are not replaced.
    fs::create_dir(work.path("mine")).unwrap();
    work.write("mine/notes.txt", "mine");
    let fields = [];
    work.refused(
        &[&["prepare", "shop.csv", "--out", "mine"][..], &none].concat(),
        &fields,
    );
    let fields = ["shop.csv"];
    work.refused(
        &[&["prepare", "shop.csv", "--out", "shop.csv"][..], &none].concat(),
        &fields,
    );
    let fields = [];
    work.fails(
        &[&mf[..], &["--out", "dataset", "--run", "run2"]].concat(),
        &fields,
    );
    assert_eq!(
        (work.read("mine/notes.txt"), work.read("shop.csv")),
        ("mine".to_owned(), log)
    );
    work.json(&["recommend", "model", "nobody"]);
    assert_messages();
}

/// A disk of 64 KiB, taken away when dropped.
struct TinyDisk<'a>(&'a Workplace);

impl<'a> TinyDisk<'a> {
    const NAME: &'static str = "disk";

    /// None where this user may not mount one.
    fn mount(work: &'a Workplace) -> Option<Self> {
        let path = work.path(Self::NAME);
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=64k", "lightgcn-test"])
            .arg(&path);
        mount
            .output()
            .is_ok_and(|done| done.status.success())
            .then_some(Self(work))
    }
}

impl Drop for TinyDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path(Self::NAME)).status();
    }
}

#[test]
fn a_full_disk_leaves_no_partial_files() {
    let work = shop();
    let Some(_disk) = TinyDisk::mount(&work) else {
        eprintln!("skipped: no small disk can be mounted here, so none can run full");
        return;
    };
    let prepare = |out| ["prepare", "shop.csv", "--out", out, "--split", "none"];
    let fields = ["disk/"];
    work.refused(&prepare("disk/dataset"), &fields);
    work.refused(
        &["generate", "--events", "5000", "--out", "disk/shop.csv"],
        &fields,
    );
    let train = ["train", "dataset", "--dimension", "32", "--epochs", "2"];
    let checkpoints = ["--checkpoint-every", "1"];
    let out = ["--out", "disk/model", "--run", "run"];
    let before = fs::read_dir(work.path("disk")).unwrap().count();
    work.fails(&[&train[..], &out].concat(), &fields);
    assert_eq!(fs::read_dir(work.path("disk")).unwrap().count(), before);
    // The run's checkpoint is whole: with space elsewhere the training is not lost.
    let resumed = ["--out", "model", "--run", "run", "--resume"];
    work.json(&[&train[..], &resumed].concat());

    let run = ["--out", "model2", "--run", "disk/run"];
    let fields = ["disk/run"];
    work.fails(&[&train[..], &checkpoints, &run].concat(), &fields);
    assert!(!work.path("model2").exists());
    let left = fs::read_dir(work.path("disk/run")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["run.jsonl"], "only the record of the run");
}
