//! The losses of this crate by name, and their settings.

use serde::{Deserialize, Serialize};

/// A loss of this crate, tagged by `name` in TOML and JSON. Default: BPR.
///
/// ```
/// use lightgcn_loss::{LossConfig, SoftmaxConfig};
///
/// let loss: LossConfig = serde_json::from_str(r#"{"name": "softmax", "temperature": 0.2}"#)?;
/// let softmax = SoftmaxConfig { temperature: 0.2, ..SoftmaxConfig::default() };
/// assert_eq!(loss, LossConfig::Softmax(softmax));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum LossConfig {
    /// BPR, the published loss of LightGCN.
    #[default]
    Bpr,
    /// The softmax family: sampled softmax, BSL, popularity correction, SL@K.
    Softmax(SoftmaxConfig),
}

/// The softmax losses. With pairs p = (u, i), candidates j (the items of all pairs, then the shared
/// ones: see [`Batch`](crate::Batch)) and the cosines s of final embeddings:
///
/// ```text
/// z_pj = s_pj / τ − κ · ln q_j
/// L_p  = −s_pp / τ + t₂ · ln Σ_{j ∈ Neg(p)} exp(z_pj)
/// L    = 1 / |B| · Σ_p w_p · ω_p · L_p
/// ```
///
/// | loss | settings | source |
/// |---|---|---|
/// | sampled softmax (SL) | t₂ = 1, κ = 0, ω = 1 | Wu et al., *On the Effectiveness of Sampled Softmax Loss for Item Recommendation*, TOIS 2024 |
/// | bilateral softmax (BSL) | t₂ ≠ 1 | Wu et al., *BSL: Understanding and Improving Softmax Loss for Recommendation*, ICDE 2024 |
/// | popularity correction (logQ) | κ > 0 | Bengio and Senécal, *Adaptive Importance Sampling to Accelerate Training of a Neural Probabilistic Language Model*, IEEE TNN 2008; Yi et al., *Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations*, RecSys 2019 |
/// | SL@K | ω_p = σ((s_pp − β_u) / τ_w) | see [`TopKConfig`] |
///
/// - `Neg(p)` are the candidates that are not [`excluded`](crate::Batch::excluded). A candidate
///   counts as often as it is in the batch. A pair without negatives has only the first term.
/// - `q_j` is the popularity of a candidate: an item is in batches as often as it is bought, so
///   popular items are pushed down unless corrected for.
///
/// Items are ranked by dot product afterwards, including lengths. The positive is not in the sum,
/// as in BSL and unlike some formulations of the sampled softmax, so the loss can be negative. The
/// largest logit of each pair is subtracted before exponentials are taken: cosines and temperatures
/// of any size give finite numbers.
///
/// O(batch · n_candidates · dim) time, and a few matrices of `[batch, n_candidates]`.
///
/// # Example
///
/// Two pairs whose items are each other's negatives. User 0 scores its item ½ and the other 0, user
/// 1 its item 1 and the other 0:
///
/// ```
/// use burn::backend::{Autodiff, Flex};
/// use burn::tensor::Tensor;
/// use lightgcn_loss::{Batch, BatchIds, Loss, SoftmaxConfig, TableRows, Tables};
///
/// type B = Autodiff<Flex>;
/// let device = Default::default();
/// let h = 0.75_f32.sqrt();
/// let table = [[0.5, h, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]];
/// let embeddings = Tensor::<B, 2>::from_floats(table, &device).require_grad();
/// let tables = Tables { embeddings: embeddings.clone(), layer0: embeddings.clone() };
/// let ids = BatchIds { users: &[0, 1], positives: &[0, 1], ..BatchIds::default() };
/// let batch = Batch::new(&ids, TableRows::new(2, 2), &device);
///
/// let softmax = SoftmaxConfig { temperature: 0.5, ..SoftmaxConfig::default() };
/// let loss = softmax.forward(tables, &batch);
/// // −½ / 0.5 + ln e⁰ and −1 / 0.5 + ln e⁰, on average.
/// assert!((loss.clone().into_scalar() + 1.5).abs() < 1e-6);
/// assert!(embeddings.grad(&loss.backward()).is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SoftmaxConfig {
    /// Temperature τ that cosines are divided by, from 0.01 to 100. The lower it is, the more the
    /// hardest negatives count. Default: 0.1.
    pub temperature: f64,
    /// Weight t₂ of the negatives' term, positive. 1 is the sampled softmax, any other value BSL.
    /// Default: 1.
    pub negative_weight: f64,
    /// Strength κ of the popularity correction, from 0 (none) to 1 (full). Default: 0.
    pub popularity_correction: f64,
    /// Number of items drawn uniformly for all pairs of a batch, in addition to the batch's own, at
    /// most 65,536. Default: 0.
    pub shared_negatives: usize,
    /// Whether known positives of a user are excluded from their negatives. Default: true.
    pub mask_positives: bool,
    /// The weights of SL@K. Default: none, all pairs count equally.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<TopKConfig>,
}

