//! `lightgcn tune`

use super::{data, interrupt};
use crate::args::{Common, TuneArgs};
use crate::config::Config;
use crate::output::Output;
use anyhow::{Context, bail};
use lightgcn::store::beside;
use lightgcn::train::{
    SearchEnd, SearchOptions, SearchOutcome, SearchProgress, SearchSpace, TrialRecord, run_search,
};
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The number of trials to print.
const MOST_SHOWN: usize = 10;

#[derive(Serialize)]
struct Found<'a> {
    metric: &'a str,
    trials: usize,
    failed: usize,
    ended: &'a str,
    best: &'a TrialRecord,
    best_config: PathBuf,
    record: PathBuf,
    /// The best trials, best first.
    top: Vec<&'a TrialRecord>,
}

pub(crate) fn run(
    args: &TuneArgs,
    common: &Common,
    config: Config,
    output: &Output,
) -> anyhow::Result<()> {
    let space = space(&args.space, common.config.as_deref(), config.seed)?;
    let folder = args.out.clone().unwrap_or_else(|| default_folder(args));
    let mut options = SearchOptions {
        seed: config.seed(),
        strategy: args.strategy.into(),
        rungs: args.rungs.clone(),
        reduction: args.reduction,
        trials: args.trials.or(args.minutes.is_none().then_some(20)),
        time: args.minutes.map(duration).transpose()?,
        folder: Some(folder.clone()),
        resume: args.resume,
        device: config.device(),
        ..SearchOptions::default()
    };
    let dataset = data::dataset(&args.data)?;
    options.stop =
        interrupt::listen("stopping the current trial; continue the search with --resume")?;
    let outcome = run_search(&dataset, &space, &options, &mut SearchProgress::new())?;
    report(&outcome, &folder, output)
}

fn report(outcome: &SearchOutcome, folder: &Path, output: &Output) -> anyhow::Result<()> {
    let record = folder.join("trials.jsonl");
    let n_trials = outcome.trials.len();
    if outcome.end == SearchEnd::Interrupted {
        let kept = match (n_trials, &outcome.best) {
            (0, _) => "",
            (_, None) => " The trials before it are recorded there.",
            (_, Some(_)) => " The trials before it and the best configuration so far are there.",
        };
        bail!(
            "interrupted in trial {}, which is not recorded; continue with --resume in {}.{kept}",
            n_trials + 1,
            folder.display()
        );
    }
    let Some(best) = &outcome.best else {
        let error = outcome.failed().find_map(|trial| trial.error.as_deref());
        bail!(
            "none of {n_trials} trials has a result; {}. All are in {}",
            error.unwrap_or("time ran out before the first validation"),
            record.display()
        );
    };
    let found = Found {
        metric: &outcome.metric,
        trials: n_trials,
        failed: outcome.failed().count(),
        ended: match outcome.end {
            SearchEnd::OutOfTime => "out-of-time",
            SearchEnd::Exhausted => "exhausted",
            _ => "finished",
        },
        best: &best.record,
        best_config: folder.join("best.toml"),
        record,
        top: outcome.ranked().into_iter().take(MOST_SHOWN).collect(),
    };
    let why = match outcome.end {
        SearchEnd::OutOfTime => "; time ran out",
        SearchEnd::Exhausted => "; the space has no more points",
        _ => "",
    };
    let text = format!(
        "{outcome}{why}\nthe best configuration is in {}; all trials are in {}\n",
        found.best_config.display(),
        found.record.display()
    );
    output.result(&found, &text)
}

/// The space in the file. If it has no [model] or [train], those of the configuration file apply. A
/// seed given explicitly overrides the one in [train].
fn space(path: &Path, config: Option<&Path>, seed: Option<u64>) -> anyhow::Result<SearchSpace> {
    let place = || format!("in the search space {}", path.display());
    let mut tables = tables(path).with_context(place)?;
    if let Some(config) = config {
        let base = self::tables(config)?;
        for name in ["model", "train"] {
            if let (None, Some(table)) = (tables.get(name), base.get(name)) {
                tables[name] = table.clone();
            }
        }
    }
    if let Some(seed) = seed
        && (tables["train"].is_object() || tables["train"].is_null())
    {
        tables["train"]["seed"] = Value::from(seed);
    }
    SearchSpace::from_json(&tables).with_context(place)
}

fn tables(path: &Path) -> anyhow::Result<Value> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(toml::from_str(&text)?)
}

fn default_folder(args: &TuneArgs) -> PathBuf {
    let data = args
        .data
        .dataset
        .as_ref()
        .or(args.data.pairs_train.as_ref());
    beside(data.map_or(Path::new(""), PathBuf::as_path), ".tune")
}

/// The duration given by `--minutes`.
pub(super) fn duration(minutes: f64) -> anyhow::Result<Duration> {
    Duration::try_from_secs_f64(minutes * 60.0)
        .with_context(|| format!("--minutes {minutes} is not a valid duration"))
}
