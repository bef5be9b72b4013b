//! The configuration file, and the flags that override it.

use crate::args::Common;
use crate::baselines::Baselines;
use anyhow::Context;
use lightgcn::data::PrepareConfig;
use lightgcn::data::synthetic::ShopConfig;
use lightgcn::linear::FilterConfigs;
use lightgcn::train::{Device, ModelSpec, Preset, TrainConfig};
use serde::Deserialize;
use std::path::Path;

/// Options of an evaluation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EvaluateConfig {
    /// The K of the metrics.
    pub(crate) ks: Vec<usize>,
    /// The linear filters beside the model.
    pub(crate) baselines: Baselines,
}

/// A configuration file. Every key is optional; unknown keys are errors.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) seed: Option<u64>,
    pub(crate) threads: Option<usize>,
    pub(crate) device: Option<Device>,
    pub(crate) generate: ShopConfig,
    pub(crate) prepare: PrepareConfig,
    pub(crate) model: ModelSpec,
    pub(crate) train: TrainConfig,
    pub(crate) evaluate: EvaluateConfig,
    pub(crate) filters: FilterConfigs,
    /// The service, as it stands in the file: the environment goes over it.
    pub(crate) serve: toml::Table,
}

/// The seed where none is given.
const USUAL_SEED: u64 = 42;

impl Config {
    /// The seed of the flag or the file, or the usual one.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(USUAL_SEED)
    }

    /// The device of the flag or the file, or the best that there is.
    pub(crate) fn device(&self) -> Device {
        self.device.unwrap_or_default()
    }
}

/// Reads the configuration file, if one is named, over the preset, and lets the common flags override
/// it. A `[model]` table replaces the preset's model; the keys of a `[train]` table replace its own. The
/// one seed goes to every table; without it, a table's own seed counts.
pub(crate) fn load(common: &Common, preset: Preset) -> anyhow::Result<Config> {
    let text = match &common.config {
        None => String::new(),
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("reading the configuration {}", path.display()))?,
    };
    let place = || {
        let path = common.config.as_deref().unwrap_or(Path::new(""));
        format!("in the configuration {}", path.display())
    };
    let mut config: Config = toml::from_str(&text).with_context(place)?;
    let tables: toml::Table = toml::from_str(&text).with_context(place)?;
    let start = preset.candidate();
    if !tables.contains_key("model") {
        config.model = start.model;
    }
    let mut training = toml::Table::try_from(start.train).context("writing the preset")?;
    if let Some(toml::Value::Table(given)) = tables.get("train") {
        training.extend(given.clone());
    }
    config.train = training.try_into().with_context(place)?;
    config.seed = common.seed.or(config.seed);
    config.threads = common.threads.or(config.threads);
    config.device = common.device.or(config.device);
    let has_seed = |path: &[&str]| {
        let table = path[1..]
            .iter()
            .try_fold(tables.get(path[0])?, |table, name| table.get(name));
        table?.get("seed")
    };
    let filters = &mut config.filters;
    for (path, seed) in [
        (&["generate"][..], &mut config.generate.seed),
        (&["prepare"], &mut config.prepare.seed),
        (&["train"], &mut config.train.seed),
        (&["filters", "gf-cf"], &mut filters.gf_cf.seed),
        (&["filters", "chebyshev"], &mut filters.chebyshev.seed),
        (&["filters", "svd"], &mut filters.svd.seed),
    ] {
        match config.seed {
            Some(given) => *seed = given,
            None if has_seed(path).is_none() => *seed = USUAL_SEED,
            None => {}
        }
    }
    Ok(config)
}
