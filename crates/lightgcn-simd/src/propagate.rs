//! A polynomial of a sparse matrix applied to a dense one: the propagation of LightGCN.

use crate::cpu::Level;
use crate::csr::CsrView;
use crate::index::CsrIndex;
use crate::shape::{check_shape, check_square};
use crate::sparse_dense::Product;

/// `Σ_k alphas[k] · A^k · x`, with `A` square and `x` and the result of shape `[n_rows, dim]`.
///
/// With `alphas = [1 / (K + 1); K + 1]` and `A` the symmetrically normalized adjacency matrix this
/// is the K-layer propagation of LightGCN (He et al., SIGIR 2020, section 3.1). Evaluated by
/// Horner's rule, `y ← A · y + alphas[k] · x`, so that no layer is stored: O(K · nnz · dim) time and
/// at most two buffers of the result's size, whatever K is. The bits do not depend on the thread
/// count.
///
/// # Panics
/// If `A` is not square, `x` does not match its shape, or `alphas` is empty.
#[must_use]
pub fn propagate<O: CsrIndex, C: CsrIndex>(
    a: CsrView<'_, O, C>,
    x: &[f32],
    dim: usize,
    alphas: &[f32],
) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    let mut work = vec![0.0; if alphas.len() > 2 { x.len() } else { 0 }];
    propagate_into(&Polynomial { a, alphas, dim }, x, &mut out, &mut work);
    out
}

/// A polynomial `Σ_k alphas[k] · A^k` of a square sparse matrix, for dense matrices of `dim` columns.
#[derive(Clone, Copy, Debug)]
pub struct Polynomial<'a, O: CsrIndex, C: CsrIndex> {
    /// `A`, square.
    pub a: CsrView<'a, O, C>,
    /// The coefficients, the lowest first; at least one.
    pub alphas: &'a [f32],
    /// Columns of the dense matrices.
    pub dim: usize,
}

/// [`propagate`] into the caller's buffers, which saves an allocation per call.
///
/// `out` has shape `[n_rows, dim]`; `work` has the same length, or is empty if there are at most two
/// coefficients. Neither is read before it is written.
///
/// # Panics
/// As [`propagate`], and if the length of `out` or `work` is wrong.
pub fn propagate_into<O: CsrIndex, C: CsrIndex>(
    polynomial: &Polynomial<'_, O, C>,
    x: &[f32],
    out: &mut [f32],
    work: &mut [f32],
) {
    let Polynomial { a, alphas, dim } = *polynomial;
    check_square(a);
    check_shape("x", x, a.n_rows(), dim);
    check_shape("the output", out, a.n_rows(), dim);
    let [lower @ .., highest] = alphas else {
        panic!("propagation needs at least one coefficient");
    };
    assert!(
        work.len() == x.len() || lower.len() < 2,
        "the work buffer must have {} numbers, not {}",
        x.len(),
        work.len()
    );
    if lower.is_empty() {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = highest * x;
        }
        return;
    }
    let level = Level::detect();
    horner(polynomial, x, out, work, |product, to| {
        product.write(level, to);
    });
}

