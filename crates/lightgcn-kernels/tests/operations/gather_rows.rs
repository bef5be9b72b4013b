use burn::backend::Autodiff;
use burn::tensor::Tensor;
use lightgcn_kernels::{
    RowIndices, SparseBackend, add_rows, gather_rows, reference, segment_sum_rows,
};

use crate::backends::on_every_backend;
use crate::cases::{DIMS, Random, assert_close, elements, tensor, widened};

const N_ROWS: usize = 23;

on_every_backend! {
    rows: check_rows;
    sums: check_sums;
    additions: check_additions;
    gather_gradient: check_gather_gradient;
    sum_gradient: check_sum_gradient;
}

/// Batches without an index, with one, with many repeats, and of every row once in reverse.
fn batches() -> Vec<Vec<u32>> {
    let mut random = Random(1);
    let repeats = (0..200)
        .map(|_| random.below(N_ROWS / 2) as u32 * 2)
        .collect();
    vec![
        vec![],
        vec![22],
        repeats,
        (0..N_ROWS as u32).rev().collect(),
    ]
}

/// Those with an index: burn's own arithmetic on tensors without elements overflows on CubeCL.
fn batches_with_rows() -> impl Iterator<Item = Vec<u32>> {
    batches().into_iter().filter(|batch| !batch.is_empty())
}

fn check_rows<B: SparseBackend>(device: &B::Device) {
    for batch in batches() {
        let indices = RowIndices::<B>::from_slice(&batch, N_ROWS, device);
        for dim in DIMS {
            let table = Random(dim as u64).floats(N_ROWS * dim);
            let expected: Vec<f64> = batch
                .iter()
                .flat_map(|&row| widened(&table[row as usize * dim..][..dim]))
                .collect();
            let table = tensor::<B>(&table, N_ROWS, dim, device);
            let found = gather_rows(table.clone(), &indices);
            assert_eq!(found.dims(), [batch.len(), dim]);
            assert_eq!(elements(found), expected);
            assert_eq!(elements(reference::gather_rows(table, &indices)), expected);
        }
    }
}

fn check_additions<B: SparseBackend>(device: &B::Device) {
    for batch in batches_with_rows() {
        let indices = RowIndices::<B>::from_slice(&batch, N_ROWS, device);
        for dim in DIMS {
            let rows = Random(dim as u64).floats(batch.len() * dim);
            let start = Random(7).floats(N_ROWS * dim);
            let sums = summed(&rows, &batch, dim);
            let expected: Vec<f64> = widened(&start)
                .iter()
                .zip(&sums)
                .map(|(a, b)| a + b)
                .collect();
            let rows = tensor::<B>(&rows, batch.len(), dim, device);
            let table = tensor::<B>(&start, N_ROWS, dim, device);
            let found = add_rows(table.clone(), rows.clone(), &indices);
            assert_close(&elements(found), &expected, 1e-6, "sums");
            let found = reference::add_rows(table.clone(), rows, &indices);
            assert_close(&elements(found), &expected, 1e-6, "sums");
            assert_eq!(
                elements(table),
                widened(&start),
                "a shared table stays as it was"
            );
        }
    }
}

/// To the bit: the order of each sum is that of the batch.
fn check_sums<B: SparseBackend>(device: &B::Device) {
    for batch in batches() {
        let indices = RowIndices::<B>::from_slice(&batch, N_ROWS, device);
        for dim in DIMS {
            let rows = Random(dim as u64).floats(batch.len() * dim);
            let expected = summed(&rows, &batch, dim);
            let rows = tensor::<B>(&rows, batch.len(), dim, device);
            let found = segment_sum_rows(rows.clone(), &indices);
            assert_eq!(found.dims(), [N_ROWS, dim]);
            assert_eq!(elements(found), expected);
            let by_reference = reference::segment_sum_rows(rows, &indices);
            assert_eq!(elements(by_reference), expected);
        }
    }
}

fn summed(rows: &[f32], batch: &[u32], dim: usize) -> Vec<f64> {
    let mut sums = vec![0f32; N_ROWS * dim];
    for (n, &row) in batch.iter().enumerate() {
        for d in 0..dim {
            sums[row as usize * dim + d] += rows[n * dim + d];
        }
    }
    widened(&sums)
}

