//! The same with AVX2 and FMA: an item row of a panel fills two registers, and each query's number is
//! broadcast against them.

use std::arch::x86_64::{
    __m256, _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps,
    _mm256_storeu_ps,
};

use super::{PANEL, dot_in_order};
use crate::cpu::Avx2;
use crate::element::Element;
use crate::element::x86::{LANES, prefetch_next_rows};

pub(super) fn dot<T: Element>(_proof: Avx2, query: &[f32], item: &[T]) -> f32 {
    // SAFETY: the proof says that the machine has AVX2 and FMA.
    unsafe { dot_fused(query, item) }
}

/// # Safety
/// The machine must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
unsafe fn dot_fused<T: Element>(query: &[f32], item: &[T]) -> f32 {
    dot_in_order::<true, T>(query, item)
}

/// Packs 16 items (`[16, dim]`) into a panel (`[dim, 16]`).
pub(super) fn pack_panel<T: Element>(_proof: Avx2, items: &[T], dim: usize, panel: &mut [f32]) {
    assert!(items.len() == PANEL * dim && panel.len() == PANEL * dim);
    let whole = dim / LANES * LANES;
    // Eight items by eight numbers at a time, which is what the registers can transpose.
    for half in [0, LANES] {
        for d in (0..whole).step_by(LANES) {
            // SAFETY: AVX2 is there (the proof). Read are the eight numbers from `d` on of the
            // items `half..half + 8`, written the lanes `half..half + 8` of the panel's rows
            // `d..d + 8`; with `d + 8 <= dim` and the lengths checked above both lie within.
            unsafe {
                prefetch_next_rows(items.as_ptr().add(half * dim), LANES, dim, d);
                transpose(
                    items.as_ptr().add(half * dim + d),
                    dim,
                    panel.as_mut_ptr().add(d * PANEL + half),
                );
            }
        }
    }
    for d in whole..dim {
        for lane in 0..PANEL {
            panel[d * PANEL + lane] = items[lane * dim + d].widen();
        }
    }
}

/// Transposes eight rows of eight numbers, `stride` apart, into eight rows of a panel.
///
/// # Safety
/// The machine must have AVX2; the rows must be valid for reads, the panel's for writes.
#[target_feature(enable = "avx2,fma")]
unsafe fn transpose<T: Element>(from: *const T, stride: usize, to: *mut f32) {
    // SAFETY: the caller vouches for the addresses.
    unsafe {
        for (i, column) in T::load_columns(from, stride).into_iter().enumerate() {
            _mm256_storeu_ps(to.add(i * PANEL), column);
        }
    }
}

/// See [`super::score`], which has checked the lengths.
pub(super) fn score(_proof: Avx2, queries: &[f32], packed: &[f32], dim: usize, out: &mut [f32]) {
    let panels = packed.len() / (PANEL * dim);
    let n_queries = queries.len() / dim;
    assert!(packed.len() == panels * PANEL * dim && queries.len() == n_queries * dim);
    assert!(out.len() == n_queries * panels * PANEL);
    let operands = Operands {
        queries,
        packed,
        dim,
        panels,
    };
    let mut panel = 0;
    while panel < panels {
        macro_rules! tile {
            ($m:literal, $p:literal) => {{
                // SAFETY: AVX2 and FMA are there (the proof); `panel + p <= panels`, and the
                // lengths were checked above.
                unsafe { score_tile::<$m, $p>(&operands, panel, out) };
                panel += $p;
            }};
        }
        // A fused multiply-add takes four cycles, and two start in each: eight sums in flight keep the
        // units busy. Few queries reach that only with several panels at a time.
        match (n_queries, panels - panel) {
            (0, _) => return,
            (1, 4..) => tile!(1, 4),
            (1, _) => tile!(1, 1),
            (2, 2..) => tile!(2, 2),
            (2, _) => tile!(2, 1),
            (3, 2..) => tile!(3, 2),
            (3, _) => tile!(3, 1),
            (4, _) => tile!(4, 1),
            (5, _) => tile!(5, 1),
            (6, _) => tile!(6, 1),
            _ => unreachable!("at most six queries are scored at a time"),
        }
    }
}

/// Queries, `[m, dim]`, and packed items, `[panels, dim, 16]`.
struct Operands<'a> {
    queries: &'a [f32],
    packed: &'a [f32],
    dim: usize,
    panels: usize,
}

/// Scores `M` queries against the panels `panel..panel + P`.
///
/// # Safety
/// The machine must have AVX2 and FMA; there are `M` queries, the operands have the lengths that they
/// say, `out` is `[M, panels · 16]`, and `panel + P <= panels`.
#[target_feature(enable = "avx2,fma")]
unsafe fn score_tile<const M: usize, const P: usize>(
    operands: &Operands<'_>,
    panel: usize,
    out: &mut [f32],
) {
    let Operands {
        queries,
        packed,
        dim,
        panels,
    } = *operands;
    // SAFETY: by the caller's promises `m · dim + d` lies in `queries` for `m < M` and `d < dim`,
    // 16 numbers from `((panel + p) · dim + d) · 16` in `packed` for `p < P`, and 16 from
    // `(m · panels + panel + p) · 16` in `out`.
    unsafe {
        let query = queries.as_ptr();
        let items = packed.as_ptr().add(panel * dim * PANEL);
        let mut sums = [[[_mm256_setzero_ps(); 2]; P]; M];
        for d in 0..dim {
            let mut rows = [[_mm256_setzero_ps(); 2]; P];
            for (p, row) in rows.iter_mut().enumerate() {
                let at = items.add((p * dim + d) * PANEL);
                *row = [_mm256_loadu_ps(at), _mm256_loadu_ps(at.add(LANES))];
            }
            for (m, sums) in sums.iter_mut().enumerate() {
                let q: __m256 = _mm256_broadcast_ss(&*query.add(m * dim + d));
                for (sum, row) in sums.iter_mut().zip(&rows) {
                    sum[0] = _mm256_fmadd_ps(q, row[0], sum[0]);
                    sum[1] = _mm256_fmadd_ps(q, row[1], sum[1]);
                }
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            for (p, sum) in sums.iter().enumerate() {
                let to = out.as_mut_ptr().add((m * panels + panel + p) * PANEL);
                _mm256_storeu_ps(to, sum[0]);
                _mm256_storeu_ps(to.add(LANES), sum[1]);
            }
        }
    }
}
