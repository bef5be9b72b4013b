//! A smooth low-pass filter of the item graph, as a polynomial.

use super::spectral_filter::ideal_filter;
use crate::config::Issues;
use crate::low_rank::LowRank;
use crate::matrix::{Normalized, SparseMatrix};
use crate::model::check_scores;
use crate::signals::{Signals, for_each_position};
use crate::{Histories, History, LinearError, LinearModel, PairWeights};
use lightgcn_core::Train;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// The highest order; beyond it, single precision gains nothing.
const MOST_ORDER: usize = 64;

/// How to fit [`ChebyshevFilter`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChebyshevFilterConfig {
    /// The order K of the polynomial, 1 to 64: items up to 2K steps away take part.
    pub order: usize,
    /// The flatness φ of the response, above 0: 1 is a straight line; the larger, the flatter the
    /// middle of the spectrum.
    pub flatness: f64,
    /// The power β by which item degrees damp the history and raise the scores, at least 0.
    pub degree_power: f64,
    /// The weight α of an additional ideal low-pass filter, at least 0. With 0 no singular vectors
    /// are computed.
    pub ideal_weight: f64,
    /// How many singular vectors η the ideal filter lets through, at least 1.
    pub n_vectors: usize,
    /// The seed of the random start of the singular vectors.
    pub seed: u64,
    /// How much a training pair counts.
    pub weights: PairWeights,
}

impl Default for ChebyshevFilterConfig {
    fn default() -> Self {
        Self {
            order: 8,
            flatness: 1.5,
            degree_power: 0.4,
            ideal_weight: 0.2,
            n_vectors: 512,
            seed: 0,
            weights: PairWeights::Weighted,
        }
    }
}

impl ChebyshevFilterConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self) -> Result<(), LinearError> {
        let mut issues = Issues::of("ChebyCF");
        if !(1..=MOST_ORDER).contains(&self.order) {
            let given = self.order;
            issues.push(format!("order is {given}; it must be 1 to {MOST_ORDER}"));
        }
        issues.positive("flatness", self.flatness);
        issues.not_negative("degree_power", self.degree_power);
        issues.not_negative("ideal_weight", self.ideal_weight);
        issues.positive_count("n_vectors", self.n_vectors);
        issues.into_result()
    }

    /// Normalizes the training pairs and, with an ideal filter, finds their singular vectors.
    /// Without one, O(pairs); with one, as
    /// [`SpectralFilterConfig::fit`](crate::SpectralFilterConfig::fit).
    ///
    /// # Errors
    /// [`LinearError::Config`], [`LinearError::NoPairs`] where there is nothing to learn from, and
    /// [`LinearError::NoConvergence`] where a small eigenvalue problem fails.
    pub fn fit(&self, train: &Train) -> Result<ChebyshevFilter, LinearError> {
        self.check()?;
        let histories = Histories::new(train, self.weights);
        let graph = Normalized::new(&SparseMatrix::from_training(&histories)?);
        let power = self.degree_power;
        let ideal = match self.ideal_weight > 0.0 {
            true => Some(ideal_filter(
                &graph,
                self.n_vectors,
                power,
                self.ideal_weight,
                self.seed,
            )?),
            false => None,
        };
        let scale = |power: f64| {
            let degrees = graph.item_degrees.iter();
            let scale = |&d: &f64| if d > 0.0 { d.powf(power) as f32 } else { 0.0 };
            degrees.map(scale).collect()
        };
        Ok(ChebyshevFilter {
            coefficients: coefficients(self.order, |x| plateau(x, self.flatness)),
            before: scale(-power),
            after: scale(power),
            graph,
            ideal,
            weights: self.weights,
        })
    }
}

/// The wanted response at x = 2λ − 1, where λ in [0, 1] is the frequency: from 1 at the lowest, with a
/// plateau at ½ in the middle, to 0 at the highest.
fn plateau(x: f64, flatness: f64) -> f64 {
    0.5 - 0.5 * x.signum() * x.abs().powf(flatness)
}

