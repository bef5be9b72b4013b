//! Ranks that split the tables by user train the model of one process, each with a part of the memory.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use burn::backend::Autodiff;
use common::threads::on_ranks;
use common::{RunOptions, mf, shop, small_shop, train, trainer};
use lightgcn_core::Dataset;
use lightgcn_graph::Normalization;
use lightgcn_kernels::CpuBackend;
use lightgcn_nn::{AnyModelConfig, EmbeddingModel, LayerWeights, LightGcnConfig, ModelConfig};
use lightgcn_train::{
    LossConfig, Schedule, SoftmaxConfig, TopKConfig, TrainConfig, Trained, Trainer, WarmStart,
};
use std::sync::Arc;

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 4,
        batch_size: 40,
        learning_rate: 1e-3,
        validate_every: Some(2),
        accumulate: Some(1),
        l2: 0.0,
        ..TrainConfig::published()
    }
}

fn softmax(softmax: SoftmaxConfig) -> TrainConfig {
    TrainConfig {
        loss: LossConfig::Softmax(softmax),
        ..config()
    }
}

fn layers(layers: usize) -> LightGcnConfig {
    LightGcnConfig {
        dimension: 16,
        layers,
        ..LightGcnConfig::published()
    }
}

fn trained_by(
    size: usize,
    dataset: &Dataset,
    model: &AnyModelConfig,
    config: &TrainConfig,
) -> Vec<Trained> {
    on_ranks(size, |ranks| {
        let trainer = trainer(dataset, model, config, &RunOptions::default());
        trainer.ranks(ranks).run().unwrap()
    })
}

fn largest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0_f32, f32::max)
}

/// Checks the model of several ranks against that of one process, in tables and figures.
fn check(dataset: &Dataset, model: impl Into<AnyModelConfig>, config: &TrainConfig) {
    let model = model.into();
    let one = train(dataset, &model, config).unwrap();
    for size in [1, 2, 4] {
        let trained = trained_by(size, dataset, &model, config);
        let again = trained_by(size, dataset, &model, config);
        let (first, others) = trained.split_first().unwrap();
        for (name, table, expected) in [
            ("layer 0", &first.artifact.layer0, &one.artifact.layer0),
            (
                "final",
                &first.artifact.embeddings,
                &one.artifact.embeddings,
            ),
        ] {
            let apart = largest(table.data(), expected.data());
            let most = if size == 1 { 0.0 } else { 1e-5 };
            assert!(
                apart <= most,
                "{size} ranks, {name}: {apart}, {model:?} {config:?}"
            );
        }
        assert_eq!(first.artifact.layer0, again[0].artifact.layer0);
        assert!(others.iter().all(|other| other.artifact.layer0.rows() == 0));
        let figure = |trained: &Trained| {
            let of = |e: &lightgcn_recommend::Evaluation| e.mean(config.metric, config.metric_k);
            trained.validation.as_ref().map(|e| of(e).unwrap())
        };
        for other in &trained {
            assert_eq!(other.best_epoch, one.best_epoch);
            let apart = figure(other).zip(figure(&one)).map(|(a, b)| (a - b).abs());
            assert!(
                apart.is_none_or(|apart| apart < 1e-6),
                "{size} ranks: {apart:?}"
            );
        }
    }
}

#[test]
fn layers_and_normalizations() {
    let softmax = softmax(SoftmaxConfig::default());
    for model in [
        layers(0),
        layers(1),
        layers(3),
        LightGcnConfig {
            normalization: Normalization::Left,
            ..layers(3)
        },
        LightGcnConfig {
            training_layers: Some(0),
            ..layers(2)
        },
        LightGcnConfig {
            layer_weights: LayerWeights::Given(vec![0.5, 0.0, 0.3]),
            edge_weights: false,
            ..layers(2)
        },
    ] {
        check(&shop(), AnyModelConfig::LightGcn(model), &softmax);
    }
}

