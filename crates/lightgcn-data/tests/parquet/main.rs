//! Parquet files give what CSV files with the same rows give.
#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array,
    DictionaryArray, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array,
    LargeStringArray, ListArray, NullArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt64Array,
};
use lightgcn_core::{BehaviorWeightsConfig, Dataset, ItemId};
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

mod partitions;
mod public_logs;
mod rows;

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
    for file in ["pyarrow.parquet", "polars.parquet", "int96.parquet"] {
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
            ("title", ids(&[Some("Nail file"), None])),
            ("in_stock", Arc::new(BooleanArray::from(vec![false, true]))),
            ("expires_at", seconds(&[Some(1_893_456_000), None])),
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
    assert_eq!(
        (item.title.as_deref(), item.in_stock, item.expires_at),
        (Some("Nail file"), Some(false), Some(1_893_456_000))
    );
    assert_eq!(log.stages()[1].dropped["item not in the log"], 1);
}
