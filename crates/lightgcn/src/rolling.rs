//! Rolling evaluation: for each of several cuts in time, trains before it and evaluates after it.

use crate::Error;
use crate::baselines::Baselines;
use crate::fit::FILTERS;
use lightgcn_core::{CoreError, Dataset, ItemId, Split, Truth, UserId};
use lightgcn_linear::FilterConfigs;
use lightgcn_metrics::{Interval, PairedTest, mean};
use lightgcn_nn::AnyModelConfig;
use lightgcn_recommend::{Evaluation, EvaluationOptions, RankingConfig, evaluate_test};
use lightgcn_train::{Device, StopSignal, TrainConfig, Trainer};
use serde::{Deserialize, Serialize};
use std::ops::Range;

mod table;

use table::Table;

/// The share of the targets in a window's test period.
const SHARE: f64 = 0.1;
/// The maximum number of windows, so that even the first one has a tenth of the targets to train
/// on.
const MAX_WINDOWS: usize = 9;
const SECONDS_PER_DAY: f64 = 86_400.0;
/// The cutoff of the figures.
const K: usize = 20;

/// The configuration of a rolling evaluation.
///
/// The test periods of n windows are the last n tenths of the log's targets, one after the other.
/// Each window trains a new model on the events before its test period, or on the latest part of
/// them, learns a ranking, and evaluates it alongside rules, filters and popularity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RollingConfig {
    /// The number of windows, 1 to 9. Default: 4.
    pub windows: usize,
    /// How much of the past to train on, in days; `None` means all. Each length is tried. Default:
    /// all.
    pub history_days: Vec<Option<f64>>,
    /// The number of seeds to train each model with, at least 1. Default: 1.
    pub seeds: u64,
    /// The model.
    pub model: AnyModelConfig,
    /// How to train it. There is no validation part, so it always trains for all epochs.
    pub train: TrainConfig,
    /// How to learn its ranking.
    pub ranking: RankingConfig,
    /// How to fit filters.
    pub filters: FilterConfigs,
}

impl Default for RollingConfig {
    fn default() -> Self {
        Self {
            windows: 4,
            history_days: vec![None],
            seeds: 1,
            model: AnyModelConfig::default(),
            train: TrainConfig::default(),
            ranking: RankingConfig::default(),
            filters: FilterConfigs::default(),
        }
    }
}

/// One window of a rolling evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollingWindow {
    /// The start of its test period, in seconds since 1970.
    pub test_from: i64,
    /// The number of users with a target.
    pub n_users: usize,
    /// The number of targets that can be predicted from every history.
    pub n_targets: usize,
}

/// A ranker's metrics over the windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollingRow {
    /// The ranker's name.
    pub ranker: String,
    /// The history it was trained on, in days; `None` means all.
    pub history_days: Option<f64>,
    /// Recall@20 in each window, averaged over seeds.
    pub recall: Vec<f64>,
    /// NDCG@20 in each window, averaged over seeds.
    pub ndcg: Vec<f64>,
    /// The standard deviation of Recall@20 over seeds, averaged over windows; `None` with one seed.
    pub recall_seed_deviation: Option<f64>,
    /// The bootstrap interval of the mean of Recall@20 over the windows. Users are resampled, each with all the
    /// windows that they are in. `None` for a ranker that is missing in a window, such as one that did not fit in
    /// memory there.
    pub interval: Option<Interval>,
    /// The paired test of the first row's mean against this one's, over users as in `interval`; `None` for the first
    /// row, and if one of the two is missing in a window.
    pub first_against_this: Option<PairedTest>,
    /// That test's p-value, adjusted by Holm's method for the number of rows.
    pub adjusted_p_value: Option<f64>,
}

impl RollingRow {
    /// The mean of Recall@20 over the windows.
    #[must_use]
    pub fn mean_recall(&self) -> f64 {
        mean(&self.recall)
    }
}

/// The outcome of a rolling evaluation. Its [`Display`](std::fmt::Display) is a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rolling {
    /// The windows, from the earliest.
    pub windows: Vec<RollingWindow>,
    /// A row for each history and ranker.
    pub rows: Vec<RollingRow>,
}

impl RollingConfig {
    /// Runs it on a log without held-out parts.
    ///
    /// # Errors
    /// [`TrainError::Config`](lightgcn_train::TrainError::Config) for unusable settings,
    /// [`CoreError::Damaged`] if the log has no times or too few of them for the windows, and those of
    /// [`Trainer::run`] and [`evaluate_test`](lightgcn_recommend::evaluate_test).
    pub fn run(&self, log: &Dataset, device: Device, stop: &StopSignal) -> Result<Rolling, Error> {
        self.check()?;
        let periods = self.periods(log)?;
        let mut windows = Vec::new();
        let mut table = Table::default();
        for period in periods {
            let datasets = self.datasets(log, &period)?;
            let truth = datasets[0].split.test.truth();
            windows.push(RollingWindow {
                test_from: period.start,
                n_users: truth.users().count(),
                n_targets: truth.n_pairs(),
            });
            for (&history, dataset) in self.history_days.iter().zip(&datasets) {
                let runs = self.evaluate(dataset, device, stop)?;
                table.add(history, &runs)?;
            }
        }
        let rows = table.rows(windows.len(), self.train.seed)?;
        Ok(Rolling { windows, rows })
    }