/// The polynomial times `x` into `out` by Horner's rule, for at least two coefficients; `work` is as `out` if
/// there are more. `write` computes a product.
pub(crate) fn horner<O: CsrIndex, C: CsrIndex>(
    polynomial: &Polynomial<'_, O, C>,
    x: &[f32],
    out: &mut [f32],
    work: &mut [f32],
    mut write: impl FnMut(Product<'_, O, C>, &mut [f32]),
) {
    let Polynomial { a, alphas, dim } = *polynomial;
    let [lower @ .., highest] = alphas else {
        return;
    };
    // The buffers alternate, since a product reads rows of `dense` all over while it writes its own; the first is chosen
    // so that the last step writes `out`.
    let (mut to, mut from) = if lower.len() % 2 == 1 {
        (out, work)
    } else {
        (work, out)
    };
    for (step, &alpha) in lower.iter().rev().enumerate() {
        // The highest coefficient scales the first product, which saves a pass over x.
        let (dense, scale) = if step == 0 {
            (x, *highest)
        } else {
            (&*from, 1.0)
        };
        let product = Product {
            a,
            dense,
            dim,
            scale,
            addend: Some((alpha, x)),
        };
        write(product, to);
        std::mem::swap(&mut to, &mut from);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sparse_dense::sparse_dense;

    // A · [a, b, c] = [b, a + 2 c, 2 b]
    const OFFSETS: [u64; 4] = [0, 1, 3, 4];
    const COLUMNS: [u32; 4] = [1, 0, 2, 1];
    const VALUES: [f32; 4] = [1.0, 1.0, 2.0, 2.0];

    #[test]
    fn three_layers_by_hand() {
        let a = CsrView::new(&OFFSETS, &COLUMNS, &VALUES, 3).unwrap();
        let x = [1.0, 10.0, 100.0];
        // A x = [10, 201, 20]; A² x = [201, 50, 402]; A³ x = [50, 1005, 100]
        assert_eq!(propagate(a, &x, 1, &[3.0]), [3.0, 30.0, 300.0]);
        assert_eq!(propagate(a, &x, 1, &[1.0, 2.0]), [21.0, 412.0, 140.0]);
        assert_eq!(propagate(a, &x, 1, &[0.0, 0.0, 1.0]), [201.0, 50.0, 402.0]);
        assert_eq!(
            propagate(a, &x, 1, &[1.0, 1.0, 1.0, 2.0]),
            [312.0, 2271.0, 722.0]
        );
    }

    #[test]
    fn dirty_buffers_change_nothing() {
        let a = CsrView::new(&OFFSETS, &COLUMNS, &VALUES, 3).unwrap();
        let (mut out, mut work) = ([f32::NAN; 3], [f32::NAN; 3]);
        let polynomial = |alphas| Polynomial { a, alphas, dim: 1 };
        let x = [1.0, 10.0, 100.0];
        propagate_into(&polynomial(&[1.0; 3]), &x, &mut out, &mut work);
        assert_eq!(out, [212.0, 261.0, 522.0]);
        propagate_into(&polynomial(&[1.0; 2]), &x, &mut out, &mut []);
        assert_eq!(out, [11.0, 211.0, 120.0]);
    }

    #[test]
    fn no_nodes_and_no_columns_give_nothing() {
        let none = CsrView::new(&[0_i32], &[0_i32; 0], &[], 0).unwrap();
        assert_eq!(propagate(none, &[], 4, &[1.0, 1.0, 1.0]), Vec::<f32>::new());
        let a = CsrView::new(&OFFSETS, &COLUMNS, &VALUES, 3).unwrap();
        assert_eq!(propagate(a, &[], 0, &[1.0, 1.0]), Vec::<f32>::new());
    }

    #[test]
    #[should_panic(expected = "at least one coefficient")]
    fn no_coefficients_panics() {
        let a = CsrView::new(&OFFSETS, &COLUMNS, &VALUES, 3).unwrap();
        let _ = propagate(a, &[1.0; 3], 1, &[]);
    }

    #[test]
    #[should_panic(expected = "only a square matrix")]
    fn a_rectangular_matrix_panics() {
        let a = CsrView::new(&[0_i32, 0], &[0_i32; 0], &[], 2).unwrap();
        let _ = propagate(a, &[1.0], 1, &[1.0]);
    }

    proptest! {
        #[test]
        fn equals_the_sum_of_stored_layers(
            values in prop::collection::vec(-1.0_f32..1.0, 4),
            x in prop::collection::vec(-1.0_f32..1.0, 3 * 5),
            alphas in prop::collection::vec(-1.0_f32..1.0, 1..7),
        ) {
            let a = CsrView::new(&OFFSETS, &COLUMNS, &values, 3).unwrap();
            let mut expected = vec![0.0; x.len()];
            let mut layer = x.clone();
            for alpha in &alphas {
                for (sum, y) in expected.iter_mut().zip(&layer) {
                    *sum += alpha * y;
                }
                let mut next = vec![0.0; x.len()];
                sparse_dense(a, &layer, 5, &mut next);
                layer = next;
            }
            for (got, expected) in propagate(a, &x, 5, &alphas).iter().zip(&expected) {
                prop_assert!((got - expected).abs() <= 1e-4, "{got} is not {expected}");
            }
        }
    }
}
