use proptest::prelude::*;

use super::*;
use crate::parallel::same_at_any_thread_count;
use crate::sparse_dense::sparse_dense_add;

// A · [a, b, c] = [b, a + 2 c, 2 b]
const OFFSETS: [u64; 4] = [0, 1, 3, 4];
const COLUMNS: [u32; 4] = [1, 0, 2, 1];
const VALUES: [f32; 4] = [1.0, 1.0, 2.0, 2.0];

fn small() -> CsrView<'static, u64, u32> {
    CsrView::new(&OFFSETS, &COLUMNS, &VALUES, 3).unwrap()
}

/// A square matrix whose rows have ascending columns.
fn banded(n: usize) -> (Vec<u64>, Vec<u32>, Vec<f32>) {
    let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in 0..n {
        let start = row * 7 % 5;
        for column in (start..n).step_by(3 + row % 11) {
            columns.push(column as u32);
            values.push(((row * 31 + column * 17) % 29) as f32 / 29.0 - 0.4);
        }
        offsets.push(columns.len() as u64);
    }
    (offsets, columns, values)
}

fn numbers(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| ((i * 7919) % 101) as f32 / 101.0 - 0.5)
        .collect()
}

#[test]
fn rows_by_hand() {
    let mut out = [9.0; 3];
    sparse_dense_rows(
        small(),
        &[2_u32, 1, 2],
        &[1.0, 10.0, 100.0],
        0.5,
        &[2.0, 4.0, 6.0],
        1,
        &mut out,
    );
    assert_eq!(out, [23.0, 203.0, 23.0]);
}

#[test]
fn transposed_rows_by_hand() {
    let mut out = [1.0, 1.0, 1.0];
    // Row 1 has columns 0 and 2, row 2 column 1.
    add_transposed_rows(small(), &[1_u32, 2, 1], 10.0, &[1.0, 5.0, 0.5], 1, &mut out);
    assert_eq!(out, [16.0, 101.0, 31.0]);
    add_rows(&mut out, 1, &[2_u32, 2], 2.0, &[1.0, 3.0]);
    assert_eq!(out, [16.0, 101.0, 39.0]);
}

#[test]
fn no_rows_and_no_columns_change_nothing() {
    let mut out = [3.0; 3];
    add_transposed_rows(small(), &[0_u32; 0], 1.0, &[], 1, &mut out);
    sparse_dense_rows(small(), &[0_u32; 0], &[0.0; 3], 1.0, &[0.0; 3], 1, &mut []);
    sparse_dense_rows(small(), &[1_u32], &[], 1.0, &[], 0, &mut []);
    assert_eq!(out, [3.0; 3]);
}

#[test]
#[should_panic(expected = "row 3 is asked for, but the matrix has 3 rows")]
fn refuses_a_row_beyond_the_matrix() {
    sparse_dense_rows(small(), &[3_u32], &[0.0; 3], 1.0, &[0.0; 3], 1, &mut [0.0]);
}

#[test]
fn rows_have_the_bits_of_the_whole_product_at_any_thread_count() {
    let n = 700;
    let (offsets, columns, values) = banded(n);
    let a = CsrView::new(&offsets, &columns, &values, n).unwrap();
    for dim in [3, 64, 70] {
        let (y, x) = (numbers(n * dim), numbers(n * dim + 5)[5..].to_vec());
        let mut whole = vec![0.0; n * dim];
        sparse_dense_add(a, &y, 0.25, &x, dim, &mut whole);
        let rows: Vec<u32> = (0..900).map(|i| i * 613 % n as u32).collect();
        let some = same_at_any_thread_count(|| {
            let mut out = vec![0.0; rows.len() * dim];
            sparse_dense_rows(a, &rows, &y, 0.25, &x, dim, &mut out);
            out
        });
        for (row, some) in rows.iter().zip(some.chunks_exact(dim)) {
            assert_eq!(some, &whole[*row as usize * dim..][..dim]);
        }
    }
}

#[test]
fn the_transpose_is_the_same_at_any_thread_count() {
    let n = 700;
    let (offsets, columns, values) = banded(n);
    let a = CsrView::new(&offsets, &columns, &values, n).unwrap();
    for dim in [5, 64] {
        let rows: Vec<u32> = (0..500).map(|i| i * 613 % n as u32).collect();
        let g = numbers(rows.len() * dim);
        let got = same_at_any_thread_count(|| {
            let mut out = vec![0.5; n * dim];
            add_transposed_rows(a, &rows, 1.5, &g, dim, &mut out);
            out
        });
        let mut expected = vec![0.5_f64; n * dim];
        for (row, g) in rows.iter().zip(g.chunks_exact(dim)) {
            for entry in a.row_range(*row as usize) {
                for d in 0..dim {
                    expected[columns[entry] as usize * dim + d] +=
                        1.5 * f64::from(values[entry]) * f64::from(g[d]);
                }
            }
        }
        for (got, expected) in got.iter().zip(expected) {
            assert!(
                (f64::from(*got) - expected).abs() < 1e-3,
                "{got} is not {expected}"
            );
        }
    }
}

proptest! {
    #[test]
    fn the_transpose_is_adjoint(
        rows in prop::collection::vec(0_u32..40, 1..30),
        seed in 0_usize..1000,
    ) {
        // ⟨A[rows] y, g⟩ = ⟨y, A[rows]ᵀ g⟩
        let (offsets, columns, values) = banded(40);
        let a = CsrView::new(&offsets, &columns, &values, 40).unwrap();
        let (y, g) = (numbers(40 + seed)[seed..].to_vec(), numbers(rows.len() + 2 * seed)[2 * seed..].to_vec());
        let mut forward = vec![0.0; rows.len()];
        sparse_dense_rows(a, &rows, &y, 0.0, &y, 1, &mut forward);
        let mut backward = vec![0.0; 40];
        add_transposed_rows(a, &rows, 1.0, &g, 1, &mut backward);
        let left: f32 = forward.iter().zip(&g).map(|(a, b)| a * b).sum();
        let right: f32 = backward.iter().zip(&y).map(|(a, b)| a * b).sum();
        prop_assert!((left - right).abs() < 1e-4, "{left} is not {right}");
    }
}
