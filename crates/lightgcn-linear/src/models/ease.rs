//! The best linear map from histories to themselves, in closed form.

use crate::config::Issues;
use crate::inverse::{BLOCK, negative_inverse};
use crate::matrix::SparseMatrix;
use crate::model::check_scores;
use crate::neighbors::{Neighbors, strongest};
use crate::{Histories, History, ItemToItem, LinearError, LinearModel, PairWeights};
use lightgcn_core::{ItemId, Train};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The number of items whose weights are computed at a time.
const LANES: usize = 64;

/// How to fit [`Ease`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EaseConfig {
    /// The L2 regularization λ, above 0. The more pairs, the larger it may be: published values run
    /// from 200 to 1000.
    pub regularization: f64,
    /// The maximum memory for fitting, in bytes. Default: 4 GiB, enough for 32,000 items.
    pub max_bytes: u64,
    /// How much a training pair counts.
    pub weights: PairWeights,
}

impl Default for EaseConfig {
    fn default() -> Self {
        Self {
            regularization: 500.0,
            max_bytes: 4 << 30,
            weights: PairWeights::Weighted,
        }
    }
}

impl EaseConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self) -> Result<(), LinearError> {
        let mut issues = Issues::of("EASE");
        issues.positive("regularization", self.regularization);
        issues.into_result()
    }

    /// How many bytes fitting takes over `n_items` items: the dense matrix in single precision,
    /// and two of its block columns.
    #[must_use]
    pub fn bytes_needed(n_items: usize) -> u64 {
        let (n, block) = (n_items as u64, BLOCK.min(n_items) as u64);
        n.saturating_mul(n + 2 * block).saturating_mul(4)
    }

    /// Inverts the regularized Gram matrix of the training part. O(items³) time (40,981 items:
    /// 7 · 10^13 multiply-adds), and the memory of [`EaseConfig::bytes_needed`].
    ///
    /// # Errors
    /// [`LinearError::Config`], [`LinearError::NoPairs`] where there is nothing to learn from,
    /// [`LinearError::Memory`] where the catalogue is too large for `max_bytes`, and
    /// [`LinearError::NotPositiveDefinite`] where the regularization is lost in rounding.
    pub fn fit(&self, train: &Train) -> Result<Ease, LinearError> {
        self.fit_histories(&Histories::new(train, self.weights))
    }

    /// The same from histories with any weights.
    ///
    /// # Errors
    /// Those of [`EaseConfig::fit`].
    pub fn fit_histories(&self, histories: &Histories) -> Result<Ease, LinearError> {
        self.check()?;
        let by_user = SparseMatrix::from_training(histories)?;
        let n = by_user.n_columns();
        let matrix = self.solve(&by_user)?;
        Ok(Ease {
            n_items: n,
            matrix,
            weights: self.weights,
        })
    }

    /// The `n_neighbors` weights of each item that are largest in absolute value, at a cost bounded
    /// by `max_size`: the inverse is over items; over users if there are fewer of them (the same
    /// weights up to rounding, by Woodbury's identity); and over the `max_size` items in the most
    /// histories if there are more of both. The other items then have no weights.
    ///
    /// O(size³ + items · pairs) time.
    ///
    /// # Errors
    /// Those of [`EaseConfig::fit`].
    pub fn fit_strongest(
        &self,
        histories: &Histories,
        n_neighbors: usize,
        max_size: usize,
    ) -> Result<ItemToItem, LinearError> {
        self.check()?;
        let by_user = SparseMatrix::from_training(histories)?;
        let n_items = by_user.n_columns();
        let n_users = by_user.n_rows();
        let neighbors = if n_users < n_items && n_users <= max_size {
            self.over_users(&by_user, n_neighbors)?
        } else {
            let kept = most_frequent(&by_user, max_size);
            let matrix = self.solve(&by_user.with_columns(&kept))?;
            let rows = matrix.par_chunks_exact(kept.len());
            Neighbors::strongest(rows, kept.len(), n_neighbors).renumbered(&kept, n_items)
        };
        Ok(ItemToItem::new("EASE", neighbors))
    }

    /// B from an inverse over users: with M = (XXᵀ + λI)⁻¹, P = (I − XᵀMX) / λ, so
    /// B_ij = x_iᵀ M x_j / (1 − x_jᵀ M x_j) for the columns x of X.
    fn over_users(
        &self,
        by_user: &SparseMatrix,
        n_neighbors: usize,
    ) -> Result<Neighbors, LinearError> {
        let by_item = by_user.transposed();
        let (n_users, n_items) = (by_user.n_rows(), by_item.n_rows());
        let mut inverse = lower_gram(&by_item, self.regularization as f32);
        self.invert(&mut inverse, n_users)?;
        // The matrix holds −M.
        let m = |user: usize, other: usize| -inverse[user * n_users + other];
        let quadratic = |item: usize| -> f32 {
            let entries = by_item.entries(item);
            let row = |(user, x): (usize, f32)| {
                let products = entries.clone().map(|(other, y)| x * y * m(user, other));
                products.sum::<f32>()
            };
            entries.clone().map(row).sum()
        };
        let items = (0..n_items).into_par_iter();
        let scale: Vec<f32> = items.map(|j| 1.0 / (1.0 - quadratic(j))).collect();
        let mut lists = Vec::with_capacity(n_items);
        let (mut images, mut products) = (vec![0.0; n_users * LANES], vec![0.0; n_items * LANES]);
        for first in (0..n_items).step_by(LANES) {
            let block = first..n_items.min(first + LANES);
            // M x_i for each item of the block, side by side; then x_jᵀ M x_i for every j.
            images
                .par_chunks_exact_mut(LANES)
                .enumerate()
                .for_each(|(user, row)| {
                    for (image, item) in row.iter_mut().zip(block.clone()) {
                        *image = by_item.entries(item).map(|(v, x)| x * m(user, v)).sum();
                    }
                });
            by_item.times(&images, LANES, &mut products);
            let list = |i: usize| {
                let column = products.iter().skip(i - first).step_by(LANES);
                let mut row: Vec<f32> = column.zip(&scale).map(|(dot, s)| dot * s).collect();
                row[i] = 0.0;
                strongest(&row, n_neighbors)
            };
            lists.par_extend(block.into_par_iter().map(list));
        }
        Ok(Neighbors::from_lists(lists, n_items))
    }

    /// B over all columns, `[n_items, n_items]`.
    fn solve(&self, by_user: &SparseMatrix) -> Result<Vec<f32>, LinearError> {
        let n = by_user.n_columns();
        let needed = Self::bytes_needed(n);
        if needed > self.max_bytes {
            return Err(LinearError::Memory {
                model: "EASE",
                n_items: n,
                needed,
                limit: self.max_bytes,
            });
        }
        let mut matrix = lower_gram(by_user, self.regularization as f32);
        self.invert(&mut matrix, n)?;
        // B_ij = −P_ij / P_jj, and the matrix now holds −P.
        let scale: Vec<f32> = (0..n).map(|j| -1.0 / matrix[j * n + j]).collect();
        matrix
            .par_chunks_exact_mut(n)
            .enumerate()
            .for_each(|(i, row)| {
                row.iter_mut().zip(&scale).for_each(|(x, s)| *x *= s);
                row[i] = 0.0;
            });
        Ok(matrix)
    }

    fn invert(&self, matrix: &mut [f32], n: usize) -> Result<(), LinearError> {
        match negative_inverse(matrix, n, BLOCK) {
            true => Ok(()),
            false => Err(LinearError::NotPositiveDefinite {
                regularization: self.regularization,
            }),
        }
    }
}

