//! `lightgcn forget` on a small shop.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Workplace, shop, small_model};
use serde_json::json;

/// The files that have these bytes.
fn files_with(work: &Workplace, text: &str) -> usize {
    let files = work.listing().into_iter().filter(|path| path.is_file());
    let files = files.filter(|path| !path.ends_with("shop.csv"));
    let has = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    files.filter(has).count()
}

#[test]
fn a_person_is_forgotten_in_datasets_and_models() {
    let work = shop();
    small_model(&work, "model");
    let log = work.read("shop.csv");
    let buyer = log.lines().find(|line| line.contains(",purchase,"));
    let user = buyer.unwrap().split(',').nth(7).unwrap().to_owned();
    assert!(files_with(&work, &user) > 0);

    let forget = ["forget", &user, "--dataset", "dataset", "--model", "model"];
    work.json(&forget);
    assert_eq!(files_with(&work, &user), 0);
    let answer = work.json(&["recommend", "model", &user]);
    assert_eq!(answer["answers"][0]["known"], json!(false));
    // What is left is whole, and others are still known.
    work.json(&["evaluate", "model", "dataset"]);
    let other = log
        .lines()
        .rev()
        .find(|line| line.contains(",purchase,") && !line.contains(&user));
    let other = other.unwrap().split(',').nth(7).unwrap();
    work.json(&["recommend", "model", other]);
    // Nothing is left to forget.
    work.json(&forget);
}
