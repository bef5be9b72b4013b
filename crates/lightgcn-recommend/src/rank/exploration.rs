//! A share of chance in every list.

use crate::{Exclusions, Ranked, Ranker, RecommendError};
use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{ItemId, UserId};
use rayon::prelude::*;

/// The epoch of the draws of exploration; those of random rankings are of epoch 0.
const EPOCH: u32 = 1;

/// Which places of a list are explored, and by which items.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Explorer {
    random: Random,
    share: f64,
}

impl Explorer {
    pub(crate) fn new(seed: u64, share: f64) -> Self {
        Self {
            random: Random::new(seed, Stream::Recommendation),
            share,
        }
    }

    /// The list with each place given, with the chance of the share, to an item drawn uniformly among
    /// those that `may` come and stand nowhere before it. What is moved away goes on to the next place, so
    /// that the best items stay. `item` tells an entry's item, `explored` makes an entry of one that
    /// is drawn. The draws depend on the seed and `user` alone.
    #[expect(clippy::too_many_arguments, reason = "one step of two callers")]
    pub(crate) fn explore<T>(
        &self,
        user: u64,
        mut list: Vec<T>,
        k: usize,
        n_items: usize,
        item: impl Fn(&T) -> ItemId,
        may: impl Fn(ItemId) -> bool,
        explored: impl Fn(ItemId) -> T,
    ) -> Vec<T> {
        list.truncate(k);
        if self.share <= 0.0 || n_items == 0 {
            return list;
        }
        let mut draws = self.random.at(EPOCH, user);
        let length = list.len();
        let mut rest = list.into_iter();
        let mut out: Vec<T> = Vec::with_capacity(length);
        while out.len() < length {
            if draws.unit() < self.share
                && let Some(drawn) = draw(&mut draws, n_items, |drawn| {
                    may(drawn) && out.iter().all(|known| item(known) != drawn)
                })
            {
                out.push(explored(drawn));
                continue;
            }
            match rest.find(|next| out.iter().all(|known| item(known) != item(next))) {
                Some(next) => out.push(next),
                None => break,
            }
        }
        out
    }
}

/// An item drawn uniformly among those that may come: by rejection, and where these are few, by their
/// number.
fn draw(
    draws: &mut lightgcn_core::random::Draws,
    n_items: usize,
    may: impl Fn(ItemId) -> bool,
) -> Option<ItemId> {
    for _ in 0..32 {
        let item = ItemId(draws.below(n_items as u32));
        if may(item) {
            return Some(item);
        }
    }
    let left: Vec<ItemId> = (0..n_items as u32)
        .map(ItemId)
        .filter(|&i| may(i))
        .collect();
    match left.is_empty() {
        true => None,
        false => Some(left[draws.below(left.len() as u32) as usize]),
    }
}

/// Ranks as another ranker does, and gives each place with the chance ε to a random item.
///
/// This is the randomness experiment: what a nudge away from the ranking costs in accuracy and gains in
/// coverage. The score of a random item is NaN-free but means nothing: it is that of its neighbor.
#[derive(Debug)]
pub struct ExploringRanker<R> {
    inner: R,
    explorer: Explorer,
    name: String,
}

impl<R: Ranker> ExploringRanker<R> {
    /// A ranker with the share `exploration`, in [0, 1], of random items.
    ///
    /// # Errors
    /// [`RecommendError::Options`] if the share lies outside [0, 1].
    pub fn new(inner: R, exploration: f64, seed: u64) -> Result<Self, RecommendError> {
        if !(0.0..=1.0).contains(&exploration) {
            let fault = format!("exploration is {exploration}; it must lie between 0 and 1");
            return Err(RecommendError::Options {
                faults: vec![fault],
            });
        }
        let name = format!("{}, exploration {exploration}", inner.name());
        Ok(Self {
            inner,
            explorer: Explorer::new(seed, exploration),
            name,
        })
    }
}

impl<R: Ranker> Ranker for ExploringRanker<R> {
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
        let lists = self.inner.top_k(users, k, excluded);
        let explore = |(list, &user): (Vec<Ranked>, &UserId)| {
            let pairs: Vec<_> = list.iter().map(|r| (r.item, Some(r.score))).collect();
            let may = |item| !excluded.contains(user, item);
            let mixed = self.explorer.explore(
                u64::from(user.0),
                pairs,
                k,
                self.n_items(),
                |(item, _)| *item,
                may,
                |item| (item, None),
            );
            let mut last = list.first().map_or(0.0, |ranked| ranked.score);
            mixed
                .into_iter()
                .map(|(item, score)| {
                    last = score.unwrap_or(last);
                    Ranked { item, score: last }
                })
                .collect()
        };
        lists.into_par_iter().zip(users).map(explore).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmbeddingRanker;

    #[test]
    fn a_share_is_random_and_the_rest_stays_in_order() {
        let n = 2000;
        let items: Vec<f32> = (0..n).map(|n| -(n as f32)).collect();
        let users = vec![1.0; 300];
        let plain = || EmbeddingRanker::new("e", users.clone(), items.clone(), 1).unwrap();
        let all: Vec<UserId> = (0..300).map(UserId).collect();
        let excluded = Exclusions::from_lists((0..300).map(|_| vec![ItemId(0), ItemId(1999)]));
        let expected = plain().top_k(&all, 20, &excluded);
        let none = ExploringRanker::new(plain(), 0.0, 7).unwrap();
        assert_eq!(none.top_k(&all, 20, &excluded), expected);
        let some = ExploringRanker::new(plain(), 0.2, 7).unwrap();
        let lists = some.top_k(&all, 20, &excluded);
        let mut explored = 0;
        for list in &lists {
            let mut rows: Vec<u32> = list.iter().map(|r| r.item.0).collect();
            assert_eq!(rows.len(), 20);
            assert!(!rows.contains(&0) && !rows.contains(&1999));
            explored += rows.iter().filter(|&&row| row > 20).count();
            rows.sort_unstable();
            rows.dedup();
            assert_eq!(rows.len(), 20);
        }
        // 6,000 places at 0.2, of which a hundredth falls on the best: 1,188 ± 31.
        assert!((1060..1320).contains(&explored), "{explored}");
        assert_eq!(some.top_k(&all, 20, &excluded), lists);
        assert_eq!(some.top_k(&all[5..6], 20, &excluded)[0], lists[5]);
        let other = ExploringRanker::new(plain(), 0.2, 8).unwrap();
        assert_ne!(other.top_k(&all, 20, &excluded), lists);
        for bad in [-0.1, 1.5, f64::NAN] {
            assert!(ExploringRanker::new(plain(), bad, 0).is_err());
        }
    }
}
