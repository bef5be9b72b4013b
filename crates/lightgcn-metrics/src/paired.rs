//! Tests whether one ranker significantly beats another.

use crate::bootstrap::{confidence_issue, count_issue, value_issues};
use crate::{Interval, MetricsError, bootstrap_interval};
use lightgcn_core::random::{Random, Stream};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The outcome of a paired test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairedTest {
    /// The mean over users of the first ranker's value minus the second's.
    pub mean_difference: f64,
    /// The bootstrap interval of the mean difference.
    pub interval: Interval,
    /// The two-sided p-value, in (0, 1].
    pub p_value: f64,
    /// The number of users compared.
    pub n_users: usize,
}

impl PairedTest {
    /// The difference with its interval and this p-value, which may be adjusted, as tables print it.
    #[must_use]
    pub fn text(&self, p_value: f64) -> String {
        let Interval { low, high, .. } = self.interval;
        let difference = self.mean_difference;
        format!("{difference:+.4} ({low:+.4} to {high:+.4}), p = {p_value:.4}")
    }
}

/// How to run a paired test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PairedTestOptions {
    /// The number of random sign flips, at least 1; the smallest possible p-value is 1 / (1 +
    /// permutations). Default 9,999.
    pub permutations: usize,
    /// The confidence of the interval, in (0, 1). Default 0.95.
    pub confidence: f64,
    /// The number of resamples for the interval, at least 1. Default 1,000.
    pub resamples: usize,
    /// The seed of both. Default 0.
    pub seed: u64,
}

impl Default for PairedTestOptions {
    fn default() -> Self {
        Self {
            permutations: 9_999,
            confidence: 0.95,
            resamples: 1_000,
            seed: 0,
        }
    }
}

/// The epoch of the sign flips' draws: the bootstrap's epochs of the same stream are below 2^7.
const PERMUTATION_EPOCH: u32 = 1 << 31;

/// A two-sided sign-flip permutation test of the mean of `a − b`, where `a` and `b` are the values
/// of two rankers for the same users in the same order.
///
/// If the rankers were equal, each user's difference could just as well have the other sign. So the
/// signs are flipped at random `permutations` times, and the p-value is (1 + count) / (1 +
/// permutations), where count is how often the mean is at least as far from 0 as the observed one;
/// it is never 0. The test is Fisher's randomization test, which Smucker, Allan and Carterette
/// recommend for rankers ("A comparison of statistical significance tests for information retrieval
/// evaluation", CIKM 2007); the p-value's form is from Phipson and Smyth, "Permutation p-values
/// should never be zero", 2010. Means that differ only by rounding count as equal. The interval is
/// [`bootstrap_interval`] of the differences.
///
/// Permutation p takes the 32-bit words of position p, epoch 2^31 of [`Stream::Bootstrap`], lowest
/// bit first, one bit for each difference that is not 0: the same seed gives the same bits with any
/// number of threads. O((permutations + resamples) · users).
///
/// ```
/// use lightgcn_metrics::{PairedTestOptions, paired_test};
/// let baseline: Vec<f64> = (0..100).map(|n| f64::from(n % 3) / 4.0).collect();
/// let better: Vec<f64> = baseline.iter().map(|value| value + 0.1).collect();
/// let options = PairedTestOptions::default();
/// let test = paired_test(&better, &baseline, &options)?;
/// assert!((test.mean_difference - 0.1).abs() < 1e-12);
/// assert_eq!(test.p_value, 1.0 / 10_000.0);
/// assert_eq!(paired_test(&better, &better, &options)?.p_value, 1.0);
/// # Ok::<(), lightgcn_metrics::MetricsError>(())
/// ```
///
/// # Errors
/// [`MetricsError::Sample`] with every issue: different lengths, no values, a value that is not
/// finite, a confidence outside (0, 1), or no permutations or resamples.
pub fn paired_test(
    a: &[f64],
    b: &[f64],
    options: &PairedTestOptions,
) -> Result<PairedTest, MetricsError> {
    check(a, b, options)?;
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let interval = bootstrap_interval(
        &differences,
        options.confidence,
        options.resamples,
        options.seed,
    )?;
    Ok(PairedTest {
        mean_difference: interval.mean,
        interval,
        p_value: sign_flip_p_value(&differences, options),
        n_users: differences.len(),
    })
}

fn check(a: &[f64], b: &[f64], options: &PairedTestOptions) -> Result<(), MetricsError> {
    let mut issues = Vec::new();
    if a.len() != b.len() {
        issues.push(format!(
            "there are {} values of the first ranker and {} of the second; give both for the same \
             users",
            a.len(),
            b.len()
        ));
    }
    for (which, values) in [("first", a), ("second", b)] {
        let found = value_issues(values).into_iter();
        issues.extend(found.map(|issue| format!("{which} ranker: {issue}")));
    }
    issues.extend(confidence_issue(options.confidence));
    issues.extend(count_issue("resamples", options.resamples));
    issues.extend(count_issue("permutations", options.permutations));
    if issues.is_empty() {
        Ok(())
    } else {
        Err(MetricsError::Sample { issues })
    }
}

fn sign_flip_p_value(differences: &[f64], options: &PairedTestOptions) -> f64 {
    // A difference of 0 has no sign.
    let differences: Vec<f64> = differences.iter().copied().filter(|&d| d != 0.0).collect();
    let observed = differences.iter().sum::<f64>().abs();
    let size: f64 = differences.iter().map(|d| d.abs()).sum();
    let least = observed - 1e-12 * size;
    let random = Random::new(options.seed, Stream::Bootstrap);
    let count = (0..options.permutations)
        .into_par_iter()
        .filter(|&permutation| flipped_sum(&differences, random, permutation as u64).abs() >= least)
        .count();
    (1 + count) as f64 / (1 + options.permutations) as f64
}

