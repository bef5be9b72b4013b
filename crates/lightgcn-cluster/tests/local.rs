//! Preparation in this process gives the bytes of a preparation on one machine.

mod common;

use common::{add_bad_rows, assert_same, block_on, single, write_log};
use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int64Array, StringArray, TimestampMillisecondArray,
};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use lightgcn_cluster::{ClusterError, ClusterOptions, Place, Preparation};
use lightgcn_core::Dataset;
use lightgcn_data::{Duplicates, FutureRows, KCoreConfig, PrepareConfig, SplitConfig};
use lightgcn_store::{DatasetFolder, beside};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

fn options(work: &Path) -> ClusterOptions {
    ClusterOptions {
        place: Place::Local,
        work: work.to_owned(),
        partitions: NonZeroUsize::new(3),
        memory: None,
        spill_limit: None,
    }
}

async fn local(
    logs: &[PathBuf],
    config: &PrepareConfig,
    options: &ClusterOptions,
) -> Result<Dataset, ClusterError> {
    let config = config.check().unwrap();
    Preparation::read(logs, &config, options)
        .await?
        .dataset(&config)
        .await
}

#[test]
fn every_split_gives_the_bytes_of_one_machine() {
    let folder = tempfile::tempdir().unwrap();
    let logs = write_log(folder.path(), 700, 10);
    add_bad_rows(&logs[0]);
    let base = PrepareConfig {
        skip_bad_rows: true,
        k_core: KCoreConfig {
            min_user_pairs: 4,
            min_item_pairs: 6,
        },
        ..PrepareConfig::default()
    };
    let mut decayed = base.clone();
    decayed.weights.half_life_days = Some(7.5);
    decayed.weights.behaviors[0].cap = Some(0.05);
    decayed.history_days = Some(12.0);
    let mut ignored = base.clone();
    ignored.format.ignore_behaviors = vec!["cart".to_owned()];
    let with = |split| PrepareConfig {
        split,
        ..base.clone()
    };
    let configs = [
        base.clone(),
        with(SplitConfig::None),
        with(SplitConfig::leave_last_out()),
        with(SplitConfig::LeaveLastOut {
            min_targets: 2,
            validation: false,
            keep_earlier_events: true,
        }),
        with(SplitConfig::Random {
            validation: 0.1,
            test: 0.1,
        }),
        decayed,
        PrepareConfig {
            duplicates: Duplicates::Keep,
            k_core: KCoreConfig::default(),
            ..ignored
        },
        PrepareConfig {
            future_rows: FutureRows::Cap,
            ..base.clone()
        },
    ];
    for config in configs {
        let expected = single(&logs, &config);
        let (logs, work) = (logs.clone(), folder.path().to_owned());
        let got = block_on(async move { local(&logs, &config, &options(&work)).await });
        assert_same(&got.unwrap(), &expected);
    }
}

/// A log whose steps need more than `memory` bytes, and its options.
fn large(folder: &Path, memory: u64) -> (Vec<PathBuf>, PrepareConfig, ClusterOptions) {
    let logs = write_log(folder, 20_000, 10);
    let options = ClusterOptions {
        memory: Some(memory),
        ..options(folder)
    };
    (logs, PrepareConfig::default(), options)
}

const LITTLE_MEMORY: u64 = 8 << 20;

#[test]
fn steps_beyond_their_memory_spill() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, config, options) = large(folder.path(), LITTLE_MEMORY);
    let expected = single(&logs, &config);
    let got = block_on(async move { local(&logs, &config, &options).await });
    assert_same(&got.unwrap(), &expected);
}

#[test]
fn a_full_spill_disk_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, config, mut options) = large(folder.path(), LITTLE_MEMORY);
    options.spill_limit = Some(1 << 10);
    let error = block_on(async move { local(&logs, &config, &options).await }).unwrap_err();
    assert!(matches!(error, ClusterError::DiskFull { .. }), "{error:?}");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 3, "only the log is left");
}

#[test]
fn too_little_memory_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (logs, config, options) = large(folder.path(), 1 << 10);
    let error = block_on(async move { local(&logs, &config, &options).await }).unwrap_err();
    assert!(matches!(error, ClusterError::Memory { .. }), "{error:?}");
}

#[test]
fn a_missing_work_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let logs = write_log(folder.path(), 10, 10);
    let options = options(&folder.path().join("missing"));
    let config = PrepareConfig::default();
    let error = block_on(async move { local(&logs, &config, &options).await }).unwrap_err();
    assert!(matches!(error, ClusterError::Work { .. }), "{error:?}");
}