fn check_gather_gradient<B: SparseBackend>(device: &B::Device) {
    for batch in batches_with_rows() {
        let indices = RowIndices::<Autodiff<B>>::from_slice(&batch, N_ROWS, device);
        for dim in DIMS {
            let weights = Random(2).floats(batch.len() * dim);
            let expected = summed(&weights, &batch, dim);
            let weights = tensor::<Autodiff<B>>(&weights, batch.len(), dim, device);
            let table = Random(3).floats(N_ROWS * dim);
            let table = tensor::<Autodiff<B>>(&table, N_ROWS, dim, device).require_grad();
            let loss = (gather_rows(table.clone(), &indices) * weights).sum();
            let gradients = loss.backward();
            let gradient = table.grad(&gradients).expect("the table has a gradient");
            assert_eq!(elements(gradient), expected);
        }
    }
}

/// Both operations in a row: the gradient of `sum(S(x)^2) / 2` is `G(S(x))`.
fn check_sum_gradient<B: SparseBackend>(device: &B::Device) {
    for batch in batches_with_rows() {
        let indices = RowIndices::<Autodiff<B>>::from_slice(&batch, N_ROWS, device);
        for dim in DIMS {
            let rows = Random(4).floats(batch.len() * dim);
            let sums = summed(&rows, &batch, dim);
            let expected: Vec<f64> = batch
                .iter()
                .flat_map(|&row| sums[row as usize * dim..][..dim].to_vec())
                .collect();
            let rows = tensor::<Autodiff<B>>(&rows, batch.len(), dim, device).require_grad();
            let sums = segment_sum_rows(rows.clone(), &indices);
            let gradients = (sums.clone() * sums).sum().mul_scalar(0.5).backward();
            let gradient = rows.grad(&gradients).expect("the rows have a gradient");
            assert_close(&elements(gradient), &expected, 1e-6, "gradient of the sums");
        }
    }
}

#[cfg(feature = "flex")]
mod on_the_cpu {
    use super::*;
    use burn::backend::Flex;

    #[test]
    fn the_backward_step_does_not_keep_the_table() {
        let device = Default::default();
        let table = tensor::<Autodiff<Flex>>(&[1.0; 6], 3, 2, &device).require_grad();
        let indices = RowIndices::from_slice(&[2, 0], 3, &device);
        let rows = gather_rows(table.clone(), &indices);
        assert!(table.inner().into_primitive().tensor().is_unique());
        drop(rows);
    }

    #[test]
    fn a_batch_without_an_index_has_a_gradient_of_zeros() {
        let device = Default::default();
        let table = tensor::<Autodiff<Flex>>(&[1.0; 6], 3, 2, &device).require_grad();
        let rows = gather_rows(table.clone(), &RowIndices::from_slice(&[], 3, &device));
        let gradients = rows.sum().backward();
        let gradient = table.grad(&gradients).expect("the table has a gradient");
        assert_eq!(elements(gradient), [0.0; 6]);
    }

    #[test]
    fn sums_do_not_depend_on_the_number_of_threads() {
        let device = Default::default();
        let mut random = Random(5);
        let batch: Vec<u32> = (0..5_000).map(|_| random.below(400) as u32).collect();
        let rows = random.floats(batch.len() * 64);
        let sums = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let rows = tensor::<Flex>(&rows, batch.len(), 64, &device);
                let indices = RowIndices::from_slice(&batch, 400, &device);
                elements(segment_sum_rows(rows, &indices))
            })
        };
        let one = sums(1);
        assert_eq!(sums(2), one);
        assert_eq!(sums(5), one);
    }

    #[test]
    #[should_panic(expected = "the indices were made for 3 rows, but the table is [4, 2]")]
    fn another_table_panics() {
        let device = Default::default();
        let indices = RowIndices::<Flex>::from_slice(&[2, 0], 3, &device);
        gather_rows(Tensor::zeros([4, 2], &device), &indices);
    }

    #[test]
    #[should_panic(expected = "there are 2 indices, but the rows are [3, 2]")]
    fn another_number_of_rows_panics() {
        let device = Default::default();
        let indices = RowIndices::<Flex>::from_slice(&[2, 0], 3, &device);
        segment_sum_rows(Tensor::zeros([3, 2], &device), &indices);
    }
}
