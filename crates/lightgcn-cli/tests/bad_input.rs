//! Unusable logs, weights and splits: the error says where and how to fix it, and nothing half-written
//! is left behind (see `Workplace::refused`).
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Workplace, assert_messages, strings};
use serde_json::json;

const HEADER: &str =
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session";

/// A row of the log with the five fields that matter.
fn row(day: u32, behavior: &str, item: &str, price: &str, user: &str) -> String {
    format!("2019-10-{day:02} 08:00:00 UTC,{behavior},{item},77,,runail,{price},{user},s1")
}

fn log(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// `content` is not a valid log; the error has `fields` and the file's name.
fn assert_log_refused(content: impl AsRef<[u8]>, fields: &[&str]) {
    let work = Workplace::new();
    work.write("log.csv", content);
    let fields = [&["log.csv"], fields].concat();
    work.refused(
        &["prepare", "log.csv", "--out", "d", "--split", "none"],
        &fields,
    );
}

/// Three users with four items, seven purchases and some views.
fn small_log() -> String {
    let mut rows = Vec::new();
    for (day, item, user) in [
        (1, "p0", "u0"),
        (2, "p1", "u0"),
        (3, "p2", "u0"),
        (4, "p3", "u0"),
        (5, "p0", "u1"),
        (6, "p1", "u1"),
        (7, "p0", "u2"),
    ] {
        rows.push(row(day, "view", item, "4.50", user));
        rows.push(row(day, "purchase", item, "4.50", user));
    }
    log(&rows)
}

#[test]
fn files_that_are_not_a_log_are_errors() {
    let work = Workplace::new();
    let prepare = |log: &str, fields: &[&str]| {
        work.refused(&["prepare", log, "--out", "d"], fields);
    };
    prepare("gone.csv", &["gone.csv"]);
    prepare("*.csv", &["*.csv"]);
    prepare(".", &[]);
    work.write("half.csv.gz", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 75]);
    prepare("half.csv.gz", &["half.csv.gz"]);
    work.refused(&["generate", "--statistics", "gone.csv"], &["gone.csv"]);

    assert_log_refused("", &[]);
    assert_log_refused(log(&[]).trim_end(), &[]);
    assert_log_refused(
        small_log().replace("user_id", "customer"),
        &["line 1", "user_id", "\"customer\""],
    );
    assert_log_refused(small_log().replace("brand", "price"), &["log.csv", "price"]);
    let header = [&b"event_time,\xff"[..], small_log().as_bytes()].concat();
    assert_log_refused(header, &["line 1"]);
    assert_messages();
}

#[test]
fn unreadable_rows_are_errors() {
    let good = || row(1, "purchase", "p1", "1.00", "u1");
    let after_good = |bad: String| log(&[good(), bad]);
    assert_log_refused(
        after_good("2019-10-02 08:00:00 UTC,view,p1,77".to_owned()),
        &["line 3"],
    );
    assert_log_refused(
        after_good(row(2, "wish", "p1", "1.00", "u1")),
        &["line 3", "event_type", "wish"],
    );
    for time in ["yesterday", "2019-13-01 08:00:00 UTC", ""] {
        let bad = row(2, "view", "p1", "1.00", "u1").replace("2019-10-02 08:00:00 UTC", time);
        let fields = ["line 3", "event_time"];
        assert_log_refused(after_good(bad), &fields);
    }
    let bad =
        row(2, "view", "p1", "1.00", "u1").replace("2019-10-02 08:00:00 UTC", "20191002080000");
    assert_log_refused(after_good(bad), &["line 3", "event_time"]);
    assert_log_refused(
        after_good(row(2, "view", "p1", "1.00", "u1").replace("runail", "\"runail")),
        &["line 3", "brand"],
    );
    assert_log_refused(
        after_good(row(2, "view", "p1", "1.00", "NULL")),
        &["line 3", "user_id"],
    );
    assert_log_refused(
        after_good(row(2, "view", "p1", "1.00", "")),
        &["line 3", "user_id"],
    );
    let mut bytes = after_good(row(2, "view", "p1", "1.00", "u?")).into_bytes();
    let place = bytes.iter().position(|&c| c == b'?').unwrap();
    bytes[place] = 0xff;
    assert_log_refused(bytes, &["line 3", "user_id"]);
    assert_messages();
}

#[test]
fn bad_rows_are_skipped_and_counted_on_request() {
    let work = Workplace::new();
    let bad = [
        row(2, "wish", "p1", "1.00", "u1"),
        row(3, "view", "p1", "1.00", "NULL"),
        "2019-10-04 08:00:00 UTC,view".to_owned(),
        row(5, "view", "p1", "1.00", "NULL"),
    ];
    let bought = [
        row(6, "purchase", "p1", "cheap", "u1"),
        row(7, "purchase", "p2", "1.00", "u2"),
    ];
    work.write("log.csv", log(&[&bad[..], &bought].concat()));
    let prepare = ["prepare", "log.csv", "--out", "d", "--split", "none"];
    work.refused(&prepare, &["log.csv", "line 2"]);
    let run = work.run(&[&prepare[..], &["--skip-bad-rows", "--json"]].concat());
    assert!(run.status.success(), "{}", run.stderr);
    for fields in [
        "line 2",
        "line 3",
        "line 4",
        "line 5",
        "2 dropped (missing id)",
    ] {
        assert!(run.stderr.contains(fields), "{}", run.stderr);
    }
    let prepared: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let read = json!({
        "stage": "read", "unit": "rows", "rows_in": 6, "kept": 2,
        "dropped": {"missing id": 2, "unknown behavior": 1, "wrong number of fields": 1},
        "missing": {"bad price": 1},
        "times": {"first": "2019-10-06 08:00:00 UTC", "last": "2019-10-07 08:00:00 UTC"},
    });
    assert_eq!(prepared["stages"][0], read);
    assert_eq!(
        (&prepared["users"], &prepared["items"]),
        (&json!(2), &json!(2))
    );

    work.write("log.csv", log(&bad));
    let fields = [];
    work.refused(&[&prepare[..], &["--skip-bad-rows"]].concat(), &fields);
    assert_messages();
}

