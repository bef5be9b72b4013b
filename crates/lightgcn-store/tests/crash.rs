//! A process that replaces an artifact over and over is killed at any moment: what stands at the
//! destination is whole.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, InteractionsBuilder, ItemId, Lineage, UserId, Vocabulary,
};
use lightgcn_store::{Artifact, EmbeddingTable, ModelDescription, popularity_of};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const DESTINATION: &str = "LIGHTGCN_TEST_ARTIFACT";

/// Some hundred kilobytes, so that a kill falls amid a file now and then. The seed tells one from another.
fn artifact(seed: u64) -> Artifact {
    let (n_users, n_items, dimension) = (400u32, 100u32, 32);
    let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"]).unwrap();
    for user in 0..n_users {
        for n in 0..5 {
            let item = ItemId((user * 7 + n * 13) % n_items);
            pairs.push(UserId(user), item, 1.0, &[1], None).unwrap();
        }
    }
    let train = pairs.build(n_users as usize, n_items as usize).unwrap();
    let rows = (n_users + n_items) as usize;
    let data = (0..rows * dimension).map(|n| (n as f32 + seed as f32).sin());
    let table = EmbeddingTable::new(rows, dimension, data.collect()).unwrap();
    Artifact {
        model: ModelDescription {
            name: "mf".to_owned(),
            dimension,
            n_layers: 0,
            layer_weights: Some(vec![1.0]),
            graphs: Vec::new(),
            further_nodes: Vec::new(),
            config: serde_json::Value::Null,
        },
        layer0: table.clone(),
        embeddings: table,
        popularity: popularity_of(&train),
        ranking: None,
        attention: None,
        train,
        users: Vocabulary::from_names((0..n_users).map(|n| format!("c{n}"))).unwrap(),
        items: Vocabulary::from_names((0..n_items).map(|n| format!("p{n}"))).unwrap(),
        catalogue: Catalogue::unknown(n_items as usize),
        behaviors: BehaviorWeightsConfig::single("purchase"),
        lineage: Lineage {
            seed,
            ..Lineage::default()
        },
    }
}

/// Not a test of its own: what the killed process runs.
#[test]
#[ignore = "started by the other tests"]
fn child() {
    let Some(path) = std::env::var_os(DESTINATION) else {
        return;
    };
    let path = Path::new(&path);
    let versions = [artifact(1), artifact(2), artifact(3)];
    let first = Artifact::load(path).map_or(0, |found| found.lineage.seed as usize);
    for version in versions.iter().cycle().skip(first) {
        version.save(path).unwrap();
        writeln!(std::io::stdout(), "saved {}", version.lineage.seed).unwrap();
    }
}

fn kill_and_look(kills: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    artifact(3).save(&path).unwrap();
    let versions = [artifact(1), artifact(2), artifact(3)];
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .env(DESTINATION, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (mut last, mut saves) = (None, 0);
        let mut tell = |line: &str| {
            if let Some(seed) = line
                .trim_end()
                .rsplit("saved ")
                .next()
                .filter(|_| line.contains("saved "))
            {
                last = seed.parse::<u64>().ok();
                saves += 1;
            }
            saves
        };
        let mut line = String::new();
        while tell(&line) <= kill % 4 {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "the process ended");
        }
        // A save takes some milliseconds: the kill falls anywhere in it.
        std::thread::sleep(Duration::from_micros(kill * 7919 % 12_000));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in out.lines() {
            tell(&line.unwrap());
        }
        let found = Artifact::load(&path).unwrap_or_else(|error| panic!("kill {kill}: {error}"));
        let seed = found.lineage.seed as usize;
        assert_eq!(found, versions[seed - 1], "kill {kill}");
        // What was said to be saved, or what was to come after it.
        let last = last.unwrap() as usize;
        assert!(
            seed == last || seed == last % 3 + 1,
            "kill {kill}: {last} was saved, {seed} is there"
        );
    }
    eprintln!("{kills} kills, the artifact was whole after each");
}

#[test]
fn the_artifact_is_whole_after_each_of_10_kills() {
    kill_and_look(10);
}

#[test]
#[ignore = "a minute or more; cargo test -p lightgcn-store --test crash -- --ignored --exact the_artifact_is_whole_after_each_of_200_kills"]
fn the_artifact_is_whole_after_each_of_200_kills() {
    kill_and_look(200);
}
