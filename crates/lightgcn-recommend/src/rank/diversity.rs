//! Diverse lists: maximal marginal relevance.

use crate::{Exclusions, Ranked, Ranker, RecommendError};
use lightgcn_core::{ItemId, UserId};
use lightgcn_simd::scores;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The number of candidates for a list of `k`.
#[must_use]
pub(crate) fn pool_size(k: usize, diversity: f64) -> usize {
    match diversity > 0.0 {
        true => k.saturating_mul(5).max(100),
        false => k,
    }
}

/// Chooses `k` candidates one at a time, always the one with the highest (1 − diversity) ·
/// relevance − diversity · similarity. Relevance is its score scaled from 0 (worst candidate) to 1
/// (best), similarity the highest cosine of its embedding with that of a previously chosen item
/// (Carbonell and Goldstein, SIGIR 1998). Ties are broken by the order of the candidates.
///
/// `candidates` are best first; `embedding` gives an item's row. With a diversity of 0 the list is
/// the first `k` candidates. At most k · candidates dot products, in practice only a small part of
/// them: a candidate is compared with chosen items only while it could still be the next one
/// (Minoux's accelerated greedy algorithm, 1978).
pub fn diversify<'t>(
    candidates: &[Ranked],
    k: usize,
    diversity: f64,
    embedding: impl Fn(ItemId) -> &'t [f32],
) -> Vec<Ranked> {
    let k = k.min(candidates.len());
    if diversity <= 0.0 || k < 2 {
        return candidates[..k].to_vec();
    }
    let mut pool = Pool::new(candidates, diversity, embedding);
    // The first item is the best one, whatever the diversity.
    let mut list = Vec::with_capacity(k);
    list.push(candidates[0]);
    pool.choose(0);
    let mut left: BinaryHeap<Bound> = (1..candidates.len()).map(|n| pool.bound(n)).collect();
    while list.len() < k
        && let Some(best) = left.pop()
    {
        if pool.is_exact(best.place) {
            list.push(candidates[best.place]);
            pool.choose(best.place);
        } else {
            left.push(pool.compare(best.place, left.peek()));
        }
    }
    list
}

/// The number of chosen items to compare a candidate with at a time.
const BLOCK: usize = 16;

/// Candidates and bounds on their similarity to the chosen items.
struct Pool {
    diversity: f64,
    dimension: usize,
    /// From 0 to 1.
    relevance: Vec<f64>,
    /// Embeddings divided by their norms, `[candidates, dimension]`; zeros stay zeros.
    units: Vec<f32>,
    /// Those of the chosen items, in the order of choice.
    chosen: Vec<f32>,
    n_chosen: usize,
    /// The highest cosine with the first `compared` chosen items; before the first, the lowest
    /// possible one.
    similarity: Vec<f32>,
    compared: Vec<usize>,
}

/// An upper bound of a candidate's value: it never grows as more items are chosen.
#[derive(Debug, PartialEq)]
struct Bound {
    value: f64,
    place: usize,
}

impl Eq for Bound {}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_value = self.value.total_cmp(&other.value);
        by_value.then(other.place.cmp(&self.place))
    }
}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Pool {
    fn new<'t>(
        candidates: &[Ranked],
        diversity: f64,
        embedding: impl Fn(ItemId) -> &'t [f32],
    ) -> Self {
        let (best, worst) = (candidates[0].score, candidates[candidates.len() - 1].score);
        let range = f64::from(best - worst);
        let relevance = candidates.iter().map(|candidate| match range > 0.0 {
            true => f64::from(candidate.score - worst) / range,
            false => 0.0,
        });
        let dimension = embedding(candidates[0].item).len();
        let mut units = Vec::with_capacity(candidates.len() * dimension);
        for candidate in candidates {
            let row = embedding(candidate.item);
            let squares = row.iter().map(|&x| f64::from(x).powi(2));
            let norm = squares.sum::<f64>().sqrt();
            let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
            units.extend(row.iter().map(|&x| (f64::from(x) * scale) as f32));
        }
        Self {
            diversity,
            dimension,
            relevance: relevance.collect(),
            units,
            chosen: Vec::new(),
            n_chosen: 0,
            similarity: vec![-1.0; candidates.len()],
            compared: vec![0; candidates.len()],
        }
    }

    fn choose(&mut self, place: usize) {
        let unit = place * self.dimension..(place + 1) * self.dimension;
        self.chosen.extend_from_slice(&self.units[unit]);
        self.n_chosen += 1;
    }

    fn bound(&self, place: usize) -> Bound {
        let similarity = f64::from(self.similarity[place]);
        let value = (1.0 - self.diversity) * self.relevance[place] - self.diversity * similarity;
        Bound { value, place }
    }

    fn is_exact(&self, place: usize) -> bool {
        self.compared[place] == self.n_chosen
    }

    /// Compares a candidate with more chosen items until it falls behind the next one.
    fn compare(&mut self, place: usize, next: Option<&Bound>) -> Bound {
        let unit = &self.units[place * self.dimension..][..self.dimension];
        let mut cosines = [0.0; BLOCK];
        loop {
            let first = self.compared[place];
            let n = BLOCK.min(self.n_chosen - first);
            let rows = &self.chosen[first * self.dimension..][..n * self.dimension];
            scores(unit, rows, self.dimension, &mut cosines[..n]);
            // Rounding must not push a cosine out of its range, which the bounds rely on.
            let highest = cosines[..n]
                .iter()
                .fold(self.similarity[place], |a, &b| a.max(b));
            self.similarity[place] = highest.min(1.0);
            self.compared[place] = first + n;
            let bound = self.bound(place);
            if self.is_exact(place) || next.is_some_and(|next| bound < *next) {
                return bound;
            }
        }
    }
}

