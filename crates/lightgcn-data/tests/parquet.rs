//! Parquet files give what CSV files with the same rows give.
#![cfg(feature = "parquet")]

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array,
    DictionaryArray, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array,
    LargeStringArray, ListArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt64Array,
};
use lightgcn_core::{BehaviorWeightsConfig, Dataset};
use lightgcn_data::{
    DataError, Duplicates, EventLog, FutureRows, Place, PrepareConfig, ReadConfig, RowIssue,
    SplitConfig, behaviors_of, prepare, read_events,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// 2019-10-01.
const START: i64 = 1_569_888_000;

const HEADER: &str =
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session";

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(1_000))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(nullable).unwrap();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn read<P: AsRef<Path>>(paths: &[P], config: &ReadConfig) -> Result<EventLog, DataError> {
    let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
    read_events(paths, config, &weights)
}

/// Everything but the names and hashes of the files.
#[track_caller]
fn assert_same(a: &EventLog, b: &EventLog) {
    assert_eq!(a.users(), b.users());
    assert_eq!(a.items(), b.items());
    assert_eq!(a.behaviors(), b.behaviors());
    assert_eq!(a.times(), b.times());
    assert_eq!(a.user_ids(), b.user_ids());
    assert_eq!(a.item_ids(), b.item_ids());
    assert_eq!(a.catalogue(), b.catalogue());
    assert_eq!(a.stages(), b.stages());
}

#[track_caller]
fn assert_same_dataset(a: &Dataset, b: &Dataset) {
    assert_eq!(a.split, b.split);
    assert_eq!(a.users, b.users);
    assert_eq!(a.items, b.items);
    assert_eq!(a.catalogue, b.catalogue);
    assert_eq!(a.lineage.stages, b.lineage.stages);
}

/// A row of the log that all tests write.
struct Event {
    time: i64,
    behavior: &'static str,
    item: i32,
    category: Option<i64>,
    code: Option<&'static str>,
    brand: Option<String>,
    price: Option<f32>,
    user: i64,
    session: String,
}

/// 2,500 rows, in three row groups; every 50th is an exact duplicate of the one before.
fn events() -> Vec<Event> {
    let event = |n: i64| {
        let n = n - i64::from(n % 50 == 49);
        Event {
            time: START + n * 61,
            behavior: ["view", "cart", "view", "remove_from_cart", "purchase"][(n % 5) as usize],
            item: (n * n % 97) as i32 - 3,
            category: (n % 4 != 0).then_some(1_487_580_005_092_295_511 + n % 3),
            code: [Some("apparel,glove"), None, Some("NULL")][(n % 3) as usize],
            brand: (n % 2 == 0).then(|| format!("brand {}, \"é\"", n % 11)),
            price: (n % 6 != 0).then_some((n % 9) as f32 + 0.1),
            user: 1 + n * 7 % 83,
            session: format!("s{}", n / 3),
        }
    };
    (0..2_500).map(event).collect()
}

fn csv_of(events: &[Event]) -> String {
    let optional = |value: Option<String>| value.unwrap_or_default();
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut text = format!("{HEADER}\n");
    for e in events {
        let line = [
            lightgcn_data::time::display(e.time),
            e.behavior.to_owned(),
            e.item.to_string(),
            optional(e.category.map(|c| c.to_string())),
            optional(e.code.map(quoted)),
            optional(e.brand.as_deref().map(quoted)),
            optional(e.price.map(|p| p.to_string())),
            e.user.to_string(),
            e.session.clone(),
        ];
        text += &line.join(",");
        text.push('\n');
    }
    text
}

