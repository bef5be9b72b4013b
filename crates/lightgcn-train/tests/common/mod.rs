//! A small shop for the tests of this folder, and short ways to train on it.
#![allow(dead_code, unused_imports, reason = "each test file uses a part")]

mod shop;
pub(crate) mod threads;

pub(crate) use shop::shop;

use lightgcn_core::Dataset;
use lightgcn_nn::AnyModelConfig;
use lightgcn_train::{
    Device, Observer, Ranks, Silent, StopSignal, TrainConfig, TrainError, Trained, Trainer,
};
use std::path::PathBuf;

/// A shop with so few users.
pub(crate) fn small_shop(n_users: u32) -> Dataset {
    shop::shop_of(n_users, |_| None)
}

/// The shop with times: in no order of items, some of them equal.
pub(crate) fn timed_shop() -> Dataset {
    shop::shop_at(|item| Some(i64::from(item * 7 % 11)))
}

/// Where a run keeps its state.
#[derive(Clone, Default)]
pub(crate) struct RunOptions {
    pub(crate) folder: Option<PathBuf>,
    pub(crate) resume: bool,
    pub(crate) stop: StopSignal,
}

/// A trainer of a model with a config, which keeps its state where `run` says.
pub(crate) fn trainer<'a>(
    dataset: &'a Dataset,
    model: &AnyModelConfig,
    config: &TrainConfig,
    run: &RunOptions,
) -> Trainer<'a> {
    let trainer = Trainer::new(dataset)
        .model(model.clone())
        .config(config.clone());
    let trainer = trainer
        .device(Device::Cpu)
        .resume(run.resume)
        .stop(run.stop.clone());
    match &run.folder {
        Some(folder) => trainer.folder(folder),
        None => trainer,
    }
}

pub(crate) fn train(
    dataset: &Dataset,
    model: &AnyModelConfig,
    config: &TrainConfig,
) -> Result<Trained, TrainError> {
    train_with(dataset, model, config, &RunOptions::default(), &mut Silent)
}

pub(crate) fn train_with(
    dataset: &Dataset,
    model: &AnyModelConfig,
    config: &TrainConfig,
    run: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Trained, TrainError> {
    trainer(dataset, model, config, run)
        .observer(observer)
        .run()
}

/// Matrix factorization.
pub(crate) fn mf() -> AnyModelConfig {
    AnyModelConfig::named("mf").unwrap()
}