/// The coefficients c of Σ_k c_k T_k(x) that equals `response` at the order + 1 Chebyshev nodes.
fn coefficients(order: usize, response: impl Fn(f64) -> f64) -> Vec<f64> {
    let n = (order + 1) as f64;
    let angle = |j: usize| (j as f64 + 0.5) * PI / n;
    (0..=order)
        .map(|k| {
            let sum: f64 = (0..=order)
                .map(|j| response(angle(j).cos()) * (k as f64 * angle(j)).cos())
                .sum();
            if k == 0 { sum / n } else { 2.0 * sum / n }
        })
        .collect()
}

/// ChebyCF: Kim et al., "Graph Spectral Filtering with Chebyshev Interpolation for Recommendation",
/// SIGIR 2025.
///
/// With R̃ and D_I of [`SpectralFilter`](crate::SpectralFilter), the item graph has the Laplacian
/// L = I − R̃ᵀR̃, whose eigenvalues lie in [0, 1]. The response wanted at x = 2λ − 1 is
/// h(x) = ½ − ½ · sign(x) |x|^φ; p is the polynomial of order K that equals h at the Chebyshev nodes.
/// The scores of a history r are r D_I^-β (p(2L − I) + α V Vᵀ) D_I^β, where V holds the η leading
/// right singular vectors of R̃. With α = 0 there is no decomposition at all: 2K sparse products.
#[derive(Debug, Clone)]
pub struct ChebyshevFilter {
    graph: Normalized,
    coefficients: Vec<f64>,
    /// D_I^-β: `[n_items]`.
    before: Vec<f32>,
    /// D_I^β: `[n_items]`.
    after: Vec<f32>,
    ideal: Option<LowRank>,
    weights: PairWeights,
}

impl ChebyshevFilter {
    /// The response of the polynomial to the frequency `lambda` in [0, 1].
    #[must_use]
    pub fn response(&self, lambda: f64) -> f64 {
        // T_k(x) = cos(k · arccos x).
        let angle = (2.0 * lambda - 1.0).clamp(-1.0, 1.0).acos();
        let terms = self.coefficients.iter().enumerate();
        terms.map(|(k, c)| c * (k as f64 * angle).cos()).sum()
    }

    /// Σ_k c_k T_k(2L − I) of the signals, by the recurrence T_k+1 = 2x T_k − T_k−1.
    fn apply(&self, signals: &mut Signals<'_>) {
        let c = |k: usize| self.coefficients[k] as f32;
        // (2L − I) x = x − 2 R̃ᵀR̃ x.
        signals.gram();
        let mut before = signals.now.clone();
        let mut sum = vec![0.0; before.len()];
        let product = &signals.product;
        for_each_position(&mut signals.now, &mut sum, product, |now, sum, product| {
            let first = *now - 2.0 * product;
            *sum = c(0) * *now + c(1) * first;
            *now = first;
        });
        for k in 2..self.coefficients.len() {
            signals.gram();
            let (now, product) = (&signals.now, &mut signals.product);
            for_each_position(product, &mut before, now, |product, before, now| {
                *product = 2.0 * (now - 2.0 * *product) - *before;
                *before = now;
            });
            let new = &signals.product;
            for_each_position(&mut sum, &mut signals.now, new, |sum, now, new| {
                *sum += c(k) * new;
                *now = new;
            });
        }
        signals.now = sum;
    }
}

impl LinearModel for ChebyshevFilter {
    fn name(&self) -> &str {
        "ChebyCF"
    }

    fn n_items(&self) -> usize {
        self.graph.by_user.n_columns()
    }

    fn pair_weights(&self) -> PairWeights {
        self.weights
    }