fn flipped_sum(differences: &[f64], random: Random, permutation: u64) -> f64 {
    let mut draws = random.at(PERMUTATION_EPOCH, permutation);
    let mut sum = 0.0;
    for group in differences.chunks(32) {
        let mut bits = draws.next_u32();
        for difference in group {
            let sign = u64::from(bits & 1) << 63;
            sum += f64::from_bits(difference.to_bits() ^ sign);
            bits >>= 1;
        }
    }
    sum
}

/// p-values adjusted for testing all of them, by Holm's method ("A simple sequentially rejective
/// multiple test procedure", Scandinavian Journal of Statistics, 1979): calling those up to α
/// significant is wrong for any of them with a probability of at most α.
///
/// The n p-values in ascending order are multiplied by n, n − 1, ..., 1; each result is at least the one before
/// it, and at most 1. O(n log n).
///
/// ```
/// assert_eq!(lightgcn_metrics::holm(&[0.25, 0.015625, 0.03125]), [0.25, 0.046875, 0.0625]);
/// ```
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut least = 0.0f64;
    for (rank, &at) in order.iter().enumerate() {
        least = least
            .max(p_values[at] * (order.len() - rank) as f64)
            .min(1.0);
        adjusted[at] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_seed(seed: u64) -> PairedTestOptions {
        PairedTestOptions {
            seed,
            ..PairedTestOptions::default()
        }
    }

    #[test]
    fn the_p_value_comes_near_the_exact_one() {
        // Differences 1, 2, 3, 4: of the 16 sign patterns 2 reach |sum| = 10, so p = 1/8.
        let test = paired_test(&[1.0, 2.0, 3.0, 4.0], &[0.0; 4], &with_seed(5)).unwrap();
        assert_eq!(test.mean_difference, 2.5);
        assert_eq!(test.n_users, 4);
        assert!((test.p_value - 0.125).abs() < 0.015, "{test:?}");
        // Differences 1, 2, 3, −4: sum 2; |sum| ≥ 2 in 14 of 16 patterns (all but 1 + 4 = 2 + 3).
        let test =
            paired_test(&[1.0, 2.0, 3.0, 0.0], &[0.0, 0.0, 0.0, 4.0], &with_seed(5)).unwrap();
        assert!((test.p_value - 0.875).abs() < 0.015, "{test:?}");
    }

    #[test]
    fn sums_that_differ_by_rounding_are_ties() {
        // 0.3 − 0.2 − 0.1 is not 0 in floating point, and 0.1 + 0.2 is not 0.3.
        let a = [0.1, 0.2, 0.0];
        let b = [0.0, 0.0, 0.3];
        assert_eq!(paired_test(&a, &b, &with_seed(1)).unwrap().p_value, 1.0);
    }

    #[test]
    fn swapping_the_rankers_changes_only_the_sign() {
        let a: Vec<f64> = (0..60).map(|n| f64::from(n * 7 % 11) / 11.0).collect();
        let b: Vec<f64> = (0..60).map(|n| f64::from(n * 5 % 13) / 13.0).collect();
        let (ab, ba) = (
            paired_test(&a, &b, &with_seed(9)).unwrap(),
            paired_test(&b, &a, &with_seed(9)).unwrap(),
        );
        assert_eq!(ab.p_value, ba.p_value);
        assert_eq!(ab.mean_difference, -ba.mean_difference);
        assert!((ab.interval.low + ba.interval.high).abs() < 1e-12);
    }

    #[test]
    fn adjusted_p_values_never_decrease_and_stay_below_one() {
        assert_eq!(holm(&[]), [0.0; 0]);
        assert_eq!(holm(&[0.5]), [0.5]);
        // 3 · 0.125, then 2 · 0.15625 = 0.3125 is raised to it, then 0.75.
        assert_eq!(holm(&[0.75, 0.125, 0.15625]), [0.75, 0.375, 0.375]);
        assert_eq!(holm(&[0.75, 0.75]), [1.0, 1.0]);
    }

    #[test]
    fn p_values_of_equal_rankers_are_uniform() {
        // 200 experiments of noise: about 5 % fall below 0.05 (10 ± 3.1), never a great many.
        let mut below = 0;
        for experiment in 0..200 {
            let mut draws = Random::new(experiment, Stream::Synthetic).at(0, 0);
            let a: Vec<f64> = (0..40).map(|_| draws.normal()).collect();
            let options = PairedTestOptions {
                permutations: 199,
                resamples: 1,
                seed: experiment,
                ..PairedTestOptions::default()
            };
            let test = paired_test(&a, &[0.0; 40], &options).unwrap();
            below += usize::from(test.p_value <= 0.05);
        }
        assert!((1..=22).contains(&below), "{below} of 200");
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_at_any_number_of_threads() {
        let a: Vec<f64> = (0..500).map(|n| f64::from(n).sin()).collect();
        let b: Vec<f64> = (0..500).map(|n| f64::from(n).cos()).collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().unwrap();
            pool.install(|| paired_test(&a, &b, &with_seed(3)).unwrap())
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(8));
    }

    #[test]
    fn every_issue_is_named() {
        let options = PairedTestOptions {
            permutations: 0,
            confidence: 0.0,
            ..PairedTestOptions::default()
        };
        let error = paired_test(&[1.0], &[f64::INFINITY, 1.0], &options).unwrap_err();
        let text = error.to_string();
        for part in [
            "1 values of the first ranker and 2",
            "second ranker: value 0 is inf",
            "confidence 0",
            "0 permutations",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(paired_test(&[], &[], &with_seed(0)).is_err());
    }
}
