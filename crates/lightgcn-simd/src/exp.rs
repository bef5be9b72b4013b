//! A vectorized exponential for arguments that are not positive.

use crate::cpu::{Level, PORTABLE_FMA, multiply_add};

/// Lanes of the running sums and maxima: two AVX2 registers or one of AVX-512. Part of the result: sums in
/// other lanes have other bits.
const LANES: usize = 16;

/// Below this the exponential is not a normal `f32`; it counts as 0.
const LOWEST: f32 = -87.0;

/// `e^x` for `x ≤ 0`, to about two units in the last place; 0 below −87.
///
/// Cephes' `expf`: `x = n · ln 2 + r` with `|r| ≤ ½ ln 2`, a polynomial in `r`, and `2^n` by its bits.
#[inline(always)]
fn exp_not_positive<const FUSED: bool>(x: f32) -> f32 {
    /// 1.5 · 2^23: adding it leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts, so that n · ln 2 is exact in the first.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // A comparison, not `max`: −∞ and NaN become the bound, and it compiles to one instruction.
    let clamped = if x > LOWEST { x } else { LOWEST };
    // The nearest n, in the lowest bits of `shifted` and as a float in `n`: rounding without a conversion.
    let shifted = multiply_add::<FUSED>(clamped, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add::<FUSED>(n, -LN_2_HIGH, clamped);
    let r = multiply_add::<FUSED>(n, -LN_2_LOW, r);
    let mut p = 1.987_569_1e-4;
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        5e-1,
    ] {
        p = multiply_add::<FUSED>(p, r, coefficient);
    }
    // 1 + r + r² p(r): the large terms come last, which keeps their digits.
    let p = multiply_add::<FUSED>(p * r, r, r) + 1.0;
    // 2^n: n plus the exponent's bias, moved to where a float keeps its exponent.
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x > LOWEST { p * power } else { 0.0 }
}

/// One row of scores in panels of 64: panel `p` is `numbers[first + p · stride..][..64]`. Between them lie
/// the panels of the block's other rows.
pub(crate) struct Panels<'a> {
    pub(crate) numbers: &'a mut [f32],
    pub(crate) first: usize,
    pub(crate) stride: usize,
}

/// Numbers in a panel.
const PANEL: usize = 64;

impl Panels<'_> {
    /// Score `n` of the row.
    pub(crate) fn at(&mut self, n: usize) -> &mut f32 {
        &mut self.numbers[self.first + n / PANEL * self.stride + n % PANEL]
    }

    pub(crate) fn fill(&mut self, value: f32) {
        for panel in self.numbers[self.first..].chunks_mut(self.stride) {
            panel[..PANEL].fill(value);
        }
    }
}

/// Compiles a function once for each level, and calls the right one. The function is inlined into one caller
/// per instruction set, where the compiler vectorizes it.
macro_rules! at_level {
    ($level:expr, $name:ident($($argument:ident: $type:ty),*) -> $result:ty) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx2,fma")]
        unsafe fn avx512($($argument: $type),*) -> $result {
            $name::<true>($($argument),*)
        }
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2($($argument: $type),*) -> $result {
            $name::<true>($($argument),*)
        }
        match $level {
            Level::Portable => $name::<PORTABLE_FMA>($($argument),*),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level proves that the machine has AVX-512F, or AVX2 and FMA.
            Level::Avx2(proof) => unsafe {
                match proof.avx512() {
                    Some(_) => avx512($($argument),*),
                    None => avx2($($argument),*),
                }
            },
        }
    }};
}

