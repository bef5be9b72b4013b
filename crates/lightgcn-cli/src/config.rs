//! The configuration file and the flags that override it.

use crate::args::Common;
use crate::baselines::Baselines;
use crate::commands::RefitConfig;
use anyhow::{Context, anyhow};
use lightgcn::data::PrepareConfig;
use lightgcn::data::synthetic::ShopConfig;
use lightgcn::linear::FilterConfigs;
use lightgcn::nn::AnyModelConfig;
use lightgcn::recommend::RankingConfig;
use lightgcn::train::{Candidate, Device, TrainConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Options of an evaluation.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EvaluateConfig {
    /// Cutoffs K of the metrics.
    pub(crate) ks: Vec<usize>,
    /// Linear filters to compare with.
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
    pub(crate) model: AnyModelConfig,
    pub(crate) train: TrainConfig,
    pub(crate) ranking: RankingConfig,
    pub(crate) evaluate: EvaluateConfig,
    pub(crate) filters: FilterConfigs,
    /// The service, as in the file; the environment overrides it.
    pub(crate) serve: toml::Table,
    pub(crate) refit: RefitConfig,
}

/// The default seed.
const DEFAULT_SEED: u64 = 42;
/// The seed of the library's default ranking.
const DEFAULT_RANKING_SEED: u64 = 0;

impl Config {
    /// The seed of the flag, the file, or the default.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(DEFAULT_SEED)
    }

    /// The device of the flag or the file, or the best one available.
    pub(crate) fn device(&self) -> Device {
        self.device.unwrap_or_default()
    }
}

/// The maximum length, in bytes, of an error that quotes its line.
const LONGEST_ERROR: usize = 2000;

/// Reads TOML. An error about a long line does not quote it.
fn parse<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    toml::from_str(text).map_err(|error| {
        let shown = error.to_string();
        match shown.len() > LONGEST_ERROR {
            true => anyhow!("{}", error.message().chars().take(200).collect::<String>()),
            false => error.into(),
        }
    })
}

/// Layers the common flags over the configuration file, if any, over `start`. The keys of the tables
/// `[model]` and `[train]` override the start's; a `[model]` of another name replaces its model. A
/// global seed goes to every table; otherwise a table's own seed counts, then the start's (training)
/// or the default.
pub(crate) fn load(common: &Common, start: Candidate) -> anyhow::Result<Config> {
    let text = match &common.config {
        None => String::new(),
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("reading the configuration {}", path.display()))?,
    };
    let place = || {
        let path = common.config.as_deref().unwrap_or(Path::new(""));
        format!("in the configuration {}", path.display())
    };
    let mut config: Config = parse(&text).with_context(place)?;
    let tables: toml::Table = parse(&text).with_context(place)?;
    config.model = match tables.get("model").and_then(toml::Value::as_table) {
        None => start.model,
        Some(given)
            if given.get("name").and_then(toml::Value::as_str) == Some(start.model.name()) =>
        {
            let mut model = toml::Table::try_from(start.model).context("writing the preset")?;
            model.extend(given.clone());
            model.try_into().with_context(place)?
        }
        Some(_) => config.model,
    };
    let seed = start.train.seed;
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
    for (path, seed, usual) in [
        (&["generate"][..], &mut config.generate.seed, DEFAULT_SEED),
        (&["prepare"], &mut config.prepare.seed, DEFAULT_SEED),
        (&["train"], &mut config.train.seed, seed),
        (&["ranking"], &mut config.ranking.seed, DEFAULT_RANKING_SEED),
        (&["filters", "gf-cf"], &mut filters.gf_cf.seed, DEFAULT_SEED),
        (
            &["filters", "chebyshev"],
            &mut filters.chebyshev.seed,
            DEFAULT_SEED,
        ),
        (&["filters", "svd"], &mut filters.svd.seed, DEFAULT_SEED),
    ] {
        match config.seed {
            Some(given) => *seed = given,
            None if has_seed(path).is_none() => *seed = usual,
            None => {}
        }
    }
    Ok(config)
}
