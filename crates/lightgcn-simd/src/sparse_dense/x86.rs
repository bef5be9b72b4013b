//! The product with AVX2 and FMA: a panel of up to 64 columns is summed in eight registers, and the
//! dense rows of later entries are fetched ahead.

use std::arch::x86_64::{
    __m256, __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_mul_ps, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_storeu_ps,
};
use std::ops::Range;

use super::Product;
use crate::cpu::Avx2;
use crate::index::CsrIndex;

/// Numbers in a register.
const LANES: usize = 8;
/// Columns in a full panel: eight registers of sums leave eight for operands.
const PANEL: usize = 64;
/// How many entries ahead a dense row is fetched.
const AHEAD: usize = 16;

/// Computes the given rows of `product` into `out` (`[rows.len(), dim]`).
pub(super) fn write_rows<O: CsrIndex, C: CsrIndex>(
    proof: Avx2,
    product: &Product<'_, O, C>,
    rows: Range<usize>,
    out: &mut [f32],
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
fn write_all_panels<O: CsrIndex, C: CsrIndex>(
    _proof: Avx2,
    product: &Product<'_, O, C>,
    rows: Range<usize>,
    out: &mut [f32],
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
                            write_panel::<$n, false, O, C>(product, rows, first, 0, out);
                        },
                        // SAFETY: as above.
                        ($n, _) => unsafe {
                            write_panel::<$n, true, O, C>(product, rows, first, tail, out);
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
unsafe fn write_panel<const N: usize, const TAIL: bool, O: CsrIndex, C: CsrIndex>(
    product: &Product<'_, O, C>,
    rows: Range<usize>,
    first: usize,
    tail: usize,
    out: &mut [f32],
) {
    let Product {
        a,
        dense,
        dim,
        scale,
        addend,
    } = *product;
    let (offsets, columns, values) = (a.row_offsets(), a.columns(), a.values());
    let mask = if TAIL {
        tail_mask(tail)
    } else {
        _mm256_setzero_si256()
    };
    let scale = _mm256_set1_ps(scale);
    let last = columns.len().saturating_sub(1);
    let start_row = rows.start;
    // SAFETY: for all pointers below: a column is below `n_columns` and a row below `n_rows` (the
    // invariant of `CsrView`), so each addresses `8 · N` numbers, and under the mask `tail` more,
    // within its matrix. Offsets lie within `columns` and `values` by the same invariant. A prefetch
    // cannot fault.
    unsafe {
        let panel = dense.as_ptr().add(first);
        let mut entry = offsets.get_unchecked(start_row).to_usize();
        for row in rows {
            let end = offsets.get_unchecked(row + 1).to_usize();
            let mut sum = [_mm256_setzero_ps(); N];
            let mut sum_tail = _mm256_setzero_ps();
            while entry < end {
                // Beyond this row's end lie the entries of the next rows, which are wanted soon.
                let ahead = columns.get_unchecked((entry + AHEAD).min(last)).to_usize();
                prefetch::<N, TAIL>(panel.wrapping_add(ahead * dim));
                let x = panel.add(columns.get_unchecked(entry).to_usize() * dim);
                let value = _mm256_set1_ps(*values.get_unchecked(entry));
                for (n, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm256_fmadd_ps(value, _mm256_loadu_ps(x.add(n * LANES)), *sum);
                }
                if TAIL {
                    let x = _mm256_maskload_ps(x.add(N * LANES), mask);
                    sum_tail = _mm256_fmadd_ps(value, x, sum_tail);
                }
                entry += 1;
            }
            let to = out.as_mut_ptr().add((row - start_row) * dim + first);
            for sum in &mut sum {
                *sum = _mm256_mul_ps(scale, *sum);
            }
            sum_tail = _mm256_mul_ps(scale, sum_tail);
            if let Some((factor, addend)) = addend {
                let (factor, x) = (
                    _mm256_set1_ps(factor),
                    addend.as_ptr().add(row * dim + first),
                );
                for (n, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm256_fmadd_ps(factor, _mm256_loadu_ps(x.add(n * LANES)), *sum);
                }
                if TAIL {
                    let x = _mm256_maskload_ps(x.add(N * LANES), mask);
                    sum_tail = _mm256_fmadd_ps(factor, x, sum_tail);
                }
            }
            store::<N, TAIL>(to, &sum, sum_tail, mask);
        }
    }
}

/// Fetches the cache lines of one row's panel. A prefetch never faults, whatever the address.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn prefetch<const N: usize, const TAIL: bool>(row: *const f32) {
    const LINE: usize = 16;
    let width = N * LANES + if TAIL { LANES } else { 0 };
    let mut line = 0;
    while line < width {
        _mm_prefetch::<_MM_HINT_T0>(row.wrapping_add(line).cast());
        line += LINE;
    }
}

/// # Safety
/// `to` must be valid for writes of `8 · N` numbers and of those that the mask selects after them.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn store<const N: usize, const TAIL: bool>(
    to: *mut f32,
    sum: &[__m256; N],
    sum_tail: __m256,
    mask: __m256i,
) {
    // SAFETY: the caller vouches for the destination.
    unsafe {
        for (n, sum) in sum.iter().enumerate() {
            _mm256_storeu_ps(to.add(n * LANES), *sum);
        }
        if TAIL {
            _mm256_maskstore_ps(to.add(N * LANES), mask, sum_tail);
        }
    }
}

/// A mask that selects the first `tail` lanes.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn tail_mask(tail: usize) -> __m256i {
    let lanes: [i32; LANES] = std::array::from_fn(|lane| if lane < tail { -1 } else { 0 });
    // SAFETY: `lanes` is 32 bytes long, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
}
