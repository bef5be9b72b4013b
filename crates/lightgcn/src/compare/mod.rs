//! Compares models searched with the same budget, and simpler methods, in one table.

mod search;
mod table;

#[cfg(feature = "plots")]
mod plot;

use crate::Error;
use lightgcn_core::Dataset;
use lightgcn_linear::{CascadingRankConfig, Filter, FilterConfigs, LinearError, SessionKnnConfig};
use lightgcn_metrics::{Metric, standard_deviation};
use lightgcn_nn::AnyModelConfig;
use lightgcn_recommend::{
    CascadingRanker, Comparison, Evaluation, EvaluationOptions, LinearRanker, NewItemsRanker,
    PopularityRanker, Ranker, RecommendError, SeenNotBoughtRanker, SessionKnnRanker,
    behavior_stages, better_on_validation, evaluate_test, evaluate_validation,
};
use lightgcn_train::{
    Candidate, Device, Point, SearchObserver, StopSignal, TrainConfig, TrainError, Trainer,
    peak_memory, reset_peak_memory,
};
use search::Search;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The configuration of a comparison of models.
///
/// Models are compared by their embeddings: none gets a learned ranking, which would be the same on top of each and is
/// evaluated by [`fit`](crate::Fit) and `lightgcn evaluate`.
///
/// Each model is searched on the validation part with the same budget: first its own settings, then
/// learning rate, layers and which pairs are positives by TPE. The best settings are trained with
/// several seeds, for the best number of epochs, and evaluated once on the test part, as are linear
/// filters with their settings and the rules.
///
/// ```no_run
/// use lightgcn::CompareConfig;
/// use lightgcn::nn::AnyModelConfig;
/// use lightgcn::train::{SearchProgress, StopSignal};
/// # fn example(dataset: lightgcn::core::Dataset) -> Result<(), lightgcn::Error> {
/// let models = ["lightgcn", "mf", "crgcn"].iter();
/// let config = CompareConfig {
///     models: models.filter_map(|name| AnyModelConfig::named(name)).collect(),
///     ..CompareConfig::default()
/// };
/// let (device, stop) = (Default::default(), StopSignal::new());
/// println!("{}", config.run(&dataset, device, &stop, &mut SearchProgress::new())?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompareConfig {
    /// The models, each once. Default: LightGCN and matrix factorization.
    pub models: Vec<AnyModelConfig>,
    /// The linear filters, each once; one that does not fit in memory is left out. Default: item-kNN and EASE.
    pub filters: Vec<Filter>,
    /// The maximum number of trials per model, at least 1; with 1, the model's own settings are
    /// used. Default: 6.
    pub trials: u32,
    /// The maximum minutes of search per model. Default: no limit.
    pub minutes: Option<f64>,
    /// The number of seeds to train each chosen model with, at least 1. Default: 3.
    pub seeds: u64,
    /// How to train models, apart from the searched settings.
    pub train: TrainConfig,
    /// How to fit filters.
    pub filter_configs: FilterConfigs,
    /// The cutoffs K. The largest is the main one. Default: 10 and 20.
    pub ks: Vec<usize>,
}

impl Default for CompareConfig {
    fn default() -> Self {
        let models = ["lightgcn", "mf"].into_iter();
        Self {
            models: models.filter_map(AnyModelConfig::named).collect(),
            filters: vec![Filter::ItemKnn, Filter::Ease],
            trials: 6,
            minutes: None,
            seeds: 3,
            train: TrainConfig::default(),
            filter_configs: FilterConfigs::default(),
            ks: vec![10, 20],
        }
    }
}

/// One row of a [`ModelComparison`], in addition to that of its [`Comparison`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ComparedModel {
    /// The leading metric on the validation part, by which rows are ordered.
    pub validation: f64,
    /// The number of trials in its search; 0 if there was no search.
    pub trials: usize,
    /// What the search chose, by path; empty if the model's own settings were best.
    pub settings: Point,
    /// The best epoch with the first seed, from 1; 0 if not trained in epochs.
    pub best_epoch: u32,
    /// The leading metric on the test part with each seed; of length 1 without seeds.
    pub by_seed: Vec<f64>,
    /// How obscure its recommendations are at the leading cutoff, in bits.
    pub novelty: Option<f64>,
    /// How unevenly they are spread over items at the leading cutoff, in [0, 1].
    pub gini: Option<f64>,
    /// How long the search took, in seconds.
    pub search_seconds: f64,
    /// How long training or fitting it once took, in seconds, without the evaluation on the test part.
    pub seconds: f64,
    /// The program's peak memory in the meantime, data included, in bytes; `None` if the system
    /// does not report it.
    pub peak_bytes: Option<u64>,
}

