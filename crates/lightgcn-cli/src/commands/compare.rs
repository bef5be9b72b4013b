//! `lightgcn compare`

use super::train::model_named;
use super::{data, interrupt};
use crate::args::CompareArgs;
use crate::config::Config;
use crate::output::Output;
use anyhow::Context;
use lightgcn::train::{SearchProgress, TrainConfig};
use lightgcn::{CompareConfig, ModelComparison};
use std::path::Path;

pub(crate) fn run(args: &CompareArgs, config: Config, output: &Output) -> anyhow::Result<()> {
    let defaults = CompareConfig::default();
    let models = match args.models.is_empty() {
        true => Ok(defaults.models),
        false => {
            let models = args.models.iter();
            let models = models.map(|name| model_named(name, &config.model));
            models.collect::<anyhow::Result<Vec<_>>>()
        }
    }?;
    let filters = args.baselines.as_ref();
    let compare = CompareConfig {
        models,
        filters: filters.map_or(defaults.filters, |given| given.filters().to_vec()),
        trials: args.trials,
        minutes: args.minutes,
        seeds: args.seeds,
        ks: match args.k.is_empty() {
            true => defaults.ks,
            false => args.k.clone(),
        },
        train: TrainConfig {
            epochs: args.epochs.unwrap_or(config.train.epochs),
            ..config.train.clone()
        },
        filter_configs: config.filters.clone(),
    };
    if let Some(folder) = &args.out {
        data::refuse_stored(folder)?;
    }
    let dataset = data::dataset(&args.data)?;
    let stop = interrupt::listen("stopping after this batch")?;
    let progress = &mut SearchProgress::new();
    let found = compare.run(&dataset, config.device(), &stop, progress)?;
    if let Some(folder) = &args.out {
        write(&found, folder)?;
    }
    output.result(&found, &format!("{found}\n"))
}

/// Writes the comparison in every form.
fn write(found: &ModelComparison, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("creating the folder {}", folder.display()))?;
    for (name, text) in [
        ("comparison.json", serde_json::to_string_pretty(found)?),
        ("comparison.md", found.to_markdown()),
        ("comparison.csv", found.to_csv()),
        ("comparison.svg", found.to_svg()?),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
