//! A rule without a model: show again what the user viewed or carted.

use crate::rank::ranker::check_user;
use crate::{Exclusions, PopularityRanker, Ranked, Ranker};
use lightgcn_core::{ItemId, Train, UserId};
use rayon::prelude::*;

/// Items that the user carted or viewed and has not bought, heaviest pair first, then the most popular
/// items.
///
/// The baseline for logs of several behaviors. Scores of seen items are the weights of their
/// pairs (above 0), those of the others their share of all purchases less 1 (below 0, or 0 where
/// one item has them all). A list costs O(pairs of the user · log + k + excluded items).
#[derive(Debug, Clone)]
pub struct SeenNotBoughtRanker<'a> {
    train: &'a Train,
    popularity: PopularityRanker,
    n_targets: u64,
}

impl<'a> SeenNotBoughtRanker<'a> {
    /// A ranker from the training part. O(pairs).
    #[must_use]
    pub fn new(train: &'a Train) -> Self {
        let popularity = PopularityRanker::from_interactions(train.interactions());
        Self {
            train,
            n_targets: popularity.counts().iter().sum(),
            popularity,
        }
    }

    fn list(&self, user: UserId, k: usize, excluded: &[u32]) -> Vec<Ranked> {
        let is_excluded = |item: ItemId| excluded.binary_search(&item.0).is_ok();
        let pairs = self.train.interactions().of_user(user);
        let mut list: Vec<Ranked> = pairs
            .filter(|pair| !pair.is_target && !is_excluded(pair.item))
            .map(|pair| Ranked {
                item: pair.item,
                score: pair.weight,
            })
            .collect();
        let seen: Vec<ItemId> = list.iter().map(|ranked| ranked.item).collect();
        // Stable: pairs come by ascending item, so equal weights stay by the lower row.
        list.sort_by(|a, b| b.score.total_cmp(&a.score));
        list.truncate(k);
        let missing = k - list.len();
        let share = |item: ItemId| {
            self.popularity.counts()[item.index()] as f32 / self.n_targets.max(1) as f32
        };
        let popular = self
            .popularity
            .ranking()
            .filter(|&item| seen.binary_search(&item).is_err() && !is_excluded(item));
        list.extend(popular.take(missing).map(|item| Ranked {
            item,
            score: share(item) - 1.0,
        }));
        list
    }
}

impl Ranker for SeenNotBoughtRanker<'_> {
    fn name(&self) -> &str {
        "seen, not bought"
    }

    fn n_users(&self) -> usize {
        self.train.interactions().n_users()
    }

    fn n_items(&self) -> usize {
        self.train.interactions().n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        let list = |&user: &UserId| {
            check_user(user, self.n_users());
            self.list(user, k, excluded.of(user))
        };
        users.par_iter().map(list).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{InteractionsBuilder, Split, Truth};

    fn split() -> Split {
        let mut b = InteractionsBuilder::from_names(&["view", "cart", "buy"], &["buy"]).unwrap();
        let mut push = |u, i, weight, counts: [u32; 3]| {
            b.push(UserId(u), ItemId(i), weight, &counts, None).unwrap();
        };
        push(0, 0, 1.0, [1, 1, 1]);
        push(0, 1, 0.01, [1, 0, 0]);
        push(0, 2, 0.1, [0, 1, 0]);
        push(0, 4, 0.1, [0, 1, 0]);
        push(1, 3, 1.0, [0, 0, 2]);
        push(2, 3, 1.0, [0, 0, 1]);
        push(2, 1, 1.0, [0, 0, 1]);
        Split::new(
            b.build(3, 6).unwrap(),
            Truth::empty(3, 6),
            Truth::empty(3, 6),
        )
        .unwrap()
    }

    #[test]
    fn carted_then_viewed_then_popular() {
        let split = split();
        let ranker = SeenNotBoughtRanker::new(&split.train);
        let excluded = Exclusions::targets(split.train.interactions());
        let lists = ranker.top_k(&[UserId(0), UserId(1)], 5, &excluded);
        let first: Vec<(u32, f32)> = lists[0].iter().map(|r| (r.item.0, r.score)).collect();
        // 4 purchases: item 3 has 2 of them, items 0 and 1 one each.
        let expected = [(2, 0.1), (4, 0.1), (1, 0.01), (3, -0.5), (5, -1.0)];
        assert_eq!(first, expected);
        let second: Vec<u32> = lists[1].iter().map(|r| r.item.0).collect();
        assert_eq!(second, [0, 1, 2, 4, 5]);
        assert_eq!(ranker.top_k(&[UserId(0)], 1, &excluded)[0], lists[0][..1]);
        // Even where nothing is excluded, what was bought counts as popular, not as seen.
        let all = &ranker.top_k(&[UserId(0)], 99, &Exclusions::none())[0];
        let all: Vec<u32> = all.iter().map(|r| r.item.0).collect();
        assert_eq!(all, [2, 4, 1, 3, 0, 5]);
    }

    #[test]
    fn excluded_items_are_left_out() {
        let split = split();
        let ranker = SeenNotBoughtRanker::new(&split.train);
        let excluded = Exclusions::pairs(split.train.interactions());
        let list = &ranker.top_k(&[UserId(0)], 9, &excluded)[0];
        assert_eq!(list.iter().map(|r| r.item.0).collect::<Vec<_>>(), [3, 5]);
    }
}
