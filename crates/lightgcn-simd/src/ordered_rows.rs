//! The rows of a matrix in an order that keeps the cache warm.

use rayon::prelude::*;

use crate::csr::CsrView;
use crate::index::CsrIndex;

/// How often the order is improved: beyond, Gowalla's product gains nothing.
const ROUNDS: usize = 12;

/// A copy of a CSR matrix whose rows lie in the order in which whole products should visit them, so
/// that rows which follow each other read much the same rows of the dense operand: see
/// [`CsrView::with_order`].
///
/// Results do not change by a bit: every row adds its entries in the order in which they stood.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderedRows {
    row_offsets: Vec<u64>,
    columns: Vec<u32>,
    values: Vec<f32>,
    n_columns: usize,
    /// The row of the matrix that each stored row is: a permutation.
    places: Vec<u32>,
}

impl OrderedRows {
    /// Orders the rows by the graph alone: nodes take turns in moving to the mean place of their
    /// neighbors, which puts nodes of much the same neighbors side by side (the barycenter heuristic
    /// of Sugiyama et al., IEEE TSMC 1981). The two sides of a bipartite matrix stay apart.
    ///
    /// O((nnz + n_rows · log n_rows) · 12) once, on rayon's current pool; a function of the matrix
    /// alone.
    ///
    /// # Panics
    /// If the matrix is not square, or has more than `u32::MAX` rows.
    #[must_use]
    pub fn by_neighbors<O: CsrIndex, C: CsrIndex>(a: CsrView<'_, O, C>) -> Self {
        assert!(
            a.n_rows() == a.n_columns(),
            "only the nodes of a square matrix are ordered, but this one has {} rows and {} columns",
            a.n_rows(),
            a.n_columns()
        );
        Self::new(a, &neighbor_order(a))
    }

    /// The rows in a given order: stored row `n` is row `order[n]`.
    ///
    /// # Panics
    /// If `order` is no permutation of the rows.
    #[must_use]
    pub fn new<O: CsrIndex, C: CsrIndex>(a: CsrView<'_, O, C>, order: &[u32]) -> Self {
        let mut seen = vec![false; a.n_rows()];
        for &row in order {
            let seen = seen.get_mut(row as usize);
            assert!(
                seen.is_some_and(|seen| !std::mem::replace(seen, true)),
                "an order names every row once, but not row {row}"
            );
        }
        assert!(
            order.len() == a.n_rows(),
            "an order of {} rows does not fit a matrix with {}",
            order.len(),
            a.n_rows()
        );
        let mut row_offsets = Vec::with_capacity(order.len() + 1);
        row_offsets.push(0);
        let (mut columns, mut values) = (Vec::with_capacity(a.nnz()), Vec::with_capacity(a.nnz()));
        for &row in order {
            let entries = a.row_range(row as usize);
            let row_columns = &a.columns()[entries.clone()];
            columns.extend(row_columns.iter().map(|column| column.to_usize() as u32));
            values.extend_from_slice(&a.values()[entries]);
            row_offsets.push(columns.len() as u64);
        }
        Self {
            row_offsets,
            columns,
            values,
            n_columns: a.n_columns(),
            places: order.to_vec(),
        }
    }

    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.places.len(), self.n_columns)
    }

    pub(crate) fn nnz(&self) -> usize {
        self.columns.len()
    }

    /// The rows as they are stored.
    pub(crate) fn stored(&self) -> CsrView<'_, u64, u32> {
        // SAFETY: made in `new` of the rows of a valid matrix, one after the other; no method changes
        // them. Columns were below `n_columns`, which a `u32` holds as they came from it or from 31
        // bits.
        unsafe {
            CsrView::new_unchecked(
                &self.row_offsets,
                &self.columns,
                &self.values,
                self.n_columns,
            )
        }
    }

    /// The row of the matrix that each stored row is: a permutation.
    pub(crate) fn places(&self) -> &[u32] {
        &self.places
    }
}

/// All rows, those of much the same columns side by side; rows without entries last.
fn neighbor_order<O: CsrIndex, C: CsrIndex>(a: CsrView<'_, O, C>) -> Vec<u32> {
    let n = a.n_rows();
    assert!(u32::try_from(n).is_ok(), "{n} rows are too many to order");
    let boundary = boundary(a);
    // A start that looks random but is a function of the row.
    let mut place: Vec<f32> = (0..n as u32)
        .map(|row| (row.wrapping_mul(0x9E37_79B1) >> 8) as f32 / (1 << 24) as f32)
        .collect();
    let mut order: Vec<u32> = (0..n as u32).collect();
    let influence: Vec<f32> = (0..n)
        .map(|row| 1.0 / (a.row_range(row).len().max(1) as f32).sqrt())
        .collect();
    for _ in 0..ROUNDS {
        for side in [0..boundary, boundary..n] {
            let rows = &mut order[side.clone()];
            let mut keyed: Vec<(f32, u32)> = rows
                .par_iter()
                .with_min_len(256)
                .map(|&row| (mean_place(a, row, &place, &influence), row))
                .collect();
            keyed.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let count = keyed.len() as f32;
            for (nth, ((_, row), to)) in keyed.iter().zip(rows).enumerate() {
                *to = *row;
                place[*row as usize] = nth as f32 / count;
            }
        }
    }
    order
}

/// The mean place of a row's columns, those of few entries counting more; infinite for none.
fn mean_place<O: CsrIndex, C: CsrIndex>(
    a: CsrView<'_, O, C>,
    row: u32,
    place: &[f32],
    influence: &[f32],
) -> f32 {
    let (mut sum, mut total) = (0.0, 0.0);
    for column in &a.columns()[a.row_range(row as usize)] {
        let column = column.to_usize();
        sum += influence[column] * place[column];
        total += influence[column];
    }
    if total > 0.0 {
        sum / total
    } else {
        f32::INFINITY
    }
}

/// Where the second side of a bipartite matrix begins; the number of rows if it has no sides.
fn boundary<O: CsrIndex, C: CsrIndex>(a: CsrView<'_, O, C>) -> usize {
    let n = a.n_rows();
    let columns_of = |row: usize| a.columns()[a.row_range(row)].iter().map(|c| c.to_usize());
    let after = (0..n).flat_map(|row| columns_of(row).filter(move |&column| column > row));
    let Some(first) = after.min() else {
        return n;
    };
    let apart = (0..n).all(|row| columns_of(row).all(|c| (c < first) != (row < first)));
    if apart { first } else { n }
}

#[cfg(test)]
mod tests;
