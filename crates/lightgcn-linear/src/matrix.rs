//! A sparse matrix, and the computations on it.

use crate::{Histories, History, LinearError};
use lightgcn_core::Rows;
use lightgcn_simd::{CsrView, sparse_dense};

/// A matrix in compressed sparse rows whose columns ascend within a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SparseMatrix {
    columns: Rows<u32>,
    values: Vec<f32>,
    n_columns: usize,
}

impl SparseMatrix {
    /// The user × item matrix, `[n_users, n_items]`, of the training part.
    pub(crate) fn from_training(histories: &Histories) -> Result<Self, LinearError> {
        let n_items = histories.n_items();
        if histories.n_pairs() == 0 {
            return Err(LinearError::NoPairs {
                n_users: histories.n_users(),
                n_items,
            });
        }
        Ok(Self::from_histories(histories.iter(), n_items, |_, w| w))
    }

    /// One row per history, each weight replaced by `value(item, weight)`.
    pub(crate) fn from_histories<'a>(
        histories: impl Iterator<Item = History<'a>>,
        n_items: usize,
        value: impl Fn(usize, f32) -> f32,
    ) -> Self {
        let value = &value;
        let row = |history: History<'a>| {
            let entries = history.iter();
            entries.map(move |(item, weight)| (item.0, value(item.index(), weight)))
        };
        Self::from_rows(histories.map(row).collect(), n_items)
    }

    /// The matrix with the entries (column, value) of each row, columns ascending.
    pub(crate) fn from_rows(rows: Rows<(u32, f32)>, n_columns: usize) -> Self {
        Self {
            values: rows.values().iter().map(|entry| entry.1).collect(),
            columns: rows.map(|entry| entry.0),
            n_columns,
        }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.columns.n_rows()
    }

    pub(crate) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// The columns and the values of one row.
    pub(crate) fn row(&self, n: usize) -> (&[u32], &[f32]) {
        (self.columns.row(n), &self.values[self.columns.range(n)])
    }

    /// The entries of one row.
    pub(crate) fn entries(&self, n: usize) -> impl Iterator<Item = (usize, f32)> + Clone {
        let (columns, values) = self.row(n);
        columns
            .iter()
            .map(|&c| c as usize)
            .zip(values.iter().copied())
    }

    /// The sum of each row, `[n_rows]`, in the order of the columns.
    pub(crate) fn row_sums(&self) -> Vec<f64> {
        let sum = |n| self.row(n).1.iter().map(|&v| f64::from(v)).sum();
        (0..self.n_rows()).map(sum).collect()
    }

    /// The same entries with other values: `value(row, column, old)`.
    pub(crate) fn with_values(&self, value: impl Fn(usize, usize, f32) -> f32) -> Self {
        let mut matrix = self.clone();
        for n in 0..self.n_rows() {
            for position in self.columns.range(n) {
                let column = self.columns.values()[position] as usize;
                matrix.values[position] = value(n, column, self.values[position]);
            }
        }
        matrix
    }

    /// Only these columns, ascending, renumbered by position.
    pub(crate) fn with_columns(&self, kept: &[u32]) -> Self {
        let row = |n: usize| -> Vec<(u32, f32)> {
            let entries = self.entries(n).filter_map(|(column, value)| {
                let place = kept.binary_search(&(column as u32)).ok()?;
                Some((place as u32, value))
            });
            entries.collect()
        };
        Self::from_rows((0..self.n_rows()).map(row).collect(), kept.len())
    }

    /// The transpose, by counting: O(rows + columns + entries).
    pub(crate) fn transposed(&self) -> Self {
        let entries = (0..self.n_rows()).flat_map(|row| {
            let entries = self.entries(row);
            entries.map(move |(column, value)| (column, (row as u32, value)))
        });
        Self::from_rows(Rows::group(self.n_columns, entries), self.n_rows())
    }

    /// `out = self · dense`, with `dense` of shape `[n_columns, dim]` and `out` of shape
    /// `[n_rows, dim]`.
    pub(crate) fn times(&self, dense: &[f32], dim: usize, out: &mut [f32]) {
        let (offsets, columns) = (self.columns.offsets(), self.columns.values());
        let view = CsrView::new(offsets, columns, &self.values, self.n_columns)
            .expect("the arrays of a sparse matrix are consistent");
        sparse_dense(view, dense, dim, out);
    }
}

/// A matrix from both sides, and the degrees that scale it.
#[derive(Debug, Clone)]
pub(crate) struct Normalized {
    /// R̃ = D_U^-1/2 R D_I^-1/2, `[n_users, n_items]`.
    pub(crate) by_user: SparseMatrix,
    /// R̃ᵀ, `[n_items, n_users]`.
    pub(crate) by_item: SparseMatrix,
    /// The sum of each item's weights, `[n_items]`; 0 for items without users.
    pub(crate) item_degrees: Vec<f64>,
}

impl Normalized {
    /// Scales each weight by the roots of the degrees of its ends (the sums of their weights).
    pub(crate) fn new(by_user: &SparseMatrix) -> Self {
        let user_degrees = by_user.row_sums();
        let item_degrees = by_user.transposed().row_sums();
        let scaled = by_user.with_values(|user, item, weight| {
            (f64::from(weight) / (user_degrees[user] * item_degrees[item]).sqrt()) as f32
        });
        Self {
            by_item: scaled.transposed(),
            by_user: scaled,
            item_degrees,
        }
    }

