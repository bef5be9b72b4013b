//! A vectorized exponential for arguments that are not positive.

use crate::cpu::{Level, PORTABLE_FMA, multiply_add};

/// Lanes of the running sums and maxima: two AVX2 registers.
const LANES: usize = 16;

/// Below this the exponential of an `f32` is no normal number; it counts as 0.
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
    let clamped = if x > LOWEST { x } else { LOWEST };
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
    let p = multiply_add::<FUSED>(p * r, r, r) + 1.0;
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x > LOWEST { p * power } else { 0.0 }
}

/// `row[j] ← weights[j] · e^((row[j] − largest) · scale)`, and the sum of the results. No number of
/// `row` is above `largest`; `scale` is not negative. −∞ becomes 0.
pub(crate) fn exp_weighted_sum(
    level: Level,
    row: &mut [f32],
    largest: f32,
    scale: f32,
    weights: &[f32],
) -> f32 {
    match level {
        Level::Portable => exp_each::<PORTABLE_FMA>(row, largest, scale, weights),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level proves that the machine has AVX2 and FMA.
        Level::Avx2(_) => unsafe { exp_avx2(row, largest, scale, weights) },
    }
}

/// # Safety
/// The machine must have AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn exp_avx2(row: &mut [f32], largest: f32, scale: f32, weights: &[f32]) -> f32 {
    exp_each::<true>(row, largest, scale, weights)
}

#[inline(always)]
fn exp_each<const FUSED: bool>(row: &mut [f32], largest: f32, scale: f32, weights: &[f32]) -> f32 {
    assert!(
        row.len() == weights.len(),
        "one weight per number is needed"
    );
    let mut sums = [0.0_f32; LANES];
    let mut chunks = row.chunks_exact_mut(LANES);
    let mut weight_chunks = weights.chunks_exact(LANES);
    for (x, w) in chunks.by_ref().zip(weight_chunks.by_ref()) {
        for lane in 0..LANES {
            x[lane] = w[lane] * exp_not_positive::<FUSED>((x[lane] - largest) * scale);
            sums[lane] += x[lane];
        }
    }
    let rest = chunks.into_remainder().iter_mut();
    for ((x, w), sum) in rest.zip(weight_chunks.remainder()).zip(&mut sums) {
        *x = w * exp_not_positive::<FUSED>((*x - largest) * scale);
        *sum += *x;
    }
    sums.iter().sum()
}

/// The largest number of `row`; −∞ for none.
pub(crate) fn largest(level: Level, row: &[f32]) -> f32 {
    match level {
        Level::Portable => largest_each(row),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level proves that the machine has AVX2 and FMA.
        Level::Avx2(_) => unsafe { largest_avx2(row) },
    }
}

/// # Safety
/// The machine must have AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn largest_avx2(row: &[f32]) -> f32 {
    largest_each(row)
}

#[inline(always)]
fn largest_each(row: &[f32]) -> f32 {
    let mut best = [f32::NEG_INFINITY; LANES];
    let mut chunks = row.chunks_exact(LANES);
    for x in chunks.by_ref() {
        for lane in 0..LANES {
            best[lane] = if x[lane] > best[lane] {
                x[lane]
            } else {
                best[lane]
            };
        }
    }
    let all = best.iter().chain(chunks.remainder());
    all.fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_that_of_the_standard_library() {
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

    #[test]
    fn sums_and_maxima_at_every_length() {
        for level in Level::all() {
            for n in 0..70 {
                let row: Vec<f32> = (0..n)
                    .map(|i| ((i * 37) % 23) as f32 / 23.0 - 0.5)
                    .collect();
                let weights: Vec<f32> = (0..n).map(|i| 1.0 + (i % 3) as f32).collect();
                let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                assert_eq!(largest(level, &row), top);
                let mut out = row.clone();
                let sum = exp_weighted_sum(level, &mut out, top, 5.0, &weights);
                let mut expected = 0.0;
                for ((x, w), got) in row.iter().zip(&weights).zip(&out) {
                    let e = w * ((x - top) * 5.0).exp();
                    assert!((got - e).abs() < 1e-6, "{got} is not {e}");
                    expected += e;
                }
                assert!((sum - expected).abs() <= 1e-5 * expected.max(1.0));
            }
        }
    }

    #[test]
    fn what_is_excluded_by_minus_infinity_has_no_part() {
        for level in Level::all() {
            let mut row = [0.5, f32::NEG_INFINITY, 0.25];
            let sum = exp_weighted_sum(level, &mut row, 0.5, 4.0, &[1.0, 7.0, 2.0]);
            assert_eq!(row[1], 0.0);
            assert!((sum - (1.0 + 2.0 * (-1.0_f32).exp())).abs() < 1e-6);
            assert_eq!(largest(level, &[f32::NEG_INFINITY; 20]), f32::NEG_INFINITY);
        }
    }
}
