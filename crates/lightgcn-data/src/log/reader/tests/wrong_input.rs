//! Inputs that are wrong in part: each issue is named, counted, and costs its own row only.

use super::*;
use crate::time::TimeIssue;
use lightgcn_core::IdIssue;

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

fn config() -> ReadConfig {
    ReadConfig {
        now: Some(NOW),
        ..ReadConfig::default()
    }
}

fn skipping() -> ReadConfig {
    ReadConfig {
        skip_bad_rows: true,
        ..config()
    }
}

fn short_log(rows: &[&str]) -> String {
    format!(
        "event_time,event_type,product_id,user_id\n{}\n",
        rows.join("\n")
    )
}

/// The issue of the only bad row, the second, which `skip_bad_rows` drops.
fn bad_row(row: &str) -> RowIssue {
    let text = short_log(&["2019-10-01,view,a,u", row, "2019-10-02,cart,b,v"]);
    let issue = match read_with(text.as_bytes(), &config()) {
        Err(DataError::Row {
            at: Place::Line(3),
            issue,
            ..
        }) => issue,
        other => panic!("{row:?} must be a bad row, not {other:?}"),
    };
    let log = read_with(text.as_bytes(), &skipping()).unwrap();
    assert_eq!(log.n_events(), 2, "{row:?}");
    assert_eq!(
        log.stages()[0].dropped,
        [(issue.reason().to_owned(), 1)].into()
    );
    assert!(log.stages()[0].balances());
    issue
}

#[test]
fn an_unclosed_quote_costs_one_row() {
    let quoted = GOOD.replace("runail", "\"runail").replace("26dd", "26de");
    let unread = GOOD.replace("26dd", "\"26de");
    let after = GOOD.replace("26dd", "26df");
    for bad in [&quoted, &unread] {
        let text = format!("{HEADER}{GOOD}{bad}{after}{bad}");
        let text = text.trim_end();
        for text in [text.to_owned(), text.replace('\n', "\r\n")] {
            let stored = [
                text.as_bytes().to_vec(),
                gzip(text.as_bytes()),
                zstd::encode_all(text.as_bytes(), 1).unwrap(),
            ];
            for bytes in stored {
                let error = read_with(&bytes, &config()).unwrap_err();
                let DataError::Row {
                    at: Place::Line(3),
                    issue,
                    path,
                } = error
                else {
                    panic!("{error}");
                };
                assert!(path.ends_with("log.csv"));
                assert_eq!(issue.reason(), "unclosed quote");
                let log = read_with(&bytes, &skipping()).unwrap();
                assert_eq!(log.n_events(), 2);
                assert_eq!(log.stages()[0].dropped["unclosed quote"], 2);
            }
        }
    }
    let mut plain = config();
    plain.format.quoting = false;
    let log = read_with(format!("{HEADER}{GOOD}{quoted}").as_bytes(), &plain).unwrap();
    assert_eq!(
        log.catalogue().get(ItemId(0)).brand.as_deref(),
        Some("\"runail")
    );

    let error = read("event_time,\"event_type,product_id,user_id\n1,view,a,u\n").unwrap_err();
    assert!(matches!(
        error,
        DataError::Row {
            at: Place::Line(1),
            issue: RowIssue::UnclosedQuote { .. },
            ..
        }
    ));
}

#[test]
fn an_unclosed_quote_of_a_catalogue_file_costs_one_row() {
    let items = "product_id,brand\n5773203,\"Loreal\n7,acme\n7,\"a\"b\n7,cnd";
    let (folder, paths) = files(&[
        (
            "log.csv",
            format!(
                "{HEADER}{}",
                GOOD.replace("5773203", "7").replace("runail", "")
            )
            .as_bytes(),
        ),
        ("items.csv", items.as_bytes()),
    ]);
    let with = |skip_bad_rows| ReadConfig {
        skip_bad_rows,
        catalogue: vec![
            folder
                .path()
                .join("items.csv")
                .to_string_lossy()
                .into_owned(),
        ],
        ..config()
    };
    let error = read_events(&paths[..1], &with(false), &weights()).unwrap_err();
    assert!(
        matches!(&error, DataError::Row { path, at: Place::Line(2), issue: RowIssue::UnclosedQuote { column: Some(column), .. } }
            if path.ends_with("items.csv") && column == "brand"),
        "{error}"
    );
    let log = read_events(&paths[..1], &with(true), &weights()).unwrap();
    assert_eq!(log.stages()[1].dropped["unclosed quote"], 2);
    assert_eq!(log.catalogue().get(ItemId(0)).brand.as_deref(), Some("cnd"));
}

