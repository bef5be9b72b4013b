//! The product with AVX2 and FMA, or AVX-512.
//!
//! A row's sums over a panel of up to 64 columns stay in eight registers of AVX2, or four of AVX-512, from
//! the first entry to the last; only the finished panel is stored. The time goes into reading scattered rows
//! of the dense operand, so the rows of later entries are prefetched, past the end of the current row too,
//! since most rows are short. Each sum has one accumulator and adds in the order of the entries at both
//! widths, so AVX2 and AVX-512 give the same bits.

use std::arch::x86_64::{
    _mm256_fmadd_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm512_fmadd_ps,
    _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::ops::Range;

use super::Product;
use super::target::Target;
use crate::cpu::Avx2;
use crate::element::Element;
use crate::element::x86::{LANES, Register, WIDE_LANES, prefetch};
use crate::index::CsrIndex;

/// Columns in a full panel: eight registers of sums leave eight for operands.
const PANEL: usize = 64;
/// How many entries ahead a dense row is fetched.
const AHEAD: usize = 16;
/// How many rows ahead the addend and output rows are prefetched: in training they were last used some hundred
/// megabytes ago, and a reordering hides the pattern from the hardware prefetcher.
const ROWS_AHEAD: usize = 3;

/// Computes the given rows of `product`.
///
/// # Safety
/// `rows` must lie in the matrix, `target` have a slot for each, and nothing else may use these slots
/// meanwhile.
pub(super) unsafe fn write_rows<O: CsrIndex, C: CsrIndex, D: Element>(
    proof: Avx2,
    product: &Product<'_, O, C, D>,
    rows: Range<usize>,
    target: &Target<'_>,
) {
    if product.dim <= PANEL {
        // SAFETY: the caller's promise.
        return unsafe { write_all_panels(proof, product, rows, target) };
    }
    // Row by row, so that each panel reads from pages that the one before has just touched.
    for row in rows {
        // SAFETY: the caller's promise.
        unsafe { write_all_panels(proof, product, row..row + 1, target) };
    }
}

/// Computes the given rows panel after panel.
///
/// # Safety
/// As [`write_rows`].
unsafe fn write_all_panels<O: CsrIndex, C: CsrIndex, D: Element>(
    proof: Avx2,
    product: &Product<'_, O, C, D>,
    rows: Range<usize>,
    target: &Target<'_>,
) {
    let dim = product.dim;
    assert!(rows.end <= product.a.n_rows());
    let wide = proof.avx512().is_some();
    let mut first = 0;
    while first < dim {
        let width = (dim - first).min(PANEL);
        let rows = rows.clone();
        // SAFETY: AVX2 and FMA are there, and AVX-512F where `wide` (the proof); the caller vouches for
        // rows and slots, `Product::write` checked the lengths, and the panel's columns
        // `first..first + width` lie below `dim`.
        unsafe {
            if wide && width.is_multiple_of(WIDE_LANES) {
                match width / WIDE_LANES {
                    1 => write_wide_panel::<1, O, C, D>(product, rows, first, target),
                    2 => write_wide_panel::<2, O, C, D>(product, rows, first, target),
                    3 => write_wide_panel::<3, O, C, D>(product, rows, first, target),
                    _ => write_wide_panel::<4, O, C, D>(product, rows, first, target),
                }
            } else {
                write_narrow_panel(product, rows, first, width, target);
            }
        }
        first += width;
    }
}

/// Computes the columns `first..first + width` of the given rows with AVX2.
///
/// # Safety
/// As [`write_panel`], with `width` at most 64.
unsafe fn write_narrow_panel<O: CsrIndex, C: CsrIndex, D: Element>(
    product: &Product<'_, O, C, D>,
    rows: Range<usize>,
    first: usize,
    width: usize,
    target: &Target<'_>,
) {
    let (registers, tail) = (width / LANES, width % LANES);
    macro_rules! panel {
        ($($n:literal)*) => {
            match (registers, tail) {
                $(
                    // SAFETY: the caller's promise.
                    ($n, 0) => unsafe {
                        write_panel::<$n, false, O, C, D>(product, rows, first, 0, target);
                    },
                    // SAFETY: the caller's promise.
                    ($n, _) => unsafe {
                        write_panel::<$n, true, O, C, D>(product, rows, first, tail, target);
                    },
                )*
                _ => unreachable!("a panel has at most eight registers"),
            }
        };
    }
    panel!(0 1 2 3 4 5 6 7 8);
}

/// Computes the columns `first..first + 8 · N + tail` of the given rows.
///
/// # Safety
/// The machine must have AVX2 and FMA; `rows` lie in the matrix, `target` has a slot for each that nothing
/// else uses, `dense` and the addend have the shapes that the matrix needs; the columns lie below `dim`;
/// `tail < 8`, and 0 unless `TAIL`.
#[target_feature(enable = "avx2,fma")]
unsafe fn write_panel<const N: usize, const TAIL: bool, O: CsrIndex, C: CsrIndex, D: Element>(
    product: &Product<'_, O, C, D>,
    rows: Range<usize>,
    first: usize,
    tail: usize,
    target: &Target<'_>,
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
    let panel_bytes = const { (N + TAIL as usize) * LANES * size_of::<D>() };
    let width = N * LANES + tail;
    let last_row = rows.end.saturating_sub(1);
    // SAFETY: for all pointers below: a column is below `n_columns` and a row below `n_rows` (the
    // invariant of `CsrView`), so each addresses `8 · N` numbers, and `tail` more, within its matrix.
    // Offsets lie within `columns` and `values` by the same invariant. A prefetch cannot issue.
    unsafe {
        let (dense_tail, out_tail) = (D::tail(tail), f32::tail(tail));
        let panel = dense.as_ptr().add(first);
        let mut entry = offsets.get_unchecked(rows.start).to_usize();
        for row in rows {
            let end = offsets.get_unchecked(row + 1).to_usize();
            fetch_ends(
                product,
                target,
                (row + ROWS_AHEAD).min(last_row),
                first,
                width,
            );
            // `N` and `TAIL` are constants, so that these are registers and not memory.
            let mut sum = [_mm256_setzero_ps(); N];
            let mut sum_tail = _mm256_setzero_ps();
            while entry < end {
                // Past this row's end are the entries of the next rows, which are needed soon. Past the last
                // entry, that entry is fetched again: cheaper than a branch.
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
            // `scale · sum` is rounded before the addend is added, as in the portable form.
            let slot = target.slot(row);
            if let Some((factor, addend)) = addend {
                let factor = _mm256_set1_ps(factor);
                let x = addend.as_ptr().add(slot * dim + first);
                for (n, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm256_fmadd_ps(factor, f32::load(x.add(n * LANES)), *sum);
                }
                if TAIL {
                    let x = f32::load_tail(x.add(N * LANES), out_tail);
                    sum_tail = _mm256_fmadd_ps(factor, x, sum_tail);
                }
            }
            let to = target.at(slot).add(first);
            for (n, &sum) in sum.iter().enumerate() {
                f32::store(to.add(n * LANES), sum);
            }
            if TAIL {
                f32::store_tail(to.add(N * LANES), out_tail, sum_tail);
            }
        }
    }
}

/// Computes the columns `first..first + 16 · N` of the given rows, with the bits of [`write_panel`].
///
/// # Safety
/// The machine must have AVX-512F in addition to AVX2; otherwise as [`write_panel`].
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn write_wide_panel<const N: usize, O: CsrIndex, C: CsrIndex, D: Element>(
    product: &Product<'_, O, C, D>,
    rows: Range<usize>,
    first: usize,
    target: &Target<'_>,
) {
    let Product {
        a,
        dense,
        dim,
        scale,
        addend,
    } = *product;
    let (offsets, columns, values) = (a.row_offsets(), a.columns(), a.values());
    let scale = _mm512_set1_ps(scale);
    let last = columns.len().saturating_sub(1);
    let panel_bytes = const { N * WIDE_LANES * size_of::<D>() };
    let width = N * WIDE_LANES;
    let last_row = rows.end.saturating_sub(1);
    // SAFETY: as in `write_panel`, for `16 · N` numbers at each pointer.
    unsafe {
        let panel = dense.as_ptr().add(first);
        let mut entry = offsets.get_unchecked(rows.start).to_usize();
        for row in rows {
            let end = offsets.get_unchecked(row + 1).to_usize();
            fetch_ends(
                product,
                target,
                (row + ROWS_AHEAD).min(last_row),
                first,
                width,
            );
            let mut sum = [_mm512_setzero_ps(); N];
            while entry < end {
                let ahead = columns.get_unchecked((entry + AHEAD).min(last)).to_usize();
                prefetch(panel.wrapping_add(ahead * dim), panel_bytes);
                let x = panel.add(columns.get_unchecked(entry).to_usize() * dim);
                let value = _mm512_set1_ps(*values.get_unchecked(entry));
                for (n, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm512_fmadd_ps(value, D::load_wide(x.add(n * WIDE_LANES)), *sum);
                }
                entry += 1;
            }
            for sum in &mut sum {
                *sum = _mm512_mul_ps(scale, *sum);
            }
            let slot = target.slot(row);
            if let Some((factor, addend)) = addend {
                let factor = _mm512_set1_ps(factor);
                let x = addend.as_ptr().add(slot * dim + first);
                for (n, sum) in sum.iter_mut().enumerate() {
                    *sum = _mm512_fmadd_ps(factor, f32::load_wide(x.add(n * WIDE_LANES)), *sum);
                }
            }
            let to = target.at(slot).add(first);
            for (n, &sum) in sum.iter().enumerate() {
                _mm512_storeu_ps(to.add(n * WIDE_LANES), sum);
            }
        }
    }
}

/// Prefetches the columns `first..first + width` of a row's addend and output, which a reordered product does
/// not visit in sequence.
///
/// # Safety
/// The machine must have AVX2; `row` has a slot in `target`.
#[inline(always)]
unsafe fn fetch_ends<O: CsrIndex, C: CsrIndex, D: Element>(
    product: &Product<'_, O, C, D>,
    target: &Target<'_>,
    row: usize,
    first: usize,
    width: usize,
) {
    let slot = target.slot(row);
    // SAFETY: the caller's promise; a prefetch cannot issue.
    unsafe {
        if let Some((_, addend)) = product.addend {
            let x = addend.as_ptr().wrapping_add(slot * product.dim + first);
            prefetch(x, width * size_of::<f32>());
        }
        prefetch(
            target.at(slot).wrapping_add(first),
            width * size_of::<f32>(),
        );
    }
}
