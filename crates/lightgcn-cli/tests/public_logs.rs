//! Public logs by their presets, held-out targets in files, and `inspect`.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::Workplace;
use serde_json::json;

/// MovieLens's own split: users and items of the test file rated others before.
fn movielens() -> Workplace {
    let work = Workplace::new();
    let base = "1\t2\t5\t881250949\n2\t3\t4\t881250949\n2\t2\t3\t881250950\n";
    work.write("u1.base", base);
    work.write("u1.test", "1\t3\t4\t881250951\n2\t2\t2\t881250952\n");
    work
}

#[test]
fn targets_are_held_out_by_files() {
    let work = movielens();
    let given = ["prepare", "--preset", "movielens", "u1.base", "--out", "d"];
    let outcome = work.json(&[&given[..], &["--test", "u1.test"]].concat());
    assert_eq!(outcome["training_pairs"], json!(3));
    assert_eq!(outcome["validation_targets"], json!(0));
    // Two stars are no target.
    assert_eq!(outcome["test_targets"], json!(1));
}

#[test]
fn logs_and_datasets_are_inspected() {
    let work = movielens();
    let seen = work.json(&[
        "inspect",
        "--preset",
        "movielens",
        "u1.base",
        "--plots",
        "p",
    ]);
    assert_eq!(
        (&seen["events"], &seen["target_pairs"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(seen["behaviors"][1]["name"], json!("like"));
    assert!(work.read("p/events-per-day.svg").starts_with("<svg"));
    let dataset = [
        "prepare",
        "--preset",
        "movielens",
        "u1.base",
        "--out",
        "d",
        "--split",
        "none",
    ];
    work.json(&dataset);
    let again = work.json(&["inspect", "d"]);
    assert_eq!(again["behaviors"], seen["behaviors"]);
    assert_eq!(again["times"], seen["times"]);
    let training = &seen["training"];
    assert_eq!(&again["training"], training);
    let bytes = |part: &str| training[part].as_u64().unwrap();
    assert_eq!(bytes("optimizer"), 2 * bytes("table"));
    assert!(bytes("peak") > bytes("table") + bytes("optimizer") + bytes("graph"));
}
