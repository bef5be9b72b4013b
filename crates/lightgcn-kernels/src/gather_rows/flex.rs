//! Gather and segment sum on the CPU.

use burn::backend::Flex;
use burn::tensor::{DType, Tensor};
use lightgcn_simd::RowValues;

use crate::flex::{dims, floats, matrix};
use crate::primitive::{float_primitive, float_tensor};
use crate::row_indices::RowIndices;

pub(crate) fn gather_rows(table: Tensor<Flex, 2>, indices: &RowIndices<Flex>) -> Tensor<Flex, 2> {
    if table.dtype() != DType::F32 {
        return super::reference::gather_rows(table, indices);
    }
    let table = float_primitive(table).to_contiguous();
    let [_, dim] = dims(&table);
    let mut rows = vec![0.0; indices.len() * dim];
    lightgcn_simd::gather_rows(floats(&table), dim, indices.as_slice(), &mut rows);
    matrix(rows, indices.len(), dim)
}

pub(crate) fn add_rows(
    table: Tensor<Flex, 2>,
    rows: Tensor<Flex, 2>,
    indices: &RowIndices<Flex>,
) -> Tensor<Flex, 2> {
    let mut table = float_primitive(table);
    let in_place = table.is_contiguous()
        && table.as_slice::<f32>().is_some_and(|all| {
            let [n_rows, dim] = dims(&table);
            all.len() == n_rows * dim
        });
    if !in_place || rows.dtype() != DType::F32 {
        return super::reference::add_rows(float_tensor(table), rows, indices);
    }
    let rows = float_primitive(rows).to_contiguous();
    let [_, dim] = dims(&rows);
    // `storage_mut` copies if someone else holds the table.
    let batch = RowValues {
        rows: indices.as_slice(),
        values: floats(&rows),
    };
    lightgcn_simd::add_rows(table.storage_mut(), dim, 1.0, batch);
    float_tensor(table)
}

pub(crate) fn segment_sum_rows(
    rows: Tensor<Flex, 2>,
    indices: &RowIndices<Flex>,
) -> Tensor<Flex, 2> {
    if rows.dtype() != DType::F32 {
        return super::reference::segment_sum_rows(rows, indices);
    }
    let rows = float_primitive(rows).to_contiguous();
    let [_, dim] = dims(&rows);
    let n_rows = indices.n_rows();
    let mut sums = vec![0.0; n_rows * dim];
    lightgcn_simd::segment_sum_rows(floats(&rows), dim, indices.as_slice(), n_rows, &mut sums);
    matrix(sums, n_rows, dim)
}
