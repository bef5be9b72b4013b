//! Inputs that look right and are not: other formats as pair files, clocks that went wrong, texts without end.
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use common::Workplace;

const HEADER: &str = "event_time,event_type,product_id,user_id";

fn pairs_refused(content: &str, fields: &[&str]) {
    let work = Workplace::new();
    work.write("pairs.txt", content);
    let fields = [&["pairs.txt"], fields].concat();
    work.refused(
        &["train", "--pairs-train", "pairs.txt", "--out", "m"],
        &fields,
    );
}

#[test]
fn files_of_other_formats_are_no_pair_files() {
    let log = format!("{HEADER}\n2019-10-01 08:00:00 UTC,view,7,ann\n");
    pairs_refused(&log, &["line 1", "CSV", "lightgcn prepare"]);
    let ratings = "1\t7\t4\t881250949\n1\t8\t3\t881250950\n2\t7\t5\t881250951\n2\t9";
    pairs_refused(ratings, &["line 1", "--preset movielens"]);
    pairs_refused("{\"ann\": [7, 8]}\n", &["line 1", "JSON"]);
    pairs_refused("1 2 3\n2 4\n<table>\n", &["line 3", "HTML"]);
    pairs_refused("ann: 1 2 3\nbob: 2\n", &["line 1", "remove the colon"]);
    pairs_refused("user item item\n1 2 3\n", &["line 1", "a header"]);
    pairs_refused(
        "1 5:1 7:1\n2 5:1\n",
        &["line 1", "libsvm", "prepare --pairs"],
    );
}

#[test]
fn a_late_row_is_warned_of() {
    let work = Workplace::new();
    let mut text = format!("{HEADER}\n");
    for n in 0..60 {
        let (day, hour) = (1 + n / 3, 8 + n % 3);
        let behavior = ["view", "cart", "purchase"][n % 3];
        text += &format!(
            "2019-10-{day:02} {hour:02}:00:00 UTC,{behavior},p{},u{}\n",
            n % 7,
            n % 5
        );
    }
    work.write("base.csv", &text);
    text += "2020-10-20 08:00:00 UTC,view,p0,u0\n";
    work.write("late.csv", &text);
    let warnings = |log: &str| {
        let out = format!("{log}.dataset");
        let options = ["--split", "none", "--half-life-days", "7", "--out", &out];
        let run = work.run(&[&["prepare", log][..], &options].concat());
        assert!(run.status.success(), "{}", run.stderr);
        run.stderr
    };
    let n = |text: &str| text.matches("2019-10-20 and 2020-10-20").count();
    let (quiet, warned) = (warnings("base.csv"), warnings("late.csv"));
    assert_eq!((n(&quiet), n(&warned)), (0, 1), "{quiet}\n{warned}");
    // `inspect` has warnings at the end, and only there.
    let inspected = work.run(&["inspect", "late.csv"]);
    assert_eq!(
        (n(&inspected.stdout), n(&inspected.stderr)),
        (1, 0),
        "{}",
        inspected.stderr
    );
}

#[test]
fn skipped_rows_are_reported_once() {
    let work = Workplace::new();
    // Other labels than the shop log's: the log is read again with a table of its own.
    let mut text = format!("{HEADER}\n2019-10-01 07:00:00 UTC,click,p0\n");
    for n in 0..20 {
        let (day, behavior) = (1 + n / 2, ["click", "buy"][n % 2]);
        text += &format!("2019-10-{day:02} 08:00:00 UTC,{behavior},p{},u{n}\n", n % 7);
    }
    work.write("log.csv", &text);
    let run = work.run(&["inspect", "log.csv", "--skip-bad-rows"]);
    assert!(run.status.success(), "{}", run.stderr);
    assert_eq!(run.stderr.matches("skipped ").count(), 1, "{}", run.stderr);
}

#[test]
fn ids_in_two_unicode_forms_are_reported_or_merged() {
    let work = Workplace::new();
    let rows = ["caf\u{e9}", "cafe\u{301}", "bob"];
    let rows = rows.map(|user| format!("2019-10-01 08:00:00 UTC,purchase,soap,{user}\n"));
    work.write("log.csv", format!("{HEADER}\n{}", rows.concat()));
    let warnings = |options: &[&str]| {
        let inspected = work.json(&[&["inspect", "log.csv"], options].concat());
        let warnings = inspected["warnings"].as_array().unwrap().clone();
        let of_forms = warnings
            .into_iter()
            .filter(|w| w["kind"] == "unicode-forms");
        of_forms.collect::<Vec<_>>()
    };
    let found = warnings(&[]);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0]["side"], &found[0]["ids"], &found[0]["id"]),
        (&"user".into(), &1.into(), &"cafe\u{301}".into())
    );
    work.write("nfc.toml", "[prepare.format]\nnormalize_ids = \"nfc\"\n");
    let nfc = ["--config", "nfc.toml"];
    assert!(warnings(&nfc).is_empty());
    let pairs = |out: &str, options: &[&str]| {
        let prepare = ["prepare", "log.csv", "--split", "none", "--out", out];
        work.json(&[&prepare[..], options].concat())["training_pairs"].clone()
    };
    assert_eq!(
        (pairs("written", &[]), pairs("merged", &nfc)),
        (3.into(), 2.into())
    );
}

#[test]
fn options_of_earlier_versions_are_read() {
    let work = Workplace::new();
    work.write(
        "log.csv",
        "timestamp,visitorid,event,itemid,transactionid\n1569889859001,ann,view,soap,\n\
         1569889889002,ann,transaction,soap,7\n1569889999002,bob,addtocart,comb,\n",
    );
    work.write(
        "shop.toml",
        "[prepare.format]\nevent_time=\"timestamp\"\nevent_type=\"event\"\nproduct_id=\"itemid\"\n\
         user_id=\"visitorid\"\ncategory_id=\"\"\ncategory_code=\"\"\nbrand=\"\"\nprice=\"\"\nuser_session=\"\"\n\
         [prepare.format.rename_behaviours]\naddtocart=\"cart\"\ntransaction=\"purchase\"\n",
    );
    let options = ["--config", "shop.toml", "--split", "none", "--out", "d"];
    let told = work.json(&[&["prepare", "log.csv"][..], &options].concat());
    assert_eq!(told["training_pairs"], 2);
    assert_eq!(told["training_targets"], 1);
}

#[test]
fn messages_stay_short_whatever_they_quote() {
    let work = Workplace::new();
    work.write(
        "log.csv",
        format!("{HEADER}\n2019-10-01 08:00:00 UTC,purchase,7,ann\n"),
    );
    work.write("pairs.txt", "1 2 3\n2 3 4\n3 2 4\n");
    work.write("long.toml", format!("\"{}\" = 1\n", "k".repeat(2_000_000)));
    let tune = [
        "tune",
        "--pairs-train",
        "pairs.txt",
        "--space",
        "long.toml",
        "--trials",
        "1",
    ];
    for arguments in [
        &tune[..],
        &["prepare", "log.csv", "--out", "d", "--config", "long.toml"],
    ] {
        let run = work.run(arguments);
        assert!(!run.status.success());
        assert!(
            run.stderr.len() < 10_000,
            "{arguments:?}: {}",
            run.stderr.len()
        );
    }
}
