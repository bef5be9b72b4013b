//! A linear and an ideal low-pass filter of the item graph.

use crate::config::Issues;
use crate::low_rank::LowRank;
use crate::matrix::{Normalized, SparseMatrix};
use crate::model::check_scores;
use crate::signals::Signals;
use crate::singular::SingularVectors;
use crate::{Histories, History, ItemToItem, LinearError, LinearModel, PairWeights};
use lightgcn_core::Train;
use serde::{Deserialize, Serialize};

/// How to fit [`SpectralFilter`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpectralFilterConfig {
    /// How many singular vectors the ideal low-pass filter lets through, at least 1; 256 as
    /// published.
    pub n_vectors: usize,
    /// The weight α of the ideal filter, at least 0; 0.3 as published. With 0 only the linear filter
    /// is left, and no singular vectors are computed.
    pub ideal_weight: f64,
    /// The seed of the random start of the singular vectors.
    pub seed: u64,
    /// How much a training pair counts.
    pub weights: PairWeights,
}

impl Default for SpectralFilterConfig {
    fn default() -> Self {
        Self {
            n_vectors: 256,
            ideal_weight: 0.3,
            seed: 0,
            weights: PairWeights::Weighted,
        }
    }
}

impl SpectralFilterConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self) -> Result<(), LinearError> {
        let mut issues = Issues::of("GF-CF");
        issues.positive_count("n_vectors", self.n_vectors);
        issues.not_negative("ideal_weight", self.ideal_weight);
        issues.into_result()
    }

    /// Normalizes the training pairs and finds their singular vectors. O(pairs · vectors + (users +
    /// items) · vectors²) a round, some ten rounds; O((users + items) · vectors) memory.
    ///
    /// # Errors
    /// [`LinearError::Config`], [`LinearError::NoPairs`] where there is nothing to learn from, and
    /// [`LinearError::NoConvergence`] where a small eigenvalue problem fails.
    pub fn fit(&self, train: &Train) -> Result<SpectralFilter, LinearError> {
        self.check()?;
        let histories = Histories::new(train, self.weights);
        let graph = Normalized::new(&SparseMatrix::from_training(&histories)?);
        let ideal = match self.ideal_weight > 0.0 {
            true => Some(ideal_filter(
                &graph,
                self.n_vectors,
                0.5,
                self.ideal_weight,
                self.seed,
            )?),
            false => None,
        };
        Ok(SpectralFilter {
            graph,
            ideal,
            weights: self.weights,
        })
    }
}

impl SpectralFilterConfig {
    /// Only the ideal low-pass filter, D_I^-½ V Vᵀ D_I^½ without its diagonal, as the `n_neighbors`
    /// strongest weights of each item. O(items² · vectors) in addition to the singular vectors.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_ideal(&self, train: &Train, n_neighbors: usize) -> Result<ItemToItem, LinearError> {
        self.check()?;
        let histories = Histories::new(train, self.weights);
        let graph = Normalized::new(&SparseMatrix::from_training(&histories)?);
        let ideal = ideal_filter(&graph, self.n_vectors, 0.5, 1.0, self.seed)?;
        Ok(ItemToItem::new("low-pass", ideal.neighbors(n_neighbors)))
    }
}

/// x ↦ weight · D^power V Vᵀ D^-power x, with V the leading singular vectors of the graph and D its
/// item degrees.
pub(super) fn ideal_filter(
    graph: &Normalized,
    n_vectors: usize,
    power: f64,
    weight: f64,
    seed: u64,
) -> Result<LowRank, LinearError> {
    let found = SingularVectors::leading(&graph.by_user, &graph.by_item, n_vectors, seed)?;
    let rank = found.values.len();
    let degrees = &graph.item_degrees;
    Ok(LowRank::scaled(found.vectors, rank, degrees, power, weight))
}

/// GF-CF: Shen et al., "How Powerful is Graph Convolution for Recommendation?", CIKM 2021.
///
/// With R̃ = D_U^-½ R D_I^-½, where D_U and D_I hold the sums of the users' and items' weights,
/// and V the right singular vectors of R̃ with the k largest singular values, the scores of a history
/// r are r (R̃ᵀR̃ + α D_I^-½ V Vᵀ D_I^½).
#[derive(Debug, Clone)]
pub struct SpectralFilter {
    graph: Normalized,
    ideal: Option<LowRank>,
    weights: PairWeights,
}