#[test]
fn numbers_that_are_no_times_are_bad_rows() {
    for number in [
        "201910",
        "2019100100",
        "201910010030",
        "20191001003059",
        "20191001003059123",
    ] {
        let issue = bad_row(&format!("{number},view,c,w"));
        assert_eq!(issue.reason(), "ambiguous time", "{number}");
        let RowIssue::AmbiguousTime {
            column,
            value,
            issue,
        } = issue
        else {
            panic!("{issue:?}");
        };
        assert_eq!((column.as_str(), value.as_str()), ("event_time", number));
        assert_eq!(issue, TimeIssue::Calendar);
    }
    assert!(matches!(
        bad_row("43739,view,c,w"),
        RowIssue::AmbiguousTime {
            issue: TimeIssue::DayCount,
            ..
        }
    ));
    let text = short_log(&["18170,view,a,u"]);
    let mut relative = config();
    relative.format.time_unit = time::TimeUnit::Seconds;
    assert_eq!(
        read_with(text.as_bytes(), &relative).unwrap().times(),
        [18_170]
    );
}

#[test]
fn rows_of_the_future_are_bad_capped_or_kept() {
    let future = NOW + DAY + 1;
    for time in [
        future.to_string(),
        format!("{future}000"),
        "2099-01-01".to_owned(),
    ] {
        let issue = bad_row(&format!("{time},view,c,w"));
        assert!(matches!(issue, RowIssue::Future { value, .. } if value == time));
    }
    let text = short_log(&[
        "2019-10-01,view,a,u",
        "2099-01-01,purchase,a,u",
        "2019-10-09,purchase,b,u",
        &format!("{},view,b,w", NOW + DAY),
    ]);
    let read = |future_rows| {
        let config = ReadConfig {
            future_rows,
            ..config()
        };
        read_with(text.as_bytes(), &config).unwrap()
    };
    let capped = read(FutureRows::Cap);
    assert_eq!(capped.times()[1], NOW + DAY);
    assert_eq!(capped.stages()[0].missing["time in the future"], 1);
    assert_eq!(
        capped.stages()[0].times.as_ref().unwrap().last,
        time::display(NOW + DAY)
    );
    let kept = read(FutureRows::Keep);
    assert_eq!(time::display(kept.times()[1]), "2099-01-01 00:00:00 UTC");
    assert!(kept.stages()[0].missing.is_empty());
}

#[test]
fn one_row_of_the_future_does_not_age_the_others() {
    let text = short_log(&[
        "2019-10-01,purchase,a,u",
        "2019-10-08,purchase,b,u",
        "2099-01-01,purchase,b,w",
    ]);
    let mut table = BehaviorWeightsConfig::shop_log();
    table.half_life_days = Some(7.0);
    let behaviors = table.check().unwrap();
    let capped = ReadConfig {
        future_rows: FutureRows::Cap,
        ..config()
    };
    for (config, expected) in [(skipping(), &[0.5, 1.0][..]), (capped, &[0.5, 1.0, 1.0])] {
        let log = read_with(text.as_bytes(), &config).unwrap();
        let pairs = crate::interactions(&log, &behaviors).unwrap();
        assert_eq!(pairs.weights(), expected);
        assert_eq!(pairs.last_times().iter().max(), Some(&1_570_492_800));
    }
}

#[test]
fn what_a_row_of_the_future_says_is_not_the_latest() {
    let wrong = GOOD.replace("2019", "2099").replace("runail", "wrong");
    let config = ReadConfig {
        future_rows: FutureRows::Cap,
        ..config()
    };
    for text in [
        format!("{HEADER}{GOOD}{wrong}"),
        format!("{HEADER}{wrong}{GOOD}"),
    ] {
        let log = read_with(text.as_bytes(), &config).unwrap();
        assert_eq!(
            log.catalogue().get(ItemId(0)).brand.as_deref(),
            Some("runail")
        );
    }
}

