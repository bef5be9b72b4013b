use proptest::prelude::*;

use super::*;
use crate::bf16::round_to_bf16;
use crate::cpu::{PORTABLE_FMA, multiply_add};
use crate::element::Bf16;
use crate::parallel::same_at_any_thread_count;

/// The widths of the register panels, their neighbors and a few with several panels.
const DIMS: [usize; 20] = [
    1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 50, 63, 64, 65, 100, 128, 130, 200,
];

fn wave(n: usize, frequency: f32) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * frequency).sin()).collect()
}

/// A matrix whose rows have about `degree` entries, and a few far more.
fn matrix(n_rows: usize, n_columns: usize, degree: usize) -> (Vec<u64>, Vec<i32>, Vec<f32>) {
    let (mut offsets, mut columns) = (vec![0], Vec::new());
    for row in 0..n_rows {
        let n = if row % 97 == 3 {
            degree * 40
        } else {
            row * 31 % (2 * degree + 1)
        };
        columns.extend((0..n).map(|i| ((row * 7919 + i * i * 104_729) % n_columns) as i32));
        offsets.push(columns.len() as u64);
    }
    let values = wave(columns.len(), 0.77);
    (offsets, columns, values)
}

/// The product in f64, and the sum of the absolute terms, which bounds the rounding error.
fn naive<O: CsrIndex, C: CsrIndex>(product: &Product<'_, O, C>) -> Vec<(f64, f64)> {
    let Product {
        a,
        dense,
        dim,
        scale,
        addend,
    } = *product;
    let mut out = Vec::new();
    for row in 0..a.n_rows() {
        for d in 0..dim {
            let (mut sum, mut size) = (0.0, 0.0);
            for entry in a.row_offsets()[row].to_usize()..a.row_offsets()[row + 1].to_usize() {
                let x = dense[a.columns()[entry].to_usize() * dim + d];
                let term = f64::from(scale) * f64::from(a.values()[entry]) * f64::from(x);
                sum += term;
                size += term.abs();
            }
            if let Some((factor, addend)) = addend {
                let term = f64::from(factor) * f64::from(addend[row * dim + d]);
                sum += term;
                size += term.abs();
            }
            out.push((sum, size));
        }
    }
    out
}

fn assert_near_naive<O: CsrIndex, C: CsrIndex>(product: &Product<'_, O, C>) {
    let expected = naive(product);
    for level in Level::all() {
        let mut out = vec![f32::NAN; expected.len()];
        product.write(level, &mut out);
        for (i, (&got, &(sum, size))) in out.iter().zip(&expected).enumerate() {
            assert!(
                (f64::from(got) - sum).abs() <= 1e-5 * size,
                "{level:?}, dim {}: element {i} is {got}, not {sum}",
                product.dim
            );
        }
    }
}

/// The product by one loop over scalars, each sum in the order of its entries and rounded where the
/// kernels of the level round.
fn scalar<O: CsrIndex, C: CsrIndex, D: Element>(
    level: Level,
    product: &Product<'_, O, C, D>,
) -> Vec<f32> {
    let multiply_add = if level == Level::Portable && !PORTABLE_FMA {
        multiply_add::<false>
    } else {
        multiply_add::<true>
    };
    let mut out = Vec::new();
    for row in 0..product.a.n_rows() {
        for d in 0..product.dim {
            let mut sum = 0.0;
            for entry in product.a.row_range(row) {
                let x = product.dense[product.a.columns()[entry].to_usize() * product.dim + d];
                sum = multiply_add(product.a.values()[entry], x.widen(), sum);
            }
            sum *= product.scale;
            if let Some((factor, addend)) = product.addend {
                sum = multiply_add(factor, addend[row * product.dim + d], sum);
            }
            out.push(sum);
        }
    }
    out
}

/// NaN has no payload worth a promise; all other bits must agree.
fn assert_bits_of_scalar<D: Element>(product: &Product<'_, u64, i32, D>) {
    for level in Level::all() {
        let expected = scalar(level, product);
        let mut out = vec![f32::NAN; expected.len()];
        product.write(level, &mut out);
        for (i, (got, expected)) in out.iter().zip(&expected).enumerate() {
            assert!(
                got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan(),
                "{level:?}, dim {}: element {i} is {got:?}, not {expected:?}",
                product.dim
            );
        }
    }
}

/// Every type of operand.
fn assert_bits_of_all_types(
    a: CsrView<'_, u64, i32>,
    dense: &[f32],
    dim: usize,
    scale: f32,
    addend: Option<(f32, &[f32])>,
) {
    let mut rounded = vec![Bf16::ZERO; dense.len()];
    round_to_bf16(dense, &mut rounded);
    let wide = Product {
        a,
        dense,
        dim,
        scale,
        addend,
    };
    assert_bits_of_scalar(&wide);
    let narrow = Product {
        a,
        dense: &rounded[..],
        dim,
        scale,
        addend,
    };
    assert_bits_of_scalar(&narrow);
}

