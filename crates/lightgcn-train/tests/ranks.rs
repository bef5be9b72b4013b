//! Several ranks train the model of one process, and refuse to train different ones.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::threads::on_ranks;
use common::{RunOptions, mf, shop, train, trainer};
use lightgcn_core::Dataset;
use lightgcn_nn::{AnyModelConfig, LightGcnConfig, ModelConfig, NgcfConfig};
use lightgcn_train::{
    EndReason, GraphWeights, LossConfig, Observer, RunLine, SoftmaxConfig, StopSignal, TrainConfig,
    TrainError, TrainEvent, Trained, read_run_record,
};
use std::path::Path;

/// Softmax with four batches per step, of which the last is short, and shared negatives, which are
/// drawn by batch.
fn softmax() -> TrainConfig {
    TrainConfig {
        loss: LossConfig::Softmax(SoftmaxConfig {
            shared_negatives: 5,
            ..SoftmaxConfig::default()
        }),
        accumulate: Some(4),
        ..config()
    }
}

fn bpr() -> TrainConfig {
    TrainConfig {
        batch_size: 64,
        accumulate: Some(1),
        ..config()
    }
}

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 4,
        batch_size: 17,
        learning_rate: 1e-3,
        validate_every: Some(2),
        l2: 0.0,
        ..TrainConfig::published()
    }
}

/// The same, but each rank has the whole table.
fn whole_tables(config: TrainConfig) -> TrainConfig {
    TrainConfig {
        bf16_layers: true,
        ..config
    }
}

fn light_gcn() -> AnyModelConfig {
    AnyModelConfig::LightGcn(LightGcnConfig {
        dimension: 16,
        layers: 2,
        ..LightGcnConfig::published()
    })
}

fn ngcf() -> AnyModelConfig {
    AnyModelConfig::Ngcf(NgcfConfig {
        dimension: 16,
        layer_widths: vec![16, 8],
        ..NgcfConfig::default()
    })
}

/// What each rank returns.
fn train_on(
    size: usize,
    model: &AnyModelConfig,
    config: &TrainConfig,
    run: &RunOptions,
) -> Vec<Result<Trained, TrainError>> {
    let dataset = shop();
    on_ranks(size, |ranks| {
        trainer(&dataset, model, config, run).ranks(ranks).run()
    })
}

fn bits(trained: &Trained) -> Vec<u32> {
    let layer0 = trained.artifact.layer0.data().iter();
    layer0.map(|x| x.to_bits()).collect()
}

/// The table of rank 0: the others have the same, or none if they split it.
fn table_of(size: usize, model: &AnyModelConfig, config: &TrainConfig) -> Vec<f32> {
    let trained = train_on(size, model, config, &RunOptions::default());
    let trained: Vec<Trained> = trained.into_iter().map(Result::unwrap).collect();
    let splits = model.name() != "ngcf" && !config.bf16_layers;
    for other in &trained[1..] {
        match splits {
            true => assert_eq!(other.artifact.layer0.rows(), 0),
            false => assert_eq!(bits(&trained[0]), bits(other)),
        }
        assert_eq!(trained[0].best_epoch, other.best_epoch);
    }
    trained[0].artifact.layer0.data().to_vec()
}

fn largest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0_f32, f32::max)
}

#[test]
fn two_and_four_ranks_train_the_model_of_one_process() {
    for (model, config) in [
        (light_gcn(), softmax()),
        (mf(), softmax()),
        (light_gcn(), bpr()),
        (mf(), TrainConfig { l2: 1e-3, ..bpr() }),
        (mf(), whole_tables(softmax())),
        (mf(), whole_tables(bpr())),
        (ngcf(), bpr()),
    ] {
        let one = train(&shop(), &model, &config).unwrap();
        let one = one.artifact.layer0.data();
        let still = TrainConfig {
            learning_rate: 1e-12,
            ..config.clone()
        };
        let still = train(&shop(), &model, &still).unwrap();
        assert!(largest(one, still.artifact.layer0.data()) > 1e-3);
        for size in [2, 4] {
            let shared = table_of(size, &model, &config);
            let apart = largest(one, &shared);
            assert!(apart <= 1e-5, "{size} ranks, {}: {apart}", model.name());
            assert_eq!(shared, table_of(size, &model, &config), "{size} ranks");
        }
    }
}

#[test]
fn one_rank_has_the_bits_of_a_plain_run() {
    for config in [softmax(), bpr()] {
        let plain = train(&shop(), &light_gcn(), &config).unwrap();
        let trained = train_on(1, &light_gcn(), &config, &RunOptions::default());
        let trained = trained.into_iter().next().unwrap().unwrap();
        assert_eq!(bits(&plain), bits(&trained));
    }
}

/// More ranks than batches, and a step of fewer batches than ranks.
#[test]
fn ranks_without_work_get_the_same_model() {
    let config = TrainConfig {
        accumulate: Some(1),
        ..softmax()
    };
    for (model, config) in [
        (light_gcn(), config.clone()),
        (mf(), whole_tables(config.clone())),
        (ngcf(), config),
    ] {
        let one = train(&shop(), &model, &config).unwrap();
        let shared = table_of(3, &model, &config);
        let apart = largest(one.artifact.layer0.data(), &shared);
        assert!(apart <= 1e-5, "{}: {apart}", model.name());
    }
}

