//! How a model is trained.

use crate::TrainError;
use lightgcn_loss::{Loss, LossConfig, LossError, SoftmaxConfig};
use lightgcn_metrics::Metric;
use lightgcn_sample::{NegativeSampling, PositiveOrder, PositiveSet};
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// How the learning rate changes over the run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// It stays.
    #[default]
    Constant,
    /// It falls in a straight line to `final_share` of itself at the last epoch.
    Linear {
        /// The share of the first rate that is left at the end, above 0 to 1.
        final_share: f64,
    },
    /// It falls along half a cosine to `final_share` of itself at the last epoch.
    Cosine {
        /// The share of the first rate that is left at the end, 0 to 1.
        final_share: f64,
    },
}

/// How a model is trained. The default is that of `lightgcn train`: the softmax loss, Adam 5e-4,
/// no L2; [`TrainConfig::published`] is the LightGCN paper's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The seed of initial embeddings, order, negatives and dropout.
    pub seed: u64,
    /// The most epochs to train.
    pub epochs: u32,
    /// What a step minimizes.
    pub loss: LossConfig,
    /// Whether steps of models with linear propagation go without autodiff where they can: the same
    /// result up to rounding, several times faster.
    pub fused: bool,
    /// Whether fused steps on the CPU read layers rounded to 16 bits where they multiply the whole
    /// graph: faster from two layers on. Embeddings, gradients and what is learned keep 32 bits.
    pub bf16_layers: bool,
    /// Pairs in a step of each worker.
    pub batch_size: usize,
    /// Devices of one kind, or on the CPU parts of one pool, that share every step: batches of
    /// `workers` times `batch_size` pairs are cut into a shard each, and the gradients are added in a
    /// fixed order. For fused steps only. With in-batch negatives each shard has those of its own
    /// pairs.
    #[serde(skip_serializing_if = "is_one")]
    pub workers: usize,
    /// Negatives for each positive.
    pub negatives: usize,
    /// Which pairs are positives: those with a purchase, or all, each weighing as much as its pair
    /// (the default: better on the validation parts of the two logs of docs/results.md).
    pub positives: PositiveSet,
    /// How positives are visited.
    pub order: PositiveOrder,
    /// Where negatives come from; a positive of the user is never drawn.
    pub negative_sampling: NegativeSampling,
    /// Adam's step size.
    pub learning_rate: f64,
    /// How the step size changes.
    pub schedule: Schedule,
    /// L2 on the layer-0 rows of the batch.
    pub l2: f64,
    /// The largest norm of all gradients together; larger ones are scaled down to it.
    pub gradient_clipping: Option<f64>,
    /// Validate every so many epochs.
    pub validate_every: u32,
    /// Stop after so many validations without a better one; 0 never stops early.
    pub patience: u32,
    /// The metric by which the best epoch is chosen.
    pub metric: Metric,
    /// The K of that metric.
    pub metric_k: usize,
    /// Write a checkpoint every so many epochs, and always at the end and when interrupted; 0 writes
    /// only those.
    pub checkpoint_every: u32,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: 42,
            epochs: 200,
            loss: LossConfig::Softmax(SoftmaxConfig::default()),
            fused: true,
            bf16_layers: false,
            batch_size: 2048,
            workers: 1,
            negatives: 1,
            positives: PositiveSet::AllPairs,
            order: PositiveOrder::ByPair,
            negative_sampling: NegativeSampling::Uniform,
            learning_rate: 5e-4,
            schedule: Schedule::Constant,
            l2: 0.0,
            gradient_clipping: None,
            validate_every: 5,
            patience: 5,
            metric: Metric::Recall,
            metric_k: 20,
            checkpoint_every: 10,
        }
    }
}

fn is_one(n: &usize) -> bool {
    *n == 1
}

impl TrainConfig {
    /// The recipe of the LightGCN paper (He et al., SIGIR 2020, section 4.1.2) where it names one:
    /// BPR with one negative, Adam 1e-3, L2 1e-4.
    #[must_use]
    pub fn published() -> Self {
        Self {
            loss: LossConfig::Bpr,
            learning_rate: 1e-3,
            l2: 1e-4,
            ..Self::default()
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`TrainError::Config`] with every fault found.
    pub fn check(&self) -> Result<ValidTrainConfig, TrainError> {
        let mut faults = Vec::new();
        let mut require = |holds: bool, fault: &str| {
            if !holds {
                faults.push(fault.to_owned());
            }
        };
        let positive = |x: f64| x.is_finite() && x > 0.0;
        require(self.epochs > 0, "epochs must be at least 1");
        require(self.batch_size > 0, "batch_size must be at least 1");
        require(
            (1..=64).contains(&self.workers),
            "workers must be from 1 to 64",
        );
        require(
            self.workers == 1 || self.fused,
            "more than one worker needs fused steps: set fused = true, or leave workers out",
        );
        require(self.negatives > 0, "negatives must be at least 1");
        require(
            positive(self.learning_rate) && self.learning_rate <= 1.0,
            "learning_rate must be above 0 and at most 1",
        );
        require(
            self.l2.is_finite() && self.l2 >= 0.0,
            "l2 must be finite and not negative",
        );
        require(
            self.gradient_clipping.is_none_or(positive),
            "gradient_clipping must be positive and finite",
        );
        require(self.validate_every > 0, "validate_every must be at least 1");
        require(self.metric_k > 0, "metric_k must be at least 1");
        require(
            self.fused || !self.bf16_layers,
            "bf16_layers needs fused steps: set fused = true, or leave bf16_layers out",
        );
        if let NegativeSampling::Popularity { alpha } = self.negative_sampling {
            require(
                alpha.is_finite(),
                "the alpha of popularity sampling must be finite",
            );
        }
        match self.schedule {
            Schedule::Constant => {}
            Schedule::Linear { final_share } => require(
                final_share > 0.0 && final_share <= 1.0,
                "the final_share of a linear schedule must be above 0 and at most 1",
            ),
            Schedule::Cosine { final_share } => require(
                (0.0..=1.0).contains(&final_share),
                "the final_share of a cosine schedule must be from 0 to 1",
            ),
        }
        if let Err(LossError::Config { issues, .. }) = self.loss.check() {
            faults.extend(issues.iter().map(|issue| format!("loss.{issue}")));
        }
        if faults.is_empty() {
            Ok(ValidTrainConfig(self.clone()))
        } else {
            Err(TrainError::Config { faults })
        }
    }
}

/// A [`TrainConfig`] whose every field was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidTrainConfig(TrainConfig);

impl Deref for ValidTrainConfig {
    type Target = TrainConfig;

    fn deref(&self) -> &TrainConfig {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_usable_and_every_fault_is_listed() {
        assert!(TrainConfig::default().check().is_ok());
        let config = TrainConfig {
            epochs: 0,
            learning_rate: f64::NAN,
            fused: false,
            bf16_layers: true,
            l2: -1.0,
            schedule: Schedule::Linear { final_share: 0.0 },
            ..TrainConfig::default()
        };
        let Err(TrainError::Config { faults }) = config.check() else {
            panic!("the configuration must be refused")
        };
        assert_eq!(faults.len(), 5, "{faults:?}");
    }
}
