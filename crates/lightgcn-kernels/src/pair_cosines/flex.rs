//! Cosines on the CPU.

use burn::backend::Flex;
use burn::tensor::{DType, Tensor, TensorData};

use crate::flex::{dims, floats};
use crate::primitive::float_primitive;
use crate::row_indices::RowIndices;

pub(crate) fn pair_cosines(
    embeddings: Tensor<Flex, 2>,
    first: &RowIndices<Flex>,
    second: &RowIndices<Flex>,
) -> Tensor<Flex, 1> {
    if embeddings.dtype() != DType::F32 {
        return super::reference::pair_cosines(embeddings, first, second);
    }
    let device = embeddings.device();
    let embeddings = float_primitive(embeddings).to_contiguous();
    let [_, dim] = dims(&embeddings);
    let pairs = first.len();
    let mut cosines = vec![0.0; pairs];
    lightgcn_simd::pair_cosines(
        floats(&embeddings),
        dim,
        first.as_slice(),
        second.as_slice(),
        &mut cosines,
    );
    Tensor::from_data(TensorData::new(cosines, [pairs]), &device)
}