/// The physical types that the columns are written in.
fn versions(events: &[Event]) -> Vec<Vec<(&'static str, ArrayRef)>> {
    fn of<A: Array + 'static>(array: A) -> ArrayRef {
        Arc::new(array)
    }
    let times = || events.iter().map(|e| e.time);
    let behaviors = || events.iter().map(|e| e.behavior);
    let codes = || events.iter().map(|e| e.code);
    let brands = || events.iter().map(|e| e.brand.as_deref());
    let sessions = || events.iter().map(|e| e.session.as_str());
    let prices = || events.iter().map(|e| e.price);
    let users = || events.iter().map(|e| e.user);
    let items = || events.iter().map(|e| e.item);
    let categories = || events.iter().map(|e| e.category);
    let categories_text = || categories().map(|c| c.map(|c| c.to_string()));
    let names = HEADER.split(',');
    let table = |arrays: [ArrayRef; 9]| names.clone().zip(arrays).collect::<Vec<_>>();
    let millis: TimestampMillisecondArray = times().map(|t| Some(t * 1_000)).collect();
    let nanos: TimestampNanosecondArray = times().map(|t| Some(t * 1_000_000_000)).collect();
    let exact = |p: f32| (f64::from(p) * 10.0).round() as i128;
    let decimals: Decimal128Array = prices().map(|p| p.map(exact)).collect();
    vec![
        table([
            of(TimestampSecondArray::from_iter_values(times())),
            of(behaviors().collect::<DictionaryArray<Int32Type>>()),
            of(items().map(Some).collect::<Int32Array>()),
            of(categories().collect::<Int64Array>()),
            of(codes().collect::<LargeStringArray>()),
            of(brands().collect::<StringViewArray>()),
            of(prices().collect::<Float32Array>()),
            of(users().map(Some).collect::<Int64Array>()),
            of(sessions().map(Some).collect::<StringArray>()),
        ]),
        table([
            of(millis.with_timezone("+02:00")),
            of(behaviors().map(Some).collect::<StringViewArray>()),
            of(items().map(|i| Some(i64::from(i))).collect::<Int64Array>()),
            of(categories()
                .map(|c| c.map(|c| c as u64))
                .collect::<UInt64Array>()),
            of(codes().collect::<DictionaryArray<Int32Type>>()),
            of(brands()
                .map(|b| b.map(str::as_bytes))
                .collect::<BinaryArray>()),
            of(decimals.with_precision_and_scale(9, 1).unwrap()),
            of(users().map(|u| Some(u as u64)).collect::<UInt64Array>()),
            of(sessions().collect::<DictionaryArray<Int32Type>>()),
        ]),
        table([
            of(TimestampMicrosecondArray::from_iter_values(
                times().map(|t| t * 1_000_000),
            )),
            of(behaviors().map(Some).collect::<LargeStringArray>()),
            of(items()
                .map(|i| Some(i.to_string()))
                .collect::<StringArray>()),
            of(categories_text().collect::<StringArray>()),
            of(codes().collect::<StringArray>()),
            of(brands().collect::<LargeStringArray>()),
            of(prices()
                .map(|p| p.map(|p| p.to_string()))
                .collect::<StringArray>()),
            of(users().map(|u| Some(u as i8)).collect::<Int8Array>()),
            of(sessions().map(Some).collect::<StringViewArray>()),
        ]),
        table([
            of(nanos.with_timezone("America/New_York")),
            of(behaviors()
                .map(|b| Some(b.as_bytes()))
                .collect::<BinaryArray>()),
            of(items()
                .map(|i| Some(i128::from(i)))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(38, 0)
                .unwrap()),
            of(categories_text().collect::<StringViewArray>()),
            of(codes().collect::<StringViewArray>()),
            of(brands().collect::<StringArray>()),
            of(prices()
                .map(|p| p.map(|p| f64::from((p * 10.0).round()) / 10.0))
                .collect::<Float64Array>()),
            of(users()
                .map(|u| Some(u.to_string()))
                .collect::<StringViewArray>()),
            of(sessions().map(Some).collect::<LargeStringArray>()),
        ]),
    ]
}

