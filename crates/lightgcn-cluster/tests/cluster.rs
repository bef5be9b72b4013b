//! Preparation on a scheduler and two executors, processes of their own on loopback.

mod common;

use common::processes::{Cluster, free_port};
use common::{add_bad_rows, assert_same, block_on, single, write_log};
use lightgcn_cluster::{ClusterError, ClusterOptions, Place, Preparation};
use lightgcn_core::Dataset;
use lightgcn_data::{KCoreConfig, PrepareConfig, SplitConfig};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

fn options(address: String, work: &Path) -> ClusterOptions {
    ClusterOptions {
        place: Place::Scheduler(address),
        work: work.to_owned(),
        partitions: NonZeroUsize::new(4),
        memory: None,
        spill_limit: None,
    }
}

fn config() -> PrepareConfig {
    PrepareConfig {
        skip_bad_rows: true,
        k_core: KCoreConfig {
            min_user_pairs: 4,
            min_item_pairs: 6,
        },
        ..PrepareConfig::default()
    }
}

/// Prepares on another thread.
fn start(
    logs: &[PathBuf],
    config: &PrepareConfig,
    options: &ClusterOptions,
) -> JoinHandle<Result<Dataset, ClusterError>> {
    let (logs, options) = (logs.to_owned(), options.clone());
    let config = config.check().unwrap();
    std::thread::spawn(move || {
        block_on(async move {
            let log = Preparation::read(&logs, &config, &options).await?;
            log.dataset(&config).await
        })
    })
}

/// Waits until a preparation has the result of this step.
fn wait_for(step: &str, work: &Path) {
    let begin = Instant::now();
    loop {
        let folders = std::fs::read_dir(work)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        if folders.into_iter().any(|folder| folder.join(step).exists()) {
            return;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(300),
            "{step} did not begin"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn two_executors_give_the_bytes_of_one_machine() {
    let folder = tempfile::tempdir().unwrap();
    let work = tempfile::tempdir().unwrap();
    let logs = write_log(folder.path(), 700, 10);
    add_bad_rows(&logs[0]);
    let cluster = Cluster::start(2);
    let options = options(cluster.address(), work.path());
    for split in [
        SplitConfig::default(),
        SplitConfig::leave_last_out(),
        SplitConfig::Random {
            validation: 0.1,
            test: 0.1,
        },
    ] {
        let config = PrepareConfig { split, ..config() };
        let got = start(&logs, &config, &options).join().unwrap();
        assert_same(&got.unwrap(), &single(&logs, &config));
        assert!(is_empty(work.path()));
    }
}

#[test]
fn a_job_survives_an_executor_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let work = tempfile::tempdir().unwrap();
    let logs = write_log(folder.path(), 5_000, 10);
    let expected = single(&logs, &config());
    let mut cluster = Cluster::start(2);
    let options = options(cluster.address(), work.path());
    for (n, step) in ["users", "events", "pairs"].into_iter().enumerate() {
        let got = start(&logs, &config(), &options);
        wait_for(step, work.path());
        cluster.kill_executor(n);
        // Rows that it had computed for others are lost with it.
        assert!(cluster.has_worked(n));
        match got.join().unwrap() {
            Ok(dataset) => assert_same(&dataset, &expected),
            Err(error) => assert!(matches!(error, ClusterError::Step { .. }), "{error}"),
        }
        assert!(is_empty(work.path()));
        cluster.add_executor();
    }
}

#[test]
fn a_scheduler_that_vanishes_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let work = tempfile::tempdir().unwrap();
    let logs = write_log(folder.path(), 5_000, 10);
    let mut cluster = Cluster::start(1);
    let address = cluster.address();
    let got = start(&logs, &config(), &options(address.clone(), work.path()));
    wait_for("kept", work.path());
    cluster.kill_scheduler();
    let error = got.join().unwrap().unwrap_err();
    assert!(
        matches!(&error, ClusterError::SchedulerLost { address: a, .. } if *a == address),
        "{error:?}"
    );
    assert!(is_empty(work.path()));
}

#[test]
fn a_scheduler_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let work = tempfile::tempdir().unwrap();
    let logs = write_log(folder.path(), 10, 10);
    let address = format!("df://127.0.0.1:{}", free_port());
    let error = start(&logs, &config(), &options(address.clone(), work.path()));
    let error = error.join().unwrap().unwrap_err();
    assert!(
        matches!(&error, ClusterError::NoScheduler { address: a, .. } if *a == address),
        "{error:?}"
    );
    assert!(is_empty(work.path()));
}

#[test]
#[cfg(target_os = "linux")]
fn executors_without_access_to_the_files_are_an_error() {
    let work = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(1);
    // Another file for a process that runs in another folder.
    let logs = [PathBuf::from("/proc/self/cwd/Cargo.toml")];
    let error = start(&logs, &config(), &options(cluster.address(), work.path()));
    let error = error.join().unwrap().unwrap_err();
    assert!(
        matches!(&error, ClusterError::Unreadable { detail } if detail.contains("Cargo.toml")),
        "{error:?}"
    );
    assert!(is_empty(work.path()));
}

#[test]
fn the_first_bad_row_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let work = tempfile::tempdir().unwrap();
    let logs = write_log(folder.path(), 50, 10);
    add_bad_rows(&logs[0]);
    let config = PrepareConfig {
        skip_bad_rows: false,
        ..config()
    };
    let cluster = Cluster::start(1);
    let error = start(&logs, &config, &options(cluster.address(), work.path()));
    let error = error.join().unwrap().unwrap_err();
    let expected = lightgcn_data::prepare(&logs, &config)
        .unwrap_err()
        .to_string();
    assert!(
        matches!(&error, ClusterError::Row { detail } if *detail == expected),
        "{error:?}"
    );
}
