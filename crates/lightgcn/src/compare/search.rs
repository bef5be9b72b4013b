//! Searches one model's settings.

use super::CompareConfig;
use crate::Error;
use lightgcn_core::Dataset;
use lightgcn_nn::AnyModelConfig;
use lightgcn_train::{
    Candidate, Device, Point, Schedule, SearchEnd, SearchObserver, SearchOptions, SearchSpace,
    SearchStrategy, StopSignal, TpeSearch, TrainError, run_search_with,
};
use serde_json::{Value, json};

/// The outcome of a search.
pub(super) struct Found {
    pub(super) candidate: Candidate,
    pub(super) trials: usize,
    pub(super) point: Point,
}

/// What the searches of all models share.
pub(super) struct Search<'a> {
    pub(super) config: &'a CompareConfig,
    pub(super) dataset: &'a Dataset,
    pub(super) device: Device,
    pub(super) stop: &'a StopSignal,
}

impl Search<'_> {
    /// The model with the settings that its search starts from.
    fn own(&self, model: &AnyModelConfig) -> Candidate {
        let mut own = Candidate {
            model: model.clone(),
            train: self.config.train.clone(),
        };
        if self.config.minutes.is_some() {
            // A trial cut short by the time limit counts with its validations so far.
            own.train.validate_every.get_or_insert(1);
        }
        own
    }

    /// Finds a model's best settings on the validation part within the budget.
    pub(super) fn settings(
        &self,
        model: &AnyModelConfig,
        observer: &mut dyn SearchObserver,
    ) -> Result<Found, Error> {
        let &Self {
            config,
            dataset,
            device,
            stop,
        } = self;
        let own = self.own(model);
        if config.trials == 1 {
            return Ok(Found {
                candidate: own,
                trials: 1,
                point: Point::new(),
            });
        }
        let (space, first) = space(&own, dataset)?;
        let mut strategy = FirstThen {
            first: Some(first.clone()),
            inner: TpeSearch::new(&space, config.train.seed),
        };
        let options = SearchOptions {
            seed: config.train.seed,
            trials: Some(config.trials),
            time: config.time()?,
            device,
            stop: stop.clone(),
            ..SearchOptions::default()
        };
        let outcome = run_search_with(dataset, &space, &mut strategy, &options, observer)?;
        if outcome.end == SearchEnd::Interrupted {
            return Err(Error::Interrupted);
        }
        let trials = outcome.trials.len();
        let failed = outcome.failed().find_map(|trial| trial.error.clone());
        let best = outcome.best.ok_or_else(|| TrainError::Config {
            issues: vec![format!(
                "no trial of {} has a result: {}",
                model.name(),
                failed.unwrap_or_else(|| "time ran out before its first validation".to_owned())
            )],
        })?;
        let mut point = best.record.point;
        point.retain(|path, value| first.get(path) != Some(value));
        let mut candidate = best.candidate;
        // A schedule spans all epochs.
        if candidate.train.schedule == Schedule::Constant {
            candidate.train.epochs = best.record.best_epoch.max(1);
        }
        Ok(Found {
            candidate,
            trials,
            point,
        })
    }
}

/// The search space, and the model's own settings as a point in it.
fn space(own: &Candidate, dataset: &Dataset) -> Result<(SearchSpace, Point), Error> {
    let value = |part: Result<Value, serde_json::Error>| {
        part.map_err(|error| TrainError::Config {
            issues: vec![format!("the settings cannot be written as JSON: {error}")],
        })
    };
    let model = value(serde_json::to_value(&own.model))?;
    let train = value(serde_json::to_value(&own.train))?;
    let rate = own.train.learning_rate;
    let mut ranges = serde_json::Map::new();
    let mut first = Point::new();
    let mut vary = |path: &str, range: Value, own: Value| {
        ranges.insert(path.to_owned(), range);
        first.insert(path.to_owned(), own);
    };
    // A factor of ten in both directions, within the range that works for Adam on embeddings.
    let (low, high) = ((rate / 10.0).max(1e-5), (rate * 10.0).min(0.1));
    vary(
        "train.learning_rate",
        json!({ "low": low.min(rate), "high": high.max(rate), "log": true }),
        rate.into(),
    );
    if let Some(layers) = model.get("layers").and_then(Value::as_u64) {
        // Given layer weights fit only one number of layers.
        if own.model.clone().with_layers(1).is_some() && !model["layer_weights"].is_object() {
            let most = layers.max(3);
            vary(
                "model.layers",
                json!({ "low": 1.min(layers), "high": most, "step": 1 }),
                layers.into(),
            );
        }
    }
    let pairs = dataset.split.train.interactions();
    if (0..pairs.n_pairs()).any(|pair| !pairs.is_target(pair)) {
        let positives = train["positives"].clone();
        vary(
            "train.positives",
            json!({ "choices": ["all-pairs", "targets"] }),
            positives,
        );
    }
    let tables = json!({ "model": model, "train": train, "space": ranges });
    Ok((SearchSpace::from_json(&tables)?, first))
}

/// First a given point, then the suggestions of another strategy.
struct FirstThen<S> {
    first: Option<Point>,
    inner: S,
}

impl<S: SearchStrategy> SearchStrategy for FirstThen<S> {
    fn describe(&self) -> String {
        format!("the given settings, then {}", self.inner.describe())
    }

    fn suggest(&mut self, number: u32) -> Point {
        match self.first.take() {
            Some(point) => point,
            None => self.inner.suggest(number),
        }
    }

    fn observe(&mut self, point: &Point, figure: Option<f64>) {
        self.inner.observe(point, figure);
    }
}
