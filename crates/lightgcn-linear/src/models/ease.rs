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
    /// The exponent α of item-adaptive normalization, 0 to 1: how much popular items are held back.
    /// Default: 0, not at all.
    #[serde(skip_serializing_if = "is_zero")]
    pub item_normalization: f64,
    /// The exponent β of user-adaptive normalization, 0 to 1: how much less each pair of a user with
    /// a long history counts. It makes the Gram matrix smaller, so that the regularization should be
    /// smaller too. Default: 0, not at all.
    #[serde(skip_serializing_if = "is_zero")]
    pub user_normalization: f64,
    /// The maximum memory for fitting, in bytes. Default: 4 GiB, enough for 32,000 items.
    pub max_bytes: u64,
    /// How much a training pair counts.
    pub weights: PairWeights,
}

impl Default for EaseConfig {
    fn default() -> Self {
        Self {
            regularization: 500.0,
            item_normalization: 0.0,
            user_normalization: 0.0,
            max_bytes: 4 << 30,
            weights: PairWeights::Weighted,
        }
    }
}

fn is_zero(exponent: &f64) -> bool {
    *exponent == 0.0
}

impl EaseConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self) -> Result<(), LinearError> {
        let mut issues = Issues::of("EASE");
        issues.positive("regularization", self.regularization);
        issues.share("item_normalization", self.item_normalization);
        issues.share("user_normalization", self.user_normalization);
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
        let matrix = self.solve(&self.of_users(&by_user), &self.item_factors(&by_user))?;
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
        let factors = self.item_factors(&by_user);
        let by_user = self.of_users(&by_user);
        let neighbors = if n_users < n_items && n_users <= max_size {
            self.over_users(&by_user, &factors, n_neighbors)?
        } else {
            let kept = most_frequent(&by_user, max_size);
            let factors: Vec<f32> = kept.iter().map(|&item| factors[item as usize]).collect();
            let matrix = self.solve(&by_user.with_columns(&kept), &factors)?;
            let rows = matrix.par_chunks_exact(kept.len());
            Neighbors::strongest(rows, kept.len(), n_neighbors).renumbered(&kept, n_items)
        };
        Ok(ItemToItem::new("EASE", neighbors))
    }

    /// D_U^-β/2 X, with the sums of users' weights as D_U.
    fn of_users(&self, by_user: &SparseMatrix) -> SparseMatrix {
        let factors = powers(&by_user.row_sums(), -0.5 * self.user_normalization);
        by_user.with_values(|user, _, weight| weight * factors[user])
    }

    /// The diagonal of D_I^α, with the sums of items' weights as D_I.
    fn item_factors(&self, by_user: &SparseMatrix) -> Vec<f32> {
        powers(&by_user.transposed().row_sums(), self.item_normalization)
    }

    /// B from an inverse over users: with M = (XXᵀ + λI)⁻¹, P = (I − XᵀMX) / λ, so
    /// B_ij = x_iᵀ M x_j / (1 − x_jᵀ M x_j) for the columns x of X. The factors of items are those of
    /// [`item_factors`](Self::item_factors).
    fn over_users(
        &self,
        by_user: &SparseMatrix,
        factors: &[f32],
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
        let scale = items.map(|j| 1.0 / (1.0 - quadratic(j)) / factors[j]);
        let scale: Vec<f32> = scale.collect();
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
                let row = column.zip(&scale).map(|(dot, s)| dot * s * factors[i]);
                let mut row: Vec<f32> = row.collect();
                row[i] = 0.0;
                strongest(&row, n_neighbors)
            };
            lists.par_extend(block.into_par_iter().map(list));
        }
        Ok(Neighbors::from_lists(lists, n_items))
    }

    /// B over all columns, `[n_items, n_items]`, from the rows of [`of_users`](Self::of_users) and the
    /// factors of their columns.
    fn solve(&self, by_user: &SparseMatrix, factors: &[f32]) -> Result<Vec<f32>, LinearError> {
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
        let scale = (0..n).map(|j| -1.0 / matrix[j * n + j] / factors[j]);
        let scale: Vec<f32> = scale.collect();
        matrix
            .par_chunks_exact_mut(n)
            .enumerate()
            .for_each(|(i, row)| {
                let own = factors[i];
                row.iter_mut().zip(&scale).for_each(|(x, s)| *x *= s * own);
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

/// Each degree to a power; 1 where there is nothing.
fn powers(degrees: &[f64], exponent: f64) -> Vec<f32> {
    let power = |&degree: &f64| match degree > 0.0 {
        true => degree.powf(exponent) as f32,
        false => 1.0,
    };
    degrees.iter().map(power).collect()
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
///
/// With data-adaptive normalization (DAN: Park et al., *Why is Normalization Necessary for Linear
/// Recommenders?*, SIGIR 2025) X stands for D_U^-β/2 X in the first solution, B₀, and B = D_I^α B₀ D_I^-α,
/// where D_U and D_I are the sums of users' and of items' weights: with X̃ = X D_I^-α, these weights
/// minimize ‖D_U^-β/2 (X̃ − X̃B) D_I^α‖² + λ‖D_I^-α B D_I^α‖². The larger α, the less an item gains from
/// being popular; the larger β, the less users with long histories count.
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
mod tests;
