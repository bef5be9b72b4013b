//! The loss that a training step minimizes.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_kernels::{SparseBackend, gather_rows};

use crate::bpr::{bpr_loss, bpr_loss_weighted};
use crate::l2::l2_regularization;
use crate::triples::TripleRows;

/// How to make a [`RecommendationLoss`].
#[derive(Config, Debug)]
pub struct RecommendationLossConfig {
    /// Strength λ of the L2 term, not negative. Published for Gowalla, Yelp2018 and Amazon-Book:
    /// 1e-4.
    #[config(default = 1e-4)]
    pub regularization: f64,
}

impl RecommendationLossConfig {
    /// Makes the loss.
    ///
    /// # Panics
    ///
    /// If the strength is negative or not finite.
    pub fn init(&self) -> RecommendationLoss {
        assert!(
            self.regularization.is_finite() && self.regularization >= 0.0,
            "RecommendationLoss: the regularization is {}; it must be finite and not negative",
            self.regularization
        );
        RecommendationLoss {
            regularization: self.regularization,
        }
    }
}

/// BPR on the final embeddings plus L2 on the layer-0 rows of the batch:
///
/// ```text
/// L = 1 / (|E| · |E_neg|) · Σ_i Σ_s −ln σ(f⁺_i − f⁻_is)  +  λ · 1/2 · Σ_rows ‖e⁰‖² / |E|
/// ```
///
/// Source: He et al., *LightGCN*, SIGIR 2020, equation 15, in the form of the authors' code. Made
/// by [`RecommendationLossConfig`].
#[derive(Module, Clone, Debug)]
pub struct RecommendationLoss {
    /// Strength λ of the L2 term.
    pub regularization: f64,
}

/// The parts of a loss, each `[1]`.
#[derive(Clone, Debug)]
pub struct LossTerms<B: Backend> {
    /// What is minimized: `ranking + λ · l2`.
    pub total: Tensor<B, 1>,
    /// The ranking term alone.
    pub ranking: Tensor<B, 1>,
    /// The L2 term before λ.
    pub l2: Tensor<B, 1>,
}

impl RecommendationLoss {
    /// The loss of a batch.
    ///
    /// # Shapes
    ///
    /// - embeddings, final: `[n_users + n_items, output_dim]`
    /// - layer0, the table they come from: `[n_users + n_items, dim]`
    ///
    /// # Panics
    ///
    /// If a table has another number of rows than the batch was made for.
    pub fn forward<B: SparseBackend>(
        &self,
        embeddings: Tensor<B, 2>,
        layer0: Tensor<B, 2>,
        batch: &TripleRows<B>,
    ) -> LossTerms<B> {
        let (positive, negative) = batch.scores(embeddings);
        let ranking = match batch.weights() {
            None => bpr_loss(positive, negative),
            Some(weights) => bpr_loss_weighted(positive, negative, weights.clone()),
        };
        let rows = gather_rows(layer0, batch.rows());
        let l2 = l2_regularization([rows], batch.batch_size());
        LossTerms {
            total: ranking.clone() + l2.clone().mul_scalar(self.regularization),
            ranking,
            l2,
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::test_support::{B, assert_close, values};

    fn table() -> Tensor<B, 2> {
        Tensor::<B, 2>::from_floats(
            [[1.0, 2.0], [3.0, -1.0], [1.0, 0.0], [0.0, 1.0], [2.0, 2.0]],
            &Default::default(),
        )
        .require_grad()
    }

    fn softplus(x: f64) -> f64 {
        x.exp().ln_1p()
    }

    #[test]
    fn terms_by_hand() {
        let device = Default::default();
        let batch = TripleRows::<B>::from_slices(&[0, 1], &[2, 0], &[1, 1], 2, 3, &device);
        let loss = RecommendationLossConfig::new()
            .with_regularization(0.1)
            .init();
        let terms = loss.forward(table(), table(), &batch);
        // Margins 6 − 2 and 3 − (−1).
        let ranking = softplus(-4.0);
        // Squared lengths: users 5 and 10, positives 8 and 1, negatives 1 and 1.
        let l2 = 26.0 / 4.0;
        assert_close(&values(terms.ranking), &[ranking], 1e-6);
        assert_close(&values(terms.l2), &[l2], 1e-6);
        assert_close(&values(terms.total), &[ranking + 0.1 * l2], 1e-6);
    }

    #[test]
    fn weights_reach_the_ranking_term_alone() {
        let device = Default::default();
        let batch = TripleRows::<B>::from_slices(&[0, 1], &[2, 0], &[1, 2], 2, 3, &device)
            .with_weights(&[2.0, 0.0]);
        let terms = RecommendationLossConfig::new()
            .init()
            .forward(table(), table(), &batch);
        assert_close(&values(terms.ranking), &[softplus(-4.0)], 1e-6);
        assert_close(
            &values(terms.l2),
            &[(5.0 + 10.0 + 8.0 + 1.0 + 1.0 + 8.0) / 4.0],
            1e-6,
        );
    }

    #[test]
    fn gradient_reaches_both_tables_by_hand() {
        let device = Default::default();
        let batch = TripleRows::<B>::from_slices(&[0], &[2], &[1], 2, 3, &device);
        let (embeddings, layer0) = (table(), table());
        let terms = RecommendationLossConfig::new()
            .with_regularization(0.5)
            .init()
            .forward(embeddings.clone(), layer0.clone(), &batch);
        let gradients = terms.total.backward();
        // dL/dmargin = −σ(−4); the user's slope is that times (positive − negative).
        let slope = -1.0 / (1.0 + 4.0_f64.exp());
        let expected = [
            2.0 * slope,
            slope,
            0.0,
            0.0,
            0.0,
            0.0,
            -slope,
            -2.0 * slope,
            slope,
            2.0 * slope,
        ];
        assert_close(
            &values(embeddings.grad(&gradients).unwrap()),
            &expected,
            1e-6,
        );
        // λ · e on the rows of the batch.
        let expected = [0.5, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0];
        assert_close(&values(layer0.grad(&gradients).unwrap()), &expected, 1e-6);
    }

    #[test]
    #[should_panic(expected = "the regularization is -1")]
    fn a_negative_strength_is_refused() {
        RecommendationLossConfig::new()
            .with_regularization(-1.0)
            .init();
    }
}
