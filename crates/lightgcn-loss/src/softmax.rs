//! The softmax family: sampled softmax, BSL, popularity correction, SL@K.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Bool, Tensor};
use lightgcn_kernels::SparseBackend;

use crate::error::{LossError, LossFault, no_faults};
use crate::pairs::PairRows;

/// What excluded candidates score: below any logit, and finite in 32 bits.
const EXCLUDED: f32 = -1e30;

/// The least temperature, with which logits stay far from [`EXCLUDED`].
const LEAST_TEMPERATURE: f64 = 1e-4;

/// How SL@K weighs pairs: see [`SoftmaxLoss`].
#[derive(Config, Debug, Copy, PartialEq)]
pub struct TopKWeighting {
    /// K, the length of the lists that matter, at least 1. The thresholds of a batch are each user's
    /// K-th largest cosine.
    pub k: usize,
    /// Temperature τ_w of the weights, at least 0.0001. As it grows all weights become 1/2.
    pub temperature: f64,
}

/// How to make a [`SoftmaxLoss`].
///
/// # Example
///
/// ```
/// use lightgcn_loss::{SoftmaxLossConfig, TopKWeighting};
///
/// // BSL as published for Gowalla.
/// let config = SoftmaxLossConfig::new().with_temperature(0.12).with_negative_weight(0.84);
/// assert!(config.check().is_ok());
///
/// let top_k = TopKWeighting { k: 0, temperature: 1.0 };
/// let faults = config.with_temperature(0.0).with_top_k(Some(top_k)).check().unwrap_err();
/// assert_eq!(
///     faults.to_string(),
///     "SoftmaxLossConfig: temperature is 0; it must be at least 0.0001 and finite (usual: 0.05 \
///      to 0.2); top_k.k is 0; it must be the length of the lists that matter, such as 20"
/// );
/// ```
#[derive(Config, Debug, Copy, PartialEq)]
pub struct SoftmaxLossConfig {
    /// Temperature τ that cosines are divided by, at least 0.0001. The lower it is, the more the
    /// hardest negatives count.
    #[config(default = 0.1)]
    pub temperature: f64,
    /// Weight t₂ of the negatives' term, positive. 1 is the sampled softmax, any other value BSL.
    #[config(default = 1.0)]
    pub negative_weight: f64,
    /// Strength κ of the popularity correction, not negative: 0 is none, 1 the full one.
    #[config(default = 0.0)]
    pub popularity_correction: f64,
    /// The weights of SL@K, if it is wanted.
    pub top_k: Option<TopKWeighting>,
}

impl SoftmaxLossConfig {
    /// Checks the config.
    ///
    /// # Errors
    ///
    /// [`LossError::Config`] with every fault.
    pub fn check(&self) -> Result<(), LossError> {
        no_faults("SoftmaxLossConfig", self.faults())
    }

    pub(crate) fn faults(&self) -> Vec<LossFault> {
        let temperature = |value: f64| value.is_finite() && value >= LEAST_TEMPERATURE;
        let mut faults = Vec::new();
        if !temperature(self.temperature) {
            let value = self.temperature;
            faults.push(LossFault::Temperature { value });
        }
        let value = self.negative_weight;
        if !(value.is_finite() && value > 0.0) {
            faults.push(LossFault::NegativeWeight { value });
        }
        let value = self.popularity_correction;
        if !(value.is_finite() && value >= 0.0) {
            faults.push(LossFault::PopularityCorrection { value });
        }
        if let Some(top_k) = self.top_k {
            if top_k.k == 0 {
                faults.push(LossFault::ZeroK);
            }
            if !temperature(top_k.temperature) {
                let value = top_k.temperature;
                faults.push(LossFault::TopKTemperature { value });
            }
        }
        faults
    }

    /// Makes the loss.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn init(&self) -> Result<SoftmaxLoss, LossError> {
        self.check()?;
        Ok(self.init_unchecked())
    }

    /// Makes the loss of a config that is known to be good.
    pub(crate) fn init_unchecked(&self) -> SoftmaxLoss {
        SoftmaxLoss {
            temperature: self.temperature,
            negative_weight: self.negative_weight,
            popularity_correction: self.popularity_correction,
            top_k_temperature: self.top_k.map(|top_k| top_k.temperature),
        }
    }
}

