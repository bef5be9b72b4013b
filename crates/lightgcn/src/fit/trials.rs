//! Short trials of training settings on the validation part.

use super::Fit;
use crate::Error;
use lightgcn_core::Dataset;
use lightgcn_loss::{LossConfig, SoftmaxConfig};
use lightgcn_train::{GraphWeights, StopSignal, TrainConfig, Trainer};
use std::borrow::Cow;

/// The number of epochs in a trial.
const EPOCHS: u32 = 5;
/// The same if an epoch has fewer than [`FEW_BATCHES`]: early on, whatever learns fastest looks best.
const EPOCHS_OF_FEW: u32 = 10;
const FEW_BATCHES: usize = 50;
/// The maximum number of training pairs in a trial; for larger logs, trials use a sample of the
/// users.
const MOST_PAIRS: usize = 1_000_000;
/// The popularity corrections to try, each only if the one before it helped.
const CORRECTIONS: [f64; 2] = [0.5, 1.0];
/// The higher temperature to try.
const TEMPERATURE: f64 = 0.2;
/// What the higher learning rate to try is multiplied by.
const RATE: f64 = 4.0;

/// A change of the settings.
struct Change {
    name: String,
    apply: Box<dyn Fn(&mut TrainConfig)>,
}

impl Change {
    fn new(name: impl Into<String>, apply: impl Fn(&mut TrainConfig) + 'static) -> Self {
        Self {
            name: name.into(),
            apply: Box::new(apply),
        }
    }
}

impl Fit<'_> {
    /// The settings to train with: those given; for settings left at their default, short trials on
    /// the validation part choose, one setting after the other.
    pub(super) fn chosen(
        &self,
        dataset: &Dataset,
        stop: &StopSignal,
    ) -> Result<TrainConfig, Error> {
        let mut best = self.train.clone();
        let settings = settings(&best, dataset);
        if settings.is_empty() || dataset.split.validation.truth().is_empty() {
            return Ok(best);
        }
        let n_pairs = dataset.split.train.interactions().n_pairs();
        let dataset = match n_pairs.div_ceil(MOST_PAIRS) {
            0 | 1 => Cow::Borrowed(dataset),
            n => {
                tracing::info!("trying training settings on every {n}th user");
                Cow::Owned(dataset.every_nth_user(n)?)
            }
        };
        let mut figure = self.trial(&dataset, &best, stop)?;
        for changes in settings {
            for Change { name, apply } in changes {
                let mut changed = best.clone();
                apply(&mut changed);
                let other = self.trial(&dataset, &changed, stop)?;
                tracing::info!("{name}: validation metric {other:.4}, {figure:.4} without");
                if other <= figure {
                    break;
                }
                (best, figure) = (changed, other);
            }
        }
        Ok(best)
    }

    /// The best validation metric of a few epochs.
    fn trial(
        &self,
        dataset: &Dataset,
        config: &TrainConfig,
        stop: &StopSignal,
    ) -> Result<f64, Error> {
        let n_batches = dataset.split.train.interactions().n_pairs() / config.batch_size.max(1);
        let epochs = match n_batches {
            ..FEW_BATCHES => EPOCHS_OF_FEW,
            _ => EPOCHS,
        };
        let trained = Trainer::new(dataset)
            .model(self.model.clone())
            .config(TrainConfig {
                epochs: epochs.min(config.epochs),
                validate_every: Some(EPOCHS),
                ..config.clone()
            })
            .device(self.device)
            .stop(stop.clone())
            .ranking(None)
            .run()?;
        Ok(match trained.validation {
            Some(found) => found.mean(config.metric, config.metric_k)?,
            None => 0.0,
        })
    }
}

/// The changes to try, by setting, for settings left at their default. A change is tried only if the one before it
/// helped.
fn settings(given: &TrainConfig, dataset: &Dataset) -> Vec<Vec<Change>> {
    let usual = TrainConfig::default();
    let pairs = dataset.split.train.interactions();
    let mut settings = Vec::new();
    if pairs.n_targets() < pairs.n_pairs() && given.weights == usual.weights {
        let flat = GraphWeights::flat(dataset.behaviors.config());
        let apply = move |train: &mut TrainConfig| train.weights = flat.clone();
        settings.push(vec![Change::new("flat behavior weights", apply)]);
    }
    // The effect of a learning rate depends on the number of steps, and a sample has fewer.
    if given.learning_rate == usual.learning_rate && pairs.n_pairs() <= MOST_PAIRS {
        let rate = usual.learning_rate * RATE;
        let apply = move |train: &mut TrainConfig| train.learning_rate = rate;
        settings.push(vec![Change::new(
            format!("a learning rate of {rate}"),
            apply,
        )]);
    }
    if given.loss == usual.loss {
        // A batch's own items are negatives as often as they are popular, so the model learns to recommend popular
        // items less: wrong if few items get most purchases.
        let correction = |strength: f64| {
            let name = format!("a popularity correction of {strength}");
            Change::new(
                name,
                with_softmax(move |s| s.popularity_correction = strength),
            )
        };
        settings.push(CORRECTIONS.map(correction).into());
        // On dense data a negative that scores high is often liked as well: a higher temperature forgives it.
        let apply = with_softmax(|softmax| softmax.temperature = TEMPERATURE);
        settings.push(vec![Change::new(
            format!("a temperature of {TEMPERATURE}"),
            apply,
        )]);
    }
    settings
}

/// Changes the softmax loss, if it is that.
fn with_softmax(change: impl Fn(&mut SoftmaxConfig)) -> impl Fn(&mut TrainConfig) {
    move |train| {
        if let LossConfig::Softmax(softmax) = &mut train.loss {
            change(softmax);
        }
    }
}
