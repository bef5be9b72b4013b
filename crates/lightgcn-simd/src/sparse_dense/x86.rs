//! The product with AVX2 and FMA: a panel of up to 64 columns is summed in eight registers, and the
//! dense rows of later entries are fetched ahead.

use std::arch::x86_64::{_mm256_fmadd_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_setzero_ps};
use std::ops::Range;

use super::Product;
use crate::cpu::Avx2;
use crate::element::Element;
use crate::element::x86::{LANES, Register, prefetch};
use crate::index::CsrIndex;

/// Columns in a full panel: eight registers of sums leave eight for operands.
const PANEL: usize = 64;
/// How many entries ahead a dense row is fetched.
const AHEAD: usize = 16;

/// Computes the given rows of `product` into `out` (`[rows.len(), dim]`).
pub(super) fn write_rows<O: CsrIndex, C: CsrIndex, D: Element, T: Element>(
    proof: Avx2,
    product: &Product<'_, O, C, D>,
    rows: Range<usize>,
    out: &mut [T],
) {
    let dim = product.dim;
    if dim <= PANEL {
        return write_all_panels(proof, product, rows, out);
    }
    // Row by row: what one panel fetches, the next finds in the same pages.
    for (row, out) in rows.zip(out.chunks_exact_mut(dim)) {
        write_all_panels(proof, product, row..row + 1, out);
    }
}

/// Computes the given rows panel after panel.
fn write_all_panels<O: CsrIndex, C: CsrIndex, D: Element, T: Element>(
    _proof: Avx2,
    product: &Product<'_, O, C, D>,
    rows: Range<usize>,
    out: &mut [T],
) {
    let dim = product.dim;
    assert!(rows.end <= product.a.n_rows() && rows.len() * dim == out.len());
    let mut first = 0;
    while first < dim {
        let width = (dim - first).min(PANEL);
        let (registers, tail) = (width / LANES, width % LANES);
        let rows = rows.clone();
        macro_rules! panel {
            ($($n:literal)*) => {
                match (registers, tail) {
                    $(
                        // SAFETY: AVX2 and FMA are there (the proof); `rows` and `out` were checked
                        // above, `Product::write` checked the other lengths, and the panel's columns
                        // `first..first + 8 * registers + tail` lie below `dim`.
                        ($n, 0) => unsafe {
                            write_panel::<$n, false, O, C, D, T>(product, rows, first, 0, out);
                        },
                        // SAFETY: as above.
                        ($n, _) => unsafe {
                            write_panel::<$n, true, O, C, D, T>(product, rows, first, tail, out);
                        },
                    )*
                    _ => unreachable!("a panel has at most eight registers"),
                }
            };
        }
        panel!(0 1 2 3 4 5 6 7 8);
        first += width;
    }
}

/// Computes the columns `first..first + 8 · N + tail` of the given rows.
///
/// # Safety
/// The machine must have AVX2 and FMA; `rows` lie in the matrix, `out` has `rows.len() · dim`
/// numbers, `dense` and the addend have the shapes that the matrix needs; the columns lie below
/// `dim`; `tail < 8`, and 0 unless `TAIL`.
#[target_feature(enable = "avx2,fma")]
unsafe fn write_panel<
    const N: usize,
    const TAIL: bool,
    O: CsrIndex,
    C: CsrIndex,
    D: Element,
    T: Element,
>(
    product: &Product<'_, O, C, D>,
    rows: Range<usize>,
    first: usize,
    tail: usize,
    out: &mut [T],
) {
    let Product {
        a,
        dense,
        dim,
        scale,
        addend,
    } = *product;
    let (offsets, columns, values) = (a.row_offsets(), a.columns(), a.values());
    let scale = _mm256_set1_ps(scale);
    let last = columns.len().saturating_sub(1);
    let start_row = rows.start;
    let panel_bytes = const { (N + TAIL as usize) * LANES * size_of::<D>() };
    // SAFETY: for all pointers below: a column is below `n_columns` and a row below `n_rows` (the
    // invariant of `CsrView`), so each addresses `8 · N` numbers, and `tail` more, within its matrix.
    // Offsets lie within `columns` and `values` by the same invariant. A prefetch cannot fault.
    unsafe {
        let (dense_tail, addend_tail, out_tail) = (D::tail(tail), f32::tail(tail), T::tail(tail));
        let panel = dense.as_ptr().add(first);
        let mut entry = offsets.get_unchecked(start_row).to_usize();
        for row in rows {
            let end = offsets.get_unchecked(row + 1).to_usize();
            let mut sum = [_mm256_setzero_ps(); N];
            let mut sum_tail = _mm256_setzero_ps();
            while entry < end {
                // Beyond this row's end lie the entries of the next rows, which are wanted soon.
                let ahead = columns.get_unchecked((entry + AHEAD).min(last)).to_usize();
                prefetch(panel.wrapping_add(ahead * dim), panel_bytes);
                let x = panel.add(columns.get_unchecked(entry).to_usize() * dim);
                let value = _mm256_set1_ps(*values.get_unchecked(entry));
                for (n, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm256_fmadd_ps(value, D::load(x.add(n * LANES)), *sum);
                }
                if TAIL {
                    let x = D::load_tail(x.add(N * LANES), dense_tail);
                    sum_tail = _mm256_fmadd_ps(value, x, sum_tail);
                }
                entry += 1;
            }
            for sum in &mut sum {
                *sum = _mm256_mul_ps(scale, *sum);
            }
            sum_tail = _mm256_mul_ps(scale, sum_tail);
            if let Some((factor, addend)) = addend {
                let factor = _mm256_set1_ps(factor);
                let x = addend.as_ptr().add(row * dim + first);
                for (n, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm256_fmadd_ps(factor, f32::load(x.add(n * LANES)), *sum);
                }
                if TAIL {
                    let x = f32::load_tail(x.add(N * LANES), addend_tail);
                    sum_tail = _mm256_fmadd_ps(factor, x, sum_tail);
                }
            }
            let to = out.as_mut_ptr().add((row - start_row) * dim + first);
            for (n, &sum) in sum.iter().enumerate() {
                T::store(to.add(n * LANES), sum);
            }
            if TAIL {
                T::store_tail(to.add(N * LANES), out_tail, sum_tail);
            }
        }
    }
}
