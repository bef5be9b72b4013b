//! Puts random items into lists.

use crate::{Exclusions, Ranked, Ranker, RecommendError};
use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{ItemId, UserId};
use rayon::prelude::*;

/// The epoch of exploration's draws; random rankings use epoch 0.
const EPOCH: u32 = 1;

/// Chooses which places of a list to explore, and with which items.
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

    /// Gives each place of a list, with the given probability, to an item drawn uniformly among the
    /// eligible ones not placed before it. Displaced items move to the next place, so the best
    /// items stay. The draws depend only on the seed and `user`.
    pub(crate) fn explore(
        &self,
        user: u64,
        list: &[ItemId],
        n_items: usize,
        is_eligible: impl Fn(ItemId) -> bool,
    ) -> Vec<Slot> {
        let mut slots = Vec::with_capacity(list.len());
        if self.share <= 0.0 || n_items == 0 {
            slots.extend((0..list.len()).map(Slot::Kept));
            return slots;
        }
        let mut draws = self.random.at(EPOCH, user);
        let mut placed: Vec<ItemId> = Vec::with_capacity(list.len());
        let mut rest = list.iter().copied().enumerate();
        while slots.len() < list.len() {
            let slot = if draws.unit() < self.share
                && let Some(drawn) = draw(&mut draws, n_items, |drawn| {
                    is_eligible(drawn) && !placed.contains(&drawn)
                }) {
                Slot::Drawn(drawn)
            } else if let Some((n, _)) = rest.find(|(_, next)| !placed.contains(next)) {
                Slot::Kept(n)
            } else {
                break;
            };
            placed.push(match slot {
                Slot::Kept(n) => list[n],
                Slot::Drawn(item) => item,
            });
            slots.push(slot);
        }
        slots
    }
}

/// A place of an explored list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The entry of the list at this position.
    Kept(usize),
    /// An item drawn at random.
    Drawn(ItemId),
}

/// An item drawn uniformly among the eligible ones: by rejection first, then by listing them.
fn draw(
    draws: &mut lightgcn_core::random::Draws,
    n_items: usize,
    is_eligible: impl Fn(ItemId) -> bool,
) -> Option<ItemId> {
    for _ in 0..32 {
        let item = ItemId(draws.below(n_items as u32));
        if is_eligible(item) {
            return Some(item);
        }
    }
    let left: Vec<ItemId> = (0..n_items as u32)
        .map(ItemId)
        .filter(|&item| is_eligible(item))
        .collect();
    match left.is_empty() {
        true => None,
        false => Some(left[draws.below(left.len() as u32) as usize]),
    }
}

/// Ranks like another ranker, but gives each place to a random item with probability ε.
///
/// Use it to measure what randomness costs in accuracy and gains in coverage. The score of a random
/// item is that of its neighbor and has no meaning.
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
            let issue = format!("exploration is {exploration}; it must be between 0 and 1");
            return Err(RecommendError::Options {
                issues: vec![issue],
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
            let items: Vec<ItemId> = list.iter().map(|ranked| ranked.item).collect();
            let is_eligible = |item| !excluded.contains(user, item);
            let user = u64::from(user.0);
            let slots = self
                .explorer
                .explore(user, &items, self.n_items(), is_eligible);
            let mut last = list.first().map_or(0.0, |ranked| ranked.score);
            let ranked = |slot| match slot {
                Slot::Kept(n) => {
                    last = list[n].score;
                    list[n]
                }
                Slot::Drawn(item) => Ranked { item, score: last },
            };
            slots.into_iter().map(ranked).collect()
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