/// `row[j] ← weights[j] · e^((row[j] − largest) · scale)`, and the sum of the results. No number of
/// `row` may be above `largest`, and `scale` may not be negative. −∞ becomes 0.
pub(crate) fn exp_weighted_sum(
    level: Level,
    row: &mut Panels<'_>,
    largest: f32,
    scale: f32,
    weights: &[f32],
) -> f32 {
    at_level!(level, exp_each(row: &mut Panels<'_>, largest: f32, scale: f32, weights: &[f32]) -> f32)
}

#[inline(always)]
fn exp_each<const FUSED: bool>(
    row: &mut Panels<'_>,
    largest: f32,
    scale: f32,
    weights: &[f32],
) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let panels = row.numbers[row.first..].chunks_mut(row.stride);
    for (panel, weights) in panels.zip(weights.chunks_exact(PANEL)) {
        for (x, w) in panel[..PANEL]
            .chunks_exact_mut(LANES)
            .zip(weights.chunks_exact(LANES))
        {
            for lane in 0..LANES {
                x[lane] = w[lane] * exp_not_positive::<FUSED>((x[lane] - largest) * scale);
                sums[lane] += x[lane];
            }
        }
    }
    sums.iter().sum()
}

/// The largest number of `row`; −∞ for none.
pub(crate) fn largest(level: Level, row: &Panels<'_>) -> f32 {
    at_level!(level, largest_each(row: &Panels<'_>) -> f32)
}

#[inline(always)]
fn largest_each<const FUSED: bool>(row: &Panels<'_>) -> f32 {
    let mut best = [f32::NEG_INFINITY; LANES];
    for panel in row.numbers[row.first..].chunks(row.stride) {
        for x in panel[..PANEL].chunks_exact(LANES) {
            for lane in 0..LANES {
                best[lane] = if x[lane] > best[lane] {
                    x[lane]
                } else {
                    best[lane]
                };
            }
        }
    }
    best.into_iter()
        .fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_matches_the_standard_library() {
        let mut worst = 0.0_f32;
        for n in 0..870_000 {
            let x = -(n as f32) * 1e-4;
            let expected = x.exp();
            for got in [exp_not_positive::<true>(x), exp_not_positive::<false>(x)] {
                worst = worst.max((got - expected).abs() / expected);
            }
        }
        assert!(worst < 4e-7, "the largest relative error is {worst}");
        assert_eq!(exp_not_positive::<true>(0.0), 1.0);
        assert_eq!(exp_not_positive::<true>(-87.5), 0.0);
        assert_eq!(exp_not_positive::<false>(f32::NEG_INFINITY), 0.0);
    }

    /// Two rows side by side in panels, of which `row` is the second; −∞ fills the last panel.
    fn panels(row: &[f32]) -> Vec<f32> {
        let mut numbers = Vec::new();
        for chunk in row.chunks(PANEL) {
            numbers.extend([9.0; PANEL]);
            numbers.extend(chunk);
            numbers.resize(numbers.len().next_multiple_of(PANEL), f32::NEG_INFINITY);
        }
        numbers
    }

    #[test]
    fn sums_and_maxima_at_every_length() {
        for level in Level::all() {
            for n in (1..70).chain([128, 200]) {
                let row: Vec<f32> = (0..n)
                    .map(|i| ((i * 37) % 23) as f32 / 23.0 - 0.5)
                    .collect();
                let mut weights: Vec<f32> = (0..n).map(|i| 1.0 + (i % 3) as f32).collect();
                let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut numbers = panels(&row);
                weights.resize(numbers.len() / 2, 0.0);
                let mut got = Panels {
                    numbers: &mut numbers,
                    first: PANEL,
                    stride: 2 * PANEL,
                };
                assert_eq!(largest(level, &got), top);
                let sum = exp_weighted_sum(level, &mut got, top, 5.0, &weights);
                let mut expected = 0.0;
                for (n, (x, w)) in row.iter().zip(&weights).enumerate() {
                    let e = w * ((x - top) * 5.0).exp();
                    assert!((*got.at(n) - e).abs() < 1e-6, "{} is not {e}", got.at(n));
                    expected += e;
                }
                assert!((sum - expected).abs() <= 1e-5 * expected.max(1.0));
                assert!(numbers.iter().all(|x| x.is_finite()), "−∞ becomes 0");
                let others = numbers.chunks(PANEL).step_by(2);
                assert!(others.flatten().all(|&x| x == 9.0), "no other row changes");
            }
        }
    }

    #[test]
    fn minus_infinity_contributes_nothing() {
        for level in Level::all() {
            let mut numbers = panels(&[0.5, f32::NEG_INFINITY, 0.25]);
            let mut row = Panels {
                numbers: &mut numbers,
                first: PANEL,
                stride: 2 * PANEL,
            };
            let mut weights = vec![0.0; PANEL];
            weights[..3].copy_from_slice(&[1.0, 7.0, 2.0]);
            let sum = exp_weighted_sum(level, &mut row, 0.5, 4.0, &weights);
            assert_eq!(*row.at(1), 0.0);
            assert!((sum - (1.0 + 2.0 * (-1.0_f32).exp())).abs() < 1e-6);
            row.fill(f32::NEG_INFINITY);
            assert_eq!(largest(level, &row), f32::NEG_INFINITY);
        }
    }
}
