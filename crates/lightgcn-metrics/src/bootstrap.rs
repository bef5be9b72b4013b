//! Confidence intervals by the bootstrap.

use crate::MetricsError;
use lightgcn_core::random::{Random, Stream};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// A mean and the range it would likely be in for another sample of users.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The mean of the sample.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The share of samples that the interval should cover, in (0, 1).
    pub confidence: f64,
}

/// How to compute intervals; see [`bootstrap_interval`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntervalOptions {
    /// The share of samples that the interval should cover, in (0, 1). Default: 0.95.
    pub confidence: f64,
    /// The number of resamples, at least 1. Default: 1,000.
    pub resamples: usize,
    /// The seed of the resamples. Default: 0.
    pub seed: u64,
}

impl Default for IntervalOptions {
    fn default() -> Self {
        Self {
            confidence: 0.95,
            resamples: 1_000,
            seed: 0,
        }
    }
}

/// Draws of one epoch of a resample; far fewer than a position's 2^26 words.
const DRAWS_PER_EPOCH: usize = 1 << 24;

/// The maximum length of a sample.
const MAX_VALUES: usize = 1 << 31;

/// The percentile bootstrap interval of the mean of `values` (one per user).
///
/// Draws `resamples` samples of as many values with replacement and takes the quantiles (1 −
/// confidence) / 2 and 1 − (1 − confidence) / 2 of their means, interpolated linearly between order
/// statistics. Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13. Users
/// are resampled: the interval covers other users of the same shop, not another training run.
///
/// Draw i of resample r is number i mod 2^24 of position r and epoch ⌊i / 2^24⌋ of
/// [`Stream::Bootstrap`]: the same seed gives the same bits with any number of threads. O(resamples
/// · values).
///
/// ```
/// use lightgcn_metrics::bootstrap_interval;
/// let values: Vec<f64> = (0..200).map(|n| f64::from(n % 2)).collect();
/// let interval = bootstrap_interval(&values, 0.95, 1_000, 42)?;
/// assert_eq!(interval.mean, 0.5);
/// assert!(interval.low < 0.45 && 0.55 < interval.high);
/// # Ok::<(), lightgcn_metrics::MetricsError>(())
/// ```
///
/// # Errors
/// [`MetricsError::Sample`] with every issue: no values or more than 2^31, a value that is not
/// finite, a confidence outside (0, 1), or no resamples or more than 2^31.
pub fn bootstrap_interval(
    values: &[f64],
    confidence: f64,
    resamples: usize,
    seed: u64,
) -> Result<Interval, MetricsError> {
    let options = IntervalOptions {
        confidence,
        resamples,
        seed,
    };
    check(&[values], &options)?;
    Ok(column_intervals(values, 1, &options)[0])
}

/// The intervals of several columns of equal length, with the same resamples for all.
pub(crate) fn intervals(
    columns: &[Vec<f64>],
    options: &IntervalOptions,
) -> Result<Vec<Interval>, MetricsError> {
    let slices: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    check(&slices, options)?;
    let n = columns.first().map_or(0, Vec::len);
    // Row by row, so that a draw touches one stretch of memory.
    let rows: Vec<f64> = (0..n)
        .flat_map(|row| columns.iter().map(move |column| column[row]))
        .collect();
    Ok(column_intervals(&rows, columns.len(), options))
}

fn check(columns: &[&[f64]], options: &IntervalOptions) -> Result<(), MetricsError> {
    let mut issues = Vec::new();
    for column in columns {
        issues.extend(value_issues(column));
    }
    issues.extend(confidence_issue(options.confidence));
    issues.extend(count_issue("resamples", options.resamples));
    if issues.is_empty() {
        Ok(())
    } else {
        Err(MetricsError::Sample { issues })
    }
}

pub(crate) fn value_issues(values: &[f64]) -> Vec<String> {
    let mut issues = Vec::new();
    if values.is_empty() {
        issues.push("there are no values; give one per user".to_owned());
    }
    if values.len() > MAX_VALUES {
        issues.push(format!("{} values are more than 2^31", values.len()));
    }
    if let Some(place) = values.iter().position(|value| !value.is_finite()) {
        issues.push(format!(
            "value {place} is {}; every value must be finite",
            values[place]
        ));
    }
    issues
}

pub(crate) fn confidence_issue(confidence: f64) -> Option<String> {
    let usable = confidence > 0.0 && confidence < 1.0;
    (!usable).then(|| format!("the confidence {confidence} is not between 0 and 1; try 0.95"))
}

pub(crate) fn count_issue(what: &str, count: usize) -> Option<String> {
    let usable = (1..=MAX_VALUES).contains(&count);
    (!usable).then(|| format!("{count} {what} were requested; give between 1 and 2^31"))
}

