//! Ranks only items that a user has not met.

use crate::{Exclusions, Ranked, Ranker};
use lightgcn_core::{Train, UserId};

/// A ranker that leaves out every item the user met in training, by any behavior.
///
/// If people buy what they have not looked at yet, this improves filters; if they buy what they
/// just viewed, it leaves out the answer. Validation data shows which is the case.
#[derive(Debug)]
pub struct NewItemsRanker<R> {
    ranker: R,
    name: String,
    met: Exclusions,
}

impl<R: Ranker> NewItemsRanker<R> {
    /// Excludes the pairs of this training part. O(pairs).
    #[must_use]
    pub fn new(ranker: R, train: &Train) -> Self {
        Self {
            name: format!("{}, new items", ranker.name()),
            met: Exclusions::pairs(train.interactions()),
            ranker,
        }
    }
}

impl<R: Ranker> Ranker for NewItemsRanker<R> {
    fn name(&self) -> &str {
        &self.name
    }

    fn n_users(&self) -> usize {
        self.ranker.n_users()
    }

    fn n_items(&self) -> usize {
        self.ranker.n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        let lists = self.ranker.top_k(users, k, &self.met);
        let keep = |(user, list): (&UserId, Vec<Ranked>)| {
            let kept = list
                .into_iter()
                .filter(|ranked| !excluded.contains(*user, ranked.item));
            kept.collect()
        };
        users.iter().zip(lists).map(keep).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PopularityRanker;
    use lightgcn_core::{InteractionsBuilder, ItemId, Split, Truth};

    #[test]
    fn items_met_are_left_out() {
        let mut log = InteractionsBuilder::from_names(&["view", "buy"], &["buy"]).unwrap();
        log.push(UserId(0), ItemId(0), 1.0, &[1, 0], None).unwrap();
        log.push(UserId(1), ItemId(0), 1.0, &[0, 1], None).unwrap();
        let empty = || Truth::empty(2, 2);
        let split = Split::new(log.build(2, 2).unwrap(), empty(), empty()).unwrap();
        let popular = PopularityRanker::from_interactions(split.train.interactions());
        let ranker = NewItemsRanker::new(popular, &split.train);
        let lists = ranker.top_k(&[UserId(0)], 2, &Exclusions::none());
        assert_eq!(lists[0].iter().map(|r| r.item.0).collect::<Vec<_>>(), [1]);
        assert_eq!(ranker.name(), "popularity, new items");
    }
}
