//! The same with AVX2 and FMA.

use std::arch::x86_64::{
    __m256, _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_permute2f128_ps,
    _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

use super::{PANEL, dot_in_order};
use crate::cpu::Avx2;

/// Numbers in a register.
const LANES: usize = 8;

pub(super) fn dot(_proof: Avx2, a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: the proof says that the machine has AVX2 and FMA.
    unsafe { dot_fused(a, b) }
}

/// # Safety
/// The machine must have AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
unsafe fn dot_fused(a: &[f32], b: &[f32]) -> f32 {
    dot_in_order::<true>(a, b)
}

/// Packs 16 items (`[16, dim]`) into a panel (`[dim, 16]`).
pub(super) fn pack_panel(_proof: Avx2, items: &[f32], dim: usize, panel: &mut [f32]) {
    assert!(items.len() == PANEL * dim && panel.len() == PANEL * dim);
    let whole = dim / LANES * LANES;
    for half in [0, LANES] {
        for d in (0..whole).step_by(LANES) {
            // SAFETY: AVX2 is there (the proof). Read are the eight numbers from `d` on of the
            // items `half..half + 8`, written the lanes `half..half + 8` of the panel's rows
            // `d..d + 8`; with `d + 8 <= dim` and the lengths checked above both lie within.
            unsafe {
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
            panel[d * PANEL + lane] = items[lane * dim + d];
        }
    }
}

/// Transposes eight rows of eight numbers, `stride` apart, into eight rows of a panel.
///
/// # Safety
/// The machine must have AVX2; the rows must be valid for reads, the panel's for writes.
#[target_feature(enable = "avx2,fma")]
unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32) {
    // SAFETY: the caller vouches for the addresses.
    unsafe {
        let row = |i: usize| _mm256_loadu_ps(from.add(i * stride));
        let mut columns = [_mm256_setzero_ps(); LANES];
        let mut quarters = [_mm256_setzero_ps(); LANES];
        // Pairs of rows, then fours: quarter i holds the columns i and i + 4 of rows 0..4, and
        // quarter 4 + i those of rows 4..8.
        for group in 0..2 {
            let [a, b, c, d] = [0, 1, 2, 3].map(|i| row(group * 4 + i));
            let (ab_low, ab_high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd_low, cd_high) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            quarters[group * 4] = _mm256_shuffle_ps::<0b01_00_01_00>(ab_low, cd_low);
            quarters[group * 4 + 1] = _mm256_shuffle_ps::<0b11_10_11_10>(ab_low, cd_low);
            quarters[group * 4 + 2] = _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high);
            quarters[group * 4 + 3] = _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high);
        }
        for i in 0..4 {
            columns[i] = _mm256_permute2f128_ps::<0x20>(quarters[i], quarters[4 + i]);
            columns[4 + i] = _mm256_permute2f128_ps::<0x31>(quarters[i], quarters[4 + i]);
        }
        for (i, column) in columns.iter().enumerate() {
            _mm256_storeu_ps(to.add(i * PANEL), *column);
        }
    }
}

/// See [`super::score`], which has checked the lengths.
pub(super) fn score(_proof: Avx2, queries: &[f32], packed: &[f32], dim: usize, out: &mut [f32]) {
    let panels = packed.len() / (PANEL * dim);
    let n_queries = queries.len() / dim;
    assert!(packed.len() == panels * PANEL * dim && queries.len() == n_queries * dim);
    assert!(out.len() == n_queries * panels * PANEL);
    let mut panel = 0;
    while panel < panels {
        macro_rules! tile {
            ($m:literal, $p:literal) => {{
                // SAFETY: AVX2 and FMA are there (the proof); `panel + p <= panels`, and the
                // lengths were checked above.
                unsafe { score_tile::<$m, $p>(queries, packed, dim, panel, panels, out) };
                panel += $p;
            }};
        }
        // Few queries take more panels at a time, lest each sum wait for the one before.
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

/// Scores `M` queries against the panels `panel..panel + P`.
///
/// # Safety
/// The machine must have AVX2 and FMA; `queries` is `[M, dim]`, `packed` `[panels, dim, 16]`, `out`
/// `[M, panels · 16]`, and `panel + P <= panels`.
#[target_feature(enable = "avx2,fma")]
unsafe fn score_tile<const M: usize, const P: usize>(
    queries: &[f32],
    packed: &[f32],
    dim: usize,
    panel: usize,
    panels: usize,
    out: &mut [f32],
) {
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
