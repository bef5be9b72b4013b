use super::*;
use crate::{FutureRows, LogFormat, Place};
use lightgcn_core::{BehaviorWeightsConfig, ItemId};
use proptest::prelude::*;
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

mod catalogue_files;
mod odd_files;
mod spilled;
mod wrong_input;

const HEADER: &str =
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n";

fn weights() -> BehaviorWeights {
    BehaviorWeightsConfig::shop_log().check().unwrap()
}

/// A folder with these files.
fn files(files: &[(&str, &[u8])]) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        paths.push(path);
    }
    (folder, paths)
}

fn read_with(bytes: &[u8], config: &ReadConfig) -> Result<EventLog, DataError> {
    let (_folder, paths) = files(&[("log.csv", bytes)]);
    read_events(&paths, config, &weights())
}

fn read(text: &str) -> Result<EventLog, DataError> {
    read_with(text.as_bytes(), &ReadConfig::default())
}

/// The issue of a log with these rows, and its line.
fn issue(rows: &str) -> (u64, RowIssue) {
    match read(&format!("{HEADER}{rows}")) {
        Err(DataError::Row {
            at: Place::Line(line),
            issue,
            path,
        }) => {
            assert!(path.ends_with("log.csv"));
            (line, issue)
        }
        other => panic!("expected a bad row, got {other:?}"),
    }
}

const GOOD: &str = "2019-10-01 00:00:00 UTC,cart,5773203,148,apparel.glove,runail,2.62,46,26dd\n";

#[test]
fn a_small_log() {
    let log = read(&format!(
        "{HEADER}{GOOD}\
         2019-10-01 00:00:03 UTC,view,7,149,,,3,46,\n\
         2019-10-01 00:00:02 UTC,purchase,5773203,148,apparel.glove,\"run, \"\"ail\"\"\",2.70,9,x\n"
    ))
    .unwrap();
    assert_eq!(log.users(), [0, 0, 1]);
    assert_eq!(log.items(), [0, 1, 0]);
    assert_eq!(log.behaviors(), [1, 0, 3]);
    assert_eq!(log.times(), [1_569_888_000, 1_569_888_003, 1_569_888_002]);
    assert_eq!(log.user_ids().iter().collect::<Vec<_>>(), ["46", "9"]);
    assert_eq!(log.item_ids().iter().collect::<Vec<_>>(), ["5773203", "7"]);
    let first = log.catalogue().get(ItemId(0));
    assert_eq!(first.brand.as_deref(), Some("run, \"ail\""));
    assert_eq!(first.category_code.as_deref(), Some("apparel.glove"));
    assert_eq!(first.price, Some(2.7));
    let second = log.catalogue().get(ItemId(1));
    assert_eq!((second.brand, second.price), (None, Some(3.0)));
    assert_eq!(log.inputs()[0].name, "log.csv");
    assert_eq!(
        log.stages()[0].to_string(),
        "read: 3 rows in, 3 kept, from 2019-10-01 00:00:00 UTC to 2019-10-01 00:00:03 UTC"
    );
}

#[test]
fn bad_rows_name_the_line_and_the_column() {
    let (line, bad) = issue(&format!("{GOOD}2019-10-01 00:00:00 UTC,cart,1\n"));
    assert_eq!((line, bad.reason()), (3, "wrong number of fields"));
    assert!(matches!(
        bad,
        RowIssue::FieldCount {
            found: 3,
            expected: 9
        }
    ));
    let (_, bad) = issue("2019-10-01 00:00:00 UTC,cart,1,2,,a,b,3,4,5\n");
    assert!(matches!(bad, RowIssue::FieldCount { found: 10, .. }));

    let (line, bad) = issue("2019-10-01 00:00:00 UTC,wish,1,2,,,3,4,5");
    assert_eq!(line, 2);
    assert!(
        matches!(bad, RowIssue::UnknownBehavior { column, known, .. }
        if column == "event_type" && known.len() == 4)
    );

    let (_, bad) = issue("01/10/2019,cart,1,2,,,3,4,5\n");
    assert!(matches!(&bad, RowIssue::Time { column, value }
        if column == "event_time" && value == "01/10/2019"));
    let (_, bad) = issue("2019-10-01,cart,,2,,,3,4,5\n");
    assert!(matches!(bad, RowIssue::EmptyId { column } if column == "product_id"));
    let (_, bad) = issue("2019-10-01,cart,1,2,,,3,,5\n");
    assert!(matches!(bad, RowIssue::EmptyId { column } if column == "user_id"));
}

