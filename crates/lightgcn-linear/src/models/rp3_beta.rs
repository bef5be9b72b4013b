//! Random walks of three steps, with popular ends damped.

use crate::config::Issues;
use crate::matrix::SparseMatrix;
use crate::model::check_scores;
use crate::neighbors::Neighbors;
use crate::{Histories, History, LinearError, LinearModel, PairWeights};
use lightgcn_core::{ItemId, Train};
use serde::{Deserialize, Serialize};

/// How to fit [`Rp3Beta`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rp3BetaConfig {
    /// The power of each step's probability, at least 0: above 1, strong edges count more; below 1,
    /// edges become more equal.
    pub alpha: f64,
    /// The power of the popularity that scores are divided by, at least 0.
    pub beta: f64,
    /// How many neighbors each item keeps, at least 1.
    pub n_neighbors: usize,
    /// How much a training pair counts.
    pub weights: PairWeights,
}

impl Default for Rp3BetaConfig {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            beta: 0.5,
            n_neighbors: 200,
            weights: PairWeights::Weighted,
        }
    }
}

impl Rp3BetaConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self) -> Result<(), LinearError> {
        let mut issues = Issues::of("RP3β");
        issues.not_negative("alpha", self.alpha);
        issues.not_negative("beta", self.beta);
        issues.positive_count("n_neighbors", self.n_neighbors);
        issues.into_result()
    }

    /// Sums the walks from item to item. O(Σ_u pairs(u)²) time, O(items · neighbors)
    /// memory.
    ///
    /// # Errors
    /// [`LinearError::Config`], and [`LinearError::NoPairs`] where there is nothing to learn from.
    pub fn fit(&self, train: &Train) -> Result<Rp3Beta, LinearError> {
        self.check()?;
        let histories = Histories::new(train, self.weights);
        let by_user = SparseMatrix::from_training(&histories)?;
        let by_item = by_user.transposed();
        let item_degrees = by_item.row_sums();
        let neighbors = Neighbors::nearest(
            &probabilities(&by_item, self.alpha),
            &probabilities(&by_user, self.alpha),
            self.n_neighbors,
            |_, j, walks| walks / item_degrees[j].powf(self.beta),
        );
        Ok(Rp3Beta {
            neighbors,
            alpha: self.alpha,
            weights: self.weights,
        })
    }
}

/// Each weight's share of its row, to the power `alpha`.
fn probabilities(matrix: &SparseMatrix, alpha: f64) -> SparseMatrix {
    let sums = matrix.row_sums();
    matrix.with_values(|row, _, weight| (f64::from(weight) / sums[row]).powf(alpha) as f32)
}

/// RP3β: Paudel et al., TiiS 2017, on the P3α of Cooper et al., WWW 2014.
///
/// A walk goes from the user u to an item i, on to a user v of i, and on to an item j of
/// v, with probabilities P in proportion to the weights. The score of j is
/// Σ_i (P_ui)^α Σ_v (P_iv)^α (P_vj)^α / d_j^β, where d_j is the sum of j's weights, and for each i only
/// the N items j with the largest such sums are kept. With α = 1 and β = 0 it is P3.
#[derive(Debug, Clone, PartialEq)]
pub struct Rp3Beta {
    neighbors: Neighbors,
    alpha: f64,
    weights: PairWeights,
}

impl Rp3Beta {
    /// The items that walks from an item lead to, by ascending item, with the damped sums of
    /// the walks.
    ///
    /// # Panics
    /// If the item is out of range.
    pub fn neighbors(&self, item: ItemId) -> impl Iterator<Item = (ItemId, f32)> {
        self.neighbors.named(item)
    }
}

impl LinearModel for Rp3Beta {
    fn name(&self) -> &str {
        "RP3β"
    }

    fn n_items(&self) -> usize {
        self.neighbors.n_items()
    }

    fn pair_weights(&self) -> PairWeights {
        self.weights
    }

    fn scores_into(&self, histories: &[History<'_>], out: &mut [f32]) {
        check_scores(histories, self.n_items(), out);
        let first_step = |history: &History<'_>, weight: f32| {
            let sum: f64 = history.weights().iter().map(|&w| f64::from(w)).sum();
            (f64::from(weight) / sum).powf(self.alpha) as f32
        };
        self.neighbors.scores_into(histories, first_step, out);
    }

    /// From the first step, over the whole history, and the neighbors. O(history · N).
    fn contributions(&self, history: History<'_>, item: ItemId) -> Vec<f32> {
        assert!(
            item.index() < self.n_items(),
            "item row {item} is out of range: the model knows {} items",
            self.n_items()
        );
        let sum: f64 = history.weights().iter().map(|&w| f64::from(w)).sum();
        let parts = history.items().iter().zip(history.weights());
        parts
            .map(|(&from, &weight)| {
                let step = (f64::from(weight) / sum).powf(self.alpha) as f32;
                let mut neighbors = self.neighbors(from);
                neighbors
                    .find(|(to, _)| *to == item)
                    .map_or(0.0, |(_, walks)| step * walks)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tests::{tables, train};
    use lightgcn_core::UserId;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        // Users a: 0 (1), 1 (3); b: 1 (1), 2 (1).
        let table = [vec![1.0, 3.0, 0.0], vec![0.0, 1.0, 1.0]];
        let config = Rp3BetaConfig {
            alpha: 2.0,
            beta: 0.5,
            n_neighbors: 9,
            weights: PairWeights::Weighted,
        };
        let model = config.fit(&train(&table)).unwrap();
        let of = |i| model.neighbors(ItemId(i)).collect::<Vec<_>>();
        // From 1: to a (3/4)² and on to 0 (1/4)², over √1; to b (1/4)² and on to 2 (1/2)², over √1.
        assert_eq!(of(1), [(ItemId(0), 9.0 / 256.0), (ItemId(2), 1.0 / 64.0)]);
        // From 0: to a 1² and on to 1 (3/4)², over √4.
        assert_eq!(of(0), [(ItemId(1), 9.0 / 32.0)]);
        // A history 0 (1), 1 (1): first steps (1/2)².
        let items = [ItemId(0), ItemId(1)];
        let scores = model.scores(History::new(&items, &[1.0, 1.0]).unwrap());
        assert_eq!(scores, [9.0 / 1024.0, 9.0 / 128.0, 1.0 / 256.0]);
    }

    proptest! {
        #[test]
        fn undamped_walks_are_the_product_of_three_transitions(table in tables(1..7, 1..7)) {
            let config = Rp3BetaConfig { alpha: 1.0, beta: 0.0, n_neighbors: 99, ..Default::default() };
            let train = train(&table);
            let model = config.fit(&train).unwrap();
            let histories = Histories::new(&train, PairWeights::Weighted);
            let row_sum = |u: usize| table[u].iter().map(|&w| f64::from(w)).sum::<f64>();
            let column_sum = |i: usize| table.iter().map(|row| f64::from(row[i])).sum::<f64>();
            let cell = |u: usize, i: usize| f64::from(table[u][i]);
            for u in 0..table.len() {
                let scores = model.scores(histories.of(UserId(u as u32)));
                for (j, &score) in scores.iter().enumerate() {
                    let mut walks = 0.0;
                    for i in (0..table[0].len()).filter(|&i| i != j && cell(u, i) > 0.0) {
                        for v in (0..table.len()).filter(|&v| cell(v, i) > 0.0) {
                            walks += cell(u, i) / row_sum(u) * cell(v, i) / column_sum(i)
                                * cell(v, j) / row_sum(v);
                        }
                    }
                    prop_assert!((f64::from(score) - walks).abs() < 1e-6);
                }
            }
        }
    }
}