#[test]
fn every_physical_type_gives_the_same_log_and_dataset() {
    let folder = TempDir::new().unwrap();
    let events = events();
    let csv = folder.path().join("log.csv");
    std::fs::write(&csv, csv_of(&events)).unwrap();
    let mut config = PrepareConfig {
        split: SplitConfig::by_time_shares(0.1, 0.1),
        ..PrepareConfig::default()
    };
    for duplicates in [Duplicates::Drop, Duplicates::Keep] {
        config.duplicates = duplicates;
        let expected = read(&[&csv], &config.read_config()).unwrap();
        let dropped = match duplicates {
            Duplicates::Drop => Some(&50),
            Duplicates::Keep => None,
        };
        assert_eq!(expected.stages()[0].dropped.get("exact duplicate"), dropped);
        let dataset = prepare(&[&csv], &config).unwrap();
        for (n, version) in versions(&events).into_iter().enumerate() {
            let path = folder.path().join(format!("log-{n}.parquet"));
            write(&path, version);
            let log = read(&[&path], &config.read_config()).unwrap();
            assert_same(&log, &expected);
            assert_eq!(log.inputs()[0].bytes, path.metadata().unwrap().len());
            assert_same_dataset(&prepare(&[&path], &config).unwrap(), &dataset);
        }
    }
}

#[test]
fn files_of_pyarrow_and_polars_give_the_log_of_the_csv_file() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let csv = read(&[data.join("log.csv")], &ReadConfig::default()).unwrap();
    assert_eq!(csv.n_events(), 40);
    for file in ["pyarrow.parquet", "polars.parquet"] {
        let log = read(&[data.join(file)], &ReadConfig::default()).unwrap();
        assert_same(&log, &csv);
    }
    // Rows of a CSV and a Parquet file are duplicates if all their fields agree.
    let both = read(
        &[data.join("log.csv"), data.join("pyarrow.parquet")],
        &ReadConfig::default(),
    );
    assert_eq!(both.unwrap().stages()[0].dropped["exact duplicate"], 42);
}

fn small(times: ArrayRef, users: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let n = times.len();
    vec![
        ("event_time", times),
        ("event_type", Arc::new(StringArray::from(vec!["view"; n]))),
        ("product_id", Arc::new(Int32Array::from(vec![7; n]))),
        ("user_id", users),
    ]
}

fn seconds(times: &[Option<i64>]) -> ArrayRef {
    Arc::new(TimestampSecondArray::from(times.to_vec()))
}

fn ids(ids: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(ids.to_vec()))
}

/// The row and the issue of a file that has a bad row.
fn issue(columns: Vec<(&str, ArrayRef)>, config: &ReadConfig) -> (u64, RowIssue) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.parquet");
    write(&path, columns);
    match read(&[&path], config) {
        Err(DataError::Row {
            path: found,
            at: Place::Row(row),
            issue,
        }) => {
            assert_eq!(found, path);
            (row, issue)
        }
        other => panic!("expected a bad row, got {other:?}"),
    }
}

#[test]
fn faults_have_the_number_of_their_row() {
    let config = ReadConfig::default();
    let good = Some(START);
    let (row, null) = issue(
        small(seconds(&[good, good]), ids(&[Some("u"), None])),
        &config,
    );
    assert!(row == 2 && matches!(null, RowIssue::EmptyId { column } if column == "user_id"));
    let (row, none) = issue(small(seconds(&[good]), ids(&[Some("NaN")])), &config);
    assert!(row == 1 && none.reason() == "missing id");
    let (_, null) = issue(small(seconds(&[None]), ids(&[Some("u")])), &config);
    assert!(matches!(null, RowIssue::Time { value, .. } if value.is_empty()));
    let (_, far) = issue(
        small(seconds(&[Some(i64::MAX)]), ids(&[Some("u")])),
        &config,
    );
    assert!(matches!(far, RowIssue::Time { .. }));
    let (row, future) = issue(
        small(
            seconds(&[good, good, Some(4_102_444_800)]),
            ids(&[Some("u"); 3]),
        ),
        &config,
    );
    assert_eq!(row, 3);
    assert!(
        matches!(&future, RowIssue::Future { value, read, .. } if value == read && value == "2100-01-01 00:00:00 UTC"),
        "{future}"
    );
    let days: ArrayRef = Arc::new(Int32Array::from(vec![18_170]));
    let (_, days) = issue(small(days, ids(&[Some("u")])), &config);
    assert!(matches!(days, RowIssue::AmbiguousTime { .. }));
    let latin: ArrayRef = Arc::new(BinaryArray::from(vec![&b"lanc\xf4me"[..]]));
    let (_, latin) = issue(small(seconds(&[good]), latin), &config);
    assert!(matches!(latin, RowIssue::NotUtf8 { column, .. } if column == "user_id"));
    let mut columns = small(seconds(&[good]), ids(&[Some("u")]));
    columns[1].1 = ids(&[None]);
    let (_, unknown) = issue(columns, &config);
    assert!(matches!(unknown, RowIssue::UnknownBehavior { value, .. } if value.is_empty()));
}