/// `rows` is `[n, width]`, row by row; gives one interval per column.
fn column_intervals(rows: &[f64], width: usize, options: &IntervalOptions) -> Vec<Interval> {
    let n = rows.len() / width;
    let random = Random::new(options.seed, Stream::Bootstrap);
    let means: Vec<Vec<f64>> = (0..options.resamples)
        .into_par_iter()
        .map(|resample| {
            let mut sums = resample_sums(rows, width, random, resample as u64);
            sums.iter_mut().for_each(|sum| *sum /= n as f64);
            sums
        })
        .collect();
    (0..width)
        .map(|column| {
            let mut resampled: Vec<f64> = means.iter().map(|means| means[column]).collect();
            resampled.sort_unstable_by(f64::total_cmp);
            let tail = (1.0 - options.confidence) / 2.0;
            let sum: f64 = rows[column..].iter().step_by(width).sum();
            Interval {
                mean: sum / n as f64,
                low: quantile(&resampled, tail),
                high: quantile(&resampled, 1.0 - tail),
                confidence: options.confidence,
            }
        })
        .collect()
}

/// The sums of each column over one resample. How often each row was drawn is counted first, so that
/// the table is then read once from front to back.
fn resample_sums(rows: &[f64], width: usize, random: Random, resample: u64) -> Vec<f64> {
    let n = rows.len() / width;
    let mut counts = vec![0u32; n];
    for (epoch, start) in (0..n).step_by(DRAWS_PER_EPOCH).enumerate() {
        let mut draws = random.at(epoch as u32, resample);
        for _ in start..n.min(start + DRAWS_PER_EPOCH) {
            counts[draws.below(n as u32) as usize] += 1;
        }
    }
    let mut sums = vec![0.0; width];
    for (values, count) in rows.chunks_exact(width).zip(counts) {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += f64::from(count) * value;
        }
    }
    sums
}

/// The quantile of an ascending sample, linear between order statistics (type 7 of Hyndman and Fan,
/// "Sample quantiles in statistical packages", 1996).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - place.floor()) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_threads<T: Send>(threads: usize, run: impl FnOnce() -> T + Send) -> T {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(run)
    }

    #[test]
    fn quantiles_are_interpolated() {
        let sorted = [10.0, 20.0, 30.0, 40.0, 50.0];
        assert_eq!(quantile(&sorted, 0.0), 10.0);
        assert_eq!(quantile(&sorted, 0.25), 20.0);
        assert_eq!(quantile(&sorted, 0.3), 22.0);
        assert_eq!(quantile(&sorted, 1.0), 50.0);
        assert_eq!(quantile(&[7.0], 0.4), 7.0);
    }

    #[test]
    fn the_width_is_that_of_the_normal_approximation() {
        // 1,000 values of mean 1/2 and standard deviation 1/2: standard error 0.0158.
        let values: Vec<f64> = (0..1000).map(|n| f64::from(n % 2)).collect();
        let interval = bootstrap_interval(&values, 0.95, 4_000, 1).unwrap();
        assert_eq!(interval.mean, 0.5);
        let half = 1.96 * 0.25f64.sqrt() / 1000f64.sqrt();
        assert!((interval.low - (0.5 - half)).abs() < 0.003, "{interval:?}");
        assert!((interval.high - (0.5 + half)).abs() < 0.003, "{interval:?}");
        let narrow = bootstrap_interval(&values, 0.5, 4_000, 1).unwrap();
        assert!(interval.low < narrow.low && narrow.high < interval.high);
    }

    #[test]
    fn equal_values_have_no_width() {
        let interval = bootstrap_interval(&[0.25; 9], 0.95, 100, 3).unwrap();
        let (low, high) = (interval.low, interval.high);
        assert_eq!((low, interval.mean, high), (0.25, 0.25, 0.25));
        let one = bootstrap_interval(&[0.5], 0.9, 1, 3).unwrap();
        assert_eq!((one.low, one.high), (0.5, 0.5));
    }

    #[test]
    fn the_same_seed_gives_the_same_bits_at_any_number_of_threads() {
        let values: Vec<f64> = (0..333).map(|n| f64::from(n).sqrt().fract()).collect();
        let run = |seed| bootstrap_interval(&values, 0.95, 500, seed).unwrap();
        let one = with_threads(1, || run(7));
        for threads in [2, 3, 8] {
            assert_eq!(with_threads(threads, || run(7)), one);
        }
        assert_ne!(run(8), one);
    }

    #[test]
    fn columns_share_their_resamples() {
        let a: Vec<f64> = (0..50).map(|n| f64::from(n % 7) / 7.0).collect();
        let b: Vec<f64> = (0..50).map(|n| f64::from(n % 5) / 5.0).collect();
        let options = IntervalOptions::default();
        let both = intervals(&[a.clone(), b.clone()], &options).unwrap();
        assert_eq!(both[0], bootstrap_interval(&a, 0.95, 1_000, 0).unwrap());
        assert_eq!(both[1], bootstrap_interval(&b, 0.95, 1_000, 0).unwrap());
    }

    #[test]
    fn every_issue_is_named() {
        for (values, confidence, resamples, n_issues) in [
            // A value, the confidence and the number of resamples.
            (&[0.0, f64::NAN][..], 1.0, 0, 3),
            // No values, and the confidence.
            (&[], f64::NAN, 10, 2),
        ] {
            let error = bootstrap_interval(values, confidence, resamples, 0).unwrap_err();
            assert!(
                matches!(&error, MetricsError::Sample { issues } if issues.len() == n_issues),
                "{error}"
            );
        }
    }
}
