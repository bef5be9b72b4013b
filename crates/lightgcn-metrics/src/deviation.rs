//! The mean and the spread of a few values.

/// The mean; 0 for no values.
///
/// ```
/// assert_eq!(lightgcn_metrics::mean(&[1.0, 3.0, 5.0]), 3.0);
/// assert_eq!(lightgcn_metrics::mean(&[]), 0.0);
/// ```
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The standard deviation of a sample (with n − 1 in the denominator); 0 for fewer than two values.
///
/// ```
/// assert_eq!(lightgcn_metrics::standard_deviation(&[1.0, 3.0, 5.0]), 2.0);
/// assert_eq!(lightgcn_metrics::standard_deviation(&[0.5]), 0.0);
/// ```
#[must_use]
pub fn standard_deviation(values: &[f64]) -> f64 {
    let center = mean(values);
    let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    (squares / values.len().saturating_sub(1).max(1) as f64).sqrt()
}