#[test]
fn bad_rows_are_skipped_and_the_future_is_capped() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.parquet");
    let times = seconds(&[Some(START), None, Some(4_102_444_800)]);
    write(&path, small(times, ids(&[Some("u"); 3])));
    let config = ReadConfig {
        skip_bad_rows: true,
        future_rows: FutureRows::Cap,
        ..ReadConfig::default()
    };
    let log = read(&[&path], &config).unwrap();
    assert_eq!(log.times(), [START, START]);
    assert_eq!(log.stages()[0].dropped, [("bad time".to_owned(), 1)].into());
}

#[test]
fn times_are_rounded_down_and_fractions_tell_rows_apart() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.parquet");
    let times = [1_001, 1_000, 1_001, -1].map(|t| START * 1_000 + t);
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(times.to_vec()));
    write(&path, small(times, ids(&[Some("u"); 4])));
    let log = read(&[&path], &ReadConfig::default()).unwrap();
    assert_eq!(log.times(), [START + 1, START + 1, START - 1]);
    let days: [ArrayRef; 3] = [
        Arc::new(Date32Array::from(vec![18_170])),
        Arc::new(Date64Array::from(vec![START * 1_000])),
        Arc::new(Float64Array::from(vec![START as f64 + 0.75])),
    ];
    for times in days {
        write(&path, small(times, ids(&[Some("u")])));
        assert_eq!(
            read(&[&path], &ReadConfig::default()).unwrap().times(),
            [START]
        );
    }
}

#[test]
fn columns_that_are_not_named_tell_rows_apart_where_duplicates_are_dropped() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.parquet");
    let mut columns = small(seconds(&[Some(START); 3]), ids(&[Some("u"); 3]));
    columns.push((
        "mobile",
        Arc::new(BooleanArray::from(vec![true, false, true])),
    ));
    columns.push((
        "tags",
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some([Some(1)]),
            None,
            Some([Some(2)]),
        ])),
    ));
    write(&path, columns);
    let log = read(&[&path], &ReadConfig::default()).unwrap();
    // Lists are not compared.
    assert_eq!(log.n_events(), 2);
}

#[test]
fn missing_columns_and_other_types_are_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.parquet");
    let mut columns = small(seconds(&[Some(START)]), ids(&[Some("u")]));
    columns[3].0 = "visitor";
    write(&path, columns);
    let error = read(&[&path], &ReadConfig::default()).unwrap_err();
    assert!(
        matches!(&error, DataError::MissingParquetColumn { path: found, column, option: "user_id", present }
            if *found == path && column == "user_id"
                && present == &["event_time", "event_type", "product_id", "visitor"]),
        "{error}"
    );
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    let times = seconds(&[Some(START)]);
    let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
    for (at, array, name, option, found) in [
        (3, &floats, "user_id", "user_id", "Float64"),
        (2, &times, "product_id", "product_id", "Timestamp(s)"),
        (1, &truths, "event_type", "event_type", "Boolean"),
        (0, &truths, "event_time", "event_time", "Boolean"),
    ] {
        let mut columns = small(times.clone(), ids(&[Some("u")]));
        columns[at].1 = array.clone();
        write(&path, columns);
        let error = read(&[&path], &ReadConfig::default()).unwrap_err();
        assert!(
            matches!(&error, DataError::ColumnType { column, option: for_option, found: of, .. }
                if column == name && *for_option == option && of == found),
            "{error}"
        );
    }
    // A column that the format does not name may have any type.
    let mut columns = small(times, ids(&[Some("u")]));
    columns.push(("brand", truths));
    write(&path, columns);
    let mut config = ReadConfig::default();
    assert!(matches!(
        read(&[&path], &config),
        Err(DataError::ColumnType {
            option: "brand",
            ..
        })
    ));
    config.format.brand = None;
    assert_eq!(read(&[&path], &config).unwrap().n_events(), 1);
}

