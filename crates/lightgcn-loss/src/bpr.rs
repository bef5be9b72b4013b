//! Bayesian Personalized Ranking.

use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;
use burn::tensor::backend::Backend;
use lightgcn_kernels::SparseBackend;
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::config::LossConfig;
use crate::loss::{Loss, LossNeeds, Tables};

/// Bayesian Personalized Ranking on dot products of final embeddings, with one or several negatives
/// per pair: [`bpr_loss`], or [`bpr_loss_weighted`] if pairs have weights. It has no settings.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Bpr;

impl Loss for Bpr {
    fn needs(&self) -> LossNeeds {
        LossNeeds {
            negatives: true,
            ..LossNeeds::default()
        }
    }

    fn forward<B: SparseBackend>(&self, tables: Tables<B>, batch: &Batch<B>) -> Tensor<B, 1> {
        let (positive, negative) = batch.scores(tables.embeddings);
        match batch.weights() {
            None => bpr_loss(positive, negative),
            Some(weights) => bpr_loss_weighted(positive, negative, weights.clone()),
        }
    }

    fn fused(&self) -> Option<LossConfig> {
        Some(LossConfig::Bpr)
    }
}

/// Bayesian Personalized Ranking with one or several negatives per positive:
///
/// ```text
/// L = 1 / (|E| · |E_neg|) · Σ_i Σ_s −ln σ(f⁺_i − f⁻_is)
/// ```
///
/// where `|E|` is the number of positive pairs in the batch and `|E_neg|` the number of negatives
/// of each. With one negative it is the mean that LightGCN minimizes. It is computed as
/// `softplus(f⁻ − f⁺)` in a form that never overflows: scores of any finite size give a finite loss
/// and a finite gradient.
///
/// Source: Rendle et al., *BPR: Bayesian Personalized Ranking from Implicit Feedback*, UAI 2009,
/// section 4.1.
///
/// # Shapes
///
/// - positive_scores: `[batch]`
/// - negative_scores: `[batch, n_negatives]`; row `i` belongs to positive `i`
/// - output: `[1]`, not negative
///
/// # Panics
///
/// If the numbers of rows differ, or if there is no pair or no negative (the mean of nothing is
/// not a number).
pub fn bpr_loss<B: Backend>(
    positive_scores: Tensor<B, 1>,
    negative_scores: Tensor<B, 2>,
) -> Tensor<B, 1> {
    let [batch, n_negatives] = negative_scores.dims();
    summed_terms(positive_scores, negative_scores)
        .sum()
        .div_scalar((batch * n_negatives) as f64)
}

/// [`bpr_loss`] with a weight for each positive pair, such as the confidence in it:
///
/// ```text
/// L = 1 / (|E| · |E_neg|) · Σ_i w_i Σ_s −ln σ(f⁺_i − f⁻_is)
/// ```
///
/// The divisor does not include the weights: weights with mean 1 keep the scale of the unweighted
/// loss, and a batch whose weights are all 0 gives 0.
///
/// # Shapes
///
/// - positive_scores and weights: `[batch]`
/// - negative_scores: `[batch, n_negatives]`
/// - output: `[1]`
///
/// # Panics
///
/// As [`bpr_loss`], and if the number of weights differs from the number of pairs.
pub fn bpr_loss_weighted<B: Backend>(
    positive_scores: Tensor<B, 1>,
    negative_scores: Tensor<B, 2>,
    weights: Tensor<B, 1>,
) -> Tensor<B, 1> {
    let [batch, n_negatives] = negative_scores.dims();
    let [n_weights] = weights.dims();
    assert!(
        n_weights == batch,
        "bpr_loss_weighted: {n_weights} weights for {batch} pairs"
    );
    (summed_terms(positive_scores, negative_scores) * weights)
        .sum()
        .div_scalar((batch * n_negatives) as f64)
}