/// The `most` columns with the most entries, ascending; equal ones by the lower column.
fn most_frequent(by_user: &SparseMatrix, most: usize) -> Vec<u32> {
    let mut columns: Vec<u32> = (0..by_user.n_columns() as u32).collect();
    if most < columns.len() {
        let by_item = by_user.transposed();
        columns.sort_by_key(|&item| std::cmp::Reverse(by_item.row(item as usize).0.len()));
        columns.truncate(most);
        columns.sort_unstable();
    }
    columns
}

/// AᵀA plus `diagonal` on its diagonal, `[columns, columns]`; the lower triangle only.
fn lower_gram(rows: &SparseMatrix, diagonal: f32) -> Vec<f32> {
    let columns = rows.transposed();
    let n = columns.n_rows();
    let mut gram = vec![0.0; n * n];
    gram.par_chunks_exact_mut(n)
        .enumerate()
        .for_each(|(i, row)| {
            for (row_of, a) in columns.entries(i) {
                for (j, b) in rows.entries(row_of).take_while(|(j, _)| *j <= i) {
                    row[j] += a * b;
                }
            }
            row[i] += diagonal;
        });
    gram
}

/// EASE: Steck, WWW 2019.
///
/// The weights B minimize ‖X − XB‖² + λ‖B‖² with a diagonal of zeros, where X holds the training
/// pairs, `[n_users, n_items]`: with P = (XᵀX + λI)⁻¹, B_ij = −P_ij / P_jj off the diagonal. The scores
/// of a history x are xB. The matrix is dense, in single precision.
#[derive(Clone, PartialEq)]
pub struct Ease {
    n_items: usize,
    /// B: `[n_items, n_items]`, row by row.
    matrix: Vec<f32>,
    weights: PairWeights,
}

