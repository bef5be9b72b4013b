use proptest::prelude::*;

use super::*;
use crate::parallel::same_at_any_thread_count;

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

/// `A · dense + factor · addend`.
fn product<'a>(
    a: CsrView<'a, u64, u32>,
    dense: &'a [f32],
    addend: (f32, &'a [f32]),
    dim: usize,
) -> Product<'a, u64, u32> {
    Product {
        a,
        dense,
        dim,
        scale: 1.0,
        addend: Some(addend),
    }
}

#[test]
fn rows_by_hand() {
    let mut out = [9.0; 3];
    let product = product(small(), &[1.0, 10.0, 100.0], (0.5, &[2.0, 4.0, 6.0]), 1);
    product_rows(&product, &[2_u32, 1, 2], &mut out);
    assert_eq!(out, [23.0, 203.0, 23.0]);
}

#[test]
fn transposed_rows_by_hand() {
    let mut out = [1.0, 1.0, 1.0];
    // Row 1 has columns 0 and 2, row 2 column 1.
    let batch = RowValues {
        rows: &[1_u32, 2, 1],
        values: &[1.0, 5.0, 0.5],
    };
    add_transposed_rows(small(), 10.0, batch, 1, &mut out);
    assert_eq!(out, [16.0, 101.0, 31.0]);
    let batch = RowValues {
        rows: &[2_u32, 2],
        values: &[1.0, 3.0],
    };
    add_rows(&mut out, 1, 2.0, batch);
    assert_eq!(out, [16.0, 101.0, 39.0]);
}

#[test]
fn no_rows_and_no_columns_change_nothing() {
    let mut out = [3.0; 3];
    let none = RowValues {
        rows: &[0_u32; 0],
        values: &[],
    };
    add_transposed_rows(small(), 1.0, none, 1, &mut out);
    let one = product(small(), &[0.0; 3], (1.0, &[0.0; 3]), 1);
    product_rows(&one, &[0_u32; 0], &mut []);
    product_rows(&product(small(), &[], (1.0, &[]), 0), &[1_u32], &mut []);
    assert_eq!(out, [3.0; 3]);
}

#[test]
#[should_panic(expected = "row 3 was requested, but the matrix has 3 rows")]
fn a_row_beyond_the_matrix_panics() {
    let product = product(small(), &[0.0; 3], (1.0, &[0.0; 3]), 1);
    product_rows(&product, &[3_u32], &mut [0.0]);
}

#[test]
fn rows_have_the_bits_of_the_whole_product_at_any_thread_count() {
    let n = 700;
    let (offsets, columns, values) = banded(n);
    let a = CsrView::new(&offsets, &columns, &values, n).unwrap();
    for dim in [3, 64, 70] {
        let (y, x) = (numbers(n * dim), numbers(n * dim + 5)[5..].to_vec());
        let mut whole = vec![0.0; n * dim];
        let product = product(a, &y, (0.25, &x), dim);
        product.write(Level::detect(), &mut whole);
        let rows: Vec<u32> = (0..900).map(|i| i * 613 % n as u32).collect();
        let some = same_at_any_thread_count(|| {
            let mut out = vec![0.0; rows.len() * dim];
            product_rows(&product, &rows, &mut out);
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
            let batch = RowValues {
                rows: &rows,
                values: &g,
            };
            add_transposed_rows(a, 1.5, batch, dim, &mut out);
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

/// The transpose of a square matrix whose columns ascend.
fn transposed(a: CsrView<'_, u64, u32>) -> (Vec<u64>, Vec<u32>, Vec<f32>) {
    let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for column in 0..a.n_columns() {
        for row in 0..a.n_rows() {
            let entries = a.row_range(row);
            let mut entries = entries.filter(|&entry| a.columns()[entry] as usize == column);
            if let Some(entry) = entries.next() {
                columns.push(row as u32);
                values.push(a.values()[entry]);
            }
        }
        offsets.push(columns.len() as u64);
    }
    (offsets, columns, values)
}

#[test]
fn pulled_rows_have_the_bits_of_scattered_ones() {
    let n = 300;
    let (offsets, columns, values) = banded(n);
    let a = CsrView::new(&offsets, &columns, &values, n).unwrap();
    let (offsets, columns, values) = transposed(a);
    let t = CsrView::new(&offsets, &columns, &values, n).unwrap();
    for (step, is_pulled) in [(1, true), (3, true), (50, false)] {
        let rows: Vec<u32> = (0..n as u32).step_by(step).collect();
        assert_eq!(pull::is_pulled(a, &rows), is_pulled);
        for dim in [5, 64] {
            let g = numbers(rows.len() * dim);
            let batch = RowValues {
                rows: &rows,
                values: &g,
            };
            let got = same_at_any_thread_count(|| {
                let mut out = vec![f32::NAN; n * dim];
                write_transposed_rows(a, t, 1.5, batch, dim, &mut out);
                out
            });
            let mut expected = vec![0.0; n * dim];
            add_transposed_rows(a, 1.5, batch, dim, &mut expected);
            assert_eq!(got, expected);
        }
    }
}

#[test]
fn repeated_and_unsorted_rows_are_not_pulled() {
    let n = 20;
    let (offsets, columns, values) = banded(n);
    let a = CsrView::new(&offsets, &columns, &values, n).unwrap();
    let ascending: Vec<u32> = (0..n as u32).collect();
    assert!(pull::is_pulled(a, &ascending));
    let descending: Vec<u32> = (0..n as u32).rev().collect();
    assert!(!pull::is_pulled(a, &descending));
    assert!(!pull::is_pulled(
        a,
        &[&ascending[..], &[n as u32 - 1]].concat()
    ));
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
        product_rows(&product(a, &y, (0.0, &y), 1), &rows, &mut forward);
        let mut backward = vec![0.0; 40];
        let batch = RowValues { rows: &rows, values: &g };
        add_transposed_rows(a, 1.0, batch, 1, &mut backward);
        let left: f32 = forward.iter().zip(&g).map(|(a, b)| a * b).sum();
        let right: f32 = backward.iter().zip(&y).map(|(a, b)| a * b).sum();
        prop_assert!((left - right).abs() < 1e-4, "{left} is not {right}");
    }
}