#[test]
fn every_type_and_width_has_the_bits_of_the_scalar_loop() {
    let (offsets, columns, values) = matrix(30, 20, 4);
    let a = CsrView::new(&offsets, &columns, &values, 20).unwrap();
    for dim in DIMS {
        let (dense, addend) = (wave(20 * dim, 0.31), wave(30 * dim, 0.57));
        assert_bits_of_all_types(a, &dense, dim, 1.0, None);
        assert_bits_of_all_types(a, &dense, dim, -2.5, Some((0.3, &addend)));
    }
}

#[test]
fn infinities_nan_and_subnormals_keep_their_bits() {
    let odd = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::MIN_POSITIVE / 4.0,
        f32::from_bits(1),
        -0.0,
        f32::MAX,
        1.0,
        -1.0,
    ];
    // One entry a row and a few of two, so that not everything becomes NaN.
    let offsets: Vec<u64> = (0..=20).map(|row| row + row / 4).collect();
    let columns: Vec<i32> = (0..25).map(|entry| entry * 7 % 20).collect();
    let values = [1.0_f32, 0.5, -1.0, 1e-30, 2.0].repeat(5);
    let a = CsrView::new(&offsets, &columns, &values, 20).unwrap();
    for dim in [1, 5, 8, 13, 64, 70] {
        let dense: Vec<f32> = odd.iter().copied().cycle().take(20 * dim).collect();
        assert_bits_of_all_types(a, &dense, dim, 1.0, None);
        assert_bits_of_all_types(a, &dense, dim, 1.0, Some((1.0, &dense)));
    }
}

#[test]
fn bf16_operands_give_the_result_of_their_widened_values() {
    let (offsets, columns, values) = matrix(3000, 2000, 6);
    let a = CsrView::new(&offsets, &columns, &values, 2000).unwrap();
    for dim in [33, 64, 96] {
        let mut rounded = vec![Bf16::ZERO; 2000 * dim];
        round_to_bf16(&wave(2000 * dim, 0.31), &mut rounded);
        let out = same_at_any_thread_count(|| {
            let mut out = vec![f32::NAN; 3000 * dim];
            sparse_dense(a, &rounded, dim, &mut out);
            out
        });
        let wide: Vec<f32> = rounded.iter().map(|number| number.widen()).collect();
        let mut expected = vec![f32::NAN; 3000 * dim];
        sparse_dense(a, &wide, dim, &mut expected);
        assert_eq!(out, expected);
    }
}

#[test]
#[should_panic(expected = "the dense operand must have 2 rows of 3 numbers, but it has 5")]
fn a_dense_operand_of_16_bits_of_another_shape_panics() {
    let a = CsrView::new(&[0_i32, 0], &[0_i32; 0], &[], 2).unwrap();
    sparse_dense(a, &[Bf16::ZERO; 5], 3, &mut [0.0; 3]);
}

/// `out = A · dense + factor · addend`.
fn add(
    a: CsrView<'_, i32, i32>,
    dense: &[f32],
    addend: (f32, &[f32]),
    dim: usize,
    out: &mut [f32],
) {
    let product = Product {
        a,
        dense,
        dim,
        scale: 1.0,
        addend: Some(addend),
    };
    product.write(Level::detect(), out);
}

#[test]
fn by_hand() {
    // [[2, 0, 1], [0, 0, 0]] · [[1, 2], [3, 4], [5, 6]]
    let a = CsrView::new(&[0_i32, 2, 2], &[0_i32, 2], &[2.0, 1.0], 3).unwrap();
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let mut out = [f32::NAN; 4];
    sparse_dense(a, &x, 2, &mut out);
    assert_eq!(out, [7.0, 10.0, 0.0, 0.0]);
    add(a, &x, (10.0, &[1.0, 2.0, 3.0, 4.0]), 2, &mut out);
    assert_eq!(out, [17.0, 30.0, 30.0, 40.0]);
    sparse_dense(a, &x.map(Bf16::from_f32), 2, &mut out);
    assert_eq!(out, [7.0, 10.0, 0.0, 0.0]);
}

#[test]
fn repeated_and_unsorted_columns_add_up() {
    let a = CsrView::new(&[0_u64, 3], &[1_u32, 0, 1], &[1.0, 10.0, 100.0], 2).unwrap();
    let mut out = [0.0];
    sparse_dense(a, &[1.0, 2.0], 1, &mut out);
    assert_eq!(out, [212.0]);
}

#[test]
fn empty_shapes() {
    let no_rows = CsrView::new(&[0_u32], &[0_u32; 0], &[], 2).unwrap();
    sparse_dense(no_rows, &[1.0, 2.0], 1, &mut []);
    let no_columns = CsrView::new(&[0_u32, 0, 0], &[0_u32; 0], &[], 0).unwrap();
    for dim in [1, 64, 70] {
        let mut out = vec![f32::NAN; 2 * dim];
        sparse_dense(no_columns, &[0.0; 0], dim, &mut out);
        assert_eq!(out, vec![0.0; 2 * dim]);
    }
    let a = CsrView::new(&[0_u32, 1], &[0_u32], &[1.0], 1).unwrap();
    sparse_dense(a, &[0.0; 0], 0, &mut []);
}

