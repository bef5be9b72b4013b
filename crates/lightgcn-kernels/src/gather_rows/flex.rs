//! Gather and segment sum on the CPU.

use burn::backend::Flex;
use burn::tensor::DType;
use burn_flex::FlexTensor;

use crate::backend::{float_primitive, float_tensor};
use crate::flex::{dims, floats, matrix};
use crate::row_indices::RowIndices;

pub(crate) fn gather_rows(table: FlexTensor, indices: &RowIndices<Flex>) -> FlexTensor {
    if table.dtype() != DType::F32 {
        return float_primitive(super::reference::gather_rows(float_tensor(table), indices));
    }
    let table = table.to_contiguous();
    let [_, dim] = dims(&table);
    let mut rows = vec![0.0; indices.len() * dim];
    lightgcn_simd::gather_rows(floats(&table), dim, indices.as_slice(), &mut rows);
    matrix(rows, indices.len(), dim)
}

pub(crate) fn segment_sum_rows(rows: FlexTensor, indices: &RowIndices<Flex>) -> FlexTensor {
    if rows.dtype() != DType::F32 {
        return float_primitive(super::reference::segment_sum_rows(
            float_tensor(rows),
            indices,
        ));
    }
    let rows = rows.to_contiguous();
    let [_, dim] = dims(&rows);
    let n_rows = indices.n_rows();
    let mut sums = vec![0.0; n_rows * dim];
    lightgcn_simd::segment_sum_rows(floats(&rows), dim, indices.as_slice(), n_rows, &mut sums);
    matrix(sums, n_rows, dim)
}