#[test]
fn one_user_may_have_nearly_all_events() {
    let folder = tempfile::tempdir().unwrap();
    let logs = write_log(folder.path(), 2_000, 90);
    let config = PrepareConfig {
        split: SplitConfig::leave_last_out(),
        ..PrepareConfig::default()
    };
    let (expected, options) = (single(&logs, &config), options(folder.path()));
    let got = block_on(async move { local(&logs, &config, &options).await });
    assert_same(&got.unwrap(), &expected);
}

#[test]
fn parquet_compressed_files_and_catalogues_give_the_bytes_of_one_machine() {
    let folder = tempfile::tempdir().unwrap();
    let mut logs = write_log(folder.path(), 300, 10);
    let parquet = folder.path().join("log-3.parquet");
    write_parquet(&parquet);
    logs.push(parquet);
    let catalogue = folder.path().join("items.csv");
    let rows = "product_id,brand,title,category_id\n102,from the file,Comb,9\n103,,Brush,\nunknown,x,y,z\n";
    std::fs::write(&catalogue, rows).unwrap();
    let config = PrepareConfig {
        catalogue: vec![catalogue.display().to_string()],
        ..PrepareConfig::default()
    };
    let (expected, options) = (single(&logs, &config), options(folder.path()));
    let got = block_on(async move { local(&logs, &config, &options).await });
    assert_same(&got.unwrap(), &expected);
}

/// A log with times and numbers instead of text.
fn write_parquet(path: &Path) {
    let n = 200;
    let numbers = |f: fn(i64) -> i64| -> ArrayRef {
        Arc::new((0..n).map(|row| Some(f(row))).collect::<Int64Array>())
    };
    let times = (0..n).map(|row| Some((1_570_000_000 + row * 5_000) * 1_000));
    let times: ArrayRef = Arc::new(times.collect::<TimestampMillisecondArray>());
    let behaviors = (0..n).map(|row| Some(["view", "purchase"][row as usize % 2]));
    let prices = (0..n).map(|row| (row % 5 > 0).then_some(row as f64 / 4.0));
    let batch = RecordBatch::try_from_iter([
        ("event_time", times),
        (
            "event_type",
            Arc::new(behaviors.collect::<StringArray>()) as ArrayRef,
        ),
        ("product_id", numbers(|row| 100 + row % 37)),
        ("user_id", numbers(|row| row % 11)),
        (
            "price",
            Arc::new(prices.collect::<Float64Array>()) as ArrayRef,
        ),
    ]);
    let batch = batch.unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn the_command_writes_what_is_split_and_the_whole_log() {
    let folder = tempfile::tempdir().unwrap();
    let logs = write_log(folder.path(), 300, 10);
    let out = folder.path().join("shop.dataset");
    let config = folder.path().join("shop.toml");
    std::fs::write(
        &config,
        "[prepare]\nsplit = { kind = \"random\", test = 0.2 }\n",
    )
    .unwrap();
    let prepare = |out: &Path, logs: &[PathBuf]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lightgcn-cluster"));
        command.args([
            "prepare",
            "--k-core",
            "3",
            "--partitions",
            "3",
            "--memory",
            "1GB",
        ]);
        command
            .arg("--config")
            .arg(&config)
            .arg("--out")
            .arg(out)
            .args(logs);
        command.output().unwrap()
    };
    let output = prepare(&out, &logs);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut config = PrepareConfig {
        // The default of `lightgcn prepare`.
        seed: 42,
        k_core: KCoreConfig {
            min_user_pairs: 3,
            min_item_pairs: 3,
        },
        split: SplitConfig::Random {
            validation: 0.025,
            test: 0.2,
        },
        ..PrepareConfig::default()
    };
    for ending in ["", ".whole"] {
        let dataset = Dataset::load(beside(&out, ending)).unwrap();
        assert_same(&dataset, &single(&logs, &config));
        config.split = SplitConfig::None;
    }
    // Nothing is left of a preparation that fails.
    let failed = folder.path().join("failed.dataset");
    add_bad_rows(&logs[0]);
    assert_eq!(prepare(&failed, &logs).status.code(), Some(1));
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    let expected = [
        "log-0.csv",
        "log-1.csv",
        "log-2.csv",
        "shop.dataset",
        "shop.dataset.whole",
        "shop.toml",
    ];
    assert_eq!(names, expected);
}
