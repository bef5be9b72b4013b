//! Logs, weights and splits that cannot be used: each is refused with its place and how to fix it, and
//! nothing half-written is left (`Workplace::refused` holds the common part).
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::{Workplace, strings};
use serde_json::json;

const HEADER: &str =
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session";

/// A row of the log of five fields that matter.
fn row(day: u32, behavior: &str, item: &str, price: &str, user: &str) -> String {
    format!("2019-10-{day:02} 08:00:00 UTC,{behavior},{item},77,,runail,{price},{user},s1")
}

fn log(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// Refuses `content` as a log, with `words` beside the file's name.
fn assert_log_refused(content: impl AsRef<[u8]>, words: &[&str]) {
    let work = Workplace::new();
    work.write("log.csv", content);
    let words = [&["log.csv"], words].concat();
    work.refused(
        &["prepare", "log.csv", "--out", "d", "--split", "none"],
        &words,
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
fn files_that_are_no_log() {
    let work = Workplace::new();
    let prepare = |log: &str, words: &[&str]| {
        work.refused(&["prepare", log, "--out", "d"], words);
    };
    prepare(
        "gone.csv",
        &["gone.csv cannot be opened", "check that it exists"],
    );
    prepare("*.csv", &["no file matches \"*.csv\"", "check the path"]);
    prepare(".", &["is a folder", "name its files"]);
    work.write("half.csv.gz", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 75]);
    prepare(
        "half.csv.gz",
        &[
            "half.csv.gz is not a whole gzip file",
            "fetch or compress it again",
        ],
    );
    work.refused(&["generate", "--statistics", "gone.csv"], &["gone.csv"]);

    assert_log_refused("", &["is empty", "its first line must name the columns"]);
    assert_log_refused(
        log(&[]).trim_end(),
        &["holds a header and no row", "leave the file out"],
    );
    assert_log_refused(
        small_log().replace("user_id", "customer"),
        &[
            "line 1",
            "no column \"user_id\"",
            "\"customer\"",
            "name the column",
        ],
    );
    assert_log_refused(
        small_log().replace("brand", "price"),
        &["line 1", "column \"price\" occurs twice", "rename"],
    );
    let header = [&b"event_time,\xff"[..], small_log().as_bytes()].concat();
    assert_log_refused(header, &["line 1", "not UTF-8", "convert the file"]);
}

#[test]
fn rows_that_cannot_be_read() {
    let good = || row(1, "purchase", "p1", "1.00", "u1");
    let after_good = |bad: String| log(&[good(), bad]);
    assert_log_refused(
        after_good("2019-10-02 08:00:00 UTC,view,p1,77".to_owned()),
        &[
            "line 3",
            "4 fields where the header has 9",
            "repair the row",
        ],
    );
    assert_log_refused(
        after_good(row(2, "wish", "p1", "1.00", "u1")),
        &[
            "line 3",
            "column \"event_type\"",
            "unknown behavior \"wish\"",
            "give it a weight",
        ],
    );
    for time in ["yesterday", "2019-13-01 08:00:00 UTC", ""] {
        let bad = row(2, "view", "p1", "1.00", "u1").replace("2019-10-02 08:00:00 UTC", time);
        let words = [
            "line 3",
            "column \"event_time\"",
            "which is no time",
            "write 2019-10-01",
        ];
        assert_log_refused(after_good(bad), &words);
    }
    for price in ["cheap", "1,5", "nan", "inf"] {
        let bad = row(2, "view", "p1", &format!("\"{price}\""), "u1");
        let words = [
            "line 3",
            "column \"price\"",
            price,
            "which is no price",
            "write a number",
        ];
        assert_log_refused(after_good(bad), &words);
    }
    assert_log_refused(
        after_good(row(2, "view", "p1", "1.00", "")),
        &["line 3", "column \"user_id\" is empty", "needs its id"],
    );
    let mut bytes = after_good(row(2, "view", "p1", "1.00", "u?")).into_bytes();
    let place = bytes.iter().position(|&c| c == b'?').unwrap();
    bytes[place] = 0xff;
    assert_log_refused(
        bytes,
        &[
            "line 3",
            "column \"user_id\" is not UTF-8",
            "convert the file",
        ],
    );
}

#[test]
fn bad_rows_are_skipped_and_counted_where_that_is_asked_for() {
    let work = Workplace::new();
    let bad = [
        row(2, "wish", "p1", "1.00", "u1"),
        row(3, "view", "p1", "cheap", "u1"),
        "2019-10-04 08:00:00 UTC,view".to_owned(),
        row(5, "view", "p1", "dear", "u1"),
    ];
    let bought = [
        row(6, "purchase", "p1", "1.00", "u1"),
        row(7, "purchase", "p2", "1.00", "u2"),
    ];
    work.write("log.csv", log(&[&bad[..], &bought].concat()));
    let prepare = ["prepare", "log.csv", "--out", "d", "--split", "none"];
    work.refused(&prepare, &["log.csv, line 2"]);
    let run = work.run(&[&prepare[..], &["--skip-bad-rows", "--json"]].concat());
    assert!(run.status.success(), "{}", run.stderr);
    for words in [
        "line 2",
        "line 3",
        "line 4",
        "line 5",
        "2 dropped (bad price)",
    ] {
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    let prepared: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let read = json!({
        "stage": "read", "unit": "rows", "rows_in": 6, "kept": 2,
        "dropped": {"bad price": 2, "unknown behavior": 1, "wrong number of fields": 1},
    });
    assert_eq!(prepared["stages"][0], read);
    assert_eq!(
        (&prepared["users"], &prepared["items"]),
        (&json!(2), &json!(2))
    );

    work.write("log.csv", log(&bad));
    let words = [
        "no event to work on",
        "2 dropped (bad price)",
        "check the files",
    ];
    work.refused(&[&prepare[..], &["--skip-bad-rows"]].concat(), &words);
}

#[test]
fn weights_that_are_not_usable() {
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
        work.refused(&prepare, &["not usable", &weight, "give a finite number"]);
    }
    for (remove, shown) in [("-0.09", "-0.09"), ("0", "weight 0")] {
        table("0.01", remove);
        let words = [
            "user ann",
            "item p2",
            shown,
            "must be positive",
            "set a floor",
        ];
        work.refused(&prepare, &words);
    }
    // Finite as it is written, but not as an edge's weight.
    table("0.01", "1e300");
    work.refused(
        &prepare,
        &["user ann", "item p2", "must be positive and finite"],
    );
    table("0.01", "0.02");
    work.json(&prepare);
    let unknown = ["prepare", "log.csv", "--out", "e", "--weights", "heavy"];
    work.refused(&unknown, &["unknown weights \"heavy\"", "use shop-log or"]);
}

#[test]
fn splits_that_leave_nothing() {
    let work = Workplace::new();
    work.write("log.csv", small_log());
    let prepare = |flags: &[&str], words: &[&str]| {
        work.refused(
            &[&["prepare", "log.csv", "--out", "d"][..], flags].concat(),
            words,
        );
    };
    // Leave-last-out holds out p2 and p3 of u0, whom alone training knows with them.
    let last_out = ["--split", "leave-last-out"];
    let words = [
        "no target to test on",
        "item unseen in training",
        "hold out more",
    ];
    prepare(&last_out, &words);
    prepare(
        &["--split", "none", "--k-core", "9"],
        &["no target to learn from", "lower the k-core"],
    );
    prepare(
        &["--split", "random", "--test", "0"],
        &["split.test is 0", "give a share above 0"],
    );
    let words = ["add up to 1.2", "leave something to train on"];
    prepare(
        &["--split", "random", "--validation", "0.6", "--test", "0.6"],
        &words,
    );
    let words = ["--validation and --test are shares of the splits by-time and random"];
    prepare(&[&last_out[..], &["--test", "0.1"]].concat(), &words);

    let views = small_log().replace(",purchase,", ",cart,");
    work.write("log.csv", views);
    prepare(&["--split", "none"], &["no target to learn from"]);
    prepare(&["--split", "random"], &["no target to learn from"]);
    prepare(&[], &["no target"]);
}

#[test]
fn one_user_with_one_item() {
    let work = Workplace::new();
    work.write("log.csv", log(&[row(1, "purchase", "p1", "1.00", "ann")]));
    for (split, words) in [
        (
            "by-time",
            &[
                "no target comes before the held-out periods",
                "make them shorter",
            ][..],
        ),
        ("random", &["no target to test on", "hold out more"]),
        ("leave-last-out", &["no target to test on", "hold out more"]),
    ] {
        work.refused(
            &["prepare", "log.csv", "--out", "d", "--split", split],
            words,
        );
    }
    let prepared = work.json(&["prepare", "log.csv", "--out", "d", "--split", "none"]);
    assert_eq!(
        (&prepared["users"], &prepared["items"]),
        (&json!(1), &json!(1))
    );
    // There is nothing to compare the one item with.
    let words = [
        "1 users",
        "all 1 items",
        "nobody has a negative",
        "larger catalogue",
    ];
    work.refused(&["train", "d", "--out", "m"], &words);
}

#[test]
fn a_user_with_every_item_is_trained_around() {
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
    let words = "1 users have every item: no negative can be drawn";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    let answers = work.json(&["recommend", "m", "u0", "u2"]);
    assert_eq!(
        answers["answers"][0]["items"],
        json!([]),
        "u0 has bought everything"
    );
    let mut left = strings(&answers["answers"][1]["items"], "item");
    left.sort_unstable();
    assert_eq!(left, ["p1", "p2", "p3"]);
    work.refused(
        &["evaluate", "m", "dataset"],
        &["test part holds no target", "make a split"],
    );
}
