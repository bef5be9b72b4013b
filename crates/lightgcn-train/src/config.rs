//! How a model is trained.

use crate::{GraphWeights, TrainError};
use lightgcn_loss::{Loss, LossConfig, LossError, SoftmaxConfig};
use lightgcn_metrics::Metric;
use lightgcn_sample::{NegativeSampling, PositiveOrder, PositiveSet};
use serde::{Deserialize, Serialize};
use std::ops::{Deref, RangeInclusive};

/// The number of nodes in the graph per batch of a step.
const NODES_PER_BATCH: usize = 8192;
/// The maximum number of batches per step chosen by the size of the graph.
const MOST_BATCHES: usize = 32;
/// The maximum number of batches per step.
pub(crate) const MOST_ACCUMULATED: usize = 1024;
/// The minimum number of steps per epoch to leave.
const LEAST_STEPS: usize = 48;
/// With this many pairs or more, an epoch is long enough to be judged by itself.
const MANY_PAIRS: usize = 5_000_000;
const VALIDATE_EVERY: u32 = 5;
const PATIENCE: u32 = 5;
const PATIENCE_OF_MANY: u32 = 3;
const LEAST_GAIN: f64 = 0.005;

/// How the learning rate changes over the run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// The same rate throughout.
    #[default]
    Constant,
    /// Falls linearly to `final_share` of the initial rate at the last epoch.
    Linear {
        /// Share of the initial rate at the end, above 0 and at most 1.
        final_share: f64,
    },
    /// Falls along half a cosine to `final_share` of the initial rate at the last epoch.
    Cosine {
        /// Share of the initial rate at the end, from 0 to 1.
        final_share: f64,
    },
}

/// How a model is trained. The defaults are those of `lightgcn train`; [`TrainConfig::published`] has the
/// LightGCN paper's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Seed of the initial embeddings, the order of pairs, the negatives and dropout. Default: 42.
    pub seed: u64,
    /// Maximum number of epochs. Default: 200.
    pub epochs: u32,
    /// The loss to minimize. Default: softmax.
    pub loss: LossConfig,
    /// Whether models with linear propagation are trained without autodiff where possible: the same result up
    /// to rounding, several times faster. Default: true.
    pub fused: bool,
    /// Whether fused steps round layers to 16 bits when they multiply the whole graph, which is faster from
    /// two layers on. Embeddings and gradients keep 32 bits. Several ranks have whole tables then.
    /// Default: false.
    pub bf16_layers: bool,
    /// Pairs per step and worker. Default: 2048.
    pub batch_size: usize,
    /// Number of devices of one kind (on the CPU, of parts of one thread pool) that share each step: a batch
    /// of `workers` times `batch_size` pairs is cut into one shard per worker, and the gradients are added in
    /// a fixed order. Needs fused steps. In-batch negatives are those of the shard. Default: 1.
    #[serde(skip_serializing_if = "is_one")]
    pub workers: usize,
    /// Number of batches that make one step: they share the propagation and the step of Adam, whose
    /// cost grows with the graph and not with the batch. In-batch negatives are those of the batch.
    /// More than 1 needs the CPU, a fused loss, no `l2` and one worker. Default: if the model is linear,
    /// one batch per 8,192 nodes of the graph, at most 32, leaving at least 48 steps per epoch,
    /// rounded down to a power of two, and at least one per rank unless the loss is BPR; otherwise 1.
    /// A resumed run keeps its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accumulate: Option<usize>,
    /// Negatives per positive. Default: 1.
    pub negatives: usize,
    /// Which pairs are positives: those with a purchase, or all, each with its pair's weight. Default: all,
    /// which is better on the validation data of both logs in docs/results.md.
    pub positives: PositiveSet,
    /// The weight of each behavior in the graph and as a positive. Default: as in the prepared
    /// dataset.
    #[serde(skip_serializing_if = "is_default")]
    pub weights: GraphWeights,
    /// The order in which positives are visited. Default: by pair.
    pub order: PositiveOrder,
    /// The distribution of negatives; a user's positives are never drawn. Default: uniform.
    pub negative_sampling: NegativeSampling,
    /// Adam's learning rate with one batch per step; with `accumulate` batches it is multiplied by
    /// the square root of their number (Malladi et al., *On the SDEs and Scaling Rules for Adaptive
    /// Gradient Algorithms*, NeurIPS 2022). Default: 0.0005.
    pub learning_rate: f64,
    /// How the learning rate changes. Default: constant.
    pub schedule: Schedule,
    /// L2 regularization of the layer-0 rows of the batch. Default: 0.
    pub l2: f64,
    /// Maximum global norm of the gradients; larger gradients are scaled down to it. Default: none.
    pub gradient_clipping: Option<f64>,
    /// Number of epochs between validations. Default: 5, fewer with a million pairs or more, and 1
    /// with five million or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate_every: Option<u32>,
    /// Stop after this many validations without improvement; 0 disables early stopping. Default: 5,
    /// or 3 with five million pairs or more, where improvements of less than 0.5 % do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u32>,
    /// The metric that selects the best epoch. Default: recall.
    pub metric: Metric,
    /// The K of that metric. Default: 20.
    pub metric_k: usize,
    /// Number of epochs between checkpoints; one is always written at the end and on interruption. 0 writes
    /// only those. Default: 10.
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
            accumulate: None,
            negatives: 1,
            positives: PositiveSet::AllPairs,
            weights: GraphWeights::default(),
            order: PositiveOrder::ByPair,
            negative_sampling: NegativeSampling::Uniform,
            learning_rate: 5e-4,
            schedule: Schedule::Constant,
            l2: 0.0,
            gradient_clipping: None,
            validate_every: None,
            patience: None,
            metric: Metric::Recall,
            metric_k: 20,
            checkpoint_every: 10,
        }
    }
}

