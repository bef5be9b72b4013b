//! Rankers that score every item.

use crate::rank::ranker::check_user;
use crate::{EmbeddingRanker, Exclusions, Ranked, Ranker};
use lightgcn_core::{ItemId, UserId};
use lightgcn_simd::select_top_k;
use rayon::prelude::*;
use std::collections::HashMap;

/// The maximum number of scores held at a time: 32 MiB.
const SCORES: usize = 1 << 23;
/// The maximum number of users scored at a time.
const MAX_USERS: usize = 512;

/// A ranker that scores all items for a few users at a time, as ensembles need.
///
/// The lists of [`Ranker::top_k`] are these scores, masked and ranked. The scores of a user have
/// the same bits with any batching of users and any number of threads.
pub trait Scorer: Ranker {
    /// Writes the score of every item for each of `users` into `out` (`[users.len(), n_items]`,
    /// row by row), overwriting it. Higher is better.
    ///
    /// # Panics
    /// If the length of `out` is wrong, or a user is out of range.
    fn scores(&self, users: &[UserId], out: &mut [f32]);

    /// The parts of an item's score for a user; `None` if it is not a sum over the user's history,
    /// or the ranker does not know the history.
    ///
    /// # Panics
    /// If the user or the item is out of range.
    fn parts(&self, user: UserId, item: ItemId) -> Option<ScoreParts> {
        let _ = (user, item);
        None
    }
}

/// A score as a sum: its parts add up to it, up to rounding.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoreParts {
    /// What the user's own layer-0 row adds: the learned preference. 0 for models without one.
    pub self_contribution: f64,
    /// What each item of the user's history adds, each item once, in any order.
    pub contributions: Vec<(ItemId, f64)>,
}

impl ScoreParts {
    /// Adds the parts of another score times a factor.
    pub(crate) fn add(&mut self, other: &Self, factor: f64) {
        self.self_contribution += factor * other.self_contribution;
        let known = self.contributions.iter().zip(0..);
        let mut places: HashMap<ItemId, usize> = known.map(|(&(item, _), n)| (item, n)).collect();
        for &(item, value) in &other.contributions {
            let n_known = self.contributions.len();
            match *places.entry(item).or_insert(n_known) {
                n if n < n_known => self.contributions[n].1 += factor * value,
                _ => self.contributions.push((item, factor * value)),
            }
        }
    }
}

impl<R: Ranker + ?Sized> Ranker for &R {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn n_users(&self) -> usize {
        (**self).n_users()
    }

    fn n_items(&self) -> usize {
        (**self).n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        (**self).top_k(users, k, excluded)
    }
}

impl<S: Scorer + ?Sized> Scorer for &S {
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        (**self).scores(users, out);
    }

    fn parts(&self, user: UserId, item: ItemId) -> Option<ScoreParts> {
        (**self).parts(user, item)
    }
}

impl<S: Scorer + ?Sized> Ranker for Box<S> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn n_users(&self) -> usize {
        (**self).n_users()
    }

    fn n_items(&self) -> usize {
        (**self).n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        (**self).top_k(users, k, excluded)
    }
}

impl<S: Scorer + ?Sized> Scorer for Box<S> {
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        (**self).scores(users, out);
    }

    fn parts(&self, user: UserId, item: ItemId) -> Option<ScoreParts> {
        (**self).parts(user, item)
    }
}

impl Scorer for EmbeddingRanker<'_> {
    /// Dot products, with the bits of [`EmbeddingRanker::score`].
    fn scores(&self, users: &[UserId], out: &mut [f32]) {
        check_scores(self, users, out);
        let rows = out.par_chunks_exact_mut(self.n_items().max(1));
        rows.zip(users)
            .for_each(|(row, &user)| self.scores_of(user, row));
    }
}

