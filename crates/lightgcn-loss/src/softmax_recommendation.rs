//! A softmax loss with L2, as a training step minimizes it.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use lightgcn_kernels::{SparseBackend, gather_rows};

use crate::error::{LossError, LossFault, no_faults};
use crate::l2::l2_regularization;
use crate::pairs::PairRows;
use crate::recommendation::LossTerms;
use crate::softmax::{SoftmaxLoss, SoftmaxLossConfig};

/// How to make a [`SoftmaxRecommendationLoss`].
#[derive(Config, Debug, Copy, PartialEq)]
pub struct SoftmaxRecommendationLossConfig {
    /// The ranking term.
    pub softmax: SoftmaxLossConfig,
    /// Strength λ of the L2 term, not negative.
    #[config(default = 1e-4)]
    pub regularization: f64,
}

impl SoftmaxRecommendationLossConfig {
    /// Checks the config.
    ///
    /// # Errors
    ///
    /// [`LossError::Config`] with every fault.
    pub fn check(&self) -> Result<(), LossError> {
        let mut faults = self.softmax.faults();
        let value = self.regularization;
        if !(value.is_finite() && value >= 0.0) {
            faults.push(LossFault::Regularization { value });
        }
        no_faults("SoftmaxRecommendationLossConfig", faults)
    }

    /// Makes the loss.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn init(&self) -> Result<SoftmaxRecommendationLoss, LossError> {
        self.check()?;
        Ok(SoftmaxRecommendationLoss {
            softmax: self.softmax.init_unchecked(),
            regularization: self.regularization,
        })
    }
}

/// A [`SoftmaxLoss`] on the final embeddings plus L2 on the layer-0 rows of the batch's users and
/// positives:
///
/// ```text
/// L = softmax + λ · 1/2 · Σ_p (‖e⁰_u‖² + ‖e⁰_i‖²) / |B|
/// ```
///
/// A row counts as often as it has pairs. The extra negatives are not regularized, since which they
/// are has nothing to do with the pairs. Made by [`SoftmaxRecommendationLossConfig`].
#[derive(Module, Clone, Debug)]
pub struct SoftmaxRecommendationLoss {
    /// The ranking term.
    pub softmax: SoftmaxLoss,
    /// Strength λ of the L2 term.
    pub regularization: f64,
}

impl SoftmaxRecommendationLoss {
    /// The loss of a batch.
    ///
    /// # Shapes
    ///
    /// - embeddings, final: `[n_users + n_items, output_dim]`
    /// - layer0, the table they come from: `[n_users + n_items, dim]`
    ///
    /// # Panics
    ///
    /// As [`SoftmaxLoss::forward`].
    pub fn forward<B: SparseBackend>(
        &self,
        embeddings: Tensor<B, 2>,
        layer0: Tensor<B, 2>,
        batch: &PairRows<B>,
    ) -> LossTerms<B> {
        let ranking = self.softmax.forward(embeddings, batch);
        let rows = gather_rows(layer0, batch.rows());
        let pairs = batch.batch_size();
        let l2 = l2_regularization([rows.narrow(0, 0, 2 * pairs)], pairs);
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

    /// Users 0, 1, 0, items 2, 0, 2, the extra item 1.
    fn batch() -> PairRows<B> {
        PairRows::from_slices(&[0, 1, 0], &[2, 0, 2], &[1], 2, 3, &Default::default())
    }

    #[test]
    fn terms_add_up_and_extra_items_are_not_regularized() {
        let softmax = SoftmaxLossConfig::new().with_temperature(0.2);
        let loss = SoftmaxRecommendationLossConfig::new(softmax)
            .with_regularization(0.5)
            .init()
            .unwrap();
        let (embeddings, layer0) = (table(), table());
        let terms = loss.forward(embeddings.clone(), layer0.clone(), &batch());
        let alone = softmax.init().unwrap().forward(table(), &batch());
        assert_eq!(values(terms.ranking.clone()), values(alone));
        // Squared lengths: users 5, 10 and 5, positives 8, 1 and 8.
        let l2 = 37.0 / 6.0;
        assert_close(&values(terms.l2), &[l2], 1e-6);
        let ranking = values(terms.ranking)[0];
        assert_close(&values(terms.total.clone()), &[ranking + 0.5 * l2], 1e-6);

        let gradients = terms.total.backward();
        // λ · e · (times read) / 3 on users and positives.
        let expected = [2.0, 4.0, 3.0, -1.0, 1.0, 0.0, 0.0, 0.0, 4.0, 4.0].map(|e| 0.5 * e / 3.0);
        assert_close(&values(layer0.grad(&gradients).unwrap()), &expected, 1e-6);
        // The extra item gets its gradient from the ranking term.
        let slopes = values(embeddings.grad(&gradients).unwrap());
        assert!(slopes[6..8].iter().any(|slope| *slope != 0.0));
    }

    #[test]
    fn every_fault_is_listed() {
        let softmax = SoftmaxLossConfig::new().with_negative_weight(0.0);
        let config = SoftmaxRecommendationLossConfig::new(softmax).with_regularization(-1.0);
        let faults = vec![
            LossFault::NegativeWeight { value: 0.0 },
            LossFault::Regularization { value: -1.0 },
        ];
        let config_name = "SoftmaxRecommendationLossConfig";
        assert_eq!(
            config.check(),
            Err(LossError::Config {
                config: config_name,
                faults
            })
        );
        assert!(config.init().is_err());
    }
}
