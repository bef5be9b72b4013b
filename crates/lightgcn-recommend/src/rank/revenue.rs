//! Expected revenue as an objective: likelihood times price.

use crate::rank::scorer::{check_scores, standard_deviation, top_k_of_scores};
use crate::{Exclusions, Ranked, Ranker, RecommendError, Scorer};
use lightgcn_core::UserId;
use rayon::prelude::*;

/// Ranks by (1 − weight) · s/σ + weight · r/ρ, where s is another ranker's score of the item for
/// the user and r = exp((s − max s)/σ) · price its expected revenue up to a factor; σ and ρ are the
/// standard deviations of s and r over all items for that user.
///
/// A score is not a probability. The exponential turns scores of any sign into positive likelihoods
/// whose ratio is e per standard deviation: a softmax at temperature σ. An item without a price
/// gets the median one.
#[derive(Debug, Clone)]
pub struct RevenueScorer<S> {
    inner: S,
    prices: Vec<f64>,
    weight: f64,
    name: String,
}

impl<S: Scorer> RevenueScorer<S> {
    /// A scorer with `weight` in [0, 1] of revenue; `prices` has an entry per item.
    ///
    /// # Errors
    /// [`RecommendError::Options`] if the weight lies outside [0, 1], or no item has a price.
    ///
    /// # Panics
    /// If the length of `prices` differs from the number of items.
    pub fn new(inner: S, prices: &[Option<f64>], weight: f64) -> Result<Self, RecommendError> {
        assert!(
            prices.len() == inner.n_items(),
            "there are {} prices for {} items",
            prices.len(),
            inner.n_items()
        );
        if !(0.0..=1.0).contains(&weight) {
            let issue = format!("the weight of revenue is {weight}; it must be between 0 and 1");
            return Err(RecommendError::Options {
                issues: vec![issue],
            });
        }
        let name = format!("{} (revenue {weight})", inner.name());
        Ok(Self {
            prices: usable_prices(prices)?,
            inner,
            weight,
            name,
        })
    }
}

/// The prices, with the median in place of missing ones.
pub(crate) fn usable_prices(prices: &[Option<f64>]) -> Result<Vec<f64>, RecommendError> {
    let mut known: Vec<f64> = prices.iter().copied().flatten().collect();
    if known.is_empty() {
        let issue = "no item has a price, so revenue cannot be computed";
        return Err(RecommendError::Options {
            issues: vec![issue.to_owned()],
        });
    }
    known.sort_by(f64::total_cmp);
    let median = known[known.len() / 2];
    Ok(prices.iter().map(|price| price.unwrap_or(median)).collect())
}

/// Blends one user's scores with revenue.
pub(crate) fn add_revenue(scores: &mut [f32], prices: &[f64], weight: f64) {
    if weight <= 0.0 || scores.is_empty() {
        return;
    }
    let sigma = standard_deviation(scores.iter().map(|&s| f64::from(s)));
    if sigma <= 0.0 {
        return;
    }
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let revenue: Vec<f64> = scores
        .iter()
        .zip(prices)
        .map(|(&s, price)| (f64::from(s - most) / sigma).exp() * price)
        .collect();
    let rho = standard_deviation(revenue.iter().copied());
    let factor = if rho > 0.0 { weight / rho } else { 0.0 };
    for (score, revenue) in scores.iter_mut().zip(revenue) {
        *score = ((1.0 - weight) * f64::from(*score) / sigma + factor * revenue) as f32;
    }
}

impl<S: Scorer> Ranker for RevenueScorer<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn n_users(&self) -> usize {
        self.inner.n_users()
    }

    fn n_items(&self) -> usize {
        self.inner.n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        top_k_of_scores(self, users, k, excluded)
    }
}

impl<S: Scorer> Scorer for RevenueScorer<S> {
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        check_scores(self, users, out);
        self.inner.scores(users, out);
        out.par_chunks_exact_mut(self.n_items().max(1))
            .for_each(|row| add_revenue(row, &self.prices, self.weight));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmbeddingRanker;

    fn order(weight: f64, prices: &[Option<f64>]) -> Vec<u32> {
        let inner = EmbeddingRanker::new("e", vec![1.0], vec![3.0, 2.9, 0.0, -3.0], 1).unwrap();
        let scorer = RevenueScorer::new(inner, prices, weight).unwrap();
        let list = &scorer.top_k(&[UserId(0)], 4, &Exclusions::none())[0];
        list.iter().map(|r| r.item.0).collect()
    }

    #[test]
    fn expensive_items_rise_unless_they_are_unlikely() {
        let prices = [Some(1.0), Some(10.0), None, Some(20.0)];
        assert_eq!(order(0.0, &prices), [0, 1, 2, 3]);
        // Likelihoods by e^(s/σ): 1, 0.96, 0.28, 0.08; times 1, 10, 10 and 20.
        assert_eq!(order(1.0, &prices), [1, 2, 3, 0]);
        assert_eq!(order(0.3, &prices), [1, 0, 2, 3]);
    }

    #[test]
    fn unusable_weights_and_prices_are_errors() {
        let inner = || EmbeddingRanker::new("e", vec![1.0], vec![1.0], 1).unwrap();
        assert!(RevenueScorer::new(inner(), &[Some(1.0)], -0.1).is_err());
        assert!(RevenueScorer::new(inner(), &[Some(1.0)], f64::NAN).is_err());
        assert!(RevenueScorer::new(inner(), &[None], 0.5).is_err());
    }
}
