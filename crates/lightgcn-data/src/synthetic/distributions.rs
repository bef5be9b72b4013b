//! The distributions that the shop draws from, over counter-based draws.

use lightgcn_core::random::Draws;

/// A gamma variate with the given shape and scale 1 (Marsaglia and Tsang, "A simple method for generating
/// gamma variables", 2000; shapes below 1 by their power trick).
fn gamma(draws: &mut Draws, shape: f64) -> f64 {
    if shape < 1.0 {
        let power = (1.0 - draws.unit()).powf(1.0 / shape);
        return gamma(draws, shape + 1.0) * power;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = draws.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - draws.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

/// A beta variate: between 0 and 1, with mean `a / (a + b)`.
pub(super) fn beta(draws: &mut Draws, [a, b]: [f64; 2]) -> f64 {
    let (x, y) = (gamma(draws, a), gamma(draws, b));
    // Both underflow to 0 only for shapes near 0, where the distribution sits at its two ends.
    if x + y > 0.0 { x / (x + y) } else { 0.0 }
}

/// A log-normal variate rounded up: a whole number of at least 1.
pub(super) fn log_normal_count(draws: &mut Draws, [mean, deviation]: [f64; 2]) -> f64 {
    (mean + deviation * draws.normal())
        .exp()
        .ceil()
        .min(2_000.0)
}

/// A whole number of at least 1 with a Pareto tail: 1 + ⌊scale · (U^(−1/exponent) − 1)⌋.
pub(super) fn pareto_count(draws: &mut Draws, exponent: f64, scale: f64, most: f64) -> u32 {
    let x = scale * ((1.0 - draws.unit()).powf(-1.0 / exponent) - 1.0);
    (1.0 + x.floor()).min(most) as u32
}

/// Rounds up with probability equal to the fraction, which preserves the mean.
pub(super) fn round_randomly(draws: &mut Draws, x: f64) -> u64 {
    x.floor() as u64 + u64::from(draws.unit() < x.fract())
}

/// Cumulative sums of weights, for [`pick`].
pub(super) fn cumulate(weights: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sum = 0.0;
    weights
        .into_iter()
        .map(|w| {
            sum += w;
            sum
        })
        .collect()
}

/// Draws an index in proportion to the weights behind `cumulative`.
pub(super) fn pick(draws: &mut Draws, cumulative: &[f64]) -> usize {
    let last = cumulative.len() - 1;
    let ticket = draws.unit() * cumulative[last];
    cumulative.partition_point(|&c| c <= ticket).min(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::random::{Random, Stream};

    fn mean_of(n: u64, draw: impl Fn(&mut Draws) -> f64) -> f64 {
        let random = Random::new(3, Stream::Synthetic);
        (0..n).map(|i| draw(&mut random.at(0, i))).sum::<f64>() / n as f64
    }

    #[test]
    fn beta_has_its_mean_and_second_moment() {
        for [a, b] in [[0.13, 0.47], [0.8, 4.2], [2.0, 3.0]] {
            let mean = mean_of(40_000, |d| beta(d, [a, b]));
            let square = mean_of(40_000, |d| beta(d, [a, b]).powi(2));
            let s = a + b;
            assert!((mean - a / s).abs() < 0.01, "{a} {b}: {mean}");
            let expected = a * (a + 1.0) / (s * (s + 1.0));
            assert!((square - expected).abs() < 0.01, "{a} {b}: {square}");
        }
    }

    #[test]
    fn pareto_count_has_its_tail() {
        let above = mean_of(40_000, |d| {
            f64::from(u8::from(pareto_count(d, 2.0, 2.2, 1e6) > 1))
        });
        assert!(
            (above - (1.0f64 + 1.0 / 2.2).powi(-2)).abs() < 0.01,
            "{above}"
        );
    }

    #[test]
    fn pick_follows_the_weights_and_rounding_keeps_the_mean() {
        let cumulative = cumulate([1.0, 0.0, 3.0]);
        let third = mean_of(20_000, |d| match pick(d, &cumulative) {
            0 => 0.0,
            2 => 1.0,
            other => panic!("position {other} has weight 0"),
        });
        assert!((third - 0.75).abs() < 0.02, "{third}");
        let rounded = mean_of(20_000, |d| round_randomly(d, 2.3) as f64);
        assert!((rounded - 2.3).abs() < 0.02, "{rounded}");
    }
}
