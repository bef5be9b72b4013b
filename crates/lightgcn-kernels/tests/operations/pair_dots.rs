use burn::tensor::Tensor;
use lightgcn_kernels::{RowIndices, SparseBackend, pair_dots, reference};

use crate::backends::on_every_backend;
use crate::cases::{DIMS, Random, assert_close, elements, tensor, widened};

const N_ROWS: [usize; 2] = [23, 7];

on_every_backend! {
    dots: check_dots;
}

fn check_dots<B: SparseBackend>(device: &B::Device) {
    let mut random = Random(8);
    let mut rows = |n: usize| -> Vec<u32> { (0..200).map(|_| random.below(n) as u32).collect() };
    let [n, m] = N_ROWS;
    for (first, second) in [
        (rows(n), rows(m)),
        (vec![22], vec![6]),
        (vec![3, 3], vec![0, 6]),
    ] {
        for dim in DIMS {
            let tables = N_ROWS.map(|rows| Random((dim * rows) as u64).floats(rows * dim));
            let row = |table: usize, row: u32| widened(&tables[table][row as usize * dim..][..dim]);
            let pairs = first.iter().zip(&second);
            let expected: Vec<f64> = pairs
                .map(|(&a, &b)| row(0, a).iter().zip(row(1, b)).map(|(a, b)| a * b).sum())
                .collect();
            let first = RowIndices::<B>::from_slice(&first, n, device);
            let second = RowIndices::<B>::from_slice(&second, m, device);
            let [a, b] = [0, 1].map(|t| tensor::<B>(&tables[t], N_ROWS[t], dim, device));
            let found = pair_dots(a.clone(), &first, b.clone(), &second);
            assert_eq!(found.dims(), [expected.len()]);
            assert_close(&elements(found), &expected, 1e-5, "dot products");
            let found = reference::pair_dots(a, &first, b, &second);
            assert_close(
                &elements(found),
                &expected,
                1e-5,
                "dot products by the reference",
            );
        }
    }
}

#[cfg(feature = "flex")]
mod on_the_cpu {
    use super::*;
    use burn::backend::{Autodiff, Flex};

    fn of(first: &[u32], second: &[u32], n_rows: usize, dim: usize) {
        let device = Default::default();
        let table = |dim| Tensor::<Flex, 2>::zeros([3, dim], &device);
        let first = RowIndices::from_slice(first, n_rows, &device);
        let second = RowIndices::from_slice(second, n_rows, &device);
        pair_dots(table(2), &first, table(dim), &second);
    }

    #[test]
    #[should_panic(expected = "pair_dots: 2 first rows and 1 second ones")]
    fn an_odd_number_of_rows_panics() {
        of(&[0, 1], &[2], 3, 2);
    }

    #[test]
    #[should_panic(expected = "made for 4 and 4 rows, but the tables have 3 and 3")]
    fn other_tables_panic() {
        of(&[0], &[3], 4, 2);
    }

    #[test]
    #[should_panic(expected = "pair_dots: the rows have 2 and 3 columns")]
    fn tables_of_other_widths_panic() {
        of(&[0], &[1], 3, 3);
    }

    #[test]
    fn it_is_a_constant_to_autodiff() {
        let device = Default::default();
        let table = Tensor::<Autodiff<Flex>, 2>::ones([2, 2], &device).require_grad();
        let rows = RowIndices::from_slice(&[0, 1], 2, &device);
        let dots = pair_dots(table.clone(), &rows, table.clone(), &rows);
        let loss = (dots.sum() * table.clone().sum()).backward();
        let gradient = table.grad(&loss).expect("the sum has one");
        assert_eq!(elements(gradient), [4.0; 4]);
    }
}