impl Default for SoftmaxConfig {
    /// The settings chosen on Gowalla's validation data: see docs/results.md.
    fn default() -> Self {
        Self {
            temperature: 0.1,
            negative_weight: 1.0,
            popularity_correction: 0.0,
            shared_negatives: 0,
            mask_positives: true,
            top_k: None,
        }
    }
}

/// How SL@K weights pairs: pair (u, i) counts
///
/// ```text
/// ω = σ((s_ui − β_u) / τ_w)
/// ```
///
/// times, where β_u is the user's K-th best cosine: nearly 1 for pairs within the K best, nearly 0
/// for those far below. The weights are constants to the gradient.
///
/// Source: Yang et al., *Breaking the Top-K Barrier: Advancing Top-K Ranking Metrics Optimization in
/// Recommender Systems*, KDD 2025. (The authors' code of SL@K lets the gradient flow through the
/// weights, that of its variant SogSL@K does not.)
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopKConfig {
    /// K, the length of the lists that matter, at least 1. Default: 20.
    pub k: usize,
    /// Temperature τ_w of the weights, from 0.01 to 100; the authors search 0.5 to 3. As it grows,
    /// all weights become ½. Default: 1.
    pub temperature: f64,
    /// Number of epochs after which the trainer recomputes the thresholds β, at least 1. It takes
    /// as much work as an evaluation of all users. Default: 5.
    pub every: u32,
}

impl Default for TopKConfig {
    fn default() -> Self {
        Self {
            k: 20,
            temperature: 1.0,
            every: 5,
        }
    }
}

impl TopKConfig {
    /// Whether thresholds are recomputed before an epoch, counted from 0.
    pub fn is_due(&self, epoch: u32) -> bool {
        epoch.is_multiple_of(self.every)
    }

    /// ω of a pair with that cosine, between 0 and 1.
    pub fn weight(&self, cosine: f32, threshold: f32) -> f32 {
        let margin = f64::from(cosine - threshold) / self.temperature;
        (1.0 / (1.0 + (-margin).exp())) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn softmax_of(json: &str) -> SoftmaxConfig {
        match serde_json::from_str(json).unwrap() {
            LossConfig::Softmax(softmax) => softmax,
            LossConfig::Bpr => panic!("BPR was read from {json}"),
        }
    }

    #[test]
    fn missing_settings_have_their_defaults() {
        let softmax = softmax_of(r#"{"name": "softmax", "temperature": 0.2}"#);
        assert_eq!(softmax.temperature, 0.2);
        assert_eq!(
            softmax.negative_weight,
            SoftmaxConfig::default().negative_weight
        );
        let weighted = softmax_of(r#"{"name": "softmax", "top_k": {"k": 50}}"#);
        let top_k = TopKConfig {
            k: 50,
            ..TopKConfig::default()
        };
        assert_eq!(weighted.top_k, Some(top_k));
    }

    #[test]
    fn unknown_settings_are_errors() {
        for json in [
            r#"{"name": "softmax", "t": 1}"#,
            r#"{"name": "softmax", "top_k": {"K": 50}}"#,
            r#"{"name": "hinge"}"#,
        ] {
            assert!(serde_json::from_str::<LossConfig>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn configs_survive_json() {
        let softmax = SoftmaxConfig {
            temperature: 0.12,
            top_k: Some(TopKConfig::default()),
            ..SoftmaxConfig::default()
        };
        for loss in [LossConfig::Bpr, LossConfig::Softmax(softmax)] {
            let json = serde_json::to_string(&loss).unwrap();
            assert_eq!(serde_json::from_str::<LossConfig>(&json).unwrap(), loss);
        }
        let json = serde_json::to_string(&LossConfig::Bpr).unwrap();
        assert_eq!(json, r#"{"name":"bpr"}"#);
    }
}