#[test]
fn unusable_weights_are_errors() {
    let work = Workplace::new();
    let rows = [
        row(1, "view", "p1", "1.00", "ann"),
        row(2, "remove_from_cart", "p2", "1.00", "ann"),
        row(3, "purchase", "p1", "1.00", "bob"),
    ];
    work.write("log.csv", log(&rows));
    let table = |view: &str, remove: &str| {
        let weights = format!(
            "[prepare]\nsplit = {{ kind = 'none' }}\n[prepare.weights]\nbehaviors = [\n\
             {{ name = 'view', weight = {view} }},\n\
             {{ name = 'remove_from_cart', weight = {remove} }},\n\
             {{ name = 'purchase', weight = 1.0, target = true }},\n]\n"
        );
        work.write("weights.toml", weights);
    };
    let prepare = [
        "prepare",
        "log.csv",
        "--out",
        "d",
        "--config",
        "weights.toml",
    ];
    for weight in ["nan", "inf", "-inf"] {
        table(weight, "-0.09");
        let shown = if weight == "nan" { "NaN" } else { weight };
        let weight = format!("\"view\" has weight {shown}");
        work.refused(&prepare, &[&weight]);
    }
    for (remove, shown) in [("-0.09", "-0.09"), ("0", "weight 0")] {
        table("0.01", remove);
        let fields = ["ann", "p2", shown];
        work.refused(&prepare, &fields);
    }
    // Finite in 64 bits, but not as an edge's weight in 32.
    table("0.01", "1e300");
    work.refused(&prepare, &[]);
    table("0.01", "0.02");
    work.json(&prepare);
    let unknown = ["prepare", "log.csv", "--out", "e", "--weights", "heavy"];
    work.refused(&unknown, &["heavy"]);
    assert_messages();
}

#[test]
fn splits_that_leave_nothing_are_errors() {
    let work = Workplace::new();
    work.write("log.csv", small_log());
    let prepare = |flags: &[&str], fields: &[&str]| {
        work.refused(
            &[&["prepare", "log.csv", "--out", "d"][..], flags].concat(),
            fields,
        );
    };
    // Leave-last-out holds out p2 and p3 of u0, their only user.
    let last_out = ["--split", "leave-last-out"];
    let fields = [];
    prepare(&last_out, &fields);
    prepare(&["--split", "none", "--k-core", "9"], &[]);
    prepare(&["--split", "random", "--test", "0"], &["split.test"]);
    let fields = ["1.2"];
    prepare(
        &["--split", "random", "--validation", "0.6", "--test", "0.6"],
        &fields,
    );
    let fields = ["--validation", "--test"];
    prepare(&[&last_out[..], &["--test", "0.1"]].concat(), &fields);

    let views = small_log().replace(",purchase,", ",cart,");
    work.write("log.csv", views);
    prepare(&["--split", "none"], &[]);
    prepare(&["--split", "random"], &[]);
    prepare(&[], &[]);
    assert_messages();
}

#[test]
fn one_user_with_one_item_cannot_be_split() {
    let work = Workplace::new();
    work.write("log.csv", log(&[row(1, "purchase", "p1", "1.00", "ann")]));
    for split in ["by-time", "random", "leave-last-out"] {
        work.refused(&["prepare", "log.csv", "--out", "d", "--split", split], &[]);
    }
    let prepared = work.json(&["prepare", "log.csv", "--out", "d", "--split", "none"]);
    assert_eq!(
        (&prepared["users"], &prepared["items"]),
        (&json!(1), &json!(1))
    );
    // With one item there are no negatives.
    let fields = [];
    work.refused(&["train", "d", "--out", "m"], &fields);
    assert_messages();
}

#[test]
fn a_user_with_every_item_is_left_out_of_training() {
    let work = Workplace::new();
    work.write("log.csv", small_log());
    work.json(&["prepare", "log.csv", "--out", "dataset", "--split", "none"]);
    let train = [
        "train",
        "dataset",
        "--out",
        "m",
        "--dimension",
        "4",
        "--epochs",
        "3",
        "--json",
    ];
    let run = work.run(&train);
    assert!(run.status.success(), "{}", run.stderr);
    assert!(run.stderr.contains("1 users"), "{}", run.stderr);
    let answers = work.json(&["recommend", "m", "u0", "u2"]);
    assert_eq!(
        answers["answers"][0]["items"],
        json!([]),
        "u0 has bought everything"
    );
    let mut left = strings(&answers["answers"][1]["items"], "item");
    left.sort_unstable();
    assert_eq!(left, ["p1", "p2", "p3"]);
    work.refused(&["evaluate", "m", "dataset"], &[]);
    assert_messages();
}