#[test]
fn by_default_each_rank_has_a_batch_if_it_needs_a_whole_one() {
    let unset = |config| TrainConfig {
        accumulate: None,
        ..config
    };
    for (config, batches) in [
        (whole_tables(softmax()), 3),
        // The pairs of BPR's batches can be shared.
        (whole_tables(bpr()), 1),
        // Each rank has those of its users.
        (softmax(), 1),
    ] {
        for (size, batches) in [(1, 1), (3, batches)] {
            for trained in train_on(size, &mf(), &unset(config.clone()), &RunOptions::default()) {
                let lineage = trained.unwrap().artifact.lineage;
                assert_eq!(lineage.options["train.accumulate"], batches.to_string());
            }
        }
    }
}

/// Stops a run in the middle of its third epoch.
struct StopInThird(StopSignal);

impl Observer for StopInThird {
    fn on_event(&mut self, event: &TrainEvent<'_>) {
        if matches!(event, TrainEvent::Batches { epoch: 3, .. }) {
            self.0.stop();
        }
    }
}

/// A run of `size` ranks, of which the first is asked to stop in the third epoch.
fn first_half(size: usize, model: &AnyModelConfig, config: &TrainConfig, folder: &Path) {
    let dataset = shop();
    let trained = on_ranks(size, |ranks| {
        let run = RunOptions {
            folder: Some(folder.to_owned()),
            ..RunOptions::default()
        };
        let mut observer = StopInThird(run.stop.clone());
        trainer(&dataset, model, config, &run)
            .observer(&mut observer)
            .ranks(ranks)
            .run()
    });
    for trained in trained {
        assert_eq!(trained.unwrap().reason, EndReason::Interrupted);
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    // Enough steps that the stop falls within an epoch. By default, four batches per step for four
    // ranks with whole tables, which the others keep.
    let config = TrainConfig {
        accumulate: None,
        batch_size: 4,
        ..softmax()
    };
    let layers = config.clone();
    for (model, config) in [(light_gcn(), layers), (mf(), whole_tables(config))] {
        goes_on(&model, &config);
    }
}

fn goes_on(model: &AnyModelConfig, config: &TrainConfig) {
    let whole = table_of(4, model, config);
    for (from, size) in [(4, 1), (4, 2), (4, 4), (1, 4)] {
        if from == 1 && config.bf16_layers {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        first_half(from, model, config, folder.path());
        let run = RunOptions {
            folder: Some(folder.path().to_owned()),
            resume: true,
            ..RunOptions::default()
        };
        for (rank, trained) in train_on(size, model, config, &run).into_iter().enumerate() {
            let trained = trained.unwrap();
            assert_eq!(trained.reason, EndReason::Finished);
            let table = trained.artifact.layer0.data();
            if rank > 0 && table.is_empty() {
                continue;
            }
            let apart = largest(&whole, table);
            assert!(apart <= 1e-5, "{from} to {size} ranks: {apart}");
            if (from, size) == (4, 4) {
                assert_eq!(whole, table);
            }
        }
        // One record, of rank 0, with one start and four epochs in all.
        let lines = read_run_record(&folder.path().join("run.jsonl")).unwrap();
        let epochs = lines.iter().filter_map(|line| match line {
            RunLine::Epoch(record) => Some(record.epoch),
            _ => None,
        });
        assert_eq!(epochs.collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}

#[test]
fn early_stopping_and_rankings_are_those_of_one_process() {
    let config = TrainConfig {
        epochs: 30,
        learning_rate: 0.05,
        validate_every: Some(1),
        patience: Some(2),
        ..softmax()
    };
    let one = train(&shop(), &light_gcn(), &config).unwrap();
    assert_eq!(one.reason, EndReason::EarlyStopping);
    let trained = train_on(2, &light_gcn(), &config, &RunOptions::default());
    for (rank, trained) in trained.into_iter().enumerate() {
        let trained = trained.unwrap();
        assert_eq!(trained.reason, one.reason);
        assert_eq!(trained.best_epoch, one.best_epoch);
        assert_eq!(trained.artifact.ranking.is_some(), rank == 0);
    }
}

/// The errors of three ranks, of which rank 2 has another dataset or config.
fn refused(dataset: &Dataset, other: &TrainConfig) -> Vec<(usize, String)> {
    let same = (shop(), softmax());
    let errors = on_ranks(3, |ranks| {
        let (dataset, config) = match ranks.rank() {
            2 => (dataset, other),
            _ => (&same.0, &same.1),
        };
        let trainer = trainer(dataset, &mf(), config, &RunOptions::default());
        trainer.ranks(ranks).run().map(|_| ())
    });
    let named = errors.into_iter().map(|error| match error {
        Err(TrainError::RanksDiffer { rank, what, .. }) => (rank, what),
        other => panic!("{other:?}"),
    });
    named.collect()
}

#[test]
fn ranks_that_differ_are_named() {
    let config = softmax();
    let option = TrainConfig {
        epochs: 9,
        ..softmax()
    };
    let named = |what: &str| vec![(2, what.to_owned()); 3];
    assert_eq!(refused(&shop(), &option), named("train.epochs"));
    let seed = TrainConfig {
        seed: 7,
        ..softmax()
    };
    assert_eq!(refused(&shop(), &seed), named("seed"));
    let fewer = shop().every_nth_user(2).unwrap();
    assert_eq!(refused(&fewer, &config), named("data"));
    // The pairs are the same, but not their weights.
    let shop = shop();
    let flat = GraphWeights::flat(shop.behaviors.config());
    assert_eq!(refused(&flat.apply(&shop).unwrap(), &config), named("data"));
}

#[test]
fn ranks_with_workers_are_refused() {
    let config = TrainConfig {
        workers: 2,
        ..bpr()
    };
    for result in train_on(2, &mf(), &config, &RunOptions::default()) {
        assert!(matches!(result, Err(TrainError::Config { issues }) if issues.len() == 1));
    }
}
