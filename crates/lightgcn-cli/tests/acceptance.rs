//! The real sample of a cosmetics shop's log, to the figures that its publishers state. It is read
//! from the folder that `LIGHTGCN_DATA` names; without that, the test is skipped with a line.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::Workplace;
use serde_json::json;
use std::path::Path;

#[test]
fn the_cosmetics_sample_has_its_published_counts() {
    let Some(data) = std::env::var_os("LIGHTGCN_DATA") else {
        eprintln!("skipped: LIGHTGCN_DATA is unset, so the cosmetics sample is not read");
        return;
    };
    let folder = Path::new(&data).join("cosmetics-rees46-sample");
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let work = Workplace::new();
    let (log, months) = (
        file("events_joined_kaggle_columns.csv"),
        file("data_202*.csv"),
    );
    let items = file("item.csv");
    let split = ["--split", "none"];
    let joined = [&["prepare", &log, "--out", "joined"][..], &split].concat();
    let by_month = [
        &["prepare", &months, "--out", "months", "--catalogue", &items][..],
        &split,
    ]
    .concat();
    for prepare in [joined, by_month] {
        let prepared = work.json(&prepare);
        assert_eq!(prepared["users"], json!(893));
        assert_eq!(prepared["items"], json!(2832));
        let read = &prepared["stages"][0];
        assert_eq!(
            (&read["rows_in"], &read["kept"]),
            (&json!(4995), &json!(4704))
        );
        assert_eq!(read["dropped"], json!({"exact duplicate": 291}));
        assert_eq!(
            (&prepared["validation_targets"], &prepared["test_targets"]),
            (&json!(0), &json!(0))
        );
    }
    let train = [
        "train",
        "joined",
        "--out",
        "model",
        "--dimension",
        "16",
        "--epochs",
        "2",
    ];
    work.json(&train);
    let answer = work.json(&["recommend", "model", "463240011"]);
    assert_eq!(answer["answers"][0]["known"], json!(true));
    assert_eq!(answer["answers"][0]["items"].as_array().unwrap().len(), 20);
}
