//! The softmax family: sampled softmax, BSL, popularity correction, SL@K.

use burn::tensor::activation::sigmoid;
use burn::tensor::{Bool, Tensor};
use lightgcn_kernels::SparseBackend;

use crate::batch::Batch;
use crate::config::{LossConfig, SoftmaxConfig};
use crate::error::{ConfigIssue, LossError};
use crate::loss::{Loss, LossNeeds, Tables};

/// The score of excluded candidates: below any logit, and finite in 32 bits.
const EXCLUDED: f32 = -1e30;

/// The maximum number of shared items in a batch.
pub const MAX_SHARED_NEGATIVES: usize = 65_536;

impl Loss for SoftmaxConfig {
    fn check(&self) -> Result<(), LossError> {
        const TEMPERATURES: &str = "from 0.01 to 100";
        let is_temperature = |value: f64| (0.01..=100.0).contains(&value);
        let mut issues = Vec::new();
        let mut require = |holds: bool, setting, value, expected| {
            if !holds {
                issues.push(ConfigIssue {
                    setting,
                    value,
                    expected,
                });
            }
        };
        let value = self.temperature;
        require(is_temperature(value), "temperature", value, TEMPERATURES);
        let value = self.negative_weight;
        require(
            value.is_finite() && value > 0.0,
            "negative_weight",
            value,
            "positive and finite",
        );
        let value = self.popularity_correction;
        require(
            (0.0..=1.0).contains(&value),
            "popularity_correction",
            value,
            "from 0 to 1",
        );
        require(
            self.shared_negatives <= MAX_SHARED_NEGATIVES,
            "shared_negatives",
            self.shared_negatives as f64,
            "at most 65536",
        );
        if let Some(top_k) = self.top_k {
            require(top_k.k > 0, "top_k.k", 0.0, "at least 1");
            let value = top_k.temperature;
            require(
                is_temperature(value),
                "top_k.temperature",
                value,
                TEMPERATURES,
            );
            require(top_k.every > 0, "top_k.every", 0.0, "at least 1");
        }
        LossError::check("softmax", issues)
    }

    fn needs(&self) -> LossNeeds {
        LossNeeds {
            negatives: false,
            shared_negatives: self.shared_negatives,
            popularity: self.popularity_correction > 0.0,
            known_positives: self.mask_positives,
            top_k: self.top_k,
        }
    }

    fn forward<B: SparseBackend>(&self, tables: Tables<B>, batch: &Batch<B>) -> Tensor<B, 1> {
        let (batch_size, dtype) = (batch.batch_size(), tables.embeddings.dtype());
        let column = |numbers: &Tensor<B, 1>| numbers.clone().cast(dtype).reshape([-1, 1]);
        let (users, candidates) = batch.unit_rows(tables.embeddings);
        let positives = candidates.clone().narrow(0, 0, batch_size);
        let positive_scores = (users.clone() * positives).sum_dim(1);
        let mut logits = users
            .matmul(candidates.transpose())
            .div_scalar(self.temperature);
        if self.popularity_correction > 0.0 {
            let Some(log_popularity) = batch.log_popularity() else {
                panic!("softmax: the batch has no popularity, which the correction needs");
            };
            let correction = column(log_popularity).mul_scalar(self.popularity_correction);
            logits = logits - correction.transpose();
        }
        let negatives = log_sum_exp_of_rows(logits, batch.excluded());
        let mut losses = negatives.mul_scalar(self.negative_weight)
            - positive_scores.clone().div_scalar(self.temperature);
        if let Some(top_k) = self.top_k {
            let Some(thresholds) = batch.top_k_thresholds() else {
                panic!("softmax: the batch has no top-K thresholds, which SL@K needs");
            };
            let margins = positive_scores.detach() - column(thresholds);
            losses = losses * sigmoid(margins.div_scalar(top_k.temperature));
        }
        if let Some(weights) = batch.weights() {
            losses = losses * column(weights);
        }
        losses.sum().div_scalar(batch_size as f64)
    }

    fn fused(&self) -> Option<LossConfig> {
        Some(LossConfig::Softmax(*self))
    }
}

/// `ln Σ exp` of the logits of each row that are not excluded, `[n_rows, n_columns]` to `[n_rows,
/// 1]`; 0 for rows that are entirely excluded.
fn log_sum_exp_of_rows<B: SparseBackend>(
    logits: Tensor<B, 2>,
    excluded: Tensor<B, 2, Bool>,
) -> Tensor<B, 2> {
    let logits = logits.mask_fill(excluded, EXCLUDED);
    // A constant: the largest term is exp(0), so the sum is at least 1 and at most the number of
    // columns, and no gradient can overflow.
    let largest = logits.clone().detach().max_dim(1);
    let empty = largest.clone().lower_elem(0.5 * EXCLUDED);
    let sums = (logits - largest.clone()).exp().sum_dim(1);
    (sums.log() + largest).mask_fill(empty, 0.0)
}

#[cfg(test)]
mod tests;
