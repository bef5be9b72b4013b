//! Items similar to those in the user's history.

use crate::config::Issues;
use crate::matrix::SparseMatrix;
use crate::model::check_scores;
use crate::neighbors::Neighbors;
use crate::{Histories, History, LinearError, LinearModel, PairWeights};
use lightgcn_core::{ItemId, Train};
use serde::{Deserialize, Serialize};

/// How to weight pairs before comparing items.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum FeatureWeighting {
    /// As they are.
    None,
    /// √w · ln(1 + items / items of the user): what users with many items have in common counts
    /// less.
    #[default]
    TfIdf,
    /// Okapi BM25 (Robertson et al., TREC 1994), an item being the document and its users
    /// the words: w · (k1 + 1) / (w + k1 · (1 − b + b · degree / mean degree)), times the logarithm
    /// of [`FeatureWeighting::TfIdf`].
    Bm25 {
        /// How slowly a weight saturates; above 0. 1.2 is usual for texts, 100 for purchases.
        k1: f64,
        /// How much popular items are damped, 0 to 1; 0.75 is usual.
        b: f64,
    },
}

/// How to fit [`ItemKnn`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ItemKnnConfig {
    /// How many neighbors each item keeps, at least 1.
    pub n_neighbors: usize,
    /// The shrinkage h, at least 0: similarities that rest on few users become small.
    pub shrinkage: f64,
    /// How to weight pairs before comparing items.
    pub weighting: FeatureWeighting,
    /// How much a training pair counts.
    pub weights: PairWeights,
}

impl Default for ItemKnnConfig {
    fn default() -> Self {
        Self {
            n_neighbors: 200,
            shrinkage: 0.0,
            weighting: FeatureWeighting::TfIdf,
            weights: PairWeights::Weighted,
        }
    }
}

