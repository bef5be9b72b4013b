//! Fused steps are autodiff's steps, and have the same bits at any thread count.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::{mf, shop, train};
use lightgcn_graph::Normalization;
use lightgcn_nn::{AnyModelConfig, LayerWeights, LightGcnConfig, ModelConfig, NgcfConfig};
use lightgcn_sample::PositiveSet;
use lightgcn_train::{LossConfig, SoftmaxConfig, TopKConfig, TrainConfig, TrainError};

/// One epoch of 20 steps.
fn twenty_steps() -> TrainConfig {
    let pairs = shop().split.train.interactions().n_pairs();
    let batch_size = pairs.div_ceil(20);
    assert_eq!(
        pairs.div_ceil(batch_size),
        20,
        "the shop no longer cuts into 20 batches"
    );
    TrainConfig {
        epochs: 1,
        batch_size,
        learning_rate: 1e-3,
        l2: 1e-3,
        ..TrainConfig::published()
    }
}

fn table(model: &AnyModelConfig, config: &TrainConfig) -> Vec<f32> {
    let trained = train(&shop(), model, config).unwrap();
    trained.artifact.layer0.data().to_vec()
}

fn light_gcn(layers: usize, normalization: Normalization) -> AnyModelConfig {
    AnyModelConfig::LightGcn(LightGcnConfig {
        dimension: 16,
        layers,
        normalization,
        ..LightGcnConfig::published()
    })
}

/// A model that is not linear, without anything random.
fn ngcf() -> AnyModelConfig {
    AnyModelConfig::Ngcf(NgcfConfig {
        dimension: 16,
        layer_widths: vec![16, 8],
        message_dropout: 0.0,
        ..NgcfConfig::default()
    })
}

/// A model with a second parameter.
fn learned_layers() -> AnyModelConfig {
    AnyModelConfig::LightGcn(LightGcnConfig {
        layer_weights: LayerWeights::Learned,
        ..LightGcnConfig::published()
    })
}

#[test]
fn layers_of_16_bits_learn_nearly_the_same() {
    let (exact, config) = (light_gcn(3, Normalization::Symmetric), twenty_steps());
    let rounded = TrainConfig {
        bf16_layers: true,
        ..config.clone()
    };
    let (exact, rounded) = (table(&exact, &config), table(&exact, &rounded));
    let differences = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs());
    let largest = differences.fold(0.0_f32, f32::max);
    assert!(largest > 0.0 && largest < 4e-2, "{largest}");
}

#[test]
fn twenty_fused_steps_equal_autodiffs() {
    let models = [
        light_gcn(0, Normalization::Symmetric),
        light_gcn(1, Normalization::Symmetric),
        light_gcn(3, Normalization::Symmetric),
        // Not its own transpose.
        light_gcn(2, Normalization::Left),
        mf(),
    ];
    for model in models {
        for (positives, negatives) in [(PositiveSet::Targets, 1), (PositiveSet::AllPairs, 3)] {
            let config = TrainConfig {
                positives,
                negatives,
                ..twenty_steps()
            };
            let fused = table(&model, &config);
            let plain = table(
                &model,
                &TrainConfig {
                    fused: false,
                    ..config.clone()
                },
            );
            let start = table(
                &model,
                &TrainConfig {
                    learning_rate: 1e-12,
                    ..config
                },
            );
            let largest = |a: &[f32], b: &[f32]| {
                let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
                differences.fold(0.0_f32, f32::max)
            };
            let apart = largest(&fused, &plain);
            assert!(apart <= 1e-5, "{model:?}, {positives:?}: {apart}");
            let moved = largest(&fused, &start);
            assert!(
                moved > 0.005,
                "{model:?}: training moved the table by {moved} only"
            );
        }
    }
}

#[test]
fn batches_of_one_step_are_a_larger_batch_where_pairs_do_not_meet() {
    let quarter = twenty_steps().batch_size / 4;
    let config = TrainConfig {
        batch_size: 4 * quarter,
        l2: 0.0,
        ..twenty_steps()
    };
    let parts = TrainConfig {
        batch_size: quarter,
        accumulate: Some(4),
        learning_rate: config.learning_rate / 2.0,
        ..config.clone()
    };
    for model in [light_gcn(1, Normalization::Symmetric), ngcf()] {
        let (whole, parts) = (table(&model, &config), table(&model, &parts));
        let differences = whole.iter().zip(&parts).map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0.0_f32, f32::max);
        assert!(largest <= 1e-5, "{model:?}: {largest}");
    }
    let l2 = TrainConfig {
        accumulate: Some(2),
        l2: 1e-4,
        ..config
    };
    assert!(matches!(l2.check(), Err(TrainError::Config { .. })));
}

