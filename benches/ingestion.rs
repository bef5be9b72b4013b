//! From a CSV log on disk to events, and to a dataset: exact duplicates dropped, pairs weighed, split by
//! time. Elements are rows of the log.

use std::path::{Path, PathBuf};

use criterion::{Criterion, SamplingMode, Throughput};
use lightgcn::data::synthetic::{ShopConfig, generate_to_path};
use lightgcn::data::{PrepareConfig, ReadConfig, prepare, read_events};
use tempfile::TempDir;

use crate::common::id;

const LOGS: [(u64, &str); 3] = [(50_000, "x1"), (200_000, "x4"), (800_000, "x16")];

pub(crate) fn bench(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = c.benchmark_group("ingestion");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for (rows, size) in LOGS {
        group.throughput(Throughput::Elements(rows));
        group.bench_function(id("read", size), |b| {
            let log = [log(&folder, rows)];
            let config = PrepareConfig::default()
                .check()
                .expect("the default is valid");
            let read = ReadConfig::default();
            b.iter_with_large_drop(|| {
                read_events(&log, &read, config.behaviors()).expect("a valid log")
            });
        });
        group.bench_function(id("prepare", size), |b| {
            let log = [log(&folder, rows)];
            let config = PrepareConfig::default();
            b.iter_with_large_drop(|| prepare(&log, &config).expect("a valid log"));
        });
    }
    group.finish();
}

/// A generated log with this many rows, written on first use.
fn log(folder: &TempDir, rows: u64) -> PathBuf {
    let path = folder.path().join(format!("{rows}.csv"));
    if !path.exists() {
        write(&path, rows);
    }
    path
}

fn write(path: &Path, rows: u64) {
    let shop = ShopConfig {
        n_events: rows,
        seed: 1,
        ..ShopConfig::default()
    };
    let shop = shop.check().expect("the settings are valid");
    generate_to_path(&shop, path, |_| {}).expect("the folder is writable");
}
