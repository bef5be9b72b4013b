//! Propagation whose layers lie in memory in 16 bits.

use super::check_shapes;
use crate::bf16::{Bf16, round_to_bf16};
use crate::cpu::Level;
use crate::csr::CsrView;
use crate::index::CsrIndex;
use crate::sparse_dense::Product;

/// [`propagate`](crate::propagate) with half the memory moved: what the sparse matrix is multiplied by
/// is stored in 16 bits, and summed in `f32`.
///
/// Horner's rule is `y ← A · y + alphas[k] · x` from the last but one coefficient down, where the first
/// `y` is `x` and the first product is scaled by the last coefficient. Exactly these numbers are
/// rounded ([`round_to_bf16`], by at most 2⁻⁸ of their size):
///
/// - `x`, where the first product reads it;
/// - each `y` but the last, once, when its sum over a row's entries and the addend is complete.
///
/// Not rounded are the coefficients, the values of `A`, `x` as an addend, the products and sums, and
/// the result. One coefficient alone rounds nothing. A `y` beyond the largest finite 16-bit number
/// (3.39e38) becomes infinite.
///
/// Time as [`propagate`](crate::propagate); memory: the result and at most two buffers of half its
/// size. The bits do not depend on the thread count.
///
/// # Panics
/// As [`propagate`](crate::propagate).
///
/// ```
/// use lightgcn_simd::{CsrView, propagate, propagate_bf16};
///
/// // Two nodes that exchange their numbers.
/// let a = CsrView::new(&[0_u32, 1, 2], &[1_u32, 0], &[1.0, 1.0], 2)?;
/// let x = [1.0, 0.30078125];
/// assert_eq!(propagate_bf16(a, &x, 1, &[0.5, 0.5]), propagate(a, &x, 1, &[0.5, 0.5]));
/// // 0.3 lies between two numbers of 16 bits: it is rounded as an operand, not as an addend.
/// let x = [1.0, 0.3];
/// assert_eq!(propagate_bf16(a, &x, 1, &[0.5, 0.5]), [0.5 + 0.30078125 / 2.0, 0.3 / 2.0 + 0.5]);
/// # Ok::<(), lightgcn_simd::CsrError>(())
/// ```
#[must_use]
pub fn propagate_bf16<O: CsrIndex, C: CsrIndex>(
    a: CsrView<'_, O, C>,
    x: &[f32],
    dim: usize,
    alphas: &[f32],
) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let mut work = vec![Bf16::ZERO; buffers(alphas) * x.len()];
    propagate_bf16_into(a, x, dim, alphas, &mut out, &mut work);
    out
}

/// [`propagate_bf16`] into buffers of the caller, for those who propagate again and again.
///
/// `out` has shape `[n_rows, dim]`. `work` has the length of `out` for each coefficient beyond the
/// first, but at most twice that length. Neither is read before it is written.
///
/// # Panics
/// As [`propagate_bf16`], and when `out` or `work` has another length.
pub fn propagate_bf16_into<O: CsrIndex, C: CsrIndex>(
    a: CsrView<'_, O, C>,
    x: &[f32],
    dim: usize,
    alphas: &[f32],
    out: &mut [f32],
    work: &mut [Bf16],
) {
    check_shapes(a, x, dim, out);
    let [lower @ .., highest] = alphas else {
        panic!("propagation needs at least one coefficient");
    };
    assert!(
        work.len() == buffers(alphas) * x.len(),
        "the work buffer must have {} numbers, not {}",
        buffers(alphas) * x.len(),
        work.len()
    );
    let Some((lowest, between)) = lower.split_first() else {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = highest * x;
        }
        return;
    };
    let level = Level::detect();
    let (mut from, mut to) = work.split_at_mut(x.len());
    round_to_bf16(x, from);
    let mut scale = *highest;
    for &alpha in between.iter().rev() {
        Product {
            a,
            dense: &*from,
            dim,
            scale,
            addend: Some((alpha, x)),
        }
        .write(level, to);
        std::mem::swap(&mut from, &mut to);
        scale = 1.0;
    }
    Product {
        a,
        dense: &*from,
        dim,
        scale,
        addend: Some((*lowest, x)),
    }
    .write(level, out);
}