#[test]
fn softmax_steps_learn_and_have_the_same_bits_at_any_thread_count() {
    let specs = [
        SoftmaxConfig::default(),
        SoftmaxConfig {
            temperature: 0.2,
            negative_weight: 1.0,
            popularity_correction: 0.5,
            shared_negatives: 20,
            mask_positives: false,
            top_k: None,
        },
        SoftmaxConfig {
            top_k: Some(TopKConfig {
                every: 2,
                ..TopKConfig::default()
            }),
            ..SoftmaxConfig::default()
        },
    ];
    for spec in specs {
        let config = TrainConfig {
            loss: LossConfig::Softmax(spec),
            batch_size: 64,
            epochs: 3,
            ..twenty_steps()
        };
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| table(&light_gcn(1, Normalization::Symmetric), &config))
        };
        let one = run(1);
        assert!(one.iter().all(|x| x.is_finite()));
        assert_eq!(one, run(2));
        assert_eq!(one, run(5));
    }
}

#[test]
fn twenty_fused_softmax_steps_equal_autodiffs() {
    let spec = SoftmaxConfig {
        temperature: 0.2,
        negative_weight: 0.9,
        popularity_correction: 0.5,
        shared_negatives: 10,
        mask_positives: true,
        top_k: None,
    };
    let models = [
        (
            light_gcn(1, Normalization::Symmetric),
            PositiveSet::AllPairs,
        ),
        (light_gcn(2, Normalization::Symmetric), PositiveSet::Targets),
        (ngcf(), PositiveSet::AllPairs),
        (learned_layers(), PositiveSet::Targets),
    ];
    for (model, positives) in models {
        let config = TrainConfig {
            loss: LossConfig::Softmax(spec),
            positives,
            ..twenty_steps()
        };
        let fused = table(&model, &config);
        let plain = table(
            &model,
            &TrainConfig {
                fused: false,
                ..config
            },
        );
        let differences = fused.iter().zip(&plain).map(|(a, b)| (a - b).abs());
        let apart = differences.fold(0.0_f32, f32::max);
        assert!(apart <= 1e-5, "{model:?}, {positives:?}: {apart}");
    }
}

#[test]
fn twenty_fused_steps_of_softmax_at_k_equal_autodiffs() {
    let plain_loss = SoftmaxConfig {
        temperature: 0.2,
        shared_negatives: 5,
        ..SoftmaxConfig::default()
    };
    // A low temperature, so that weights go from nearly 0 to nearly 1.
    let top_k = TopKConfig {
        k: 3,
        temperature: 0.05,
        every: 1,
    };
    let weighed_loss = SoftmaxConfig {
        top_k: Some(top_k),
        ..plain_loss
    };
    // Two epochs of ten steps: thresholds of trained embeddings too.
    let twenty = twenty_steps();
    let config = |loss, positives, fused| TrainConfig {
        loss: LossConfig::Softmax(loss),
        positives,
        fused,
        epochs: 2,
        batch_size: 2 * twenty.batch_size,
        learning_rate: 0.01,
        ..twenty.clone()
    };
    let models = [
        light_gcn(1, Normalization::Symmetric),
        light_gcn(2, Normalization::Left),
        mf(),
        ngcf(),
    ];
    let largest = |a: &[f32], b: &[f32]| {
        let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        differences.fold(0.0_f32, f32::max)
    };
    for model in models {
        for positives in [PositiveSet::AllPairs, PositiveSet::Targets] {
            let fused = table(&model, &config(weighed_loss, positives, true));
            let autodiff = table(&model, &config(weighed_loss, positives, false));
            let apart = largest(&fused, &autodiff);
            assert!(apart <= 1e-5, "{model:?}, {positives:?}: {apart}");
            let plain = table(&model, &config(plain_loss, positives, true));
            let moved = largest(&fused, &plain);
            assert!(moved > 1e-3, "{model:?}: the weights changed {moved} only");
        }
    }
}

#[test]
fn softmax_trains_models_that_are_not_linear() {
    for model in [
        AnyModelConfig::Ngcf(NgcfConfig::default()),
        learned_layers(),
    ] {
        for top_k in [None, Some(TopKConfig::default())] {
            let config = TrainConfig {
                loss: LossConfig::Softmax(SoftmaxConfig {
                    top_k,
                    ..SoftmaxConfig::default()
                }),
                ..twenty_steps()
            };
            assert!(table(&model, &config).iter().all(|x| x.is_finite()));
        }
    }
}