/// Panics if the arguments of [`Scorer::scores`] do not match.
pub(crate) fn check_scores(scorer: &impl Ranker, users: &[UserId], out: &[f32]) {
    let n_items = scorer.n_items();
    assert!(
        out.len() == users.len() * n_items,
        "{} users and {n_items} items have {} scores, but there is room for {}",
        users.len(),
        users.len() * n_items,
        out.len()
    );
    users.iter().for_each(|&u| check_user(u, scorer.n_users()));
}

/// The number of users to score at a time, with `n_items` items.
pub(crate) fn block_size(n_items: usize) -> usize {
    (SCORES / n_items.max(1)).clamp(1, MAX_USERS)
}

/// The lists of [`Ranker::top_k`] from scores, a block of users at a time.
pub(crate) fn top_k_of_scores(
    scorer: &impl Scorer,
    users: &[UserId],
    k: usize,
    excluded: &Exclusions,
) -> Vec<Vec<Ranked>> {
    let n_items = scorer.n_items();
    let size = block_size(n_items);
    let mut scores = vec![0.0; size.min(users.len()) * n_items];
    let mut lists = Vec::with_capacity(users.len());
    for users in users.chunks(size) {
        let scores = &mut scores[..users.len() * n_items];
        scorer.scores(users, scores);
        let scores = &*scores;
        lists.par_extend(users.par_iter().enumerate().map(|(n, &user)| {
            let row = &scores[n * n_items..(n + 1) * n_items];
            list(row, k, excluded.of(user))
        }));
    }
    lists
}

/// The `k` best of one user's scores, without the excluded items.
pub(crate) fn list(scores: &[f32], k: usize, excluded: &[u32]) -> Vec<Ranked> {
    let best = select_top_k(scores, k, excluded).into_iter();
    best.map(|scored| Ranked {
        item: ItemId(scored.item),
        score: scored.score,
    })
    .collect()
}

/// The standard deviation over all values, summed in order.
pub(crate) fn standard_deviation(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let squares = values.map(|x| (x - mean).powi(2)).sum::<f64>();
    (squares / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranked_scores_of_embeddings_equal_their_lists(
            users in prop::collection::vec(-2.0f32..2.0, 5 * 3),
            items in prop::collection::vec(-2.0f32..2.0, 70 * 3),
            masks in prop::collection::vec(prop::collection::vec(0u32..70, 0..20), 5),
            k in 0usize..80,
        ) {
            let ranker = EmbeddingRanker::new("e", users, items, 3).unwrap();
            let lists = masks.iter().map(|m| m.iter().map(|&i| ItemId(i)).collect());
            let excluded = Exclusions::from_lists(lists);
            let asked: Vec<UserId> = [4, 0, 2, 2].map(UserId).to_vec();
            let mut scores = vec![f32::NAN; 4 * 70];
            ranker.scores(&asked, &mut scores);
            prop_assert_eq!(scores[70], ranker.score(UserId(0), ItemId(0)));
            let lists = top_k_of_scores(&ranker, &asked, k, &excluded);
            prop_assert_eq!(lists, ranker.top_k(&asked, k, &excluded));
        }
    }

    #[test]
    fn blocks_are_bounded() {
        assert_eq!(block_size(10), MAX_USERS);
        assert_eq!(block_size(41_000), 204);
        assert_eq!(block_size(1 << 24), 1);
        assert_eq!(block_size(0), MAX_USERS);
    }

    #[test]
    #[should_panic(expected = "have 4 scores, but there is room for 3")]
    fn a_short_output_panics() {
        let ranker = EmbeddingRanker::new("e", vec![1.0f32], vec![1.0f32; 4], 1).unwrap();
        ranker.scores(&[UserId(0)], &mut [0.0; 3]);
    }

    #[test]
    #[should_panic(expected = "user row 1 is out of range")]
    fn a_user_out_of_range_panics() {
        let ranker = EmbeddingRanker::new("e", vec![1.0f32], vec![1.0f32; 4], 1).unwrap();
        ranker.scores(&[UserId(1)], &mut [0.0; 4]);
    }
}