fn is_one(n: &usize) -> bool {
    *n == 1
}

/// Whether an epoch with this many pairs is judged by itself.
fn is_large(n_pairs: usize) -> bool {
    n_pairs >= MANY_PAIRS
}

fn is_default(weights: &GraphWeights) -> bool {
    *weights == GraphWeights::default()
}

impl TrainConfig {
    /// The settings of the LightGCN paper (He et al., SIGIR 2020, section 4.1.2), where it states
    /// them: BPR with one negative, learning rate 0.001, L2 0.0001.
    #[must_use]
    pub fn published() -> Self {
        Self {
            loss: LossConfig::Bpr,
            learning_rate: 1e-3,
            l2: 1e-4,
            ..Self::default()
        }
    }

    /// The same config with the settings that depend on the size of the data filled in;
    /// `batches` is how many a step has at least and at most, of which the latter counts more.
    pub(crate) fn sized(
        mut self,
        n_nodes: usize,
        n_pairs: usize,
        batches: RangeInclusive<usize>,
    ) -> Self {
        self.accumulate.get_or_insert_with(|| {
            let by_graph = (n_nodes / NODES_PER_BATCH).min(MOST_BATCHES);
            let by_steps = n_pairs / self.batch_size.max(1) / LEAST_STEPS;
            let by_size = match by_graph.min(by_steps) {
                n if n > 1 => 1 << n.ilog2(),
                _ => 1,
            };
            by_size.max(*batches.start()).min(*batches.end())
        });
        let every = (MANY_PAIRS / n_pairs.max(1)).clamp(1, VALIDATE_EVERY as usize);
        self.validate_every.get_or_insert(every as u32);
        self.patience.get_or_insert(match is_large(n_pairs) {
            true => PATIENCE_OF_MANY,
            false => PATIENCE,
        });
        self
    }

    /// Batches of a step and worker.
    pub(crate) fn batches_per_step(&self) -> usize {
        self.accumulate.unwrap_or(1)
    }

    /// The learning rate of a step.
    pub(crate) fn step_rate(&self) -> f64 {
        self.learning_rate * (self.batches_per_step() as f64).sqrt()
    }

    /// Epochs between validations.
    pub(crate) fn validate_every(&self) -> u32 {
        self.validate_every.unwrap_or(VALIDATE_EVERY)
    }

    /// Validations without improvement before the run ends, or 0.
    pub(crate) fn patience(&self) -> u32 {
        self.patience.unwrap_or(PATIENCE)
    }

    /// The minimum relative improvement over the best metric that counts as one.
    pub(crate) fn least_gain(n_pairs: usize) -> f64 {
        match is_large(n_pairs) {
            true => LEAST_GAIN,
            false => 0.0,
        }
    }

    /// Batches of a step, of all workers.
    pub(crate) fn batches_of_all_workers(&self) -> usize {
        self.workers.saturating_mul(self.batches_per_step())
    }

    /// Pairs in one step.
    pub(crate) fn pairs_per_step(&self) -> usize {
        self.batch_size
            .saturating_mul(self.batches_of_all_workers())
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`TrainError::Config`] with every issue found.
    pub fn check(&self) -> Result<ValidTrainConfig, TrainError> {
        let mut issues = Vec::new();
        let mut require = |holds: bool, issue: &str| {
            if !holds {
                issues.push(issue.to_owned());
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
            "more than one worker needs fused steps: set fused = true, or remove workers",
        );
        require(
            (1..=MOST_ACCUMULATED).contains(&self.batches_per_step()),
            "accumulate must be from 1 to 1024",
        );
        require(
            self.batches_per_step() == 1 || self.fused && self.workers == 1 && self.l2 == 0.0,
            "accumulate needs fused steps, one worker and no l2: remove accumulate, or change \
            these",
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
        require(
            self.validate_every() > 0,
            "validate_every must be at least 1",
        );
        require(self.metric_k > 0, "metric_k must be at least 1");
        require(
            self.fused || !self.bf16_layers,
            "bf16_layers needs fused steps: set fused = true, or remove bf16_layers",
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
        if let Err(LossError::Config { issues: found, .. }) = self.loss.check() {
            issues.extend(found.iter().map(|issue| format!("loss.{issue}")));
        }
        if issues.is_empty() {
            Ok(ValidTrainConfig(self.clone()))
        } else {
            Err(TrainError::Config { issues })
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
    fn a_step_has_batches_by_the_graph_and_at_least_one_per_rank() {
        let sized = |n_nodes, n_pairs, most, least| {
            let config = TrainConfig::default();
            config.sized(n_nodes, n_pairs, least..=most).accumulate
        };
        // Gowalla, and a small shop.
        assert_eq!(sized(70_839, 810_128, 1024, 1), Some(8));
        assert_eq!(sized(70_839, 810_128, 1024, 4), Some(8));
        assert_eq!(sized(70_839, 810_128, 1, 4), Some(1));
        assert_eq!(sized(500, 3_000, 1024, 1), Some(1));
        assert_eq!(sized(500, 3_000, 1024, 3), Some(3));
        let given = TrainConfig {
            accumulate: Some(2),
            ..TrainConfig::default()
        };
        assert_eq!(given.sized(500, 3_000, 3..=1024).accumulate, Some(2));
    }

    #[test]
    fn the_default_is_usable_and_every_issue_is_listed() {
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
        let Err(TrainError::Config { issues }) = config.check() else {
            panic!("the configuration must be refused")
        };
        assert_eq!(issues.len(), 5, "{issues:?}");
    }
}
