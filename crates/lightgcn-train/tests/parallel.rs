//! Several workers take the steps of one with as many more pairs.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::{mf, shop, train};
use lightgcn_nn::{AnyModelConfig, LightGcnConfig, ModelConfig, NgcfConfig};
use lightgcn_train::{LossConfig, SoftmaxConfig, TrainConfig, TrainError};

fn table(model: &AnyModelConfig, config: &TrainConfig) -> Vec<f32> {
    let trained = train(&shop(), model, config).unwrap();
    trained.artifact.layer0.data().to_vec()
}

fn light_gcn() -> AnyModelConfig {
    AnyModelConfig::LightGcn(LightGcnConfig {
        dimension: 16,
        layers: 2,
        ..LightGcnConfig::published()
    })
}

/// Ten steps an epoch of one worker; the last one is short.
fn config(workers: usize, loss: LossConfig) -> TrainConfig {
    let pairs = shop().split.train.interactions().n_pairs();
    let all = pairs.div_ceil(10).next_multiple_of(6);
    assert_eq!(all % workers, 0);
    TrainConfig {
        loss,
        workers,
        batch_size: all / workers,
        epochs: 2,
        learning_rate: 1e-3,
        l2: 1e-3,
        ..TrainConfig::published()
    }
}

fn largest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0_f32, f32::max)
}

#[test]
fn two_and_three_workers_take_the_steps_of_one_with_all_their_pairs() {
    for model in [light_gcn(), mf()] {
        let one = table(&model, &config(1, LossConfig::Bpr));
        let still = TrainConfig {
            learning_rate: 1e-12,
            ..config(1, LossConfig::Bpr)
        };
        assert!(largest(&one, &table(&model, &still)) > 0.005);
        for workers in [2, 3] {
            let shared = table(&model, &config(workers, LossConfig::Bpr));
            let apart = largest(&one, &shared);
            assert!(apart <= 1e-4, "{workers} workers, {model:?}: {apart}");
        }
    }
}

#[test]
fn workers_have_the_same_bits_at_any_thread_count() {
    let config = config(3, LossConfig::Bpr);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().unwrap();
        pool.install(|| table(&light_gcn(), &config))
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(5));
}

/// A shard has the items of its own pairs as negatives: fewer than one worker with all pairs has.
#[test]
fn in_batch_negatives_are_those_of_the_shard() {
    let loss = LossConfig::Softmax(SoftmaxConfig::default());
    let one = table(&light_gcn(), &config(1, loss));
    let two = table(&light_gcn(), &config(2, loss));
    assert!(two.iter().all(|x| x.is_finite()));
    assert!(largest(&one, &two) > 1e-4, "the negatives are the same");
}

#[test]
fn models_without_fused_steps_are_refused() {
    let model = AnyModelConfig::Ngcf(NgcfConfig::default());
    let error = train(&shop(), &model, &config(2, LossConfig::Bpr)).unwrap_err();
    assert!(matches!(error, TrainError::Config { issues } if issues.len() == 1));
}