    fn scores_into(&self, histories: &[History<'_>], out: &mut [f32]) {
        check_scores(histories, self.n_items(), out);
        let mut signals = Signals::new(&self.graph);
        signals.filter(histories, &self.before, &self.after, out, |signals| {
            self.apply(signals);
        });
        if let Some(ideal) = &self.ideal {
            ideal.add_scores(histories, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tests::{normalized_table, tables, train};
    use faer::{Mat, Side};
    use lightgcn_core::{ItemId, UserId};
    use proptest::prelude::*;

    fn without_ideal(order: usize, flatness: f64, degree_power: f64) -> ChebyshevFilterConfig {
        ChebyshevFilterConfig {
            order,
            flatness,
            degree_power,
            ideal_weight: 0.0,
            ..Default::default()
        }
    }

    #[test]
    fn the_plateau_by_hand() {
        let values = [-1.0, -0.5, 0.0, 0.5, 1.0].map(|x| plateau(x, 2.0));
        assert_eq!(values, [1.0, 0.625, 0.5, 0.375, 0.0]);
    }

    #[test]
    fn the_polynomial_meets_the_plateau_at_the_nodes() {
        for order in [1, 2, 5, 8, 20] {
            let found = coefficients(order, |x| plateau(x, 1.5));
            for j in 0..=order {
                let angle = (j as f64 + 0.5) * PI / (order + 1) as f64;
                let terms = found.iter().enumerate();
                let value: f64 = terms.map(|(k, c)| c * (k as f64 * angle).cos()).sum();
                assert!((value - plateau(angle.cos(), 1.5)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_straight_line_is_the_linear_filter() {
        // With φ = 1, h = 1 − λ, a polynomial of order 1: the filter is R̃ᵀR̃ itself, here
        // [[1/2, 1/√8], [1/√8, 3/4]] with degrees 1 and 2.
        let table = [vec![1.0, 1.0], vec![0.0, 1.0]];
        let items = [ItemId(0), ItemId(1)];
        let history = History::new(&items, &[1.0, 2.0]).unwrap();
        let root = 8.0f32.sqrt();
        for order in [1, 4] {
            let model = without_ideal(order, 1.0, 0.0).fit(&train(&table)).unwrap();
            let scores = model.scores(history);
            assert!((scores[0] - 0.5 - 2.0 / root).abs() < 1e-6, "{scores:?}");
            assert!((scores[1] - 1.0 / root - 1.5).abs() < 1e-6, "{scores:?}");
            assert!((model.response(0.25) - 0.75).abs() < 1e-12);
        }
        // With β = ½: D^-½ R̃ᵀR̃ D^½ = [[1/2, 1/2], [1/4, 3/4]].
        let model = without_ideal(3, 1.0, 0.5).fit(&train(&table)).unwrap();
        let scores = model.scores(history);
        assert!((scores[0] - 1.0).abs() < 1e-6 && (scores[1] - 2.0).abs() < 1e-6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn equals_the_dense_polynomial(
            table in tables(2..8, 2..8), order in 1usize..12, flatness in 0.5f64..4.0,
            power in 0f64..1.0, k in 1usize..4, weight in prop_oneof![Just(0.0), 0.1f64..1.0],
        ) {
            let (r, degrees) = normalized_table(&table);
            let n = table[0].len();
            let laplacian = Mat::<f64>::identity(n, n) - r.transpose() * &r;
            let eigen = laplacian.self_adjoint_eigen(Side::Lower).unwrap();
            let lambda = |m: usize| eigen.S()[m];
            // Ascending: the strongest vectors of R̃ come first. Those without weight are not kept.
            let kept = (0..k.min(n)).take_while(|&m| lambda(m) < 1.0 - 1e-6).count();
            let next = if kept < n { lambda(kept) } else { 2.0 };
            prop_assume!(weight == 0.0 || kept == 0 || next - lambda(kept - 1) > 0.05);
            let config = ChebyshevFilterConfig {
                ideal_weight: weight, n_vectors: k, ..without_ideal(order, flatness, power)
            };
            let train = train(&table);
            let model = config.fit(&train).unwrap();
            let response = |m: usize| {
                model.response(lambda(m)) + if m < kept { weight } else { 0.0 }
            };
            let scale = |i: usize, power: f64| if degrees[i] > 0.0 { degrees[i].powf(power) } else { 0.0 };
            let filter = Mat::from_fn(n, n, |i, j| {
                let sum: f64 = (0..n)
                    .map(|m| eigen.U()[(i, m)] * response(m) * eigen.U()[(j, m)])
                    .sum();
                scale(i, -power) * sum * scale(j, power)
            });
            let histories = Histories::new(&train, PairWeights::Weighted);
            for (u, row) in table.iter().enumerate() {
                let scores = model.scores(histories.of(UserId(u as u32)));
                for (j, &score) in scores.iter().enumerate() {
                    let exact: f64 = (0..n).map(|i| f64::from(row[i]) * filter[(i, j)]).sum();
                    prop_assert!((f64::from(score) - exact).abs() < 1e-3, "{score} for {exact}");
                }
            }
        }
    }
}