#[test]
fn every_width_at_every_level() {
    let (offsets, columns, values) = matrix(60, 40, 4);
    let a = CsrView::new(&offsets, &columns, &values, 40).unwrap();
    for dim in DIMS {
        let (dense, addend) = (wave(40 * dim, 0.31), wave(60 * dim, 0.57));
        for (scale, addend) in [(1.0, None), (1.0, Some((0.3, &addend[..]))), (-2.5, None)] {
            assert_near_naive(&Product {
                a,
                dense: &dense,
                dim,
                scale,
                addend,
            });
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_thread_count() {
    let (offsets, columns, values) = matrix(3000, 2000, 6);
    let a = CsrView::new(&offsets, &columns, &values, 2000).unwrap();
    for dim in [1, 33, 64, 96] {
        let (x, addend) = (wave(2000 * dim, 0.31), wave(3000 * dim, 0.57));
        for level in Level::all() {
            same_at_any_thread_count(|| {
                let mut out = vec![f32::NAN; 3000 * dim];
                Product {
                    a,
                    dense: &x,
                    dim,
                    scale: 1.0,
                    addend: Some((0.5, &addend)),
                }
                .write(level, &mut out);
                out
            });
        }
    }
}

#[test]
fn a_row_has_the_same_bits_alone() {
    let (offsets, columns, values) = matrix(50, 40, 5);
    let a = CsrView::new(&offsets, &columns, &values, 40).unwrap();
    let dim = 72;
    let x = wave(40 * dim, 0.31);
    let mut all = vec![0.0; 50 * dim];
    sparse_dense(a, &x, dim, &mut all);
    for row in 0..50 {
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        let alone = [0, entries.len()];
        let a = CsrView::new(&alone, &columns[entries.clone()], &values[entries], 40).unwrap();
        let mut out = vec![0.0; dim];
        sparse_dense(a, &x, dim, &mut out);
        assert_eq!(out, all[row * dim..][..dim]);
    }
}

#[test]
#[should_panic(expected = "the dense operand must have 2 rows of 3 numbers, but it has 5")]
fn a_dense_operand_of_another_shape_panics() {
    let a = CsrView::new(&[0_i32, 0], &[0_i32; 0], &[], 2).unwrap();
    sparse_dense(a, &[0.0; 5], 3, &mut [0.0; 3]);
}

#[test]
#[should_panic(expected = "the output must have 1 rows of 3 numbers, but it has 4")]
fn an_output_of_another_shape_panics() {
    let a = CsrView::new(&[0_i32, 0], &[0_i32; 0], &[], 2).unwrap();
    sparse_dense(a, &[0.0; 6], 3, &mut [0.0; 4]);
}

#[test]
#[should_panic(expected = "the addend must have 1 rows of 3 numbers, but it has 2")]
fn an_addend_of_another_shape_panics() {
    let a = CsrView::new(&[0_i32, 0], &[0_i32; 0], &[], 2).unwrap();
    add(a, &[0.0; 6], (1.0, &[0.0; 2]), 3, &mut [0.0; 3]);
}

proptest! {
    #[test]
    fn equals_the_naive_loop(
        rows in prop::collection::vec(
            prop::collection::vec((0_u32..11, -2.0_f32..2.0), 0..25), 0..20,
        ),
        dim in 1_usize..90,
        scale in -2.0_f32..2.0,
        factor in prop::option::of(-2.0_f32..2.0),
    ) {
        let mut offsets = vec![0_usize];
        for row in &rows {
            offsets.push(offsets[offsets.len() - 1] + row.len());
        }
        let (columns, values): (Vec<u32>, Vec<f32>) = rows.iter().flatten().copied().unzip();
        let a = CsrView::new(&offsets, &columns, &values, 11).unwrap();
        let (dense, addend) = (wave(11 * dim, 0.41), wave(rows.len() * dim, 0.57));
        let addend = factor.map(|factor| (factor, &addend[..]));
        assert_near_naive(&Product { a, dense: &dense, dim, scale, addend });
    }

    #[test]
    fn has_the_bits_of_the_scalar_loop(
        rows in prop::collection::vec(
            prop::collection::vec((0_i32..11, any::<f32>()), 0..9), 0..9,
        ),
        numbers in prop::collection::vec(any::<f32>(), 40),
        dim in 1_usize..90,
        scale in any::<f32>(),
        factor in prop::option::of(any::<f32>()),
    ) {
        let mut offsets = vec![0_u64];
        for row in &rows {
            offsets.push(offsets[offsets.len() - 1] + row.len() as u64);
        }
        let (columns, values): (Vec<i32>, Vec<f32>) = rows.iter().flatten().copied().unzip();
        let a = CsrView::new(&offsets, &columns, &values, 11).unwrap();
        let cycle = |n: usize| numbers.iter().copied().cycle().take(n).collect::<Vec<f32>>();
        let (dense, addend) = (cycle(11 * dim), cycle(rows.len() * dim));
        let addend = factor.map(|factor| (factor, &addend[..]));
        assert_bits_of_all_types(a, &dense, dim, scale, addend);
    }
}