/// The softmax losses as a burn module without parameters. With pairs p = (u, i), candidates j (the
/// items of all pairs, then the extra ones: see [`PairRows`]) and the cosines s of final embeddings:
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
/// | SL@K | ω_p = σ((s_pp − β_u) / τ_w) | Yang et al., *Breaking the Top-K Barrier: Advancing Top-K Ranking Metrics Optimization in Recommender Systems*, KDD 2025 |
///
/// - `Neg(p)` are the candidates of other items than i, but the known positives of u where a mask
///   names them. A candidate counts as often as it stands there. A pair without any negative has its
///   first term alone.
/// - `q_j` is how popular a candidate is: the item of a pair is in a batch as often as it is bought,
///   so that without correction popular items are pushed down.
/// - `ω_p` is near 1 for pairs that are within the user's K best items and near 0 for those far
///   below; `β_u` is the cosine of the user's K-th best item, which whoever trains keeps up to date.
///   It weighs the pair as a constant: no gradient flows through it. (The authors' code of SL@K does
///   let it flow, that of its variant SogSL@K does not.)
///
/// Items are ranked by dot product afterwards, lengths included. The positive is not in the sum, as
/// in BSL and unlike in some writings of the sampled softmax, so that the loss can be negative. The
/// largest logit of each pair is subtracted before exponentials are taken: cosines and temperatures
/// of any size give finite numbers.
///
/// O(batch · n_candidates · dim) time, and some matrices of `[batch, n_candidates]`.
///
/// Made by [`SoftmaxLossConfig`].
///
/// # Example
///
/// Two pairs whose items are each other's negatives. User 0 scores its item ½ and the other 0, user
/// 1 its item 1 and the other 0:
///
/// ```
/// use burn::backend::{Autodiff, Flex};
/// use burn::tensor::Tensor;
/// use lightgcn_loss::{PairRows, SoftmaxLossConfig};
///
/// # fn main() -> Result<(), lightgcn_loss::LossError> {
/// type B = Autodiff<Flex>;
/// let device = Default::default();
/// let h = 0.75_f32.sqrt();
/// let table = [[0.5, h, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]];
/// let embeddings = Tensor::<B, 2>::from_floats(table, &device).require_grad();
/// let batch = PairRows::from_slices(&[0, 1], &[0, 1], &[], 2, 2, &device);
///
/// let loss = SoftmaxLossConfig::new().with_temperature(0.5).init()?;
/// let loss = loss.forward(embeddings.clone(), &batch);
/// // −½ / 0.5 + ln e⁰ and −1 / 0.5 + ln e⁰, on average.
/// assert!((loss.clone().into_scalar() + 1.5).abs() < 1e-6);
/// assert!(embeddings.grad(&loss.backward()).is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Module, Clone, Debug)]
pub struct SoftmaxLoss {
    /// Temperature τ.
    pub temperature: f64,
    /// Weight t₂ of the negatives' term.
    pub negative_weight: f64,
    /// Strength κ of the popularity correction.
    pub popularity_correction: f64,
    /// Temperature τ_w of the weights of SL@K, if it is wanted.
    pub top_k_temperature: Option<f64>,
}

impl SoftmaxLoss {
    /// The loss of a batch.
    ///
    /// # Shapes
    ///
    /// - embeddings, final: `[n_users + n_items, dim]`
    /// - output: `[1]`
    ///
    /// # Panics
    ///
    /// If the table has another number of rows than the batch was made for, or if the batch lacks
    /// what the settings need: popularity for a correction, thresholds for SL@K.
    pub fn forward<B: SparseBackend>(
        &self,
        embeddings: Tensor<B, 2>,
        batch: &PairRows<B>,
    ) -> Tensor<B, 1> {
        let (batch_size, dtype) = (batch.batch_size(), embeddings.dtype());
        let column = |numbers: &Tensor<B, 1>| numbers.clone().cast(dtype).reshape([-1, 1]);
        let (users, candidates) = batch.unit_rows(embeddings);
        let positives = candidates.clone().narrow(0, 0, batch_size);
        let positive_scores = (users.clone() * positives).sum_dim(1);
        let mut logits = users
            .matmul(candidates.transpose())
            .div_scalar(self.temperature);
        if self.popularity_correction > 0.0 {
            let Some(log_popularity) = batch.log_popularity() else {
                panic!("SoftmaxLoss: the batch has no popularity, which the correction needs");
            };
            let correction = column(log_popularity).mul_scalar(self.popularity_correction);
            logits = logits - correction.transpose();
        }
        let negatives = log_sum_exp_of_rows(logits, batch.excluded());
        let mut losses = negatives.mul_scalar(self.negative_weight)
            - positive_scores.clone().div_scalar(self.temperature);
        if let Some(temperature) = self.top_k_temperature {
            let Some(thresholds) = batch.top_k_thresholds() else {
                panic!("SoftmaxLoss: the batch has no top-K thresholds, which SL@K needs");
            };
            let margins = positive_scores.detach() - column(thresholds);
            losses = losses * sigmoid(margins.div_scalar(temperature));
        }
        if let Some(weights) = batch.weights() {
            losses = losses * column(weights);
        }
        losses.sum().div_scalar(batch_size as f64)
    }
}

/// `ln Σ exp` of what is not excluded in each row, `[n_rows, n_columns]` to `[n_rows, 1]`; 0 for rows
/// of which all is excluded.
fn log_sum_exp_of_rows<B: SparseBackend>(
    logits: Tensor<B, 2>,
    excluded: Tensor<B, 2, Bool>,
) -> Tensor<B, 2> {
    let logits = logits.mask_fill(excluded, EXCLUDED);
    // A constant: the largest term is exp(0), so that the sum is at least 1 and at most the number
    // of columns, and no gradient can leave the range of a float.
    let largest = logits.clone().detach().max_dim(1);
    let empty = largest.clone().lower_elem(0.5 * EXCLUDED);
    let sums = (logits - largest.clone()).exp().sum_dim(1);
    (sums.log() + largest).mask_fill(empty, 0.0)
}

#[cfg(all(test, feature = "flex"))]
mod tests;
