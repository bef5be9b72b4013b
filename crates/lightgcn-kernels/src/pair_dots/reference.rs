//! Dot products in plain tensor operations, on any backend.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::reference::gather_rows;
use crate::row_indices::RowIndices;

/// As [`crate::pair_dots`], which checks the rows.
pub fn pair_dots<B: Backend>(
    first: Tensor<B, 2>,
    first_rows: &RowIndices<B>,
    second: Tensor<B, 2>,
    second_rows: &RowIndices<B>,
) -> Tensor<B, 1> {
    let pairs = first_rows.len();
    let products = gather_rows(first, first_rows) * gather_rows(second, second_rows);
    products.sum_dim(1).reshape([pairs]).detach()
}
