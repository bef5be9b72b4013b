use lightgcn_kernels::{
    RowIndices, SparseBackend, propagate_rows, propagate_rows_transposed, reference,
};

use crate::backends::on_every_backend;
use crate::cases::{Case, Random, assert_close, elements, tensor, widened};

const ALPHAS: [&[f32]; 3] = [&[0.75], &[0.5, -0.25], &[0.4, 0.3, 0.2, 0.1]];

on_every_backend! {
    rows: check_rows;
    transposed: check_transposed;
}

/// Rows with repeats, the longest row of every case among them.
fn batch(case: &Case) -> Vec<u32> {
    let mut random = Random(3);
    let mut batch: Vec<u32> = (0..15).map(|_| random.below(case.n_rows) as u32).collect();
    batch.push(3.min(case.n_rows as u32 - 1));
    batch
}

fn check_rows<B: SparseBackend>(device: &B::Device) {
    for case in Case::square() {
        let matrix = case.matrix::<B>(device);
        let batch = batch(&case);
        let indices = RowIndices::<B>::from_slice(&batch, case.n_rows, device);
        for (dim, alphas) in [3, 50, 64].into_iter().zip(ALPHAS) {
            let x = Random(dim as u64).floats(case.n_rows * dim);
            let all = case.propagate(&widened(&x), dim, alphas);
            let expected: Vec<f64> = batch
                .iter()
                .flat_map(|&row| all[row as usize * dim..][..dim].to_vec())
                .collect();
            let x = tensor::<B>(&x, case.n_rows, dim, device);
            let found = elements(propagate_rows(&matrix, x.clone(), alphas, &indices));
            assert_close(&found, &expected, 1e-5, case.name);
            let by_reference = reference::propagate_rows(&matrix, x, alphas, &indices);
            assert_close(&elements(by_reference), &expected, 1e-5, case.name);
        }
    }
}

fn check_transposed<B: SparseBackend>(device: &B::Device) {
    for case in Case::square() {
        let matrix = case.matrix::<B>(device);
        let batch = batch(&case);
        let indices = RowIndices::<B>::from_slice(&batch, case.n_rows, device);
        for (dim, alphas) in [3, 50, 64].into_iter().zip(ALPHAS) {
            let rows = Random(dim as u64).floats(batch.len() * dim);
            let mut table = vec![0.0; case.n_rows * dim];
            for (n, &row) in batch.iter().enumerate() {
                for d in 0..dim {
                    table[row as usize * dim + d] += f64::from(rows[n * dim + d]);
                }
            }
            let expected = case.transpose().propagate(&table, dim, alphas);
            let rows = tensor::<B>(&rows, batch.len(), dim, device);
            let found = propagate_rows_transposed(&matrix, rows.clone(), alphas, &indices);
            assert_close(&elements(found), &expected, 1e-5, case.name);
            let by_reference =
                reference::propagate_rows_transposed(&matrix, rows, alphas, &indices);
            assert_close(&elements(by_reference), &expected, 1e-5, case.name);
        }
    }
}
