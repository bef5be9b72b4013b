//! Gather and segment sum in plain tensor operations, on any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{IndexingUpdateOp, Tensor};

use crate::row_indices::RowIndices;

/// `table[indices]` by burn's `select`, `[n_rows, dim]` to `[n_indices, dim]`. On an autodiff
/// backend it differentiates through burn's own operations.
///
/// # Panics
///
/// If the table does not have as many rows as the indices were made for.
pub fn gather_rows<B: Backend>(table: Tensor<B, 2>, indices: &RowIndices<B>) -> Tensor<B, 2> {
    indices.check_table(&table);
    let dim = table.dims()[1];
    if indices.is_empty() || dim == 0 {
        return Tensor::zeros([indices.len(), dim], (&table.device(), table.dtype()));
    }
    table.select(0, indices.tensor())
}

/// `table + segment_sum_rows(rows)`.
///
/// # Panics
///
/// As [`segment_sum_rows`], and if the table does not have as many rows as the indices were made for.
pub fn add_rows<B: Backend>(
    table: Tensor<B, 2>,
    rows: Tensor<B, 2>,
    indices: &RowIndices<B>,
) -> Tensor<B, 2> {
    indices.check_table(&table);
    table + segment_sum_rows(rows, indices)
}

/// `result[indices[r]] += rows[r]` by burn's `select_assign`, `[n_indices, dim]` to
/// `[n_rows, dim]`. burn's CPU and CubeCL backends add in the order of the indices.
///
/// # Panics
///
/// If there is not one row per index.
pub fn segment_sum_rows<B: Backend>(rows: Tensor<B, 2>, indices: &RowIndices<B>) -> Tensor<B, 2> {
    indices.check_rows(&rows);
    let dim = rows.dims()[1];
    let sums = Tensor::zeros([indices.n_rows(), dim], (&rows.device(), rows.dtype()));
    if indices.is_empty() || dim == 0 {
        return sums;
    }
    sums.select_assign(0, indices.tensor(), rows, IndexingUpdateOp::Add)
}