#[test]
fn damaged_files_are_errors() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.parquet");
    write(&path, versions(&events()).swap_remove(0));
    let whole = std::fs::read(&path).unwrap();
    let mut spoilt = whole.clone();
    spoilt[4..2_000].fill(0xff);
    for bytes in [&whole[..whole.len() - 1], &whole[..1_000], b"PAR1", &spoilt] {
        std::fs::write(&path, bytes).unwrap();
        let error = read(&[&path], &ReadConfig::default()).unwrap_err();
        assert!(
            matches!(&error, DataError::Parquet { path: found, .. } if *found == path),
            "{error}"
        );
    }
}

#[test]
fn a_file_without_rows_is_an_error_unless_bad_rows_are_skipped() {
    let folder = TempDir::new().unwrap();
    let paths = ["a.parquet", "b.parquet"].map(|name| folder.path().join(name));
    write(&paths[0], small(seconds(&[]), ids(&[])));
    write(&paths[1], small(seconds(&[Some(START)]), ids(&[Some("u")])));
    let mut config = ReadConfig::default();
    assert!(matches!(read(&paths, &config), Err(DataError::NoRows { path }) if path == paths[0]));
    config.skip_bad_rows = true;
    assert_eq!(read(&paths, &config).unwrap().n_events(), 1);
}

#[test]
#[cfg(unix)]
fn a_pipe_is_read() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("log.parquet");
    let pipe = folder.path().join("pipe");
    write(&file, versions(&events()).swap_remove(0));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let (from, to) = (file.clone(), pipe.clone());
    let writer = std::thread::spawn(move || std::fs::copy(from, to).unwrap());
    let log = read(&[&pipe], &ReadConfig::default()).unwrap();
    writer.join().unwrap();
    let expected = read(&[&file], &ReadConfig::default()).unwrap();
    assert_same(&log, &expected);
    assert_eq!(log.inputs()[0].sha256, expected.inputs()[0].sha256);
}

