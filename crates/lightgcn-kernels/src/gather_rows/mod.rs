//! Gathers rows of a table, and sums rows back into one.

#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "flex")]
pub(crate) mod flex;
pub(crate) mod reference;

use burn::tensor::Tensor;

use crate::backend::SparseBackend;
use crate::row_indices::RowIndices;

/// The rows of a batch, `table[indices]`: `[n_rows, dim]` to `[n_indices, dim]`.
///
/// The gradient is [`segment_sum_rows`]: unlike that of burn's `select` it is deterministic and,
/// on the CPU, parallel.
///
/// # Panics
///
/// If the table does not have as many rows as the indices were made for.
pub fn gather_rows<B: SparseBackend>(table: Tensor<B, 2>, indices: &RowIndices<B>) -> Tensor<B, 2> {
    indices.check_table(&table);
    B::gather_rows(table, indices)
}

/// Adds each row to the row of the result that its index names: `result[indices[r]] += rows[r]`,
/// `[n_indices, dim]` to `[n_rows, dim]`. Rows that no index names are zero. The contributions to a
/// row are added in the order of the batch, so that the same batch gives the same bits, on the CPU
/// with any number of threads.
///
/// The gradient is [`gather_rows`].
///
/// # Panics
///
/// If there is not one row per index.
pub fn segment_sum_rows<B: SparseBackend>(
    rows: Tensor<B, 2>,
    indices: &RowIndices<B>,
) -> Tensor<B, 2> {
    indices.check_rows(&rows);
    B::segment_sum_rows(rows, indices)
}

/// `table[indices[r]] += rows[r]`, added in the order of the batch: `[n_rows, dim]` and
/// `[n_indices, dim]` to `[n_rows, dim]`. The same as adding [`segment_sum_rows`], up to rounding,
/// without a second table: on the CPU in place if no one else holds the table.
///
/// # Panics
///
/// If the table does not have as many rows as the indices were made for, or there is not one row per
/// index.
pub fn add_rows<B: SparseBackend>(
    table: Tensor<B, 2>,
    rows: Tensor<B, 2>,
    indices: &RowIndices<B>,
) -> Tensor<B, 2> {
    indices.check_table(&table);
    indices.check_rows(&rows);
    B::add_rows(table, rows, indices)
}
