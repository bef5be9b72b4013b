//! Diverse lists: maximal marginal relevance.

use crate::explain::messages::dot;
use crate::{EmbeddingRanker, Exclusions, Ranked, Ranker, RecommendError};
use lightgcn_core::{ItemId, UserId};
use rayon::prelude::*;

/// The number of candidates for a list of `k`.
#[must_use]
pub(crate) fn pool_size(k: usize, diversity: f64) -> usize {
    match diversity > 0.0 {
        true => k.saturating_mul(5).max(100),
        false => k,
    }
}

/// Chooses `k` of the candidates one after the other, each time the one with the highest
/// (1 − diversity) · relevance − diversity · similarity. Relevance is its score scaled from 0 (worst candidate)
/// to 1 (best), similarity the highest cosine of its embedding with that of an item chosen before
/// (Carbonell and Goldstein, SIGIR 1998). Ties by the order of the candidates.
///
/// `candidates` are best first; `embedding` gives an item's row. With a diversity of 0 the list is the first
/// `k` candidates. O(k · candidates · dimension).
pub fn diversify<'t>(
    candidates: &[Ranked],
    k: usize,
    diversity: f64,
    embedding: impl Fn(ItemId) -> &'t [f32],
) -> Vec<Ranked> {
    if diversity <= 0.0 || candidates.len() < 2 {
        return candidates[..k.min(candidates.len())].to_vec();
    }
    let (best, worst) = (candidates[0].score, candidates[candidates.len() - 1].score);
    let range = f64::from(best - worst);
    let norms: Vec<f64> = candidates.iter().map(|c| norm(embedding(c.item))).collect();
    let mut left: Vec<usize> = (0..candidates.len()).collect();
    let mut similarities = vec![f64::NEG_INFINITY; candidates.len()];
    let mut list = Vec::with_capacity(k.min(candidates.len()));
    while list.len() < k && !left.is_empty() {
        let value = |n: usize| {
            let relevance = match range > 0.0 {
                true => f64::from(candidates[n].score - worst) / range,
                false => 0.0,
            };
            (1.0 - diversity) * relevance - diversity * similarities[n]
        };
        // The first item is the best one, whatever the diversity.
        let mut place = 0;
        if !list.is_empty() {
            for other in 1..left.len() {
                if value(left[other]) > value(left[place]) {
                    place = other;
                }
            }
        }
        let chosen = left.remove(place);
        list.push(candidates[chosen]);
        let direction = unit(embedding(candidates[chosen].item));
        for &n in &left {
            let product = dot(embedding(candidates[n].item), &direction);
            let cosine = if norms[n] > 0.0 {
                product / norms[n]
            } else {
                0.0
            };
            similarities[n] = similarities[n].max(cosine);
        }
    }
    list
}

fn norm(row: &[f32]) -> f64 {
    let squares = row.iter().map(|&x| f64::from(x).powi(2));
    squares.sum::<f64>().sqrt()
}

/// The row divided by its norm; zeros stay zeros.
fn unit(row: &[f32]) -> Vec<f64> {
    let norm = norm(row);
    let divided = |&x: &f32| if norm > 0.0 { f64::from(x) / norm } else { 0.0 };
    row.iter().map(divided).collect()
}

/// Ranks like an [`EmbeddingRanker`] and diversifies each list with [`diversify`].
#[derive(Debug)]
pub struct DiverseRanker<'a> {
    inner: EmbeddingRanker<'a>,
    items: &'a [f32],
    diversity: f64,
    name: String,
}

impl<'a> DiverseRanker<'a> {
    /// A ranker whose lists have this diversity, in [0, 1]. `items` is the table of the items'
    /// embeddings, `[n_items, dimension]`.
    ///
    /// # Errors
    /// [`RecommendError::Options`] if the diversity lies outside [0, 1].
    ///
    /// # Panics
    /// If the table has another shape than the ranker's.
    pub fn new(
        inner: EmbeddingRanker<'a>,
        items: &'a [f32],
        diversity: f64,
    ) -> Result<Self, RecommendError> {
        if !(0.0..=1.0).contains(&diversity) {
            let fault = format!("diversity is {diversity}; it must lie between 0 and 1");
            return Err(RecommendError::Options {
                faults: vec![fault],
            });
        }
        assert!(
            items.len() == inner.n_items() * inner.dimension(),
            "the table holds {} numbers, the ranker's {}",
            items.len(),
            inner.n_items() * inner.dimension()
        );
        let name = format!("{}, diversity {diversity}", inner.name());
        Ok(Self {
            inner,
            items,
            diversity,
            name,
        })
    }
}

impl Ranker for DiverseRanker<'_> {
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
        let pools = self
            .inner
            .top_k(users, pool_size(k, self.diversity), excluded);
        let dimension = self.inner.dimension();
        let row = |item: ItemId| &self.items[item.index() * dimension..][..dimension];
        pools
            .into_par_iter()
            .map(|pool| diversify(&pool, k, self.diversity, row))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(item: u32, score: f32) -> Ranked {
        Ranked {
            item: ItemId(item),
            score,
        }
    }

    #[test]
    fn by_hand() {
        // Items 0 and 1 point the same way, 2 is orthogonal, 3 opposite.
        let rows: [[f32; 2]; 4] = [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [-1.0, 0.0]];
        let row = |item: ItemId| &rows[item.index()][..];
        let pool = [
            ranked(0, 4.0),
            ranked(1, 3.0),
            ranked(2, 2.0),
            ranked(3, 0.0),
        ];
        let order = |diversity, k| -> Vec<u32> {
            let list = diversify(&pool, k, diversity, row);
            list.iter().map(|r| r.item.0).collect()
        };
        assert_eq!(order(0.0, 3), [0, 1, 2]);
        // After 0: 1 has 0.75/2 − 1/2, 2 has 0.5/2 − 0, 3 has 0 + 1/2.
        assert_eq!(order(0.5, 4), [0, 3, 2, 1]);
        // 1: 0.6 − 0.2, 2: 0.4, 3: 0.2; equal values by the place.
        assert_eq!(order(0.2, 2), [0, 1]);
        assert_eq!(order(1.0, 2), [0, 3]);
        assert_eq!(order(0.5, 9).len(), 4);
        assert!(diversify(&[], 3, 0.5, row).is_empty());
    }

    #[test]
    fn without_diversity_lists_are_unchanged() {
        let items: Vec<f32> = (0..60).map(|n| (n as f32 * 0.7).sin()).collect();
        let plain = EmbeddingRanker::new("e", vec![1.0, 0.3, -0.2], items.clone(), 3).unwrap();
        let expected = plain.top_k(&[UserId(0)], 7, &Exclusions::none());
        let same = DiverseRanker::new(plain.clone(), &items, 0.0).unwrap();
        assert_eq!(same.top_k(&[UserId(0)], 7, &Exclusions::none()), expected);
        let other = DiverseRanker::new(plain.clone(), &items, 0.7).unwrap();
        let list = &other.top_k(&[UserId(0)], 7, &Exclusions::none())[0];
        assert_ne!(list, &expected[0]);
        assert_eq!(list[0], expected[0][0]);
        assert!(DiverseRanker::new(plain, &items, 1.5).is_err());
    }
}