#[test]
fn ids_follow_one_rule() {
    for id in [
        "NULL",
        "null",
        "NaN",
        "nan",
        "None",
        "\\N",
        "undefined",
        "N/A",
    ] {
        for row in [format!("5,view,{id},w"), format!("5,view,c,{id}")] {
            let issue = bad_row(&row);
            assert_eq!(issue.reason(), "missing id");
            assert!(
                matches!(issue, RowIssue::BadId { value, issue: IdIssue::NoValue, .. } if value == id)
            );
        }
    }
    assert!(matches!(bad_row("5,view,c, "), RowIssue::EmptyId { column } if column == "user_id"));
    let control = bad_row("5,view,c,w\r\r");
    assert!(matches!(
        control,
        RowIssue::BadId {
            issue: IdIssue::Control { character: '\r' },
            ..
        }
    ));
    let text = "product_id,event_type,event_time,user_id,price,brand\na,view,5,u,2.5 ,acme\r\r\n";
    let log = read_with(text.as_bytes(), &config()).unwrap();
    let details = log.catalogue().get(ItemId(0));
    assert_eq!(
        (details.brand.as_deref(), details.price),
        (Some("acme"), Some(2.5))
    );
    let issue = bad_row(&format!("5,view,{},w", "x".repeat(257)));
    assert!(matches!(
        &issue,
        RowIssue::BadId {
            issue: IdIssue::TooLong { bytes: 257 },
            ..
        }
    ));
    assert!(issue.to_string().len() < 400);
}

#[test]
fn optional_fields_that_are_wrong_count_as_unknown() {
    let with = |price: &str, session: &str| GOOD.replace("2.62", price).replace("26dd", session);
    let mut text = HEADER.to_owned();
    for (n, price) in ["-", "-3", "NULL", "NaN", "inf", "1e999", "\"2,5\"", ""]
        .iter()
        .enumerate()
    {
        text.push_str(&with(price, &n.to_string()));
    }
    text.push_str(&GOOD.replace("runail", "NULL"));
    let log = read_with(text.as_bytes(), &config()).unwrap();
    assert_eq!(log.n_events(), 9);
    assert_eq!(log.catalogue().get(ItemId(0)).price, Some(2.62));
    let report = &log.stages()[0];
    assert!(report.balances() && report.dropped.is_empty());
    let expected = [("bad price", 7), ("no price", 1), ("bad brand", 1)];
    let expected = expected.map(|(reason, n)| (reason.to_owned(), n));
    assert_eq!(report.missing, expected.into());
    assert_eq!(
        log.catalogue().get(ItemId(0)).brand.as_deref(),
        Some("runail")
    );
}

#[test]
fn messages_cut_what_they_show() {
    let json = format!("[{}]", "{\"user\": 1, \"item\": 2}, ".repeat(200_000));
    let error = read_with(json.as_bytes(), &config()).unwrap_err();
    assert!(error.to_string().len() < 5_000);
    let long = "x".repeat(1 << 20);
    for row in [
        format!("{long},view,c,w"),
        format!("5,{long},c,w"),
        format!("5,view,{long},w"),
        format!("5,view,\"{long},w"),
    ] {
        assert!(bad_row(&row).to_string().len() < 1_000);
    }
}

/// A pipe can be read only once, from start to end, and has no size.
#[cfg(target_os = "linux")]
#[test]
fn pipes_are_read() {
    use std::os::fd::AsRawFd;

    let text = format!("{HEADER}{GOOD}");
    for bytes in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
        let (from, mut to) = std::io::pipe().unwrap();
        to.write_all(&bytes).unwrap();
        drop(to);
        let path = format!("/dev/fd/{}", from.as_raw_fd());
        let log = read_events(&[path], &config(), &weights()).unwrap();
        assert_eq!(log.n_events(), 1);
        assert_eq!(log.inputs()[0].bytes, bytes.len() as u64);
    }
}

#[test]
fn prices_that_agree_as_numbers_make_exact_duplicates() {
    let rows = ["5.40", "5.4", "5.400", "5.04", "50", "5.0", "5"];
    let rows = rows.map(|price| GOOD.replace("2.62", price));
    let text = format!("{HEADER}{}", rows.concat());
    let log = read_with(text.as_bytes(), &config()).unwrap();
    // 5.4, 5.04, 50 and 5.
    assert_eq!(log.n_events(), 4);
    assert_eq!(log.stages()[0].dropped["exact duplicate"], 3);
}
