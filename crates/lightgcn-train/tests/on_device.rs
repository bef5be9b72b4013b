//! Steps that run wholly on a GPU are the CPU's steps: on software Vulkan where there is no GPU.
#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::{RunOptions, mf, shop, train, trainer};
use lightgcn_graph::Normalization;
use lightgcn_metrics::Metric;
use lightgcn_nn::{AnyModelConfig, LightGcnConfig, ModelConfig};
use lightgcn_sample::{PositiveOrder, PositiveSet};
use lightgcn_train::{
    Device, DeviceError, LossConfig, SoftmaxConfig, TopKConfig, TrainConfig, TrainError, Trained,
};

/// None, with one printed line, where there is no adapter and none is required.
fn on_wgpu(model: &AnyModelConfig, config: &TrainConfig) -> Option<Trained> {
    let shop = shop();
    let trainer = trainer(&shop, model, config, &RunOptions::default());
    match trainer.device(Device::Wgpu(0)).run() {
        Ok(trained) => Some(trained),
        Err(TrainError::Device(error @ DeviceError::Unavailable { .. })) => {
            let required = std::env::var_os("LIGHTGCN_REQUIRE_WGPU").is_some();
            assert!(!required, "{error}");
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// One epoch of 20 steps.
fn twenty_steps() -> TrainConfig {
    let pairs = shop().split.train.interactions().n_pairs();
    TrainConfig {
        epochs: 1,
        batch_size: pairs.div_ceil(20),
        learning_rate: 1e-3,
        l2: 1e-3,
        ..TrainConfig::published()
    }
}

fn light_gcn(layers: usize, normalization: Normalization) -> AnyModelConfig {
    AnyModelConfig::LightGcn(LightGcnConfig {
        dimension: 16,
        layers,
        normalization,
        ..LightGcnConfig::published()
    })
}

fn assert_same_tables(model: &AnyModelConfig, config: &TrainConfig) {
    let Some(there) = on_wgpu(model, config) else {
        return;
    };
    let here = train(&shop(), model, config).unwrap();
    let start = TrainConfig {
        learning_rate: 1e-12,
        ..config.clone()
    };
    let start = train(&shop(), model, &start).unwrap();
    let largest = |a: &Trained, b: &Trained| {
        let (a, b) = (a.artifact.layer0.data(), b.artifact.layer0.data());
        let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        differences.fold(0.0_f32, f32::max)
    };
    let apart = largest(&there, &here);
    assert!(apart <= 1e-4, "{model:?}, {config:?}: {apart} apart");
    let moved = largest(&there, &start);
    assert!(moved > 0.005, "{model:?}: moved by {moved} only");
}

#[test]
fn twenty_bpr_steps_equal_the_cpus() {
    let cases = [
        (light_gcn(0, Normalization::Symmetric), 1, None),
        (light_gcn(1, Normalization::Symmetric), 3, None),
        // Not its own transpose.
        (light_gcn(2, Normalization::Left), 1, None),
        (light_gcn(3, Normalization::Symmetric), 2, Some(0.01)),
        (mf(), 1, None),
    ];
    for (model, negatives, gradient_clipping) in cases {
        let config = TrainConfig {
            negatives,
            gradient_clipping,
            positives: match negatives {
                1 => PositiveSet::AllPairs,
                _ => PositiveSet::Targets,
            },
            ..twenty_steps()
        };
        assert_same_tables(&model, &config);
    }
}

#[test]
fn twenty_softmax_steps_equal_the_cpus() {
    let plain = SoftmaxConfig {
        temperature: 0.2,
        ..SoftmaxConfig::default()
    };
    let full = SoftmaxConfig {
        negative_weight: 0.9,
        popularity_correction: 0.5,
        shared_negatives: 10,
        mask_positives: false,
        ..plain
    };
    let weighed = SoftmaxConfig {
        top_k: Some(TopKConfig {
            k: 3,
            temperature: 0.05,
            every: 1,
        }),
        ..plain
    };
    for (spec, layers, order) in [
        (plain, 1, PositiveOrder::ByPair),
        (full, 2, PositiveOrder::ByPair),
        (
            weighed,
            1,
            PositiveOrder::ByUser {
                users_per_epoch: Some(200),
            },
        ),
    ] {
        let config = TrainConfig {
            loss: LossConfig::Softmax(spec),
            order,
            ..twenty_steps()
        };
        assert_same_tables(&light_gcn(layers, Normalization::Symmetric), &config);
    }
}

#[test]
fn recall_is_within_two_thousandths_of_the_cpus() {
    for loss in [
        LossConfig::Bpr,
        LossConfig::Softmax(SoftmaxConfig::default()),
    ] {
        let config = TrainConfig {
            loss,
            epochs: 12,
            batch_size: 64,
            learning_rate: 0.01,
            validate_every: Some(12),
            metric: Metric::Recall,
            metric_k: 20,
            ..TrainConfig::published()
        };
        let model = light_gcn(2, Normalization::Symmetric);
        let Some(there) = on_wgpu(&model, &config) else {
            return;
        };
        let here = train(&shop(), &model, &config).unwrap();
        let recall = |trained: &Trained| {
            let validation = trained.validation.as_ref().unwrap();
            validation.mean(Metric::Recall, 20).unwrap()
        };
        let (there, here) = (recall(&there), recall(&here));
        assert!((there - here).abs() <= 0.002, "{there} and {here}");
        assert!(here > 0.1, "worse than chance by far: {here}");
    }
}
