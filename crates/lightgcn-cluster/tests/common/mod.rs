//! Logs, and datasets of one machine to compare with.

#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod processes;

use lightgcn_core::Dataset;
use lightgcn_data::PrepareConfig;
use lightgcn_store::DatasetFolder;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A column order that differs from file to file.
const HEADERS: [&str; 3] = [
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session",
    "user_id,product_id,event_type,event_time,price,brand,category_code,category_id,user_session",
    "event_time,event_type,product_id,user_id,price,brand",
];

/// Writes a log of three files with `n` rows each. `skew` is the share in hundredths of the rows of one user.
pub(crate) fn write_log(folder: &Path, n: u64, skew: u64) -> Vec<PathBuf> {
    let mut state = 7u64;
    let mut draw = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut files = Vec::new();
    for (number, header) in HEADERS.iter().enumerate() {
        let mut text = format!("{header}\n");
        let mut last = String::new();
        for row in 0..n {
            let user = match draw(100) < skew {
                true => 0,
                false => 1 + draw(60).min(draw(60)),
            };
            let item = draw(40).min(draw(40)) + 100;
            let behavior = [
                "view",
                "view",
                "view",
                "cart",
                "remove_from_cart",
                "purchase",
            ][draw(6) as usize];
            let time = 1_569_888_000 + (number as u64 * n + row) * 977 + draw(500);
            let time = match draw(50) {
                0 => format!("{}", time * 1000),
                _ => format!("{time}"),
            };
            let price = format!("{}.{}0", 1 + item % 7, draw(10));
            let brand = ["", "acme", "\"a,b\"", "runail"][draw(4) as usize];
            let line = line(number, &time, behavior, item, brand, &price, user);
            match draw(12) {
                0 if !last.is_empty() => text += &last,
                _ => {
                    text += &line;
                    last = line;
                }
            }
        }
        let path = folder.join(format!("log-{number}.csv"));
        std::fs::write(&path, text).unwrap();
        files.push(path);
    }
    files
}

fn line(
    form: usize,
    time: &str,
    behavior: &str,
    item: u64,
    brand: &str,
    price: &str,
    user: u64,
) -> String {
    let mut text = String::new();
    // Sessions at the same time, and rows without one.
    let session = ["", "s1", "s2", "s3"][(item % 4) as usize];
    let written = match form {
        0 => writeln!(
            text,
            "{time},{behavior},{item},7{item},cat.{},{brand},{price},u{user},{session}",
            item % 5
        ),
        1 => writeln!(
            text,
            "u{user},{item},{behavior},{time},{price},{brand},cat.{},7{item},{session}",
            item % 5
        ),
        _ => writeln!(text, "{time},{behavior},{item},u{user},{price},{brand}"),
    };
    written.unwrap();
    text
}

/// Adds rows that cannot be used, of each kind that a row of text can have.
pub(crate) fn add_bad_rows(file: &Path) {
    let mut text = std::fs::read(file).unwrap();
    for row in [
        &b"2019-10-01 00:00:00 UTC,view,1\n"[..],
        b"not a time,view,1,,,,1,u1,s\n",
        b"20191001,view,1,,,,1,u1,s\n",
        b"2999-10-01 00:00:00 UTC,view,1,,,,1,u1,s\n",
        b"2019-10-01 00:00:00 UTC,wish,1,,,,1,u1,s\n",
        b"2019-10-01 00:00:00 UTC,view,,,,,1,u1,s\n",
        b"2019-10-01 00:00:00 UTC,view,1,,,,1,null,s\n",
        b"2019-10-01 00:00:00 UTC,view,1,,,\xff\xfe,1,u1,s\n",
        b"2019-10-01 00:00:00 UTC,view,1,\"open,,,1,u1,s\n",
        b"2019-10-01 00:00:00 UTC,view,1,null,,,-3,u1,s\n",
        b"event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n",
    ] {
        text.extend_from_slice(row);
    }
    std::fs::write(file, text).unwrap();
}

/// The dataset of one machine.
pub(crate) fn single(logs: &[PathBuf], config: &PrepareConfig) -> Dataset {
    lightgcn_data::prepare(logs, config).unwrap()
}

/// The files of a dataset's folder.
pub(crate) fn files(dataset: &Dataset, folder: &Path) -> BTreeMap<String, Vec<u8>> {
    dataset.save(folder).unwrap();
    folder_files(folder)
}

/// The files of a folder, by name.
pub(crate) fn folder_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap());
    let files = entries.map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    });
    files.collect()
}

/// Checks that two datasets have the same bytes, and shows what differs otherwise.
pub(crate) fn assert_same(cluster: &Dataset, single: &Dataset) {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(cluster.lineage, single.lineage);
    let cluster = files(cluster, &folder.path().join("cluster"));
    let single = files(single, &folder.path().join("single"));
    assert_eq!(
        cluster.keys().collect::<Vec<_>>(),
        single.keys().collect::<Vec<_>>()
    );
    for (name, bytes) in &single {
        assert!(cluster[name] == *bytes, "{name} differs");
    }
}

/// Runs on threads with room for the recursion of plans.
pub(crate) fn block_on<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime
        .enable_all()
        .thread_stack_size(32 << 20)
        .build()
        .unwrap();
    runtime.block_on(async { tokio::spawn(future).await.unwrap() })
}
