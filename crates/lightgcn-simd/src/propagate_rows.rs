//! Propagation for the rows of a batch, and its gradient: the last layer is computed only at those rows, and the
//! first layer of the gradient only from them.

use crate::bf16::round_to_bf16;
use crate::cpu::Level;
use crate::csr::CsrView;
use crate::element::Bf16;
use crate::huge_pages::zeros_in_huge_pages;
use crate::index::CsrIndex;
use crate::parallel;
use crate::propagate::{Polynomial, horner};
use crate::rows::{RowValues, add_rows, product_rows, write_transposed_rows};
use crate::shape::{check_shape, check_square};
use crate::sparse_dense::Product;

/// How whole products read their operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operands {
    /// As stored.
    #[default]
    F32,
    /// Rounded to 16 bits by [`round_to_bf16`], which halves what a product reads from scattered rows.
    /// Products, sums, addends and results stay `f32`; so do products at a batch's rows.
    Bf16,
}

/// Work buffers of propagation, reused between calls. Initially empty.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    first: Vec<f32>,
    second: Vec<f32>,
    rounded: Vec<Bf16>,
    operands: Operands,
}

impl Scratch {
    /// Sets how whole products read their operands.
    pub fn set_operands(&mut self, operands: Operands) {
        self.operands = operands;
    }

    /// Buffers of `n` numbers with arbitrary content (both, or only the first), and the multiplier.
    fn buffers(&mut self, n: usize, both: bool) -> (&mut [f32], &mut [f32], Whole<'_>) {
        let room = |buffer: &mut Vec<f32>| {
            if buffer.len() != n {
                *buffer = zeros_in_huge_pages(n);
            }
        };
        room(&mut self.first);
        if both {
            room(&mut self.second);
        }
        let rounded = match self.operands {
            Operands::F32 => None,
            Operands::Bf16 => {
                self.rounded.resize(n, Bf16::ZERO);
                Some(&mut self.rounded[..])
            }
        };
        let second = if both { &mut self.second[..] } else { &mut [] };
        (&mut self.first, second, Whole { rounded })
    }
}

/// Computes whole products, rounding the operand if there is a buffer for it.
struct Whole<'a> {
    rounded: Option<&'a mut [Bf16]>,
}

impl Whole<'_> {
    /// Computes the product, with the operand rounded if there is a buffer.
    fn multiply<O: CsrIndex, C: CsrIndex>(&mut self, product: Product<'_, O, C>, out: &mut [f32]) {
        let level = Level::detect();
        let Some(rounded) = &mut self.rounded else {
            return product.write(level, out);
        };
        round_to_bf16(product.dense, rounded);
        let product = Product {
            a: product.a,
            dense: rounded,
            dim: product.dim,
            scale: product.scale,
            addend: product.addend,
        };
        product.write(level, out);
    }
}

/// The given rows of `Σ_k alphas[k] · A^k · x`: [`propagate`](crate::propagate) for these rows only.
///
/// `x` has shape `[n_rows, dim]` and `out` `[rows.len(), dim]`. With K layers, K − 1 whole products and one
/// at those rows: O(((K − 1) · nnz + entries of the rows) · dim). The bits do not depend on the thread
/// count.
///
/// # Panics
/// If `A` is not square, a slice does not match its shape, a row is out of range, or there is no
/// coefficient.
pub fn propagate_rows<O: CsrIndex, C: CsrIndex, R: CsrIndex>(
    polynomial: &Polynomial<'_, O, C>,
    rows: &[R],
    x: &[f32],
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let Polynomial { a, alphas, dim } = *polynomial;
    check_square(a);
    check_shape("x", x, a.n_rows(), dim);
    let (dense, scale, lowest) = match alphas {
        [] => panic!("propagation needs at least one coefficient"),
        [only] => {
            crate::gather_rows(x, dim, rows, out);
            return out.iter_mut().for_each(|out| *out *= only);
        }
        [lowest, highest] => (x, *highest, *lowest),
        [lowest, others @ ..] => {
            let (y, work, mut whole) = scratch.buffers(x.len(), others.len() > 2);
            let inner = Polynomial {
                alphas: others,
                ..*polynomial
            };
            horner(&inner, x, y, work, |product, to| {
                whole.multiply(product, to)
            });
            (&*y, 1.0, *lowest)
        }
    };
    let addend = Some((lowest, x));
    product_rows(
        &Product {
            a,
            dense,
            dim,
            scale,
            addend,
        },
        rows,
        out,
    );
}

