//! A borrowed sparse matrix in compressed sparse row (CSR) form.

use thiserror::Error;

use crate::index::CsrIndex;
use crate::ordered_rows::OrderedRows;

/// A borrowed CSR matrix of shape `[n_rows, n_columns]`.
///
/// Row `r` has the entries `row_offsets[r]..row_offsets[r + 1]` of `columns` and `values`. Columns
/// need not be sorted within a row, and a column may occur twice (its values then add up).
///
/// `O` is the type of the offsets, `C` of the column numbers; see [`CsrIndex`].
#[derive(Clone, Copy, Debug)]
pub struct CsrView<'a, O: CsrIndex, C: CsrIndex> {
    row_offsets: &'a [O],
    columns: &'a [C],
    values: &'a [f32],
    n_columns: usize,
    ordered: Option<&'a OrderedRows>,
}

impl<'a, O: CsrIndex, C: CsrIndex> CsrView<'a, O, C> {
    /// Checks the three arrays and views them as a matrix.
    ///
    /// `row_offsets` has `n_rows + 1` elements, `columns` and `values` one per non-zero. The check
    /// reads all offsets and columns: O(n_rows + nnz).
    ///
    /// # Errors
    /// [`CsrError`] if the offsets are empty, do not start at 0, decrease or do not end at the
    /// number of non-zeros; when `columns` and `values` differ in length; or when a column is not
    /// below `n_columns`.
    pub fn new(
        row_offsets: &'a [O],
        columns: &'a [C],
        values: &'a [f32],
        n_columns: usize,
    ) -> Result<Self, CsrError> {
        if columns.len() != values.len() {
            return Err(CsrError::LengthMismatch {
                columns: columns.len(),
                values: values.len(),
            });
        }
        // At least one offset, so that `n_rows` never underflows.
        let (Some(first), Some(last)) = (row_offsets.first(), row_offsets.last()) else {
            return Err(CsrError::NoOffsets);
        };
        if first.to_usize() != 0 {
            return Err(CsrError::FirstOffset {
                found: first.to_usize(),
            });
        }
        // Negative offsets and columns become huge in `to_usize`, so these comparisons catch them
        // too.
        if let Some(row) = row_offsets
            .windows(2)
            .position(|pair| pair[0].to_usize() > pair[1].to_usize())
        {
            return Err(CsrError::DecreasingOffsets {
                row,
                start: row_offsets[row].to_usize(),
                end: row_offsets[row + 1].to_usize(),
            });
        }
        if last.to_usize() != columns.len() {
            return Err(CsrError::LastOffset {
                found: last.to_usize(),
                nnz: columns.len(),
            });
        }
        if let Some(position) = columns
            .iter()
            .position(|column| column.to_usize() >= n_columns)
        {
            // The row with this position: offsets are already known to ascend from 0.
            let row = row_offsets.partition_point(|offset| offset.to_usize() <= position) - 1;
            let column = columns[position].to_usize();
            return Err(CsrError::ColumnOutOfRange {
                row,
                position,
                column,
                n_columns,
            });
        }
        Ok(Self {
            row_offsets,
            columns,
            values,
            n_columns,
            ordered: None,
        })
    }

    /// Views the three arrays as a matrix without reading them: O(1).
    ///
    /// For callers that keep the arrays immutable and checked them once with [`CsrView::new`].
    ///
    /// # Safety
    /// All that [`CsrView::new`] checks must hold: `row_offsets` has at least one element, starts
    /// at 0, never decreases and ends at `columns.len()`; `values` has the length of `columns`; and
    /// every column is below `n_columns`. The kernels index without further checks.
    pub unsafe fn new_unchecked(
        row_offsets: &'a [O],
        columns: &'a [C],
        values: &'a [f32],
        n_columns: usize,
    ) -> Self {
        debug_assert_eq!(
            columns.len(),
            values.len(),
            "one value per column is needed"
        );
        debug_assert_eq!(
            row_offsets.last().map(|offset| offset.to_usize()),
            Some(columns.len()),
            "the last row offset must be the number of non-zeros"
        );
        Self {
            row_offsets,
            columns,
            values,
            n_columns,
            ordered: None,
        }
    }

    /// The same matrix, whose whole products visit the rows in the order of `ordered`, which was
    /// made from this matrix: the same result, but faster if consecutive rows share columns.
    ///
    /// # Panics
    /// If the matrix that `ordered` was made from has a different shape or number of non-zeros.
    #[must_use]
    pub fn with_order(self, ordered: &'a OrderedRows) -> Self {
        // Rows of another matrix that happens to have these sizes would give that matrix's product,
        // but never an access out of bounds: `OrderedRows` has its own arrays.
        let (shape, nnz) = (ordered.shape(), ordered.nnz());
        assert!(
            shape == (self.n_rows(), self.n_columns) && nnz == self.nnz(),
            "rows ordered from a {} × {} matrix with {nnz} non-zeros do not belong to a {} × {} one with {}",
            shape.0,
            shape.1,
            self.n_rows(),
            self.n_columns,
            self.nnz()
        );
        Self {
            ordered: Some(ordered),
            ..self
        }
    }