    /// The dataset of each history, all with the same targets: those whose user and item are in
    /// every one of them.
    fn datasets(&self, log: &Dataset, period: &Range<i64>) -> Result<Vec<Dataset>, Error> {
        let of_history = |history: &Option<f64>| {
            let from = history.map_or(i64::MIN, |days| {
                period.start.saturating_sub((days * SECONDS_PER_DAY) as i64)
            });
            log.window(from..period.start, period.clone())
        };
        let datasets: Result<Vec<Dataset>, CoreError> =
            self.history_days.iter().map(of_history).collect();
        let mut datasets = datasets?;
        let truths: Vec<&Truth> = datasets.iter().map(|d| d.split.test.truth()).collect();
        let of_all = |&(user, item): &(UserId, ItemId)| {
            let has = |truth: &&Truth| truth.items_of(user).binary_search(&item).is_ok();
            truths.iter().all(has)
        };
        let (n_users, n_items) = (truths[0].n_users(), truths[0].n_items());
        let common: Vec<(UserId, ItemId)> = truths[0].iter().filter(of_all).collect();
        let common = Truth::from_pairs(n_users, n_items, common)?;
        for dataset in &mut datasets {
            let train = dataset.split.train.interactions().clone();
            dataset.split = Split::new(train, Truth::empty(n_users, n_items), common.clone())?;
        }
        Ok(datasets)
    }

    fn check(&self) -> Result<(), Error> {
        let mut issues = Vec::new();
        if !(1..=MAX_WINDOWS).contains(&self.windows) {
            issues.push(format!(
                "windows is {}; use 1 to {MAX_WINDOWS}",
                self.windows
            ));
        }
        if self.seeds == 0 {
            issues.push("seeds is 0; use at least 1".to_owned());
        }
        if self.history_days.is_empty() {
            issues.push("history_days is empty; give at least one length".to_owned());
        }
        for days in self.history_days.iter().flatten() {
            if !(*days > 0.0 && days.is_finite()) {
                issues.push(format!("a history of {days} days; use more than 0"));
            }
        }
        match issues.is_empty() {
            true => Ok(()),
            false => Err(lightgcn_train::TrainError::Config { issues }.into()),
        }
    }

    /// The test periods. Their bounds are the times of targets.
    fn periods(&self, log: &Dataset) -> Result<Vec<Range<i64>>, Error> {
        let pairs = log.split.train.interactions();
        let mut times: Vec<i64> = match pairs.events().n_rows() {
            0 => (0..pairs.n_pairs())
                .filter(|&pair| pairs.is_target(pair))
                .filter_map(|pair| pairs.last_times().get(pair).copied())
                .collect(),
            _ => {
                let events = pairs.events().values().iter();
                let targets = events.filter(|e| pairs.target_behaviors()[e.behavior().index()]);
                targets.map(|event| event.time()).collect()
            }
        };
        times.sort_unstable();
        let n = self.windows;
        let first_share = 1.0 - SHARE * n as f64;
        let bound = |i: usize| {
            let share = first_share + SHARE * i as f64;
            let at = (times.len() as f64 * share).round() as usize;
            times.get(at).copied().unwrap_or(i64::MAX)
        };
        let bounds: Vec<i64> = (0..=n).map(bound).collect();
        let start = times.first().copied().unwrap_or(i64::MAX);
        if bounds[0] <= start || bounds.windows(2).any(|pair| pair[0] >= pair[1]) {
            let detail = format!(
                "{} targets at too few different times for {n} windows; use fewer windows",
                times.len()
            );
            let what = "training part";
            return Err(CoreError::Damaged { what, detail }.into());
        }
        Ok(bounds.windows(2).map(|pair| pair[0]..pair[1]).collect())
    }

    /// The evaluations of each seed. Rankers that do not depend on the seed are only in the first
    /// seed's.
    fn evaluate(
        &self,
        dataset: &Dataset,
        device: Device,
        stop: &StopSignal,
    ) -> Result<Vec<Vec<Evaluation>>, Error> {
        let baselines = Baselines {
            filters: &FILTERS,
            configs: &self.filters,
            ease_items: self.ranking.ease_items,
            options: EvaluationOptions {
                ks: vec![K],
                resamples: 0,
                ..EvaluationOptions::default()
            },
        };
        let mut runs = Vec::new();
        for seed in 0..self.seeds {
            let mut trained = Trainer::new(dataset)
                .model(self.model.clone())
                .config(TrainConfig {
                    seed: self.train.seed.wrapping_add(seed),
                    ..self.train.clone()
                })
                .ranking(RankingConfig {
                    seed: self.ranking.seed.wrapping_add(seed),
                    ..self.ranking.clone()
                })
                .device(device)
                .stop(stop.clone())
                .run()?;
            if trained.reason.is_early() {
                return Err(Error::Interrupted);
            }
            let answers = trained.evaluate_on_test(dataset, &baselines.options)?;
            runs.push(match seed {
                0 => baselines.evaluate(dataset, &trained, answers)?,
                // If the answers come from a ranking, the trained model on its own also depends on
                // the seed.
                _ if trained.ranking()?.is_some() => {
                    let Split { train, test, .. } = &dataset.split;
                    let model = evaluate_test(&trained.ranker()?, train, test, &baselines.options)?;
                    vec![answers, model]
                }
                _ => vec![answers],
            });
        }
        Ok(runs)
    }
}