/// The gradient of [`propagate_rows`] with respect to `x`: `out = Σ_k alphas[k] · (Aᵀ)^k · G`, where `G` is
/// the batch's vectors summed into their rows, and zero elsewhere.
///
/// `out` has shape `[n_rows, dim]` and is overwritten. `transposed` is the transpose of `A` (for a symmetric
/// one `A` itself); the columns of `A` must ascend within a row. Costs the same as [`propagate_rows`]; the
/// bits do not depend on the thread count.
///
/// # Panics
/// As [`propagate_rows`], and if the shapes of `transposed` and `A` differ.
pub fn propagate_rows_transposed<O: CsrIndex, C: CsrIndex, R: CsrIndex>(
    polynomial: &Polynomial<'_, O, C>,
    transposed: CsrView<'_, O, C>,
    batch: RowValues<'_, R>,
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let Polynomial { a, alphas, dim } = *polynomial;
    check_square(a);
    check_square(transposed);
    assert!(
        transposed.n_rows() == a.n_rows(),
        "the transpose must have the matrix's shape"
    );
    check_shape("the output", out, a.n_rows(), dim);
    let (lower, highest) = match alphas {
        [] => panic!("propagation needs at least one coefficient"),
        [only] => {
            parallel::clear(out);
            return add_rows(out, dim, *only, batch);
        }
        [lower @ .., highest] => (lower, *highest),
    };
    let products = lower.len() - 1;
    let (work, mut whole) = match products {
        0 => (&mut [][..], Whole { rounded: None }),
        _ => {
            let (first, _, whole) = scratch.buffers(out.len(), false);
            (first, whole)
        }
    };
    // The two buffers alternate, and the first one is chosen so that the last product writes `out`.
    let (mut from, mut to) = if products % 2 == 0 {
        (out, work)
    } else {
        (work, out)
    };
    // Horner's rule from the highest coefficient down. The batch's vectors are only added in at each
    // layer, so the table G, mostly zeros, never exists. The first product is one of the batch's
    // rows alone.
    write_transposed_rows(a, transposed, highest, batch, dim, from);
    add_rows(from, dim, lower[products], batch);
    for &alpha in lower[..products].iter().rev() {
        let product = Product {
            a: transposed,
            dense: &*from,
            dim,
            scale: 1.0,
            addend: None,
        };
        whole.multiply(product, to);
        add_rows(to, dim, alpha, batch);
        std::mem::swap(&mut from, &mut to);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parallel::same_at_any_thread_count;
    use crate::propagate::propagate;

    struct Csr(Vec<u64>, Vec<u32>, Vec<f32>);

    impl Csr {
        fn new(n: usize, entry: impl Fn(usize, usize) -> f32) -> Self {
            let mut csr = Self(vec![0], Vec::new(), Vec::new());
            for row in 0..n {
                for column in 0..n {
                    let value = entry(row, column);
                    if value != 0.0 {
                        csr.1.push(column as u32);
                        csr.2.push(value);
                    }
                }
                csr.0.push(csr.1.len() as u64);
            }
            csr
        }

        fn view(&self) -> CsrView<'_, u64, u32> {
            CsrView::new(&self.0, &self.1, &self.2, self.0.len() - 1).unwrap()
        }

        fn polynomial<'a>(&'a self, alphas: &'a [f32], dim: usize) -> Polynomial<'a, u64, u32> {
            let a = self.view();
            Polynomial { a, alphas, dim }
        }
    }

    /// A third of all entries, not symmetric.
    fn entry(row: usize, column: usize) -> f32 {
        match (row * 7 + column * 5) % 3 {
            0 => ((row * 13 + column * 29) % 17) as f32 / 50.0 - 0.15,
            _ => 0.0,
        }
    }

    fn numbers(n: usize) -> Vec<f32> {
        (0..n)
            .map(|i| ((i * 7919) % 101) as f32 / 101.0 - 0.5)
            .collect()
    }

    #[test]
    fn one_layer_by_hand() {
        // A = [0 2; 3 0], alphas ½ and 10.
        let a = Csr::new(2, |r, c| if r == c { 0.0 } else { (2 + r) as f32 });
        let transposed = Csr::new(2, |r, c| if r == c { 0.0 } else { (2 + c) as f32 });
        let mut out = [0.0; 2];
        let scratch = &mut Scratch::default();
        let polynomial = a.polynomial(&[0.5, 10.0], 1);
        propagate_rows(&polynomial, &[1_u32, 0], &[1.0, 100.0], scratch, &mut out);
        assert_eq!(out, [80.0, 2000.5]);
        let batch = RowValues {
            rows: &[1_u32],
            values: &[4.0],
        };
        propagate_rows_transposed(&polynomial, transposed.view(), batch, scratch, &mut out);
        assert_eq!(out, [120.0, 2.0]);
    }

    #[test]
    fn the_same_bits_at_any_thread_count_and_with_used_scratch() {
        let n = 300;
        let (a, t) = (Csr::new(n, entry), Csr::new(n, |r, c| entry(c, r)));
        let (dim, x) = (64, numbers(n * 64));
        let rows: Vec<u32> = (0..200).map(|i| i * 7 % n as u32).collect();
        same_at_any_thread_count(|| {
            let mut scratch = Scratch::default();
            let run = |scratch: &mut Scratch| {
                let mut e = vec![f32::NAN; rows.len() * dim];
                let polynomial = a.polynomial(&[0.25; 4], dim);
                propagate_rows(&polynomial, &rows, &x, scratch, &mut e);
                let mut g = vec![f32::NAN; n * dim];
                let batch = RowValues {
                    rows: &rows,
                    values: &e,
                };
                propagate_rows_transposed(&polynomial, t.view(), batch, scratch, &mut g);
                (e, g)
            };
            let first = run(&mut scratch);
            assert!(first == run(&mut scratch));
            first
        });
    }

    #[test]
    fn rounded_operands_stay_near_and_change_nothing_for_one_layer() {
        let n = 120;
        let (a, t) = (Csr::new(n, entry), Csr::new(n, |r, c| entry(c, r)));
        let (dim, x) = (32, numbers(n * 32));
        let rows: Vec<u32> = (0..70).map(|i| i * 7 % n as u32).collect();
        let run = |operands, alphas: &[f32]| {
            let mut scratch = Scratch::default();
            scratch.set_operands(operands);
            let mut e = vec![f32::NAN; rows.len() * dim];
            let polynomial = a.polynomial(alphas, dim);
            propagate_rows(&polynomial, &rows, &x, &mut scratch, &mut e);
            let mut g = vec![f32::NAN; n * dim];
            let batch = RowValues {
                rows: &rows,
                values: &e,
            };
            propagate_rows_transposed(&polynomial, t.view(), batch, &mut scratch, &mut g);
            [e, g].concat()
        };
        for layers in 1..5 {
            let alphas = vec![0.2; layers + 1];
            let exact = run(Operands::F32, &alphas);
            let rounded = same_at_any_thread_count(|| run(Operands::Bf16, &alphas));
            let largest = exact.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            let error = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs());
            let error = error.fold(0.0, f32::max) / largest;
            assert!(
                error < 0.01 && (layers == 1) == (error == 0.0),
                "{layers}: {error}"
            );
        }
    }

    #[test]
    #[should_panic(expected = "at least one coefficient")]
    fn no_coefficients_panics() {
        let a = Csr::new(2, entry);
        let scratch = &mut Scratch::default();
        propagate_rows(
            &a.polynomial(&[], 1),
            &[0_u32],
            &[0.0; 2],
            scratch,
            &mut [0.0],
        );
    }

    proptest! {
        #[test]
        fn equals_whole_propagation_and_its_gradient(
            n_layers in 0_usize..6,
            rows in prop::collection::vec(0_u32..20, 0..30),
        ) {
            let (n, dim) = (20, 3);
            let (a, t) = (Csr::new(n, entry), Csr::new(n, |r, c| entry(c, r)));
            let alphas: Vec<f32> = (0..=n_layers).map(|k| 0.3 + 0.2 * k as f32).collect();
            let x = numbers(n * dim);
            let scratch = &mut Scratch::default();
            let mut some = vec![f32::NAN; rows.len() * dim];
            let polynomial = a.polynomial(&alphas, dim);
            propagate_rows(&polynomial, &rows, &x, scratch, &mut some);
            let whole = propagate(a.view(), &x, dim, &alphas);
            for (row, some) in rows.iter().zip(some.chunks_exact(dim)) {
                for (got, expected) in some.iter().zip(&whole[*row as usize * dim..]) {
                    prop_assert!((got - expected).abs() < 1e-5, "{got} is not {expected}");
                }
            }
            let g = numbers(rows.len() * dim);
            let mut spread = vec![0.0; n * dim];
            let batch = RowValues { rows: &rows, values: &g };
            add_rows(&mut spread, dim, 1.0, batch);
            let mut got = vec![f32::NAN; n * dim];
            propagate_rows_transposed(&polynomial, t.view(), batch, scratch, &mut got);
            for (got, expected) in got.iter().zip(propagate(t.view(), &spread, dim, &alphas)) {
                prop_assert!((got - expected).abs() < 1e-4, "{got} is not {expected}");
            }
        }
    }
}
