//! The options of evaluations.

use crate::RecommendError;
use lightgcn_metrics::IntervalOptions;
use serde::{Deserialize, Serialize};

/// How to evaluate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationOptions {
    /// The cutoffs K. Beyond the catalogue, lists are as long as the catalogue. Default: 10, 20 and 50.
    pub ks: Vec<usize>,
    /// The seed of the bootstrap intervals. Default: 0.
    pub seed: u64,
    /// The number of bootstrap resamples of an interval; with 0, summaries have no intervals. Default: 1000.
    pub resamples: usize,
    /// The share of resamples that an interval covers, in (0, 1). Default: 0.95.
    pub confidence: f64,
    /// The number of users ranked at a time, which bounds memory and changes no figure. Default: 4096.
    pub block_size: usize,
}

impl Default for EvaluationOptions {
    fn default() -> Self {
        Self {
            ks: vec![10, 20, 50],
            seed: 0,
            resamples: 1000,
            confidence: 0.95,
            block_size: 4096,
        }
    }
}

impl EvaluationOptions {
    /// How to compute intervals.
    pub(super) fn intervals(&self) -> IntervalOptions {
        IntervalOptions {
            confidence: self.confidence,
            resamples: self.resamples,
            seed: self.seed,
        }
    }

    /// Reports every problem.
    pub(super) fn check(&self) -> Result<(), RecommendError> {
        let mut issues = Vec::new();
        if self.ks.is_empty() {
            issues.push("no cutoffs K; give at least one".to_owned());
        }
        if self.ks.contains(&0) {
            issues.push("a cutoff K is 0; use at least 1".to_owned());
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            issues.push(format!(
                "confidence is {}; it must be between 0 and 1",
                self.confidence
            ));
        }
        if self.block_size == 0 {
            issues.push("block_size is 0; use at least 1".to_owned());
        }
        if issues.is_empty() {
            Ok(())
        } else {
            Err(RecommendError::Options { issues })
        }
    }
}
