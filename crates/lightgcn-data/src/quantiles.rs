//! Quantiles of counts and amounts.

use serde::Serialize;

/// Mean and quantiles of a count or an amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// The arithmetic mean; 0 if there is nothing to count.
    pub mean: f64,
    /// The 25th percentile (lower nearest rank).
    pub p25: f64,
    /// The median (lower nearest rank).
    pub p50: f64,
    /// The 75th percentile.
    pub p75: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The largest value.
    pub max: f64,
}

impl Quantiles {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        values.sort_unstable_by(f64::total_cmp);
        let n = values.len();
        let at = |share: f64| values[((share * n as f64).ceil() as usize).clamp(1, n) - 1];
        Self {
            mean: values.iter().sum::<f64>() / n as f64,
            p25: at(0.25),
            p50: at(0.50),
            p75: at(0.75),
            p90: at(0.90),
            p99: at(0.99),
            max: values[n - 1],
        }
    }

    pub(crate) fn of_counts(counts: &[u32]) -> Self {
        Self::of(counts.iter().map(|&n| f64::from(n)).collect())
    }
}