    #[inline]
    pub(crate) fn ordered(&self) -> Option<&'a OrderedRows> {
        self.ordered
    }

    /// The number of rows.
    #[inline]
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.row_offsets.len() - 1
    }

    /// The number of columns.
    #[inline]
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// The number of stored entries.
    #[inline]
    #[must_use]
    pub fn nnz(&self) -> usize {
        self.columns.len()
    }

    /// Where each row's entries start and end: `[n_rows + 1]`.
    #[inline]
    #[must_use]
    pub fn row_offsets(&self) -> &'a [O] {
        self.row_offsets
    }

    /// Where the entries of one row lie in `columns` and `values`.
    ///
    /// # Panics
    /// If the row is not below `n_rows`.
    #[inline]
    #[must_use]
    pub fn row_range(&self, row: usize) -> std::ops::Range<usize> {
        self.row_offsets[row].to_usize()..self.row_offsets[row + 1].to_usize()
    }

    /// The column of each entry: `[nnz]`.
    #[inline]
    #[must_use]
    pub fn columns(&self) -> &'a [C] {
        self.columns
    }

    /// The value of each entry: `[nnz]`.
    #[inline]
    #[must_use]
    pub fn values(&self) -> &'a [f32] {
        self.values
    }
}

/// Why three arrays do not form a CSR matrix.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CsrError {
    /// The offsets are empty; even a matrix without rows has one offset, 0.
    #[error("row_offsets is empty: give one offset more than there are rows, the first being 0")]
    NoOffsets,
    /// The first offset is not 0.
    #[error("row_offsets[0] is {found}: the first row must start at entry 0")]
    FirstOffset {
        /// The first offset.
        found: usize,
    },
    /// A row ends before it starts.
    #[error("row {row} starts at entry {start} but ends at {end}: row_offsets must not decrease")]
    DecreasingOffsets {
        /// The row.
        row: usize,
        /// Its first entry.
        start: usize,
        /// One past its last entry.
        end: usize,
    },
    /// The last offset is not the number of entries.
    #[error("the last row offset is {found} but there are {nnz} entries: they must be equal")]
    LastOffset {
        /// The last offset.
        found: usize,
        /// The number of entries.
        nnz: usize,
    },
    /// `columns` and `values` differ in length.
    #[error("there are {columns} columns but {values} values: give one value for each column")]
    LengthMismatch {
        /// The length of `columns`.
        columns: usize,
        /// The length of `values`.
        values: usize,
    },
    /// An entry names a column that the matrix does not have.
    #[error(
        "entry {position} (row {row}) is in column {column}, but the matrix has {n_columns} columns: \
         columns are numbered from 0"
    )]
    ColumnOutOfRange {
        /// The entry's row.
        row: usize,
        /// The entry's position in `columns`.
        position: usize,
        /// The column found (negative numbers show as huge ones).
        column: usize,
        /// The number of columns.
        n_columns: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        row_offsets: &[i32],
        columns: &[i32],
        values: &[f32],
        n_columns: usize,
    ) -> Result<(), CsrError> {
        CsrView::new(row_offsets, columns, values, n_columns).map(|_| ())
    }

    #[test]
    fn a_valid_matrix_has_its_shape() {
        let (row_offsets, columns, values) = ([0_u64, 2, 2, 3], [1_u32, 0, 3], [1.0, 2.0, 3.0]);
        let a = CsrView::new(&row_offsets, &columns, &values, 4).unwrap();
        assert_eq!((a.n_rows(), a.n_columns(), a.nnz()), (3, 4, 3));
        assert_eq!(a.row_offsets(), row_offsets);
        assert_eq!(a.columns(), columns);
        assert_eq!(a.values(), values);
    }

    #[test]
    fn the_unchecked_view_has_the_same_arrays() {
        let (row_offsets, columns, values) = ([0_i32, 1], [1_i32], [5.0]);
        // SAFETY: the offsets start at 0, do not decrease and end at 1; column 1 is below 2.
        let a = unsafe { CsrView::new_unchecked(&row_offsets, &columns, &values, 2) };
        let checked = CsrView::new(&row_offsets, &columns, &values, 2).unwrap();
        assert_eq!(format!("{a:?}"), format!("{checked:?}"));
    }

    #[test]
    fn a_matrix_may_have_no_rows_and_no_columns() {
        assert_eq!(check(&[0], &[], &[], 0), Ok(()));
        assert_eq!(check(&[0, 0, 0], &[], &[], 0), Ok(()));
    }

    #[test]
    fn each_invalid_array_has_its_error() {
        assert_eq!(check(&[], &[], &[], 0), Err(CsrError::NoOffsets));
        assert_eq!(
            check(&[1, 1], &[0], &[1.0], 1),
            Err(CsrError::FirstOffset { found: 1 })
        );
        assert_eq!(
            check(&[0, 2, 1], &[0], &[1.0], 1),
            Err(CsrError::DecreasingOffsets {
                row: 1,
                start: 2,
                end: 1
            })
        );
        assert_eq!(
            check(&[0, 2], &[0], &[1.0], 1),
            Err(CsrError::LastOffset { found: 2, nnz: 1 })
        );
        assert_eq!(
            check(&[0, 1], &[0], &[1.0, 2.0], 1),
            Err(CsrError::LengthMismatch {
                columns: 1,
                values: 2
            })
        );
        assert_eq!(
            check(&[0, 1, 1, 3], &[0, 1, 2], &[1.0; 3], 2),
            Err(CsrError::ColumnOutOfRange {
                row: 2,
                position: 2,
                column: 2,
                n_columns: 2
            })
        );
    }

    #[test]
    fn negative_numbers_are_errors() {
        assert!(matches!(
            check(&[0, -1], &[], &[], 1),
            Err(CsrError::LastOffset { .. })
        ));
        assert!(matches!(
            check(&[0, 1], &[-1], &[1.0], 1),
            Err(CsrError::ColumnOutOfRange {
                row: 0,
                position: 0,
                ..
            })
        ));
    }

    #[test]
    fn messages_name_the_entry() {
        let error = check(&[0, 1], &[5], &[1.0], 2).unwrap_err();
        assert_eq!(
            error.to_string(),
            "entry 0 (row 0) is in column 5, but the matrix has 2 columns: columns are numbered \
             from 0"
        );
    }
}