/// How many matrices the work buffer holds: the operand, and the next one if it is not the result.
fn buffers(alphas: &[f32]) -> usize {
    alphas.len().saturating_sub(1).min(2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cpu::{PORTABLE_FMA, multiply_add};
    use crate::element::Element;
    use crate::parallel::same_at_any_thread_count;
    use crate::propagate;

    // A · [a, b, c] = [b, a + 2 c, 2 b]
    const OFFSETS: [u64; 4] = [0, 1, 3, 4];
    const COLUMNS: [u32; 4] = [1, 0, 2, 1];
    const VALUES: [f32; 4] = [1.0, 1.0, 2.0, 2.0];

    fn round(number: f32) -> f32 {
        Bf16::narrow(number).widen()
    }

    /// The definition, number by number: the operand of each product is rounded, nothing else.
    fn by_definition(values: &[f32], x: &[f32], dim: usize, alphas: &[f32]) -> Vec<f32> {
        let multiply_add = if Level::detect() == Level::Portable && !PORTABLE_FMA {
            multiply_add::<false>
        } else {
            multiply_add::<true>
        };
        let (highest, lower) = alphas.split_last().unwrap();
        let mut y = x.to_vec();
        let mut scale = *highest;
        for alpha in lower.iter().rev() {
            let operand: Vec<f32> = y.iter().map(|&number| round(number)).collect();
            for row in 0..3 {
                for d in 0..dim {
                    let mut sum = 0.0;
                    for entry in OFFSETS[row] as usize..OFFSETS[row + 1] as usize {
                        let number = operand[COLUMNS[entry] as usize * dim + d];
                        sum = multiply_add(values[entry], number, sum);
                    }
                    y[row * dim + d] = multiply_add(*alpha, x[row * dim + d], scale * sum);
                }
            }
            scale = 1.0;
        }
        if lower.is_empty() {
            y.iter_mut().for_each(|number| *number *= highest);
        }
        y
    }

    #[test]
    fn three_layers_by_hand() {
        let a = CsrView::new(&OFFSETS, &COLUMNS, &VALUES, 3).unwrap();
        let x = [1.0, 10.0, 100.0];
        assert_eq!(propagate_bf16(a, &x, 1, &[3.0]), [3.0, 30.0, 300.0]);
        // A x = [10, 201, 20]: 201 has 8 significant bits, so it stays.
        assert_eq!(propagate_bf16(a, &x, 1, &[0.0, 1.0]), [10.0, 201.0, 20.0]);
        assert_eq!(
            propagate_bf16(a, &x, 1, &[0.0, 0.0, 1.0]),
            [201.0, 50.0, 402.0]
        );
        // y = A x + x = [11, 211, 120], then A y + x = [212, 261, 522], of which 261 and 522 lie halfway
        // between two numbers of 16 bits and become 260 and 520.
        assert_eq!(
            propagate_bf16(a, &x, 1, &[1.0; 4]),
            [1.0 + 260.0, 10.0 + 212.0 + 2.0 * 520.0, 100.0 + 2.0 * 260.0]
        );
    }

    #[test]
    fn one_coefficient_rounds_nothing() {
        let a = CsrView::new(&OFFSETS, &COLUMNS, &VALUES, 3).unwrap();
        let x = [0.1, 0.2, 0.3];
        assert_eq!(propagate_bf16(a, &x, 1, &[1.0]), x);
    }

    #[test]
    fn dirty_buffers_change_nothing() {
        let a = CsrView::new(&OFFSETS, &COLUMNS, &VALUES, 3).unwrap();
        let x = [1.0, 10.0, 100.0];
        for n in 1..5 {
            let alphas = vec![1.0; n];
            let mut out = [f32::NAN; 3];
            let mut work = vec![Bf16::NAN; 3 * (n - 1).min(2)];
            propagate_bf16_into(a, &x, 1, &alphas, &mut out, &mut work);
            assert_eq!(out[..], propagate_bf16(a, &x, 1, &alphas));
        }
    }

    #[test]
    fn no_nodes_and_no_columns_give_nothing() {
        let none = CsrView::new(&[0_i32], &[0_i32; 0], &[], 0).unwrap();
        assert_eq!(propagate_bf16(none, &[], 4, &[1.0; 3]), Vec::<f32>::new());
        let a = CsrView::new(&OFFSETS, &COLUMNS, &VALUES, 3).unwrap();
        assert_eq!(propagate_bf16(a, &[], 0, &[1.0, 1.0]), Vec::<f32>::new());
    }

    #[test]
    #[should_panic(expected = "the work buffer must have 6 numbers, not 3")]
    fn refuses_a_short_buffer() {
        let a = CsrView::new(&OFFSETS, &COLUMNS, &VALUES, 3).unwrap();
        let (mut out, mut work) = ([0.0; 3], [Bf16::ZERO; 3]);
        propagate_bf16_into(a, &[1.0; 3], 1, &[1.0; 3], &mut out, &mut work);
    }

    #[test]
    #[should_panic(expected = "at least one coefficient")]
    fn refuses_no_coefficients() {
        let a = CsrView::new(&OFFSETS, &COLUMNS, &VALUES, 3).unwrap();
        let _ = propagate_bf16(a, &[1.0; 3], 1, &[]);
    }

    #[test]
    #[should_panic(expected = "only a square matrix")]
    fn refuses_a_rectangle() {
        let a = CsrView::new(&[0_i32, 0], &[0_i32; 0], &[], 2).unwrap();
        let _ = propagate_bf16(a, &[1.0], 1, &[1.0]);
    }

    /// A ring of nodes, each averaging its neighbors: nothing cancels, so that the error stays below
    /// one rounding a layer.
    #[test]
    fn a_large_graph_is_near_and_the_same_at_any_thread_count() {
        let (n, dim) = (4000_usize, 40);
        let offsets: Vec<usize> = (0..=n).map(|row| 2 * row).collect();
        let columns: Vec<u32> = (0..n)
            .flat_map(|row| [(row + n - 1) % n, (row + 1) % n].map(|node| node as u32))
            .collect();
        let values = vec![0.5; 2 * n];
        let a = CsrView::new(&offsets, &columns, &values, n).unwrap();
        let x: Vec<f32> = (0..n * dim)
            .map(|i| 1.1 + (i as f32 * 0.37).sin())
            .collect();
        let alphas = [0.25; 4];
        let got = same_at_any_thread_count(|| propagate_bf16(a, &x, dim, &alphas));
        let exact = propagate(a, &x, dim, &alphas);
        let bound = (1.0_f32 + 1.0 / 256.0).powi(3) - 1.0 + 1e-5;
        assert_ne!(got, exact);
        for (got, exact) in got.iter().zip(exact) {
            assert!(
                (got - exact).abs() <= bound * exact,
                "{got} is not near {exact}"
            );
        }
    }

    proptest! {
        #[test]
        fn rounds_operands_alone(
            values in prop::collection::vec(-2.0_f32..2.0, 4),
            numbers in prop::collection::vec(-1.0_f32..1.0, 3 * 70),
            dim in 1_usize..70,
            alphas in prop::collection::vec(-1.0_f32..1.0, 1..7),
        ) {
            let a = CsrView::new(&OFFSETS, &COLUMNS, &values, 3).unwrap();
            let x = &numbers[..3 * dim];
            let expected = by_definition(&values, x, dim, &alphas);
            prop_assert_eq!(propagate_bf16(a, x, dim, &alphas), expected);
        }
    }
}