/// `Σ_s −ln σ(f⁺_i − f⁻_is)` of each pair, `[batch]`. Rows are summed first: see the crate's note
/// on determinism.
fn summed_terms<B: Backend>(
    positive_scores: Tensor<B, 1>,
    negative_scores: Tensor<B, 2>,
) -> Tensor<B, 1> {
    let [n_positives] = positive_scores.dims();
    let [batch, n_negatives] = negative_scores.dims();
    assert!(
        n_positives == batch,
        "bpr_loss: {n_positives} positive scores for {batch} rows of negative scores"
    );
    assert!(
        batch > 0 && n_negatives > 0,
        "bpr_loss: {batch} pairs with {n_negatives} negatives each; the mean of nothing is not a number"
    );
    let margins = positive_scores.reshape([batch, 1]) - negative_scores;
    log_sigmoid(margins).neg().sum_dim(1).reshape([batch])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{B, assert_close, batch, f64_tensor, gradient_check, values};

    const LN_2: f64 = std::f64::consts::LN_2;

    #[test]
    fn one_negative_equals_the_formula() {
        // Margins ln 3, 0 and −ln 3: σ is 3/4, 1/2 and 1/4.
        let ln_3 = 3.0_f64.ln();
        let loss = bpr_loss::<B>(
            f64_tensor([3], &[1.0 + ln_3, 5.0, -ln_3]),
            f64_tensor([3, 1], &[1.0, 5.0, 0.0]),
        );
        let by_hand = ((4.0_f64 / 3.0).ln() + LN_2 + 4.0_f64.ln()) / 3.0;
        assert_close(&values(loss), &[by_hand], 1e-12);
    }

    #[test]
    fn several_negatives_average_over_pairs_and_negatives() {
        let ln_3 = 3.0_f64.ln();
        let loss = bpr_loss::<B>(
            f64_tensor([2], &[ln_3, 0.0]),
            f64_tensor([2, 2], &[0.0, ln_3, 0.0, ln_3]),
        );
        let by_hand = ((4.0_f64 / 3.0).ln() + LN_2 + LN_2 + 4.0_f64.ln()) / 4.0;
        assert_close(&values(loss), &[by_hand], 1e-12);
    }

    #[test]
    fn weights_multiply_each_pair() {
        let positive = f64_tensor([2], &[0.0, 0.0]);
        let negative = f64_tensor([2, 1], &[0.0, 3.0_f64.ln()]);
        let weights = f64_tensor([2], &[3.0, 0.5]);
        let loss = bpr_loss_weighted::<B>(positive.clone(), negative.clone(), weights);
        assert_close(
            &values(loss),
            &[(3.0 * LN_2 + 0.5 * 4.0_f64.ln()) / 2.0],
            1e-12,
        );

        let ones = f64_tensor([2], &[1.0, 1.0]);
        let weighted = bpr_loss_weighted::<B>(positive.clone(), negative.clone(), ones);
        let plain = bpr_loss(positive, negative);
        assert_eq!(values(weighted), values(plain));
    }

    #[test]
    fn gradient_equals_finite_differences() {
        let positive = [0.3, -1.2, 2.0];
        let negative = [0.1, 0.9, -2.0, 0.4, 3.5, -0.7];
        let weights = [0.5, 2.0, 1.25];
        gradient_check(
            |x: Tensor<B, 1>| bpr_loss(x, f64_tensor([3, 2], &negative)),
            &positive,
        );
        gradient_check(
            |x: Tensor<B, 1>| bpr_loss(f64_tensor([3], &positive), x.reshape([3, 2])),
            &negative,
        );
        gradient_check(
            |x: Tensor<B, 1>| {
                bpr_loss_weighted(x, f64_tensor([3, 2], &negative), f64_tensor([3], &weights))
            },
            &positive,
        );
    }

    #[test]
    fn extreme_scores_stay_finite() {
        let device = Default::default();
        let positive = Tensor::<B, 1>::from_floats([1e4, -1e4, -1e4, 1e4], &device).require_grad();
        let negative =
            Tensor::<B, 2>::from_floats([[-1e4], [1e4], [-1e4], [1e4]], &device).require_grad();
        let loss = bpr_loss(positive.clone(), negative.clone());
        let gradients = loss.backward();
        // Margins 2e4, −2e4, 0 and 0.
        assert_close(&values(loss), &[(2e4 + 2.0 * LN_2) / 4.0], 1e-6);
        let slopes = values(positive.grad(&gradients).unwrap());
        assert_close(&slopes, &[0.0, -0.25, -0.125, -0.125], 1e-6);
        let slopes = values(negative.grad(&gradients).unwrap());
        assert_close(&slopes, &[0.0, 0.25, 0.125, 0.125], 1e-6);
    }

    #[test]
    #[should_panic(expected = "2 positive scores for 3 rows of negative scores")]
    fn different_numbers_of_rows_panic() {
        bpr_loss::<B>(f64_tensor([2], &[0.0; 2]), f64_tensor([3, 1], &[0.0; 3]));
    }

    #[test]
    #[should_panic(expected = "1 weights for 2 pairs")]
    fn a_different_number_of_weights_panics() {
        bpr_loss_weighted::<B>(
            f64_tensor([2], &[0.0; 2]),
            f64_tensor([2, 1], &[0.0; 2]),
            f64_tensor([1], &[0.0]),
        );
    }

    #[test]
    #[should_panic(expected = "0 pairs with 1 negatives each")]
    fn an_empty_batch_panics() {
        bpr_loss::<B>(f64_tensor([0], &[]), f64_tensor([0, 1], &[]));
    }

    fn table() -> Tensor<B, 2> {
        Tensor::<B, 2>::from_floats(
            [[1.0, 2.0], [3.0, -1.0], [1.0, 0.0], [0.0, 1.0], [2.0, 2.0]],
            &Default::default(),
        )
        .require_grad()
    }

    fn loss(embeddings: &Tensor<B, 2>, batch: &Batch<B>) -> Tensor<B, 1> {
        let tables = Tables {
            embeddings: embeddings.clone(),
            layer0: table(),
        };
        Bpr.forward(tables, batch)
    }

    fn softplus(x: f64) -> f64 {
        x.exp().ln_1p()
    }

    #[test]
    fn a_batch_is_scored_by_dot_product() {
        let batch = batch(&[0, 1], &[2, 0], &[1, 1], &[]);
        // Margins 6 − 2 and 3 − (−1).
        assert_close(&values(loss(&table(), &batch)), &[softplus(-4.0)], 1e-6);
        let weighted = batch.with_weights(&[1.0, 0.5]);
        let expected = 0.75 * softplus(-4.0);
        assert_close(&values(loss(&table(), &weighted)), &[expected], 1e-6);
    }

    #[test]
    fn the_gradient_of_a_batch_equals_the_formula() {
        let embeddings = table();
        let batch = batch(&[0], &[2], &[1], &[]);
        let gradients = loss(&embeddings, &batch).backward();
        // dL/dmargin = −σ(−4); the user's slope is that times (positive − negative).
        let s = -1.0 / (1.0 + 4.0_f64.exp());
        let expected = [2.0 * s, s, 0.0, 0.0, 0.0, 0.0, -s, -2.0 * s, s, 2.0 * s];
        let found = values(embeddings.grad(&gradients).unwrap());
        assert_close(&found, &expected, 1e-6);
    }
}
