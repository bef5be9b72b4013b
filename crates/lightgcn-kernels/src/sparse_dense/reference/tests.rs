use super::*;
use crate::csr::CsrSlices;
use burn::backend::Flex;

#[test]
fn chunks_of_any_size_give_the_same_product() {
    let device = Default::default();
    let offsets = [0, 2, 2, 5, 6];
    let columns = [1, 3, 0, 1, 2, 3];
    let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let matrix = SparseMatrix::<Flex>::from_csr(
        CsrSlices {
            n_columns: 4,
            row_offsets: &offsets,
            columns: &columns,
            values: &values,
        },
        false,
        &device,
    )
    .unwrap();
    let dense = Tensor::<Flex, 2>::from_floats([[1., 2.], [3., 4.], [5., 6.], [7., 8.]], &device);
    for chunk_elements in 1..14 {
        let edges = EdgeChunks::with_chunk_elements(&matrix, 2, DType::F32, chunk_elements);
        let largest = edges.chunks.iter().map(|chunk| chunk.rows.dims()[0]).max();
        assert_eq!(largest, Some((chunk_elements / 2).clamp(1, 6)));
        let product = edges.product(dense.clone()).into_data();
        assert_eq!(
            product.as_slice::<f32>().unwrap(),
            [17., 20., 0., 0., 40., 52., 42., 48.]
        );
    }
}