impl ItemKnnConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self) -> Result<(), LinearError> {
        let mut issues = Issues::of("item-kNN");
        issues.positive_count("n_neighbors", self.n_neighbors);
        issues.not_negative("shrinkage", self.shrinkage);
        if let FeatureWeighting::Bm25 { k1, b } = self.weighting {
            issues.positive("k1", k1);
            issues.share("b", b);
        }
        issues.into_result()
    }

    /// Compares the items of the training part. O(Σ_u pairs(u)²) time,
    /// O(items · neighbors) memory.
    ///
    /// # Errors
    /// [`LinearError::Config`], and [`LinearError::NoPairs`] where there is nothing to learn from.
    pub fn fit(&self, train: &Train) -> Result<ItemKnn, LinearError> {
        self.check()?;
        let histories = Histories::new(train, self.weights);
        let by_user = weighted(&SparseMatrix::from_training(&histories)?, self.weighting);
        let by_item = by_user.transposed();
        let norm = |item| {
            let squares = by_item.entries(item).map(|(_, w)| f64::from(w).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let norms: Vec<f64> = (0..by_item.n_rows()).map(norm).collect();
        let similarity =
            |i: usize, j: usize, dot: f64| dot / (norms[i] * norms[j] + self.shrinkage);
        let neighbors = Neighbors::nearest(&by_item, &by_user, self.n_neighbors, similarity);
        Ok(ItemKnn {
            neighbors,
            weights: self.weights,
        })
    }
}

fn weighted(by_user: &SparseMatrix, weighting: FeatureWeighting) -> SparseMatrix {
    let n_items = by_user.n_columns() as f64;
    let rarity = |user: usize| (1.0 + n_items / by_user.row(user).0.len() as f64).ln();
    match weighting {
        FeatureWeighting::None => by_user.clone(),
        FeatureWeighting::TfIdf => {
            by_user.with_values(|user, _, weight| (f64::from(weight).sqrt() * rarity(user)) as f32)
        }
        FeatureWeighting::Bm25 { k1, b } => {
            let degrees = by_user.transposed().row_sums();
            let mean = degrees.iter().sum::<f64>() / n_items;
            by_user.with_values(|user, item, weight| {
                let weight = f64::from(weight);
                let length = 1.0 - b + b * degrees[item] / mean;
                (weight * (k1 + 1.0) / (weight + k1 * length) * rarity(user)) as f32
            })
        }
    }
}

/// Item-based nearest neighbors by cosine: Sarwar et al., WWW 2001; with the N nearest kept and
/// their similarities summed, Deshpande and Karypis, TOIS 2004.
///
/// The similarity of items i and j is x_i · x_j / (‖x_i‖ ‖x_j‖ + h), where x_i holds the weighted
/// pairs of item i, one a user; each item i keeps its N most similar ones N(i) (equal ones
/// by the lower row). The score of item j is Σ_i w_i · similarity(i, j) over the items i of the
/// history that have j in N(i).
#[derive(Debug, Clone, PartialEq)]
pub struct ItemKnn {
    neighbors: Neighbors,
    weights: PairWeights,
}

impl ItemKnn {
    /// The neighbors of an item and their similarities, by ascending item.
    ///
    /// # Panics
    /// If the item is out of range.
    pub fn neighbors(&self, item: ItemId) -> impl Iterator<Item = (ItemId, f32)> {
        self.neighbors.named(item)
    }
}

impl LinearModel for ItemKnn {
    fn name(&self) -> &str {
        "item-kNN"
    }

    fn n_items(&self) -> usize {
        self.neighbors.n_items()
    }

    fn pair_weights(&self) -> PairWeights {
        self.weights
    }

    fn scores_into(&self, histories: &[History<'_>], out: &mut [f32]) {
        check_scores(histories, self.n_items(), out);
        self.neighbors.scores_into(histories, |_, w| w, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tests::{tables, train};
    use proptest::prelude::*;

    fn plain(n_neighbors: usize, shrinkage: f64) -> ItemKnnConfig {
        ItemKnnConfig {
            n_neighbors,
            shrinkage,
            weighting: FeatureWeighting::None,
            weights: PairWeights::Weighted,
        }
    }

    #[test]
    fn by_hand() {
        // Norms: √(9 + 16) = 5, 4, 2.
        let table = [vec![3.0, 0.0, 2.0], vec![4.0, 4.0, 0.0]];
        let model = plain(5, 0.0).fit(&train(&table)).unwrap();
        // 0 and 1: 16 / 20; 0 and 2: 6 / 10; 1 and 2 share nobody.
        let of = |i| model.neighbors(ItemId(i)).collect::<Vec<_>>();
        assert_eq!(of(0), [(ItemId(1), 0.8), (ItemId(2), 0.6)]);
        assert_eq!(of(1), [(ItemId(0), 0.8)]);
        let items = [ItemId(0), ItemId(1)];
        let history = History::new(&items, &[2.0, 1.0]).unwrap();
        assert_eq!(model.scores(history), [0.8, 1.6, 1.2]);

        // 16 / (20 + 12), 6 / (10 + 12).
        let shrunk = plain(1, 12.0).fit(&train(&table)).unwrap();
        let of: Vec<_> = shrunk.neighbors(ItemId(0)).collect();
        assert_eq!(of, [(ItemId(1), 0.5)]);
        assert_eq!(
            shrunk.neighbors(ItemId(2)).next().unwrap().1,
            (6.0 / 22.0) as f32
        );
    }

    #[test]
    fn rare_users_and_rare_items_count_more() {
        let table = [vec![4.0, 1.0, 0.0], vec![1.0, 0.0, 0.0]];
        let histories = Histories::new(&train(&table), PairWeights::Weighted);
        let matrix = SparseMatrix::from_training(&histories).unwrap();
        let values = |weighting| {
            let weighted = weighted(&matrix, weighting);
            [weighted.row(0).1, weighted.row(1).1].concat()
        };
        let expected = [2.0 * 2.5f64.ln(), 2.5f64.ln(), 4.0f64.ln()].map(|x| x as f32);
        assert_eq!(values(FeatureWeighting::TfIdf), expected);
        // Degrees 5, 1, 0, mean 2; with b = 1/2 lengths 1.75 and 0.75.
        let got = values(FeatureWeighting::Bm25 { k1: 2.0, b: 0.5 });
        let expected = [
            4.0 * 3.0 / (4.0 + 3.5) * 2.5f64.ln(),
            3.0 / (1.0 + 1.5) * 2.5f64.ln(),
            3.0 / (1.0 + 3.5) * 4.0f64.ln(),
        ];
        assert_eq!(got, expected.map(|x| x as f32));
    }

    proptest! {
        #[test]
        fn unlimited_neighbors_are_all_cosines(table in tables(1..7, 1..7), h in 0.0f64..3.0) {
            let model = plain(99, h).fit(&train(&table)).unwrap();
            let column = |i: usize| table.iter().map(move |row| f64::from(row[i]));
            let norm = |i: usize| column(i).map(|x| x * x).sum::<f64>().sqrt();
            for i in 0..table[0].len() {
                let history = [ItemId(i as u32)];
                let scores = model.scores(History::new(&history, &[1.0]).unwrap());
                for (j, &score) in scores.iter().enumerate() {
                    let dot: f64 = column(i).zip(column(j)).map(|(x, y)| x * y).sum();
                    let exact = if i == j || dot == 0.0 { 0.0 } else { dot / (norm(i) * norm(j) + h) };
                    prop_assert!((f64::from(score) - exact).abs() < 1e-6);
                }
            }
        }
    }
}
