//! Rows and files that cannot be used, and what tells rows apart.

use super::*;

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
fn issues_have_the_number_of_their_row() {
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
    // pandas numbers its rows.
    columns.push((
        "__index_level_0__",
        Arc::new(Int64Array::from(vec![0, 1, 2])),
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
        matches!(&error, DataError::MissingParquetColumn { path: found, column, option: "user_id", present, .. }
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
fn files_joined_to_one_are_errors() {
    let folder = TempDir::new().unwrap();
    let paths = ["a.parquet", "b.parquet", "joined.parquet"].map(|name| folder.path().join(name));
    write(&paths[0], versions(&events()).swap_remove(0));
    write(&paths[1], small(seconds(&[Some(START)]), ids(&[Some("u")])));
    let [a, b] = [0, 1].map(|n| std::fs::read(&paths[n]).unwrap());
    for parts in [[&a, &a], [&a, &b], [&b, &a]] {
        std::fs::write(&paths[2], [&parts[0][..], parts[1]].concat()).unwrap();
        let error = read(&paths[2..], &ReadConfig::default()).unwrap_err();
        assert!(
            matches!(&error, DataError::Parquet { reason, .. } if reason.contains("several files")),
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

#[test]
fn spoilt_bytes_never_stop_the_program() {
    let folder = TempDir::new().unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let path = folder.path().join("log.parquet");
    for file in ["pyarrow.parquet", "polars.parquet", "int96.parquet"] {
        let whole = std::fs::read(data.join(file)).unwrap();
        for n in 0..200usize {
            let mut bytes = whole.clone();
            let at = 4 + n * 7_919 % (bytes.len() - 4);
            bytes[at] ^= 1 << (n % 8);
            std::fs::write(&path, &bytes).unwrap();
            // Whatever comes of it, it is a log or an error.
            if let Err(error) = read(&[&path], &ReadConfig::default()) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}

#[test]
fn texts_that_are_all_missing_may_be_numbers() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log.parquet");
    let times = || seconds(&[Some(START), Some(START + 1)]);
    let nan: ArrayRef = Arc::new(Float64Array::from(vec![None, Some(f64::NAN)]));
    let mut columns = small(times(), ids(&[Some("u"), Some("v")]));
    columns.push(("category_code", Arc::clone(&nan)));
    columns.push(("brand", Arc::new(NullArray::new(2))));
    columns.push(("price", Arc::new(NullArray::new(2))));
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![Some(5.0), None]));
    columns.push(("category_id", floats));
    write(&path, columns);
    let log = read(&[&path], &ReadConfig::default()).unwrap();
    let known = log.catalogue().get(ItemId(0));
    assert_eq!(log.n_events(), 2);
    assert_eq!((known.category_code, known.brand), (None, None));
    assert_eq!(known.category_id.as_deref(), Some("5"));
    assert_eq!(known.price, None);
    // So in a catalogue.
    let catalogue = folder.path().join("items.parquet");
    let item = ids(&[Some("7")]);
    let brand: ArrayRef = Arc::new(Float64Array::from(vec![2.5]));
    let nan: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN]));
    write(
        &catalogue,
        vec![
            ("product_id", item),
            ("brand", brand),
            ("category_code", nan),
        ],
    );
    write(&path, small(times(), ids(&[Some("u"), Some("v")])));
    let config = ReadConfig {
        catalogue: vec![catalogue.to_str().unwrap().to_owned()],
        ..ReadConfig::default()
    };
    let log = read(&[&path], &config).unwrap();
    let known = log.catalogue().get(ItemId(0));
    assert_eq!(known.brand.as_deref(), Some("2.5"));
    assert_eq!(known.category_code, None);
}