#[test]
fn text_that_is_not_utf8_is_an_error() {
    let latin = [
        HEADER.as_bytes(),
        GOOD.as_bytes(),
        b"2019-10-01,cart,1,2,,lanc\xf4me,3,4,5\n",
    ]
    .concat();
    let error = read_with(&latin, &ReadConfig::default()).unwrap_err();
    assert!(
        matches!(error, DataError::Row { at: Place::Line(3), issue: RowIssue::NotUtf8 { column, .. }, .. }
        if column == "brand")
    );
    // The purchase counts, whatever the brand.
    let skip = ReadConfig {
        skip_bad_rows: true,
        ..ReadConfig::default()
    };
    let log = read_with(&latin, &skip).unwrap();
    assert_eq!(
        (log.n_events(), &log.catalogue().get(ItemId(1)).brand),
        (2, &None)
    );
    assert_eq!(
        log.stages()[0].missing,
        [("bad brand".to_owned(), 1)].into()
    );
    let utf16: Vec<u8> = format!("\u{feff}{HEADER}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(matches!(
        read_with(&utf16, &ReadConfig::default()),
        Err(DataError::UnreadFormat {
            format: "UTF-16",
            ..
        })
    ));
    assert!(matches!(
        read_with(b"event_time,lanc\xf4me\n", &ReadConfig::default()),
        Err(DataError::HeaderNotUtf8 { .. })
    ));
}

#[test]
fn files_that_are_not_a_log_are_errors() {
    assert!(matches!(read(""), Err(DataError::EmptyFile { .. })));
    assert!(matches!(read("\n\n"), Err(DataError::EmptyFile { .. })));
    assert!(matches!(read(HEADER), Err(DataError::NoRows { .. })));
    let error = read("event_time,event_type,item,user_id\n").unwrap_err();
    assert!(matches!(error, DataError::MissingColumn { present, .. } if present.len() == 4));
    assert!(matches!(
        read("event_time,event_type,product_id,user_id,user_id\n1,view,2,3,4\n"),
        Err(DataError::DuplicateColumn { column, .. }) if column == "user_id"
    ));
    let skip = ReadConfig {
        skip_bad_rows: true,
        ..ReadConfig::default()
    };
    let error = read_with(HEADER.as_bytes(), &skip).unwrap_err();
    assert!(matches!(error, DataError::NoEvents { .. }));
    let bad_format = ReadConfig {
        format: LogFormat {
            delimiter: '\n',
            ..LogFormat::default()
        },
        ..ReadConfig::default()
    };
    assert!(matches!(
        read_with(HEADER.as_bytes(), &bad_format),
        Err(DataError::Config { .. })
    ));
}

#[test]
fn damaged_gzip_is_an_error() {
    let mut stored = gzip(format!("{HEADER}{}", GOOD.repeat(50)).as_bytes());
    stored.truncate(stored.len() - 10);
    assert!(matches!(
        read_with(&stored, &ReadConfig::default()),
        Err(DataError::Compressed { format: "gzip", .. })
    ));
}

#[test]
fn bad_rows_are_skipped_and_counted_on_request() {
    let config = ReadConfig {
        skip_bad_rows: true,
        format: LogFormat {
            ignore_behaviors: vec!["wish".to_owned()],
            ..LogFormat::default()
        },
        ..ReadConfig::default()
    };
    let text = format!(
        "{HEADER}{GOOD}short\nnow,cart,1,2,,,3,4,5\n2019-10-01,cart,1,2,,,3,\r,5\n\
         2019-10-01,wish,1,2,,,x,4,5\n2019-10-01,wash,1,2,,,3,4,5\n2019-10-01,cart,1,2,,,3,,5\n{GOOD}"
    );
    let log = read_with(text.as_bytes(), &config).unwrap();
    assert_eq!(log.n_events(), 1);
    let report = &log.stages()[0];
    assert!(report.balances());
    assert_eq!((report.rows_in, report.kept), (8, 1));
    for reason in [
        "wrong number of fields",
        "bad time",
        "control character in id",
        "ignored behavior",
        "unknown behavior",
        "empty id",
        "exact duplicate",
    ] {
        assert_eq!(report.dropped.get(reason), Some(&1), "{reason}");
    }
    let none = format!("{HEADER}short\n");
    let error = read_with(none.as_bytes(), &config).unwrap_err();
    assert!(matches!(error, DataError::NoEvents { .. }), "{error}");
}

#[test]
fn duplicates_across_files_are_dropped_or_kept() {
    let one = format!("{HEADER}{GOOD}{GOOD}");
    let two = format!("{HEADER}{}{GOOD}", GOOD.replace("26dd", "26de"));
    let (_folder, paths) = files(&[("a.csv", one.as_bytes()), ("b.csv", two.as_bytes())]);
    let mut config = ReadConfig::default();
    let log = read_events(&paths, &config, &weights()).unwrap();
    assert_eq!(log.n_events(), 2); // the other session makes another row
    assert_eq!(log.stages()[0].dropped["exact duplicate"], 2);
    config.duplicates = Duplicates::Keep;
    let log = read_events(&paths, &config, &weights()).unwrap();
    assert_eq!(log.n_events(), 4);
}