impl std::fmt::Debug for Ease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ease")
            .field("n_items", &self.n_items)
            .field("weights", &self.weights)
            .finish_non_exhaustive()
    }
}

impl Ease {
    /// The weight of `had` in the history for `item`; negative if it counts against it, and 0 for
    /// the same item.
    ///
    /// # Panics
    /// If an item is out of range.
    #[must_use]
    pub fn weight(&self, had: ItemId, item: ItemId) -> f32 {
        assert!(
            item.index() < self.n_items,
            "item row {item} is out of range: the model knows {} items",
            self.n_items
        );
        self.matrix[had.index() * self.n_items + item.index()]
    }
}

impl LinearModel for Ease {
    fn name(&self) -> &str {
        "EASE"
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn pair_weights(&self) -> PairWeights {
        self.weights
    }

    fn scores_into(&self, histories: &[History<'_>], out: &mut [f32]) {
        check_scores(histories, self.n_items, out);
        let rows = histories.iter().copied();
        let signals = SparseMatrix::from_histories(rows, self.n_items, |_, w| w);
        signals.times(&self.matrix, self.n_items, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tests::{larger_table, tables, train};
    use faer::Mat;
    use faer::linalg::solvers::DenseSolveCore;
    use proptest::prelude::*;

    fn fitted(table: &[Vec<f32>], regularization: f64) -> Ease {
        let config = EaseConfig {
            regularization,
            ..EaseConfig::default()
        };
        config.fit(&train(table)).unwrap()
    }

    #[test]
    fn by_hand() {
        // G + λI = [[2 + 1, 1], [1, 1 + 1]], P = [[2, -1], [-1, 3]] / 5.
        let model = fitted(&[vec![1.0, 1.0], vec![1.0, 0.0]], 1.0);
        let weight = |i, j| model.weight(ItemId(i), ItemId(j));
        assert_eq!((weight(0, 0), weight(1, 1)), (0.0, 0.0));
        assert!((weight(0, 1) - 1.0 / 3.0).abs() < 1e-6);
        assert!((weight(1, 0) - 0.5).abs() < 1e-6);
        let items = [ItemId(0), ItemId(1)];
        let scores = model.scores(History::new(&items, &[3.0, 2.0]).unwrap());
        assert!((scores[0] - 1.0).abs() < 1e-6 && (scores[1] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_catalogue_too_large_is_an_error_with_the_bytes_needed() {
        let config = EaseConfig {
            max_bytes: 4 * 3 * (3 + 2 * 3) - 1,
            ..EaseConfig::default()
        };
        let error = config.fit(&train(&[vec![1.0, 1.0, 1.0]])).unwrap_err();
        assert_eq!(
            error,
            LinearError::Memory {
                model: "EASE",
                n_items: 3,
                needed: 108,
                limit: 107
            }
        );
        assert_eq!(EaseConfig::bytes_needed(1000), 4 * 1000 * 2024);
        assert_eq!(EaseConfig::bytes_needed(usize::MAX / 2), u64::MAX);
    }

    #[test]
    fn a_regularization_lost_in_rounding_is_an_error() {
        // Two equal columns of 2^26: 2^26 + 1 is 2^26 in single precision.
        let config = EaseConfig {
            regularization: 1e-9,
            ..EaseConfig::default()
        };
        let error = config.fit(&train(&[vec![8192.0, 8192.0]])).unwrap_err();
        assert!(matches!(error, LinearError::NotPositiveDefinite { .. }));
    }

    fn check_against_direct_inverse(table: &[Vec<f32>], regularization: f64) {
        let model = fitted(table, regularization);
        let n = table[0].len();
        let x = Mat::from_fn(table.len(), n, |u, i| f64::from(table[u][i]));
        let mut gram = x.transpose() * &x;
        for i in 0..n {
            gram[(i, i)] += regularization;
        }
        let p = gram.partial_piv_lu().inverse();
        for i in 0..n {
            for j in 0..n {
                let exact = if i == j { 0.0 } else { -p[(i, j)] / p[(j, j)] };
                let weight = f64::from(model.matrix[i * n + j]);
                assert!(
                    (weight - exact).abs() < 1e-4,
                    "{weight} for {exact} at {i}, {j}"
                );
            }
        }
    }

    #[test]
    fn the_strongest_weights_are_the_same_over_items_or_users() {
        let table = larger_table(40, 90);
        let all = fitted(&table, 5.0);
        let histories = Histories::new(&train(&table), PairWeights::Weighted);
        let config = EaseConfig {
            regularization: 5.0,
            ..EaseConfig::default()
        };
        // Fewer users than items; then items, as there is no room for the users.
        for max_size in [40, 39] {
            let cut = config.fit_strongest(&histories, 90, max_size).unwrap();
            let known = (0..90).filter(|&i| cut.row(ItemId(i)).next().is_some());
            let known: Vec<u32> = known.collect();
            if max_size == 40 {
                for (i, j) in (0..90).flat_map(|i| (0..90).map(move |j| (ItemId(i), ItemId(j)))) {
                    assert!((cut.weight(i, j) - all.weight(i, j)).abs() < 1e-4);
                }
                continue;
            }
            // The table is fuller at its beginning: these columns are fitted as if they were all.
            assert_eq!(known.len(), 39);
            let column = |row: &Vec<f32>| known.iter().map(|&i| row[i as usize]).collect();
            let part: Vec<Vec<f32>> = table.iter().map(column).collect();
            let part = fitted(&part, 5.0);
            for (a, &i) in (0..).zip(&known) {
                for (b, &j) in (0..).zip(&known) {
                    let exact = part.weight(ItemId(a), ItemId(b));
                    assert_eq!(cut.weight(ItemId(i), ItemId(j)), exact);
                }
            }
        }
        let two = config.fit_strongest(&histories, 2, 90).unwrap();
        assert!((0..90).all(|i| two.row(ItemId(i)).count() <= 2));
    }

    #[test]
    fn several_blocks_equal_the_direct_inverse() {
        check_against_direct_inverse(&larger_table(300, BLOCK + 70), 20.0);
    }

    proptest! {
        #[test]
        fn equals_the_direct_inverse(table in tables(1..9, 1..9), regularization in 0.5f64..50.0) {
            check_against_direct_inverse(&table, regularization);
        }
    }
}
