//! Dot products on the CPU.

use burn::backend::Flex;
use burn::tensor::{DType, Tensor, TensorData};
use lightgcn_simd::RowsOf;

use crate::flex::{dims, floats};
use crate::primitive::float_primitive;
use crate::row_indices::RowIndices;

pub(crate) fn pair_dots(
    first: Tensor<Flex, 2>,
    first_rows: &RowIndices<Flex>,
    second: Tensor<Flex, 2>,
    second_rows: &RowIndices<Flex>,
) -> Tensor<Flex, 1> {
    if [first.dtype(), second.dtype()] != [DType::F32; 2] {
        return super::reference::pair_dots(first, first_rows, second, second_rows);
    }
    let device = first.device();
    let [first, second] = [first, second].map(|table| float_primitive(table).to_contiguous());
    let [_, dim] = dims(&first);
    let mut dots = vec![0.0; first_rows.len()];
    lightgcn_simd::pair_dots(
        dim,
        RowsOf {
            table: floats(&first),
            rows: first_rows.as_slice(),
        },
        RowsOf {
            table: floats(&second),
            rows: second_rows.as_slice(),
        },
        &mut dots,
    );
    let shape = [dots.len()];
    Tensor::from_data(TensorData::new(dots, shape), &device)
}
