//! Parquet files of a dataset.
#![cfg(feature = "parquet")]
#![allow(clippy::unwrap_used, reason = "a failing test may panic")]

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, TimestampMillisecondType};
use arrow_array::{Array, RecordBatch};
use lightgcn_core::{Dataset, ItemDetails, ItemId, Truth, UserId};
use lightgcn_data::export::{Embedding, write_catalogue, write_embeddings, write_pairs};
use lightgcn_data::{
    DataError, PairTable, PrepareConfig, ReadConfig, SplitConfig, prepare, read_events,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

fn dataset(folder: &Path) -> Dataset {
    let mut text = "event_time,event_type,product_id,category_id,brand,price,user_id\n".to_owned();
    for n in 0..3_000i64 {
        let behavior = ["view", "cart", "purchase"][(n % 7 % 3) as usize];
        let (item, user) = (n * n % 61, n * 7 % 83);
        let brand = ["", "cnd"][(item % 2) as usize];
        let price = ["", "2.62"][(item % 3 % 2) as usize];
        let time = 1_569_888_000 + n * 61;
        text += &format!(
            "{time},{behavior},item-{item},{},{brand},{price},u{user}\n",
            item % 5
        );
    }
    let path = folder.join("log.csv");
    std::fs::write(&path, text).unwrap();
    let config = PrepareConfig {
        split: SplitConfig::by_time_shares(0.1, 0.1),
        ..PrepareConfig::default()
    };
    prepare(&[path], &config).unwrap()
}

fn batch(path: &Path) -> RecordBatch {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut batches = reader.with_batch_size(1 << 20).build().unwrap();
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    batch
}

/// Weight, counts and last time of each training pair by its ids.
type Trained = BTreeMap<(String, String), (f32, Vec<u32>, i64)>;

fn trained(dataset: &Dataset) -> Trained {
    let train = dataset.split.train.interactions();
    let pairs = train.pairs().map(|(user, pair)| {
        let ids = names(dataset, user, train.items()[pair]);
        let what = (
            train.weights()[pair],
            train.counts_of(pair).to_vec(),
            train.last_times()[pair],
        );
        (ids, what)
    });
    pairs.collect()
}

fn names(dataset: &Dataset, user: UserId, item: ItemId) -> (String, String) {
    let (user, item) = (dataset.users.name(user), dataset.items.name(item));
    (user.unwrap().to_owned(), item.unwrap().to_owned())
}

fn held_out(dataset: &Dataset, truth: &Truth) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = truth.iter().map(|(u, i)| names(dataset, u, i)).collect();
    pairs.sort();
    pairs
}

#[test]
fn pairs_are_written_and_read_back() {
    let folder = TempDir::new().unwrap();
    let dataset = dataset(folder.path());
    let path = folder.path().join("pairs.parquet");
    let n_rows = write_pairs(&dataset, &path).unwrap();
    let split = &dataset.split;
    let (train, validation, test) = (
        split.train.interactions(),
        split.validation.truth(),
        split.test.truth(),
    );
    let n_held_out = validation.n_pairs() + test.n_pairs();
    assert!(validation.n_pairs() > 0 && test.n_pairs() > 0);
    assert_eq!(n_rows as usize, train.n_pairs() + n_held_out);

    let table = batch(&path);
    assert_eq!(table.num_rows() as u64, n_rows);
    let schema = table.schema();
    let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let expected = [
        "user_id",
        "item_id",
        "part",
        "weight",
        "n_view",
        "n_cart",
        "n_remove_from_cart",
        "n_purchase",
        "first_time",
        "last_time",
    ];
    assert_eq!(columns, expected);
    let text = |column: usize, row: usize| table.column(column).as_string::<i32>().value(row);
    let time = |column: usize, row: usize| {
        table
            .column(column)
            .as_primitive::<TimestampMillisecondType>()
            .value(row)
    };
    for (row, (user, pair)) in train.pairs().enumerate() {
        let (user, item) = names(&dataset, user, train.items()[pair]);
        assert_eq!(
            (text(0, row), text(1, row), text(2, row)),
            (&*user, &*item, "train")
        );
        assert_eq!(
            table.column(3).as_primitive::<Float32Type>().value(row),
            train.weights()[pair]
        );
        for (behavior, &count) in train.counts_of(pair).iter().enumerate() {
            let counts = table.column(4 + behavior).as_primitive::<Int64Type>();
            assert_eq!(counts.value(row), i64::from(count));
        }
        let events = train.events_of(pair);
        assert_eq!(time(8, row), events[0].time() * 1_000);
        assert_eq!(time(9, row), train.last_times()[pair] * 1_000);
    }
    for row in train.n_pairs()..table.num_rows() {
        let is_test = row >= train.n_pairs() + validation.n_pairs();
        assert_eq!(text(2, row), if is_test { "test" } else { "validation" });
        assert!((3..10).all(|column| table.column(column).is_null(row)));
    }

    let back = PairTable::new(&path).read(&dataset.behaviors).unwrap();
    assert_eq!(trained(&back), trained(&dataset));
    let held = |d: &Dataset| {
        let split = &d.split;
        [
            held_out(d, split.validation.truth()),
            held_out(d, split.test.truth()),
        ]
    };
    assert_eq!(held(&back), held(&dataset));
}