impl ComparedModel {
    /// The standard deviation of the leading metric over seeds; `None` with one seed.
    #[must_use]
    pub fn deviation(&self) -> Option<f64> {
        (self.by_seed.len() > 1).then(|| standard_deviation(&self.by_seed))
    }
}

/// The outcome of [`CompareConfig::run`], best on validation first. Its [`Display`](std::fmt::Display) is a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelComparison {
    /// The metrics on the test part with the first seed. The first row is tested against each of
    /// the others, paired by user.
    pub comparison: Comparison,
    /// More details on each row of the comparison, in the same order.
    pub models: Vec<ComparedModel>,
}

impl CompareConfig {
    /// Searches, trains and evaluates. The seed of training also drives the searches.
    ///
    /// # Errors
    /// [`TrainError::Config`] for unusable settings, a dataset without a validation part, or a model of which
    /// no trial succeeds; [`Error::Interrupted`] if stopped; those of searches, [`Trainer::run`] and
    /// evaluations.
    pub fn run(
        &self,
        dataset: &Dataset,
        device: Device,
        stop: &StopSignal,
        observer: &mut dyn SearchObserver,
    ) -> Result<ModelComparison, Error> {
        self.check(dataset)?;
        let mut table = Rows::new(self, dataset);
        let search = Search {
            config: self,
            dataset,
            device,
            stop,
        };
        for model in &self.models {
            tracing::info!("searching settings of {}", model.name());
            let started = Instant::now();
            let found = search.settings(model, observer)?;
            let row = ComparedModel {
                trials: found.trials,
                settings: found.point,
                search_seconds: started.elapsed().as_secs_f64(),
                ..ComparedModel::default()
            };
            table.add_trained(&found.candidate, row, device, stop)?;
        }
        table.add_filters()?;
        table.add_rules()?;
        table.finish()
    }

    /// The largest cutoff.
    fn leading(&self) -> usize {
        self.ks.iter().copied().max().unwrap_or(0)
    }

    fn time(&self) -> Result<Option<Duration>, Error> {
        let time = self.minutes.map(|minutes| {
            Duration::try_from_secs_f64(minutes * 60.0).map_err(|_| TrainError::Config {
                issues: vec![format!("minutes is {minutes}; use a number above 0")],
            })
        });
        Ok(time.transpose()?)
    }

    fn check(&self, dataset: &Dataset) -> Result<(), Error> {
        let mut issues = Vec::new();
        let mut require = |holds: bool, issue: &str| {
            if !holds {
                issues.push(issue.to_owned());
            }
        };
        require(self.trials > 0, "trials must be at least 1");
        require(self.seeds > 0, "seeds must be at least 1");
        require(
            !self.ks.is_empty() && !self.ks.contains(&0),
            "ks needs cutoffs of at least 1",
        );
        require(
            !dataset.split.validation.truth().is_empty() && !dataset.split.test.truth().is_empty(),
            "a comparison needs validation and test data; prepare the dataset with both",
        );
        let names: Vec<&str> = self.models.iter().map(AnyModelConfig::name).collect();
        for (n, name) in names.iter().enumerate() {
            require(
                !names[..n].contains(name),
                &format!("the model {name} is listed twice"),
            );
        }
        for (n, filter) in self.filters.iter().enumerate() {
            require(
                !self.filters[..n].contains(filter),
                &format!("the filter {filter} is listed twice"),
            );
        }
        match issues.is_empty() {
            true => Ok(()),
            false => Err(TrainError::Config { issues }.into()),
        }
    }
}

/// The rows so far, with their evaluations on the test part.
struct Rows<'a> {
    config: &'a CompareConfig,
    dataset: &'a Dataset,
    options: EvaluationOptions,
    rows: Vec<(Evaluation, ComparedModel)>,
}

impl<'a> Rows<'a> {
    fn new(config: &'a CompareConfig, dataset: &'a Dataset) -> Self {
        Self {
            config,
            dataset,
            options: EvaluationOptions {
                ks: config.ks.clone(),
                seed: config.train.seed,
                ..EvaluationOptions::default()
            },
            rows: Vec::new(),
        }
    }

    fn leading(&self, evaluation: &Evaluation) -> Result<f64, Error> {
        Ok(evaluation.mean(Metric::Recall, self.config.leading())?)
    }

    fn on_test(&self, ranker: &dyn Ranker) -> Result<Evaluation, Error> {
        let split = &self.dataset.split;
        Ok(evaluate_test(
            ranker,
            &split.train,
            &split.test,
            &self.options,
        )?)
    }

