//! `lightgcn evaluate --windows`

use super::{data, interrupt};
use crate::args::EvaluateArgs;
use crate::config::Config;
use crate::output::Output;
use anyhow::Context;
use lightgcn::RollingConfig;
use lightgcn::store::Artifact;
use lightgcn::train::{TrainConfig, WarmStart};
use std::sync::Arc;

pub(super) fn run(
    args: &EvaluateArgs,
    windows: usize,
    config: Config,
    output: &Output,
) -> anyhow::Result<()> {
    let device = config.device();
    let artifact = Artifact::load(&args.model)?;
    let best_epoch = artifact.lineage.figures.get("best epoch").copied();
    let settings = WarmStart::new(Arc::new(artifact)).candidate()?;
    let dataset = args.data.dataset.as_ref().context("give a dataset")?;
    let log = data::load_whole(dataset)?;
    let history = args.history.iter().map(|history| history.0);
    let rolling = RollingConfig {
        windows,
        history_days: match args.history.is_empty() {
            true => vec![None],
            false => history.collect(),
        },
        seeds: args.seeds,
        model: settings.model,
        train: TrainConfig {
            epochs: best_epoch.map_or(settings.train.epochs, |epoch| (epoch as u32).max(1)),
            ..settings.train
        },
        ranking: config.ranking,
        filters: config.filters,
    };
    let stop = interrupt::listen("stopping after this batch")?;
    let outcome = rolling.run(&log, device, &stop)?;
    output.result(&outcome, &format!("{outcome}\n"))
}