impl LinearModel for SpectralFilter {
    fn name(&self) -> &str {
        "GF-CF"
    }

    fn n_items(&self) -> usize {
        self.graph.by_user.n_columns()
    }

    fn pair_weights(&self) -> PairWeights {
        self.weights
    }

    fn scores_into(&self, histories: &[History<'_>], out: &mut [f32]) {
        check_scores(histories, self.n_items(), out);
        let mut signals = Signals::new(&self.graph);
        signals.filter(histories, &[], &[], out, |signals| {
            signals.gram();
            std::mem::swap(&mut signals.now, &mut signals.product);
        });
        if let Some(ideal) = &self.ideal {
            ideal.add_scores(histories, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tests::{normalized_table, tables, train};
    use faer::Mat;
    use lightgcn_core::{ItemId, UserId};
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        // Degrees: users 2 and 1, items 1 and 2. R̃ = [[1/√2, 1/2], [0, 1/√2]], so
        // R̃ᵀR̃ = [[1/2, 1/√8], [1/√8, 3/4]], with eigenvalues 1 and 1/4. The eigenvector of 1 is
        // (1/√2, 1) / √(3/2), so VVᵀ = [[1/3, √2/3], [√2/3, 2/3]], and
        // D^-½ VVᵀ D^½ = [[1/3, 2/3], [1/3, 2/3]].
        let table = [vec![1.0, 1.0], vec![0.0, 1.0]];
        let config = SpectralFilterConfig {
            n_vectors: 1,
            ideal_weight: 0.3,
            ..Default::default()
        };
        let root = 8.0f32.sqrt();
        let items = [ItemId(0), ItemId(1)];
        let history = History::new(&items, &[1.0, 2.0]).unwrap();
        let linear = [0.5 + 2.0 / root, 1.0 / root + 1.5];
        let ideal = [0.3, 0.6];
        let scores = config.fit(&train(&table)).unwrap().scores(history);
        for n in 0..2 {
            assert!(
                (scores[n] - linear[n] - ideal[n]).abs() < 1e-6,
                "{scores:?}"
            );
        }
        let lists = config.fit_ideal(&train(&table), 5).unwrap();
        for (i, j, exact) in [(0, 1, 2.0 / 3.0), (1, 0, 1.0 / 3.0), (0, 0, 0.0)] {
            let found = lists.weight(ItemId(i), ItemId(j));
            assert!((found - exact).abs() < 1e-6, "{i}, {j}: {found}");
        }
        let config = SpectralFilterConfig {
            ideal_weight: 0.0,
            ..config
        };
        let scores = config.fit(&train(&table)).unwrap().scores(history);
        for n in 0..2 {
            assert!((scores[n] - linear[n]).abs() < 1e-6, "{scores:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn equals_the_dense_formula(table in tables(2..8, 2..8), k in 1usize..4, weight in 0f64..2.) {
            let config = SpectralFilterConfig { n_vectors: k, ideal_weight: weight, ..Default::default() };
            let train = train(&table);
            let (r, degrees) = normalized_table(&table);
            let gram = r.transpose() * &r;
            let svd = r.svd().unwrap();
            let (n, size) = (table[0].len(), table[0].len().min(table.len()));
            let s = |n: usize| if n < size { svd.S()[n] } else { 0.0 };
            // Projections are defined where a gap sets the kept vectors apart.
            let kept = (0..k).take_while(|&n| s(n) > 1e-4).count();
            prop_assume!(kept == 0 || s(kept - 1) - s(kept) > 0.05);
            let filter = Mat::from_fn(n, n, |i, j| {
                let ideal: f64 = (0..kept).map(|m| svd.V()[(i, m)] * svd.V()[(j, m)]).sum();
                let scale = if degrees[i] > 0.0 { (degrees[j] / degrees[i]).sqrt() } else { 0.0 };
                gram[(i, j)] + weight * ideal * scale
            });
            let model = config.fit(&train).unwrap();
            let histories = Histories::new(&train, PairWeights::Weighted);
            for (u, row) in table.iter().enumerate() {
                let scores = model.scores(histories.of(UserId(u as u32)));
                for (j, &score) in scores.iter().enumerate() {
                    let exact: f64 = (0..n).map(|i| f64::from(row[i]) * filter[(i, j)]).sum();
                    prop_assert!((f64::from(score) - exact).abs() < 1e-3, "{score} for {exact}");
                }
            }
        }
    }
}