#[test]
fn losses_and_options_of_steps() {
    let top_k = Some(TopKConfig {
        k: 3,
        ..TopKConfig::default()
    });
    for config in [
        softmax(SoftmaxConfig {
            top_k,
            ..SoftmaxConfig::default()
        }),
        TrainConfig {
            accumulate: Some(3),
            ..softmax(SoftmaxConfig {
                mask_positives: true,
                popularity_correction: 0.5,
                shared_negatives: 7,
                ..SoftmaxConfig::default()
            })
        },
        TrainConfig {
            l2: 0.1,
            ..softmax(SoftmaxConfig::default())
        },
        TrainConfig {
            l2: 0.1,
            negatives: 2,
            gradient_clipping: Some(1e-3),
            schedule: Schedule::Cosine { final_share: 0.1 },
            ..config()
        },
    ] {
        for model in [mf(), AnyModelConfig::LightGcn(layers(1))] {
            check(&shop(), model, &config);
        }
    }
}

#[test]
fn fewer_users_than_ranks() {
    for n_users in [1, 2, 3] {
        for config in [config(), softmax(SoftmaxConfig::default())] {
            check(&small_shop(n_users), mf(), &config);
            check(
                &small_shop(n_users),
                AnyModelConfig::LightGcn(layers(2)),
                &config,
            );
        }
    }
}

#[test]
fn each_rank_has_the_rows_of_its_users_and_all_items() {
    let dataset = shop();
    let rows = on_ranks(3, |ranks| {
        let device = Default::default();
        let trainer = Trainer::new(&dataset).model(layers(1)).config(config());
        let (_, module) = trainer
            .ranks(ranks)
            .run_on::<Autodiff<CpuBackend>>(&device)
            .unwrap();
        module.layer0().dims()[0] - module.n_items()
    });
    assert_eq!(rows.iter().sum::<usize>(), 60);
    assert!(rows.iter().all(|rows| (18..=22).contains(rows)), "{rows:?}");
}

/// The checkpoint has the thresholds of SL@K, the best model and Adam's moments of all users.
#[test]
fn a_checkpoint_is_that_of_one_process() {
    let top_k = Some(TopKConfig {
        k: 3,
        ..TopKConfig::default()
    });
    let config = softmax(SoftmaxConfig {
        top_k,
        ..SoftmaxConfig::default()
    });
    let (dataset, model) = (shop(), AnyModelConfig::LightGcn(layers(1)));
    let whole = train(&dataset, &model, &config).unwrap();
    for [before, after] in [[3, 1], [1, 3], [4, 2], [2, 4]] {
        let folder = tempfile::tempdir().unwrap();
        let mut trained = Vec::new();
        for (size, epochs, resume) in [(before, 2, false), (after, 4, true)] {
            let config = TrainConfig {
                epochs,
                ..config.clone()
            };
            let run = RunOptions {
                folder: Some(folder.path().to_owned()),
                resume,
                ..RunOptions::default()
            };
            trained = on_ranks(size, |ranks| {
                let trainer = trainer(&dataset, &model, &config, &run);
                trainer.ranks(ranks).run().unwrap()
            });
        }
        assert_eq!(trained[0].best_epoch, whole.best_epoch);
        let tables = [&whole, &trained[0]].map(|trained| trained.artifact.layer0.data());
        let apart = largest(tables[0], tables[1]);
        assert!(apart <= 1e-5, "{before} ranks, then {after}: {apart}");
    }
}

/// A warm start gives each rank the earlier rows of its users.
#[test]
fn a_warm_start_is_split() {
    let dataset = shop();
    let (model, config) = (AnyModelConfig::LightGcn(layers(1)), config());
    let folder = tempfile::tempdir().unwrap();
    let run = RunOptions {
        folder: Some(folder.path().to_owned()),
        ..RunOptions::default()
    };
    let earlier = trainer(&dataset, &model, &config, &run).run().unwrap();
    let start = WarmStart::new(Arc::new(earlier.artifact))
        .with_run(folder.path())
        .unwrap();
    let plain = RunOptions::default();
    let one = trainer(&dataset, &model, &config, &plain).warm_start(start.clone());
    let one = one.run().unwrap();
    let shared = on_ranks(3, |ranks| {
        let trainer = trainer(&dataset, &model, &config, &plain);
        trainer
            .warm_start(start.clone())
            .ranks(ranks)
            .run()
            .unwrap()
    });
    let tables = [&one, &shared[0]].map(|trained| trained.artifact.layer0.data());
    let apart = largest(tables[0], tables[1]);
    assert!(apart <= 1e-5, "{apart}");
}