#[test]
fn catalogues_are_written() {
    let folder = TempDir::new().unwrap();
    let mut dataset = dataset(folder.path());
    let first = ItemDetails {
        title: Some("Oil".to_owned()),
        page_url: Some("https://shop.example/oil".to_owned()),
        in_stock: Some(true),
        expires_at: Some(1_893_456_000),
        ..dataset.catalogue.get(ItemId(0))
    };
    dataset.catalogue = dataset
        .catalogue
        .with_changes(&[(ItemId(0), first.clone())].into());
    let path = folder.path().join("catalogue.parquet");
    let n_rows = write_catalogue(&dataset.items, &dataset.catalogue, &path).unwrap();
    assert_eq!(n_rows as usize, dataset.items.len());
    let table = batch(&path);
    for row in 0..table.num_rows() {
        let details = dataset.catalogue.get(ItemId(row as u32));
        let text = |column: usize| {
            let column = table.column(column);
            (!column.is_null(row)).then(|| column.as_string::<i32>().value(row).to_owned())
        };
        assert_eq!(text(0).as_deref(), dataset.items.name(ItemId(row as u32)));
        assert_eq!(
            (text(1), text(2), text(3)),
            (details.category_id, None, details.brand)
        );
        let price = table.column(4);
        let known = (!price.is_null(row)).then(|| price.as_primitive::<Float64Type>().value(row));
        assert_eq!(known, details.price);
    }
    assert_eq!(dataset.catalogue.get(ItemId(0)), first);
    assert_eq!(table.column(5).as_string::<i32>().value(0), "Oil");
    assert!(table.column(9).is_null(1) && !table.column(9).is_null(0));
    // A log that says nothing about its items reads it with the default format.
    let log = folder.path().join("short.csv");
    let items: Vec<&str> = dataset.items.iter().collect();
    let rows = items
        .iter()
        .map(|item| format!("1569888000,view,{item},u\n"));
    let rows: String = rows.collect();
    std::fs::write(
        &log,
        format!("event_time,event_type,product_id,user_id\n{rows}"),
    )
    .unwrap();
    let config = ReadConfig {
        catalogue: vec![path.to_str().unwrap().to_owned()],
        ..ReadConfig::default()
    };
    let log = read_events(&[log], &config, &dataset.behaviors).unwrap();
    assert_eq!(*log.catalogue(), dataset.catalogue);
}

#[test]
fn embeddings_are_written() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("embeddings.parquet");
    let vectors: Vec<[f32; 3]> = (0..10_000).map(|n| [n as f32, 0.5, -1.0]).collect();
    let ids: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
    let rows = ids.iter().zip(&vectors).map(|(id, vector)| Embedding {
        kind: "user",
        id,
        vector,
    });
    let item = Embedding {
        kind: "item",
        id: "x",
        vector: &[1.0, 2.0, 3.0],
    };
    let n_rows = write_embeddings(rows.chain([item]), &path).unwrap();
    assert_eq!(n_rows, 10_001);
    let table = batch(&path);
    let vectors = table.column(2).as_list::<i32>();
    let vector = |row: usize| {
        vectors
            .value(row)
            .as_primitive::<Float32Type>()
            .values()
            .to_vec()
    };
    for (row, kind, id, expected) in [
        (9_999, "user", "9999", [9_999.0, 0.5, -1.0]),
        (10_000, "item", "x", [1.0, 2.0, 3.0]),
    ] {
        assert_eq!(table.column(0).as_string::<i32>().value(row), kind);
        assert_eq!(table.column(1).as_string::<i32>().value(row), id);
        assert_eq!(vector(row), expected);
    }
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("none/embeddings.parquet");
    let error = write_embeddings([], &path).unwrap_err();
    assert!(matches!(error, DataError::Write { path: found, .. } if found == path));
    // A folder is in the way.
    let taken = folder.path().join("taken");
    std::fs::create_dir_all(taken.join("x")).unwrap();
    assert!(matches!(
        write_embeddings([], &taken),
        Err(DataError::Write { .. })
    ));
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
}
