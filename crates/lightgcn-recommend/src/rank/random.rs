//! Random items: the floor that any model must beat.

use crate::rank::ranker::check_user;
use crate::{Exclusions, Ranked, Ranker};
use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{ItemId, UserId};
use rayon::prelude::*;
use std::collections::HashMap;

/// Ranks items at random: every order of the remaining items is equally likely.
///
/// A list depends only on the seed and the user, so the same seed gives the same answer, and a
/// longer list starts with the shorter one. The score is 1 / rank. Expected cost O(k · items /
/// items left); at worst O(items). Catalogues of up to 2^25 items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RandomRanker {
    n_users: usize,
    n_items: usize,
    random: Random,
}

impl RandomRanker {
    /// A ranker of `n_items` items for `n_users` users.
    ///
    /// # Panics
    /// If there are more than 2^25 items: a user has 2^26 random words.
    #[must_use]
    pub fn new(n_users: usize, n_items: usize, seed: u64) -> Self {
        assert!(
            n_items <= 1 << 25,
            "random rankings support at most 2^25 items, not {n_items}"
        );
        Self {
            n_users,
            n_items,
            random: Random::new(seed, Stream::Recommendation),
        }
    }

    /// The first places of a shuffle (Fisher and Yates) that stops as soon as `k` are found. Only
    /// the places that were swapped are stored.
    fn list(&self, user: UserId, k: usize, excluded: &[u32]) -> Vec<Ranked> {
        let mut draws = self.random.at(0, u64::from(user.0));
        let mut moved: HashMap<u32, u32> = HashMap::new();
        let mut list = Vec::with_capacity(k.min(self.n_items));
        for place in 0..self.n_items as u32 {
            if list.len() == k {
                break;
            }
            let other = place + draws.below(self.n_items as u32 - place);
            let here = moved.remove(&place).unwrap_or(place);
            let item = if other == place {
                here
            } else {
                moved.insert(other, here).unwrap_or(other)
            };
            if excluded.binary_search(&item).is_err() {
                list.push(Ranked {
                    item: ItemId(item),
                    score: 1.0 / (list.len() + 1) as f32,
                });
            }
        }
        list
    }
}

impl Ranker for RandomRanker {
    fn name(&self) -> &str {
        "random"
    }

    fn n_users(&self) -> usize {
        self.n_users
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        let list = |&user: &UserId| {
            check_user(user, self.n_users);
            self.list(user, k, excluded.of(user))
        };
        users.par_iter().map(list).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(list: &[Ranked]) -> Vec<u32> {
        list.iter().map(|r| r.item.0).collect()
    }

    #[test]
    fn a_list_is_a_reproducible_permutation_of_the_rest() {
        let excluded = Exclusions::from_lists([vec![ItemId(3), ItemId(7)], vec![]]);
        let ranker = RandomRanker::new(2, 10, 1);
        let both = ranker.top_k(&[UserId(0), UserId(1)], 20, &excluded);
        let mut sorted = rows(&both[0]);
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 4, 5, 6, 8, 9]);
        assert_eq!(ranker.top_k(&[UserId(1)], 20, &excluded)[0], both[1]);
        assert_eq!(ranker.top_k(&[UserId(1)], 3, &excluded)[0], both[1][..3]);
        assert_ne!(rows(&both[1]), (0..10).collect::<Vec<_>>());
        let other_seed = RandomRanker::new(2, 10, 2).top_k(&[UserId(1)], 20, &excluded);
        assert_ne!(rows(&other_seed[0]), rows(&both[1]));
        assert!(ranker.top_k(&[UserId(0)], 0, &excluded)[0].is_empty());
    }

    #[test]
    fn every_order_is_equally_likely() {
        // 6 orders of 3 items that are left of 4, 12,000 users: chi-square with 5 degrees,
        // whose 99.9 % point is 20.52.
        let n = 12_000u32;
        let excluded = Exclusions::from_lists((0..n).map(|_| vec![ItemId(1)]));
        let users: Vec<UserId> = (0..n).map(UserId).collect();
        let mut counts = std::collections::BTreeMap::new();
        for list in RandomRanker::new(n as usize, 4, 5).top_k(&users, 3, &excluded) {
            *counts.entry(rows(&list)).or_insert(0f64) += 1.0;
        }
        assert_eq!(counts.len(), 6);
        let chi: f64 = counts.values().map(|c| (c - 2000.0).powi(2) / 2000.0).sum();
        assert!(chi < 20.52, "chi-square {chi}, counts {counts:?}");
    }
}
