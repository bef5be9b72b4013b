//! Shape checks shared by the functions.

use crate::csr::CsrView;
use crate::index::CsrIndex;

/// Panics unless the matrix has shape `[rows, dim]`.
pub(crate) fn check_shape<T>(name: &str, matrix: &[T], rows: usize, dim: usize) {
    assert!(
        rows.checked_mul(dim) == Some(matrix.len()),
        "{name} must have {rows} rows of {dim} numbers, but it has {} numbers in total",
        matrix.len()
    );
}

/// The number of rows of a table; panics unless it has whole rows of `dim` numbers.
pub(crate) fn n_rows(table: &[f32], dim: usize) -> usize {
    assert!(
        table.len().is_multiple_of(dim),
        "the table must have rows of {dim} numbers, but it has {} numbers in total",
        table.len()
    );
    table.len() / dim
}

/// Panics unless the matrix can multiply its own products.
pub(crate) fn check_square<O: CsrIndex, C: CsrIndex>(a: CsrView<'_, O, C>) {
    assert!(
        a.n_rows() == a.n_columns(),
        "only a square matrix propagates, but this one has {} rows and {} columns",
        a.n_rows(),
        a.n_columns()
    );
}
