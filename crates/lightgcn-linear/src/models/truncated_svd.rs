//! Projection onto the leading singular vectors.

use crate::config::Issues;
use crate::low_rank::LowRank;
use crate::matrix::SparseMatrix;
use crate::model::check_scores;
use crate::singular::SingularVectors;
use crate::{Histories, History, LinearError, LinearModel, PairWeights};
use lightgcn_core::Train;
use serde::{Deserialize, Serialize};

/// How to fit [`TruncatedSvd`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TruncatedSvdConfig {
    /// The number of singular vectors to keep, at least 1; fewer if the training pairs have a lower
    /// rank.
    pub rank: usize,
    /// The seed of the random start.
    pub seed: u64,
    /// How much a training pair counts.
    pub weights: PairWeights,
}

impl Default for TruncatedSvdConfig {
    fn default() -> Self {
        Self {
            rank: 128,
            seed: 0,
            weights: PairWeights::Weighted,
        }
    }
}

impl TruncatedSvdConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self) -> Result<(), LinearError> {
        let mut issues = Issues::of("PureSVD");
        issues.positive_count("rank", self.rank);
        issues.into_result()
    }

    /// Finds the singular vectors of the training part. O(pairs · rank + (users + items) · rank²)
    /// a round, some ten rounds; O((users + items) · rank) memory.
    ///
    /// # Errors
    /// [`LinearError::Config`], [`LinearError::NoPairs`] where there is nothing to learn from, and
    /// [`LinearError::NoConvergence`] where a small eigenvalue problem fails.
    pub fn fit(&self, train: &Train) -> Result<TruncatedSvd, LinearError> {
        self.check()?;
        let histories = Histories::new(train, self.weights);
        let by_user = SparseMatrix::from_training(&histories)?;
        let by_item = by_user.transposed();
        let found = SingularVectors::leading(&by_user, &by_item, self.rank, self.seed)?;
        Ok(TruncatedSvd {
            n_items: by_user.n_columns(),
            projection: LowRank::projection(found.vectors, found.values.len()),
            singular_values: found.values,
            weights: self.weights,
        })
    }
}

/// PureSVD: Cremonesi, Koren and Turrin, RecSys 2010.
///
/// With the singular value decomposition R ≈ U Σ Vᵀ of the training pairs, cut after `rank` values,
/// the scores of a history r are r V Vᵀ: for a training user, the user's row of U Σ Vᵀ; for
/// anyone else, the same by folding in.
#[derive(Debug, Clone)]
pub struct TruncatedSvd {
    n_items: usize,
    projection: LowRank,
    singular_values: Vec<f64>,
    weights: PairWeights,
}

impl TruncatedSvd {
    /// The singular values that were kept, descending: at most the configured rank.
    #[must_use]
    pub fn singular_values(&self) -> &[f64] {
        &self.singular_values
    }

    /// The right singular vectors, `[n_items, rank]`, row by row: embeddings of the items.
    #[must_use]
    pub fn item_vectors(&self) -> &[f32] {
        self.projection.vectors()
    }
}

impl LinearModel for TruncatedSvd {
    fn name(&self) -> &str {
        "PureSVD"
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn pair_weights(&self) -> PairWeights {
        self.weights
    }

    fn scores_into(&self, histories: &[History<'_>], out: &mut [f32]) {
        check_scores(histories, self.n_items, out);
        out.fill(0.0);
        self.projection.add_scores(histories, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tests::{larger_table, train};
    use faer::Mat;
    use lightgcn_core::{ItemId, UserId};

    #[test]
    fn by_hand() {
        // Singular values 3 (item 2 alone) and 2 (items 0 and 1 alike).
        let table = [vec![1., 1., 0.], vec![1., 1., 0.], vec![0., 0., 3.]];
        let config = TruncatedSvdConfig {
            rank: 2,
            ..Default::default()
        };
        let model = config.fit(&train(&table)).unwrap();
        let items = [ItemId(0), ItemId(2)];
        let scores = model.scores(History::new(&items, &[4.0, 1.0]).unwrap());
        for (score, exact) in scores.iter().zip([2.0, 2.0, 1.0]) {
            assert!((score - exact).abs() < 1e-5, "{scores:?}");
        }
        assert!((model.singular_values()[1] - 2.0).abs() < 1e-6);
        assert_eq!(model.item_vectors().len(), 6);
    }

    #[test]
    fn folding_in_a_training_user_gives_the_row_of_the_decomposition() {
        let table = larger_table(40, 30);
        let config = TruncatedSvdConfig {
            rank: 6,
            ..Default::default()
        };
        let train = train(&table);
        let model = config.fit(&train).unwrap();
        let histories = Histories::new(&train, PairWeights::Weighted);
        let svd = Mat::from_fn(40, 30, |u, i| f64::from(table[u][i]))
            .svd()
            .unwrap();
        for user in 0..40 {
            let scores = model.scores(histories.of(UserId(user as u32)));
            for (item, &score) in scores.iter().enumerate() {
                let exact: f64 = (0..6)
                    .map(|n| svd.U()[(user, n)] * svd.S()[n] * svd.V()[(item, n)])
                    .sum();
                assert!(
                    (f64::from(score) - exact).abs() < 2e-3,
                    "{score} for {exact}"
                );
            }
        }
    }
}