#[test]
fn columns_are_found_by_name_in_any_layout() {
    let plain = read("event_time,event_type,product_id,user_id\n5,view,a,u\n6,cart,b,v\n").unwrap();
    for text in [
        "\u{feff}event_time,event_type,product_id,user_id\n5,view,a,u\n6,cart,b,v",
        "event_time,event_type,product_id,user_id\r\n5,view,a,u\r\n6,cart,b,v\r\n",
        "user_id,extra,event_type,event_time,product_id\nu,1,view,5,a\n\nv,2,cart,6,b\n",
        "\"event_time\",\"event_type\",\"product_id\",\"user_id\"\n\"5\",\"view\",\"a\",\"u\"\n6,cart,b,v\n",
        " event_time , event_type,product_id,user_id\n5,view,a,u\n6,cart,b,v\n",
    ] {
        let log = read(text).unwrap();
        assert_eq!(log.users(), plain.users(), "{text}");
        assert_eq!(log.user_ids(), plain.user_ids(), "{text}");
        assert_eq!(log.item_ids(), plain.item_ids(), "{text}");
        assert_eq!(log.times(), [5, 6], "{text}");
        assert_eq!(log.behaviors(), [0, 1], "{text}");
    }
}

#[test]
fn names_delimiter_and_labels_are_configurable() {
    let config = ReadConfig {
        format: LogFormat {
            event_time: "ts".to_owned(),
            event_type: "what".to_owned(),
            product_id: "sku".to_owned(),
            user_id: "who".to_owned(),
            price: None,
            brand: Some(String::new()),
            delimiter: '\t',
            rename_behaviors: [("buy".to_owned(), "purchase".to_owned())].into(),
            ..LogFormat::default()
        },
        ..ReadConfig::default()
    };
    let text = "ts\twhat\tsku\twho\tprice\tbrand\n2019-10-01\tbuy\ta, b\tu\tcheap\tx\n";
    let log = read_with(text.as_bytes(), &config).unwrap();
    assert_eq!(log.behaviors(), [3]);
    assert_eq!(log.item_ids().name(ItemId(0)), Some("a, b"));
    let details = log.catalogue().get(ItemId(0));
    assert_eq!((details.price, details.brand), (None, None)); // columns that are not named
}

#[test]
fn progress_ends_at_the_last_row() {
    let mut text = HEADER.to_owned();
    for n in 0..40_000 {
        let time = 1_569_888_000 + n;
        text.push_str(&format!("{time},view,{},,,,,{},\n", n % 7, n % 11));
    }
    let (_folder, paths) = files(&[("a.csv", text.as_bytes()), ("b.csv", text.as_bytes())]);
    let mut calls = Vec::new();
    let config = ReadConfig::default();
    let log =
        read_events_with_progress(&paths, &config, &weights(), &mut |p| calls.push(p)).unwrap();
    assert_eq!(log.n_events(), 40_000);
    assert!(calls.len() >= 5, "{} calls", calls.len());
    assert!(calls.is_sorted_by(|a, b| a.rows <= b.rows && a.bytes <= b.bytes));
    let last = calls[calls.len() - 1];
    assert_eq!(last.rows, 80_000);
    assert_eq!(
        (last.bytes, last.total_bytes),
        (2 * text.len() as u64, 2 * text.len() as u64)
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn reading_does_not_depend_on_compression_or_chunking(
        events in prop::collection::vec((0u8..4, 0u8..9, "x[a-z ,\"\u{e9}]{1,6}", 0i64..1_700_000_000), 1..60),
        cut in 0usize..2000,
    ) {
        let labels = ["view", "cart", "remove_from_cart", "purchase"];
        let mut text = HEADER.to_owned();
        for (behavior, item, user, at) in &events {
            let user = user.replace('"', "\"\"");
            let label = labels[*behavior as usize];
            text.push_str(&format!("{},{label},{item},,,,,\"{user}\",\n", time::display(*at)));
        }
        let bytes = text.as_bytes();
        let plain = read_with(bytes, &ReadConfig::default()).unwrap();
        prop_assert!(plain.stages()[0].balances());
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let two_members = [gzip(first), gzip(second)].concat();
        for stored in [gzip(bytes), two_members, zstd::encode_all(bytes, 3).unwrap()] {
            let other = read_with(&stored, &ReadConfig::default()).unwrap();
            prop_assert_eq!(plain.users(), other.users());
            prop_assert_eq!(plain.items(), other.items());
            prop_assert_eq!(plain.behaviors(), other.behaviors());
            prop_assert_eq!(plain.times(), other.times());
            prop_assert_eq!(plain.user_ids(), other.user_ids());
            prop_assert_eq!(plain.stages(), other.stages());
        }
        let ids: std::collections::HashSet<_> = events.iter().map(|e| &e.2).collect();
        prop_assert_eq!(plain.user_ids().len(), ids.len());
    }
}