/// Ranks like another ranker and diversifies each list with [`diversify`].
#[derive(Debug)]
pub struct DiverseRanker<'a, R> {
    inner: R,
    items: &'a [f32],
    dimension: usize,
    diversity: f64,
    name: String,
}

impl<'a, R: Ranker> DiverseRanker<'a, R> {
    /// A ranker whose lists have this diversity, in [0, 1]. `items` is the table of the items'
    /// embeddings, `[n_items, dimension]`.
    ///
    /// # Errors
    /// [`RecommendError::Options`] if the diversity lies outside [0, 1].
    ///
    /// # Panics
    /// If the table is not one row for each of the ranker's items.
    pub fn new(inner: R, items: &'a [f32], diversity: f64) -> Result<Self, RecommendError> {
        if !(0.0..=1.0).contains(&diversity) {
            let issue = format!("diversity is {diversity}; it must be between 0 and 1");
            return Err(RecommendError::Options {
                issues: vec![issue],
            });
        }
        let n_items = inner.n_items();
        let dimension = items.len() / n_items.max(1);
        assert!(
            items.len() == n_items * dimension,
            "the table holds {} numbers, which do not divide into {n_items} rows",
            items.len(),
        );
        let name = format!("{}, diversity {diversity}", inner.name());
        Ok(Self {
            inner,
            items,
            dimension,
            diversity,
            name,
        })
    }
}

impl<R: Ranker> Ranker for DiverseRanker<'_, R> {
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
        let dimension = self.dimension;
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
    use crate::EmbeddingRanker;
    use proptest::collection::vec;
    use proptest::prelude::*;

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

    /// Every candidate compared with every item chosen, as the definition says.
    fn by_definition(
        candidates: &[Ranked],
        k: usize,
        diversity: f64,
        rows: &[Vec<f32>],
    ) -> Vec<Ranked> {
        let row = |item: ItemId| &rows[item.index()][..];
        let pool = Pool::new(candidates, diversity, row);
        let unit = |n: usize| &pool.units[n * pool.dimension..][..pool.dimension];
        let mut chosen = vec![0];
        while chosen.len() < k.min(candidates.len()) {
            let value = |n: usize| {
                let cosines = chosen.iter().map(|&c| lightgcn_simd::dot(unit(n), unit(c)));
                let similarity = f64::from(cosines.fold(-1.0_f32, f32::max).min(1.0));
                (1.0 - diversity) * pool.relevance[n] - diversity * similarity
            };
            let mut best = None;
            for n in (0..candidates.len()).filter(|n| !chosen.contains(n)) {
                if best.is_none_or(|best| value(n) > value(best)) {
                    best = Some(n);
                }
            }
            chosen.extend(best);
        }
        chosen.truncate(k);
        chosen.iter().map(|&n| candidates[n]).collect()
    }

    proptest! {
        #[test]
        fn the_list_is_the_one_by_definition(
            rows in (1usize..4).prop_flat_map(|dimension| {
                let number = prop_oneof![Just(0.0f32), Just(1.0), -1.0f32..1.0];
                vec(vec(number, dimension), 1..70)
            }),
            scores in vec(prop_oneof![Just(0.5f32), 0.0f32..1.0], 70),
            k in 0usize..80,
            diversity in prop_oneof![Just(1.0), 0.0..1.0f64],
        ) {
            let mut scores = scores[..rows.len()].to_vec();
            scores.sort_by(|a, b| b.total_cmp(a));
            let pool: Vec<Ranked> = scores.iter().zip(0..).map(|(&score, item)| ranked(item, score)).collect();
            let list = diversify(&pool, k, diversity, |item| &rows[item.index()]);
            if diversity > 0.0 {
                prop_assert_eq!(list, by_definition(&pool, k, diversity, &rows));
            } else {
                prop_assert_eq!(list, &pool[..k.min(pool.len())]);
            }
        }
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
