//! Dot products of pairs of rows.

#[cfg(feature = "flex")]
pub(crate) mod flex;
pub(crate) mod reference;

use burn::tensor::Tensor;

use crate::backend::SparseBackend;
use crate::row_indices::RowIndices;

/// The dot product of row `first_rows[p]` of one table and row `second_rows[p]` of another, for each pair p:
/// `[n, dim]` and `[m, dim]` to `[pairs]`. O(pairs · dim).
///
/// Used for attention, which is not differentiated: on an autodiff backend the result is a constant.
///
/// # Panics
///
/// If the tables differ in width, if there are not as many first rows as second ones, or if rows were made for
/// another number of rows than their table has.
pub fn pair_dots<B: SparseBackend>(
    first: Tensor<B, 2>,
    first_rows: &RowIndices<B>,
    second: Tensor<B, 2>,
    second_rows: &RowIndices<B>,
) -> Tensor<B, 1> {
    let ([n, dim], [m, width]) = (first.dims(), second.dims());
    assert!(
        dim == width,
        "pair_dots: the rows have {dim} and {width} columns"
    );
    assert!(
        first_rows.len() == second_rows.len(),
        "pair_dots: {} first rows and {} second ones",
        first_rows.len(),
        second_rows.len()
    );
    assert!(
        first_rows.n_rows() == n && second_rows.n_rows() == m,
        "pair_dots: the rows were made for {} and {} rows, but the tables have {n} and {m}",
        first_rows.n_rows(),
        second_rows.n_rows()
    );
    B::pair_dots(first, first_rows, second, second_rows)
}
