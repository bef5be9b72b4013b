//! InfoNCE, and what the models with contrastive losses share.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use super::{LEAST_SQUARED_LENGTH, log_sum_exp, to_unit_length};
use crate::error::ConfigIssue;

/// InfoNCE of two views of the same rows, `[1]`: each row should be closer to its other view than to
/// the other views of other rows. With s the cosine,
///
/// ```text
/// L = mean over r of −ln( exp(s(a_r, b_r) / τ) / Σ_q exp(s(a_r, b_q) / τ) )
/// ```
///
/// With the same view twice only the denominator has a gradient: rows spread out.
///
/// O(rows² · dim) time, O(rows²) memory.
///
/// Source: van den Oord et al., *Representation Learning with Contrastive Predictive Coding*,
/// arXiv 1807.03748, equation 4, with cosines as in Chen et al., *SimCLR*, ICML 2020, equation 1.
///
/// # Shapes
///
/// - views: `[n_rows, dim]` each, at least one row
///
/// # Panics
///
/// If the views differ in shape.
pub fn info_nce<B: Backend>(
    first: Tensor<B, 2>,
    second: Tensor<B, 2>,
    temperature: f64,
) -> Tensor<B, 1> {
    let (shape, other) = (first.dims(), second.dims());
    assert!(
        shape == other,
        "info_nce: the views are {shape:?} and {other:?}; they must have the same shape"
    );
    let [first, second] = [first, second].map(|rows| to_unit_length(rows, LEAST_SQUARED_LENGTH));
    let own = (first.clone() * second.clone()).sum_dim(1);
    let logits = first.matmul(second.transpose()).div_scalar(temperature);
    (log_sum_exp(logits) - own.div_scalar(temperature)).mean()
}

/// The issues with the weight and the temperature of a contrastive loss.
pub(super) fn contrast_issues(weight: f64, temperature: f64) -> impl Iterator<Item = ConfigIssue> {
    let weight_fits = weight.is_finite() && weight >= 0.0;
    let weight = (!weight_fits).then_some(ConfigIssue::ContrastWeight { value: weight });
    weight.into_iter().chain(temperature_issue(temperature))
}

/// The issue with a temperature, if there is one.
pub(super) fn temperature_issue(temperature: f64) -> Option<ConfigIssue> {
    let fits = (0.01..=100.0).contains(&temperature);
    (!fits).then_some(ConfigIssue::Temperature { value: temperature })
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use burn::backend::{Autodiff, Flex};

    type B = Autodiff<Flex>;

    fn loss(first: [[f32; 2]; 2], second: [[f32; 2]; 2], temperature: f64) -> f64 {
        let device = Default::default();
        let views = [first, second].map(|rows| Tensor::<B, 2>::from_floats(rows, &device));
        let [first, second] = views;
        let loss = info_nce(first, second, temperature);
        loss.into_data().iter::<f64>().sum()
    }

    #[test]
    fn by_hand() {
        // The cosines are 1 and 0 in one row, 0 and −1 in the other.
        let found = loss([[3.0, 0.0], [0.0, 0.5]], [[2.0, 0.0], [0.0, -7.0]], 0.5);
        let (e, rows) = (std::f64::consts::E.powi(2), 2.0);
        let expected = ((e + 1.0) / e).ln() + ((1.0 + 1.0 / e) * e).ln();
        assert!((found - expected / rows).abs() < 1e-6, "{found}");
    }

    #[test]
    fn low_temperatures_and_rows_of_zeros_stay_finite() {
        let device = Default::default();
        let rows = Tensor::<B, 2>::from_floats([[0.0, 0.0], [100.0, -1e-3]], &device);
        let rows = rows.require_grad();
        let loss = info_nce(rows.clone(), rows.clone(), 0.01);
        let value: f64 = loss.clone().into_data().iter::<f64>().sum();
        let gradient = rows.grad(&loss.backward()).unwrap();
        let gradient: Vec<f64> = gradient.into_data().iter::<f64>().collect();
        assert!(value.is_finite() && value >= 0.0, "{value}");
        assert!(gradient.iter().all(|x| x.is_finite()), "{gradient:?}");
    }

    #[test]
    fn a_single_row_has_nothing_to_be_told_from() {
        let device = Default::default();
        let views =
            [[[1.0, 2.0]], [[-3.0, 0.5]]].map(|rows| Tensor::<B, 2>::from_floats(rows, &device));
        let [first, second] = views;
        let value: f64 = info_nce(first, second, 0.2).into_data().iter::<f64>().sum();
        assert!(value.abs() < 1e-6, "{value}");
    }
}
