//! Losses of another crate train by the shared loop.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use burn::tensor::Tensor;
use common::shop;
use lightgcn_core::{Dataset, Split, Truth};
use lightgcn_kernels::SparseBackend;
use lightgcn_loss::{Batch, ConfigIssue, Loss, LossConfig, LossError, LossNeeds, Tables};
use lightgcn_train::{
    Device, SoftmaxConfig, TopKConfig, TrainConfig, TrainError, Trained, Trainer,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A hinge loss on dot products.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Hinge {
    margin: f64,
}

impl Loss for Hinge {
    fn check(&self) -> Result<(), LossError> {
        let mut issues = Vec::new();
        if self.margin <= 0.0 {
            issues.push(ConfigIssue {
                setting: "margin",
                value: self.margin,
                expected: "positive",
            });
        }
        LossError::check("hinge", issues)
    }

    fn needs(&self) -> LossNeeds {
        LossNeeds {
            negatives: true,
            ..LossNeeds::default()
        }
    }

    fn forward<B: SparseBackend>(&self, tables: Tables<B>, batch: &Batch<B>) -> Tensor<B, 1> {
        let (positives, negatives) = batch.scores(tables.embeddings);
        let margins = negatives - positives.unsqueeze_dim(1);
        margins.add_scalar(self.margin).clamp_min(0.0).mean()
    }
}

/// A softmax loss under another name, which can be fused or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Renamed {
    softmax: SoftmaxConfig,
    fused: bool,
}

impl Loss for Renamed {
    fn needs(&self) -> LossNeeds {
        self.softmax.needs()
    }

    fn forward<B: SparseBackend>(&self, tables: Tables<B>, batch: &Batch<B>) -> Tensor<B, 1> {
        self.softmax.forward(tables, batch)
    }

    fn fused(&self) -> Option<LossConfig> {
        self.fused.then_some(LossConfig::Softmax(self.softmax))
    }
}

fn config(epochs: u32) -> TrainConfig {
    TrainConfig {
        epochs,
        batch_size: 64,
        negatives: 2,
        validate_every: Some(2),
        ..TrainConfig::default()
    }
}

/// The shop without a validation part, so that the last epoch is kept.
fn unvalidated_shop() -> Dataset {
    let mut dataset = shop();
    let train = dataset.split.train.interactions().clone();
    let nothing = Truth::empty(train.n_users(), train.n_items());
    dataset.split = Split::new(train, nothing.clone(), nothing).unwrap();
    dataset
}

fn hinge(config: TrainConfig, folder: Option<&Path>, resume: bool) -> Result<Trained, TrainError> {
    let dataset = unvalidated_shop();
    let trainer = Trainer::new(&dataset).config(config).device(Device::Cpu);
    let trainer = trainer.loss(Hinge { margin: 0.5 }).resume(resume);
    match folder {
        Some(folder) => trainer.folder(folder).run(),
        None => trainer.run(),
    }
}

#[test]
fn a_loss_of_another_crate_trains_and_resumes_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let whole = hinge(config(4), None, false).unwrap();
    let half = hinge(config(2), Some(folder.path()), false).unwrap();
    let resumed = hinge(config(4), Some(folder.path()), true).unwrap();
    assert!(half.artifact.layer0 != whole.artifact.layer0);
    assert!(resumed.artifact.layer0 == whole.artifact.layer0);
    let loss = &whole.artifact.lineage.options["train.loss"];
    assert_eq!(loss, r#"{"margin":0.5}"#);
}

#[test]
fn a_loss_that_equals_a_fused_one_takes_its_steps() {
    let softmax = SoftmaxConfig {
        popularity_correction: 0.5,
        shared_negatives: 8,
        top_k: Some(TopKConfig::default()),
        ..SoftmaxConfig::default()
    };
    let dataset = shop();
    let trainer = || {
        let trainer = Trainer::new(&dataset).config(config(2));
        trainer.device(Device::Cpu)
    };
    let built_in = trainer().loss(LossConfig::Softmax(softmax)).run().unwrap();
    let table = |fused| {
        let trained = trainer().loss(Renamed { softmax, fused }).run().unwrap();
        trained.artifact.layer0
    };
    assert_eq!(table(true), built_in.artifact.layer0);
    // Through autodiff the result is the same up to rounding.
    let autodiff = table(false);
    assert_ne!(autodiff, built_in.artifact.layer0);
    let pairs = autodiff.data().iter().zip(built_in.artifact.layer0.data());
    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-4));
}

#[test]
fn settings_out_of_range_are_an_error() {
    let dataset = shop();
    let trainer = Trainer::new(&dataset).config(config(1)).device(Device::Cpu);
    let Err(TrainError::Loss(LossError::Config { issues, .. })) =
        trainer.loss(Hinge { margin: 0.0 }).run()
    else {
        panic!("the loss is accepted");
    };
    assert_eq!((issues[0].setting, issues[0].value), ("margin", 0.0));
}

#[test]
fn workers_without_fused_steps_are_an_error() {
    let workers = TrainConfig {
        workers: 2,
        ..config(1)
    };
    let result = hinge(workers, None, false);
    assert!(matches!(result, Err(TrainError::Config { .. })));
}
