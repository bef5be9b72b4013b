//! The same with AVX2 and FMA: eight rows are transposed in registers, eight numbers of each at a time, so
//! that a register adds up the scores of eight items. Summing along a row instead would need a horizontal
//! sum at its end, whose order differs from `dot`'s.

use std::arch::x86_64::{
    __m256, _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps,
    _mm256_storeu_ps,
};

use crate::cpu::Avx2;
use crate::element::Element;
use crate::element::x86::{LANES, prefetch_next_rows};
use crate::tile::dot_in_order;

/// See [`super::score_rows`], which has checked the lengths.
pub(super) fn score_rows<T: Element>(
    _proof: Avx2,
    queries: &[f32],
    items: &[T],
    dim: usize,
    out: &mut [f32],
) {
    let (n_queries, n_items) = (queries.len() / dim, items.len() / dim);
    assert!(queries.len() == n_queries * dim && items.len() == n_items * dim);
    assert!(out.len() == n_queries * n_items);
    // SAFETY: AVX2 and FMA are there (the proof), and the lengths were checked above.
    unsafe {
        match n_queries {
            0 => {}
            1 => score_all::<1, T>(queries, items, dim, out),
            2 => score_all::<2, T>(queries, items, dim, out),
            3 => score_all::<3, T>(queries, items, dim, out),
            4 => score_all::<4, T>(queries, items, dim, out),
            5 => score_all::<5, T>(queries, items, dim, out),
            6 => score_all::<6, T>(queries, items, dim, out),
            _ => unreachable!("at most six queries are scored at a time"),
        }
    }
}

/// # Safety
/// The machine must have AVX2 and FMA; `queries` is `[M, dim]`, `items` `[n, dim]`, `out` `[M, n]`.
#[target_feature(enable = "avx2,fma")]
unsafe fn score_all<const M: usize, T: Element>(
    queries: &[f32],
    items: &[T],
    dim: usize,
    out: &mut [f32],
) {
    let n = items.len() / dim;
    let mut item = 0;
    // SAFETY: the items `item..item + 8 · G` lie below `n`; the rest is the caller's promise.
    unsafe {
        // Rows of 16 bits are half as long, so two groups fit into what is prefetched, and with few
        // queries their sums fit into the registers.
        while size_of::<T>() == 2 && M <= 3 && item + 2 * LANES <= n {
            score_groups::<M, 2, T>(queries, items, dim, item, out);
            item += 2 * LANES;
        }
        while item + LANES <= n {
            score_groups::<M, 1, T>(queries, items, dim, item, out);
            item += LANES;
        }
    }
    for item in item..n {
        let row = &items[item * dim..][..dim];
        for (m, query) in queries.chunks_exact(dim).enumerate() {
            out[m * n + item] = dot_in_order::<true, T>(query, row);
        }
    }
}

/// Scores the items `first..first + 8 · G`.
///
/// # Safety
/// As [`score_all`], and the items lie below `n`.
#[target_feature(enable = "avx2,fma")]
unsafe fn score_groups<const M: usize, const G: usize, T: Element>(
    queries: &[f32],
    items: &[T],
    dim: usize,
    first: usize,
    out: &mut [f32],
) {
    let n = items.len() / dim;
    let whole = dim / LANES * LANES;
    let mut sums = [[_mm256_setzero_ps(); G]; M];
    // SAFETY: by the caller's promises `m · dim + d` lies in `queries` for `m < M` and `d < dim`, the
    // rows `first..first + 8 · G` of `dim` numbers in `items`, and eight numbers from
    // `m · n + first + 8 · g` on in `out`; `d + 8 <= dim` for the `d` of the first loop.
    unsafe {
        let query = queries.as_ptr();
        let rows = items.as_ptr().add(first * dim);
        for d in (0..whole).step_by(LANES) {
            prefetch_next_rows(rows, G * LANES, dim, d);
            for g in 0..G {
                let columns = T::load_columns(rows.add(g * LANES * dim + d), dim);
                for (m, sums) in sums.iter_mut().enumerate() {
                    for (i, &column) in columns.iter().enumerate() {
                        let q: __m256 = _mm256_broadcast_ss(&*query.add(m * dim + d + i));
                        sums[g] = _mm256_fmadd_ps(q, column, sums[g]);
                    }
                }
            }
        }
        // The rest of the dimension, number by number and in the same order.
        for d in whole..dim {
            for g in 0..G {
                let number = |lane: usize| (*rows.add((g * LANES + lane) * dim + d)).widen();
                let column: [f32; LANES] = std::array::from_fn(number);
                let column = _mm256_loadu_ps(column.as_ptr());
                for (m, sums) in sums.iter_mut().enumerate() {
                    let q: __m256 = _mm256_broadcast_ss(&*query.add(m * dim + d));
                    sums[g] = _mm256_fmadd_ps(q, column, sums[g]);
                }
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            for (g, &sum) in sums.iter().enumerate() {
                _mm256_storeu_ps(out.as_mut_ptr().add(m * n + first + g * LANES), sum);
            }
        }
    }
}