/// One folder for each behavior, CSV and Parquet in turn, without the column of behaviors.
fn partitioned(folder: &Path, events: &[Event]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for (n, behavior) in ["cart", "purchase", "remove_from_cart", "view"]
        .iter()
        .enumerate()
    {
        let of: Vec<usize> = (0..events.len())
            .filter(|&n| events[n].behavior == *behavior)
            .collect();
        let folder = folder.join(format!("event%5Ftype={behavior}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("_SUCCESS"), "").unwrap();
        if n % 2 == 0 {
            let path = folder.join("part-0.csv");
            let mut text = "event_time,product_id,user_id\n".to_owned();
            for &row in &of {
                let Event {
                    time, item, user, ..
                } = &events[row];
                text += &format!("{},{item},{user}\n", lightgcn_data::time::display(*time));
            }
            std::fs::write(&path, text).unwrap();
            files.push(path);
        } else {
            let path = folder.join("part-0.parquet");
            let times = of.iter().map(|&row| Some(events[row].time));
            let items = of.iter().map(|&row| Some(events[row].item));
            let users = of.iter().map(|&row| Some(events[row].user));
            write(
                &path,
                vec![
                    (
                        "event_time",
                        Arc::new(times.collect::<TimestampSecondArray>()),
                    ),
                    ("product_id", Arc::new(items.collect::<Int32Array>())),
                    ("user_id", Arc::new(users.collect::<Int64Array>())),
                ],
            );
            files.push(path);
        }
    }
    files
}

#[test]
fn folders_of_partitions_supply_a_column() {
    let folder = TempDir::new().unwrap();
    let mut events = events();
    let files = partitioned(&folder.path().join("log"), &events);
    let log = read(&[folder.path().join("log")], &ReadConfig::default()).unwrap();
    // The same rows in one CSV file, sorted as the folders are.
    events.sort_by_key(|e| e.behavior);
    let mut text = "event_time,event_type,product_id,user_id\n".to_owned();
    for e in &events {
        let time = lightgcn_data::time::display(e.time);
        text += &format!("{time},{},{},{}\n", e.behavior, e.item, e.user);
    }
    let csv = folder.path().join("log.csv");
    std::fs::write(&csv, text).unwrap();
    assert_same(&log, &read(&[&csv], &ReadConfig::default()).unwrap());
    assert_eq!(log.inputs().len(), 4);
    // The files of a pattern, and the behaviors.
    let pattern = folder.path().join("log/*/part-*");
    assert_eq!(read(&[pattern], &ReadConfig::default()).unwrap(), log);
    let table = behaviors_of(&files, &ReadConfig::default(), None).unwrap();
    let names: Vec<&str> = table.behaviors.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["view", "cart", "remove_from_cart", "purchase"]);
}

#[test]
fn partitions_tell_rows_apart_and_give_way_to_columns() {
    let folder = TempDir::new().unwrap();
    let mut config = ReadConfig::default();
    config.format.event_time = "dt".to_owned();
    for dt in ["2019-10-01", "2019-10-02 10%3A00%3A00"] {
        let folder = folder.path().join(format!("log/dt={dt}/event_type=view"));
        std::fs::create_dir_all(&folder).unwrap();
        // Its own column counts, not the folder's.
        let rows = "event_type,product_id,user_id\ncart,a,u\ncart,a,u\n";
        std::fs::write(folder.join("part.csv"), rows).unwrap();
    }
    let log = read(&[folder.path().join("log")], &config).unwrap();
    assert_eq!(log.times(), [START, START + 34 * 3_600]);
    assert_eq!(log.behaviors(), [1, 1]);
    assert_eq!(log.stages()[0].dropped["exact duplicate"], 2);
    // A partition without a value has no time.
    let none = folder.path().join("none/dt=__HIVE_DEFAULT_PARTITION__");
    std::fs::create_dir_all(&none).unwrap();
    let rows = "event_type,product_id,user_id\ncart,a,u\n";
    std::fs::write(none.join("part.csv"), rows).unwrap();
    let error = read(&[folder.path().join("none")], &config).unwrap_err();
    assert!(matches!(
        error,
        DataError::Row {
            at: Place::Line(2),
            issue: RowIssue::Time { .. },
            ..
        }
    ));
}

#[test]
fn catalogue_files_may_be_parquet() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log.csv");
    std::fs::write(
        &log,
        "event_time,event_type,product_id,user_id\n2019-10-01,view,7,u\n",
    )
    .unwrap();
    let items = folder.path().join("items.parquet");
    write(
        &items,
        vec![
            ("product_id", Arc::new(Int64Array::from(vec![7, 8]))),
            ("price", Arc::new(Float32Array::from(vec![Some(2.5), None]))),
            ("brand", ids(&[Some("runail"), None])),
            // Not needed, so its type does not matter.
            ("user_id", Arc::new(BooleanArray::from(vec![true, false]))),
        ],
    );
    let config = ReadConfig {
        catalogue: vec![items.to_string_lossy().into_owned()],
        ..ReadConfig::default()
    };
    let log = read(&[&log], &config).unwrap();
    let item = log.catalogue().get(lightgcn_core::ItemId(0));
    assert_eq!(
        (item.brand.as_deref(), item.price),
        (Some("runail"), Some(2.5))
    );
    assert_eq!(log.stages()[1].dropped["item not in the log"], 1);
}
