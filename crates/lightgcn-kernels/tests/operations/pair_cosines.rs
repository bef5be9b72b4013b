use burn::tensor::Tensor;
use lightgcn_kernels::{RowIndices, TrainingBackend, pair_cosines, reference};

use crate::backends::on_every_backend;
use crate::cases::{DIMS, Random, assert_close, elements, tensor, widened};

const N_ROWS: usize = 23;

on_every_backend! {
    cosines: check_cosines;
}

fn check_cosines<B: TrainingBackend>(device: &B::Device) {
    let mut random = Random(8);
    let mut rows = || -> Vec<u32> { (0..200).map(|_| random.below(N_ROWS) as u32).collect() };
    for (first, second) in [
        (rows(), rows()),
        (vec![22], vec![22]),
        (vec![3, 3], vec![4, 3]),
    ] {
        for dim in DIMS {
            let mut table = Random(dim as u64).floats(N_ROWS * dim);
            // A row of zeros has the cosine 0 with all.
            table[4 * dim..5 * dim].fill(0.0);
            let row = |row: u32| widened(&table[row as usize * dim..][..dim]);
            let dot = |a: u32, b: u32| row(a).iter().zip(row(b)).map(|(a, b)| a * b).sum::<f64>();
            let expected: Vec<f64> = first
                .iter()
                .zip(&second)
                .map(|(&a, &b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-24))
                .collect();
            let first = RowIndices::<B>::from_slice(&first, N_ROWS, device);
            let second = RowIndices::<B>::from_slice(&second, N_ROWS, device);
            let table = tensor::<B>(&table, N_ROWS, dim, device);
            let found = pair_cosines(table.clone(), &first, &second);
            assert_eq!(found.dims(), [expected.len()]);
            assert_close(&elements(found), &expected, 1e-5, "cosines");
            let found = reference::pair_cosines(table, &first, &second);
            assert_close(
                &elements(found),
                &expected,
                1e-5,
                "cosines by the reference",
            );
        }
    }
}

#[cfg(feature = "flex")]
mod on_the_cpu {
    use super::*;
    use burn::backend::Flex;

    fn of(first: &[u32], second: &[u32], n_rows: usize) {
        let device = Default::default();
        let table = Tensor::<Flex, 2>::zeros([3, 2], &device);
        let first = RowIndices::from_slice(first, n_rows, &device);
        let second = RowIndices::from_slice(second, n_rows, &device);
        pair_cosines(table, &first, &second);
    }

    #[test]
    #[should_panic(expected = "pair_cosines: 2 first rows and 1 second ones")]
    fn an_odd_number_of_rows_panics() {
        of(&[0, 1], &[2], 3);
    }

    #[test]
    #[should_panic(expected = "made for 4 and 4 rows, but the embeddings are [3, 2]")]
    fn other_embeddings_panic() {
        of(&[0], &[3], 4);
    }
}
