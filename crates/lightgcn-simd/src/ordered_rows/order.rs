//! Finds the order, and lays the rows out in it.

use rayon::prelude::*;

use super::OrderedRows;
use crate::csr::CsrView;
use crate::index::CsrIndex;

/// Rounds of improvement; more gain nothing on Gowalla.
const ROUNDS: usize = 12;

impl OrderedRows {
    /// Orders the rows using only the graph: nodes take turns moving to the mean position of their
    /// neighbors, which puts nodes with similar neighbors side by side (the barycenter heuristic of
    /// Sugiyama et al., IEEE TSMC 1981). The two sides of a bipartite matrix stay separate.
    ///
    /// O((nnz + n_rows · log n_rows) · 12), on rayon's current pool. The order depends only on the
    /// matrix.
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
    /// If `order` is not a permutation of the rows.
    #[must_use]
    pub fn new<O: CsrIndex, C: CsrIndex>(a: CsrView<'_, O, C>, order: &[u32]) -> Self {
        let mut seen = vec![false; a.n_rows()];
        for &row in order {
            let seen = seen.get_mut(row as usize);
            assert!(
                seen.is_some_and(|seen| !std::mem::replace(seen, true)),
                "an order must have every row exactly once, but row {row} is repeated or out of \
                range"
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
            original: order.to_vec(),
        }
    }

    /// The rows as they are stored.
    pub(crate) fn stored(&self) -> CsrView<'_, u64, u32> {
        // SAFETY: `new` copies the rows of a valid matrix one after the other, and no method changes them.
        // Columns were below `n_columns`, which a `u32` holds as they came from it or from 31 bits.
        unsafe {
            CsrView::new_unchecked(
                &self.row_offsets,
                &self.columns,
                &self.values,
                self.n_columns,
            )
        }
    }
}

/// All rows, rows with similar columns side by side; rows without entries last.
fn neighbor_order<O: CsrIndex, C: CsrIndex>(a: CsrView<'_, O, C>) -> Vec<u32> {
    let n = a.n_rows();
    assert!(u32::try_from(n).is_ok(), "{n} rows are too many to order");
    let boundary = boundary(a);
    // A start that looks random but is a function of the row. The rows' own order would be a poor
    // start: ids often follow time or degree, so means would all be similar.
    let mut position: Vec<f32> = (0..n as u32)
        .map(|row| (row.wrapping_mul(0x9E37_79B1) >> 8) as f32 / (1 << 24) as f32)
        .collect();
    let mut order: Vec<u32> = (0..n as u32).collect();
    // A popular item says little about what its users have in common.
    let influence: Vec<f32> = (0..n)
        .map(|row| 1.0 / (a.row_range(row).len().max(1) as f32).sqrt())
        .collect();
    for _ in 0..ROUNDS {
        // One side moves while the other stays put; moving both would oscillate.
        for side in [0..boundary, boundary..n] {
            let rows = &mut order[side.clone()];
            let mut keyed: Vec<(f32, u32)> = rows
                .par_iter()
                .with_min_len(256)
                .map(|&row| (mean_position(a, row, &position, &influence), row))
                .collect();
            // Equal means fall back to the row's number, so the order is the same with any number
            // of threads.
            keyed.par_sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let count = keyed.len() as f32;
            // Ranks instead of means: means crowd in the middle, ranks keep the rows spread out.
            for (nth, ((_, row), to)) in keyed.iter().zip(rows).enumerate() {
                *to = *row;
                position[*row as usize] = nth as f32 / count;
            }
        }
    }
    order
}

/// The mean position of a row's columns, columns with few entries counting more; infinite for a row without
/// entries.
fn mean_position<O: CsrIndex, C: CsrIndex>(
    a: CsrView<'_, O, C>,
    row: u32,
    position: &[f32],
    influence: &[f32],
) -> f32 {
    let (mut sum, mut total) = (0.0, 0.0);
    for column in &a.columns()[a.row_range(row as usize)] {
        let column = column.to_usize();
        sum += influence[column] * position[column];
        total += influence[column];
    }
    if total > 0.0 {
        sum / total
    } else {
        f32::INFINITY
    }
}

/// The start of the second side of a bipartite matrix; the number of rows if it is not bipartite.
pub(super) fn boundary<O: CsrIndex, C: CsrIndex>(a: CsrView<'_, O, C>) -> usize {
    let n = a.n_rows();
    let columns_of = |row: usize| a.columns()[a.row_range(row)].iter().map(|c| c.to_usize());
    let after = (0..n).flat_map(|row| columns_of(row).filter(move |&column| column > row));
    let Some(first) = after.min() else {
        return n;
    };
    let apart = (0..n).all(|row| columns_of(row).all(|c| (c < first) != (row < first)));
    if apart { first } else { n }
}