    /// Evaluates a ranker on both parts; `row` has its cost.
    fn add(&mut self, ranker: &dyn Ranker, mut row: ComparedModel) -> Result<(), Error> {
        let (split, k) = (&self.dataset.split, self.config.leading());
        let validation =
            evaluate_validation(ranker, &split.train, &split.validation, &self.options)?;
        row.validation = self.leading(&validation)?;
        let test = self.on_test(ranker)?;
        row.by_seed.push(self.leading(&test)?);
        row.novelty = test.overall().novelty(k).map_err(Error::Metrics)?;
        row.gini = test.overall().gini(k).map_err(Error::Metrics)?;
        self.rows.push((test, row));
        Ok(())
    }

    /// Trains a model with each seed. The row is that of the first seed.
    fn add_trained(
        &mut self,
        candidate: &Candidate,
        mut row: ComparedModel,
        device: Device,
        stop: &StopSignal,
    ) -> Result<(), Error> {
        for seed in 0..self.config.seeds {
            let clock = Clock::start();
            let trained = Trainer::new(self.dataset)
                .model(candidate.model.clone())
                .config(TrainConfig {
                    seed: candidate.train.seed.wrapping_add(seed),
                    ..candidate.train.clone()
                })
                .device(device)
                .ranking(None)
                .stop(stop.clone())
                .run()?;
            if trained.reason.is_early() {
                return Err(Error::Interrupted);
            }
            let ranker = trained.ranker()?;
            if seed == 0 {
                row.best_epoch = trained.best_epoch;
                (row.seconds, row.peak_bytes) = clock.stop();
                self.add(&ranker, std::mem::take(&mut row))?;
            } else {
                let figure = self.leading(&self.on_test(&ranker)?)?;
                if let Some((_, row)) = self.rows.last_mut() {
                    row.by_seed.push(figure);
                }
            }
        }
        Ok(())
    }

    fn add_filters(&mut self) -> Result<(), Error> {
        let split = &self.dataset.split;
        for &filter in &self.config.filters {
            let clock = Clock::start();
            let fitted = match self.config.filter_configs.fit(filter, &split.train) {
                Err(LinearError::Memory { .. }) => {
                    tracing::warn!("skipping {filter}: it does not fit in memory");
                    continue;
                }
                fitted => LinearRanker::new(fitted?, &split.train),
            };
            let row = clock.row();
            let new_items = NewItemsRanker::new(&fitted, &split.train);
            let better = better_on_validation(&new_items, &fitted, split, &self.options)?;
            self.add(better, row)?;
        }
        let behaviors = &self.dataset.behaviors;
        if behavior_stages(behaviors, split.train.interactions()).len() > 1 {
            let clock = Clock::start();
            let config = CascadingRankConfig::default();
            let ranker = CascadingRanker::new(&config, &split.train, behaviors)?;
            self.add(&ranker, clock.row())?;
        }
        let clock = Clock::start();
        match SessionKnnRanker::new(&SessionKnnConfig::default(), &split.train) {
            // Without times, there are no sessions.
            Err(RecommendError::Linear(LinearError::NoTimes { .. })) => Ok(()),
            ranker => self.add(&ranker?, clock.row()),
        }
    }

    fn add_rules(&mut self) -> Result<(), Error> {
        let train = &self.dataset.split.train;
        for rule in SeenNotBoughtRanker::all(train) {
            self.add(&rule, ComparedModel::default())?;
        }
        let popularity = PopularityRanker::from_interactions(train.interactions());
        self.add(&popularity, ComparedModel::default())
    }

    fn finish(mut self) -> Result<ModelComparison, Error> {
        self.rows
            .sort_by(|(_, a), (_, b)| b.validation.total_cmp(&a.validation));
        let (evaluations, models): (Vec<_>, Vec<_>) = self.rows.into_iter().unzip();
        let (k, seed) = (self.config.leading(), self.config.train.seed);
        Ok(ModelComparison {
            comparison: Comparison::new(&evaluations, Metric::Recall, k, seed)?,
            models,
        })
    }
}

/// Time and memory from here on.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        reset_peak_memory();
        Self(Instant::now())
    }

    fn stop(&self) -> (f64, Option<u64>) {
        (self.0.elapsed().as_secs_f64(), peak_memory())
    }

    fn row(&self) -> ComparedModel {
        let (seconds, peak_bytes) = self.stop();
        ComparedModel {
            seconds,
            peak_bytes,
            ..ComparedModel::default()
        }
    }
}