    /// `out = R̃ᵀ R̃ x`, with `x` and `out` of shape `[n_items, dim]`; `between` becomes R̃ x,
    /// `[n_users, dim]`.
    pub(crate) fn gram_times(&self, x: &[f32], dim: usize, between: &mut [f32], out: &mut [f32]) {
        self.by_user.times(x, dim, between);
        self.by_item.times(between, dim, out);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::PairWeights;
    use faer::Mat;
    use lightgcn_core::{InteractionsBuilder, ItemId, Split, Train, Truth, UserId};
    use proptest::prelude::*;

    /// A training part of purchases from the non-zeros of a dense table.
    pub(crate) fn train(rows: &[Vec<f32>]) -> Train {
        let n_items = rows[0].len();
        let mut b = InteractionsBuilder::from_names(&["buy"], &["buy"]).unwrap();
        for (user, row) in rows.iter().enumerate() {
            for (item, &weight) in row.iter().enumerate().filter(|(_, w)| **w > 0.0) {
                let (user, item) = (UserId(user as u32), ItemId(item as u32));
                b.push(user, item, weight, &[1], None).unwrap();
            }
        }
        let pairs = b.build(rows.len(), n_items).unwrap();
        let nothing = Truth::empty(rows.len(), n_items);
        Split::new(pairs, nothing.clone(), nothing).unwrap().train
    }

    /// Tables of weights with about a third of the cells filled, and at least one.
    pub(crate) fn tables(
        users: std::ops::Range<usize>,
        items: std::ops::Range<usize>,
    ) -> impl Strategy<Value = Vec<Vec<f32>>> {
        (users, items).prop_flat_map(|(n_users, n_items)| {
            let cell = prop_oneof![2 => Just(0.0f32), 1 => 0.25f32..2.0];
            let row = prop::collection::vec(cell, n_items);
            prop::collection::vec(row, n_users).prop_map(|mut table| {
                table[0][0] = 1.0;
                table
            })
        })
    }

    /// A larger table whose cells are filled by a fixed rule, popular items first.
    pub(crate) fn larger_table(n_users: usize, n_items: usize) -> Vec<Vec<f32>> {
        let cell = |u: usize, i: usize| {
            let hash = (u * 7919 + i * 104_729 + u * i * 31) % 1009;
            let filled = hash < 1009 / (4 + i / 8);
            if filled {
                0.5 + hash as f32 / 200.0
            } else {
                0.0
            }
        };
        (0..n_users)
            .map(|u| (0..n_items).map(|i| cell(u, i)).collect())
            .collect()
    }

    /// R̃ as a dense matrix, and the degrees of the items.
    pub(crate) fn normalized_table(table: &[Vec<f32>]) -> (Mat<f64>, Vec<f64>) {
        let cell = |u: usize, i: usize| f64::from(table[u][i]);
        let (n_users, n_items) = (table.len(), table[0].len());
        let users: Vec<f64> = (0..n_users)
            .map(|u| (0..n_items).map(|i| cell(u, i)).sum())
            .collect();
        let items: Vec<f64> = (0..n_items)
            .map(|i| (0..n_users).map(|u| cell(u, i)).sum())
            .collect();
        let scaled = |u: usize, i: usize| match cell(u, i) > 0.0 {
            true => cell(u, i) / (users[u] * items[i]).sqrt(),
            false => 0.0,
        };
        (Mat::from_fn(n_users, n_items, scaled), items)
    }

    #[test]
    fn normalization_by_hand() {
        let histories = Histories::new(
            &train(&[vec![1.0, 0.0, 3.0], vec![0.0, 0.0, 1.0]]),
            PairWeights::Weighted,
        );
        let matrix = SparseMatrix::from_training(&histories).unwrap();
        let normalized = Normalized::new(&matrix);
        assert_eq!(normalized.item_degrees, [1.0, 0.0, 4.0]);
        // 1 / √(4 · 1), 3 / √(4 · 4), 1 / √(1 · 4).
        assert_eq!(normalized.by_user.values, [0.5, 0.75, 0.5]);
        let columns = [vec![0], vec![], vec![0, 1]];
        assert_eq!(normalized.by_item.columns, columns.into_iter().collect());
        let (mut between, mut out) = (vec![0.0; 2], vec![0.0; 3]);
        normalized.gram_times(&[2.0, 5.0, 4.0], 1, &mut between, &mut out);
        assert_eq!(between, [4.0, 2.0]);
        assert_eq!(out, [2.0, 0.0, 4.0]);
    }

    proptest! {
        #[test]
        fn transposing_twice_changes_nothing(table in tables(1..8, 1..8)) {
            let histories = Histories::new(&train(&table), PairWeights::Weighted);
            let matrix = SparseMatrix::from_training(&histories).unwrap();
            let transposed = matrix.transposed();
            for (i, row) in (0..transposed.n_rows()).map(|i| (i, transposed.entries(i))) {
                for (u, value) in row {
                    prop_assert_eq!(table[u][i], value);
                }
            }
            prop_assert_eq!(transposed.transposed(), matrix);
        }
    }
}
