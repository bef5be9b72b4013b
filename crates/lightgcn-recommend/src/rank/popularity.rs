//! The same list for everyone: the most popular items.

use crate::rank::ranker::check_user;
use crate::{Exclusions, Ranked, Ranker};
use lightgcn_core::{Interactions, ItemId, UserId};
use lightgcn_store::popularity_of;
use rayon::prelude::*;

/// Ranks items by how many users bought them in training, ties by the lower row.
///
/// The score is the count. A list costs O(k + excluded items).
///
/// ```
/// use lightgcn_core::{ItemId, UserId};
/// use lightgcn_recommend::{Exclusions, PopularityRanker, Ranker};
///
/// let ranker = PopularityRanker::new(vec![1, 7, 7], 1);
/// let best = &ranker.top_k(&[UserId(0)], 2, &Exclusions::none())[0];
/// assert_eq!((best[0].item, best[1].item), (ItemId(1), ItemId(2)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PopularityRanker {
    n_users: usize,
    counts: Vec<u64>,
    /// Item rows, most popular first.
    order: Vec<u32>,
}

impl PopularityRanker {
    /// A ranker from one count per item, for `n_users` users. O(items · log).
    ///
    /// # Panics
    /// If there are more than 2^32 items.
    #[must_use]
    pub fn new(counts: Vec<u64>, n_users: usize) -> Self {
        assert!(
            u32::try_from(counts.len()).is_ok(),
            "{} items are more than 32-bit rows can name",
            counts.len()
        );
        let mut order: Vec<u32> = (0..counts.len() as u32).collect();
        order.sort_by_key(|&item| std::cmp::Reverse(counts[item as usize]));
        Self {
            n_users,
            counts,
            order,
        }
    }

    /// Counts, for each item, the users with a target event. O(pairs).
    #[must_use]
    pub fn from_interactions(interactions: &Interactions) -> Self {
        Self::new(popularity_of(interactions), interactions.n_users())
    }

    /// The number of users who bought each item, `[n_items]`.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// All items, most popular first.
    pub fn ranking(&self) -> impl Iterator<Item = ItemId> + '_ {
        self.order.iter().map(|&item| ItemId(item))
    }

    /// The list of one user, or of an unknown user if `excluded` is empty.
    pub(crate) fn list(&self, k: usize, excluded: &[u32]) -> Vec<Ranked> {
        let kept = self
            .ranking()
            .filter(|item| excluded.binary_search(&item.0).is_err());
        kept.take(k)
            .map(|item| Ranked {
                item,
                score: self.counts[item.index()] as f32,
            })
            .collect()
    }
}

impl Ranker for PopularityRanker {
    fn name(&self) -> &str {
        "popularity"
    }

    fn n_users(&self) -> usize {
        self.n_users
    }

    fn n_items(&self) -> usize {
        self.counts.len()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        let list = |&user: &UserId| {
            check_user(user, self.n_users);
            self.list(k, excluded.of(user))
        };
        users.par_iter().map(list).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::InteractionsBuilder;

    #[test]
    fn counts_are_users_who_bought() {
        let mut b = InteractionsBuilder::from_names(&["view", "buy"], &["buy"]).unwrap();
        b.push(UserId(0), ItemId(0), 1.0, &[0, 9], None).unwrap();
        b.push(UserId(0), ItemId(1), 1.0, &[1, 1], None).unwrap();
        b.push(UserId(1), ItemId(1), 1.0, &[0, 1], None).unwrap();
        b.push(UserId(1), ItemId(2), 0.1, &[50, 0], None).unwrap();
        let ranker = PopularityRanker::from_interactions(&b.build(2, 4).unwrap());
        assert_eq!(ranker.counts(), [1, 2, 0, 0]);
        let order: Vec<u32> = ranker.ranking().map(|item| item.0).collect();
        assert_eq!(order, [1, 0, 2, 3]);
    }

    #[test]
    fn lists_skip_excluded_items() {
        let ranker = PopularityRanker::new(vec![5, 9, 5, 1], 2);
        let excluded = Exclusions::from_lists([vec![ItemId(1)], (0..4).map(ItemId).collect()]);
        let lists = ranker.top_k(&[UserId(0), UserId(1)], 3, &excluded);
        let first: Vec<(u32, f32)> = lists[0].iter().map(|r| (r.item.0, r.score)).collect();
        assert_eq!(first, [(0, 5.0), (2, 5.0), (3, 1.0)]);
        assert!(lists[1].is_empty());
    }

    #[test]
    #[should_panic(expected = "user row 2 is out of range")]
    fn a_user_out_of_range_panics() {
        let _ = PopularityRanker::new(vec![1], 2).top_k(&[UserId(2)], 1, &Exclusions::none());
    }
}
