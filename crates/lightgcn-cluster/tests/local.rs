//! Preparation in this process gives the bytes of a preparation on one machine.

mod common;

use common::{add_bad_rows, assert_same, block_on, single, write_log};
use lightgcn_cluster::{ClusterError, ClusterOptions, Place, Preparation};
use lightgcn_core::Dataset;
use lightgcn_data::{Duplicates, FutureRows, KCoreConfig, PrepareConfig, SplitConfig};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

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
        println!(
            "{shown}\n{:#?}",
            expected
                .lineage
                .stages
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        );
        assert_same(&got.unwrap(), &expected);
    }
}
