//! Ranks items for users on all ranks together.

use crate::ranks::{Ranks, own_part};
use lightgcn_core::{ItemId, UserId};
use lightgcn_recommend::{Exclusions, Ranked, Ranker};

/// A ranker that all ranks have: each makes the lists of its part of the users, and all get them all.
/// [`top_k`](Ranker::top_k) is collective.
pub(crate) struct SharedRanker<'a> {
    pub(crate) inner: &'a dyn Ranker,
    pub(crate) ranks: &'a dyn Ranks,
}

impl Ranker for SharedRanker<'_> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn n_users(&self) -> usize {
        self.inner.n_users()
    }

    fn n_items(&self) -> usize {
        self.inner.n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        if self.ranks.size() == 1 {
            return self.inner.top_k(users, k, excluded);
        }
        let part = own_part(self.ranks, users.len());
        let own = self.inner.top_k(&users[part], k, excluded);
        let messages = self.ranks.gather(encoded(&own));
        messages.iter().flat_map(|m| decoded(m)).collect()
    }
}

/// Each list's length, items and scores, as little-endian words of 32 bits.
fn encoded(lists: &[Vec<Ranked>]) -> Vec<u8> {
    let mut message = Vec::new();
    for list in lists {
        message.extend_from_slice(&(list.len() as u32).to_le_bytes());
        for ranked in list {
            message.extend_from_slice(&ranked.item.0.to_le_bytes());
            message.extend_from_slice(&ranked.score.to_le_bytes());
        }
    }
    message
}

fn decoded(message: &[u8]) -> Vec<Vec<Ranked>> {
    let (mut words, _) = message.as_chunks::<4>();
    let mut lists = Vec::new();
    while let Some((length, rest)) = words.split_first() {
        let (list, rest) = rest.split_at(2 * u32::from_le_bytes(*length) as usize);
        let (pairs, _) = list.as_chunks::<2>();
        let ranked = pairs.iter().map(|[item, score]| Ranked {
            item: ItemId(u32::from_le_bytes(*item)),
            score: f32::from_le_bytes(*score),
        });
        lists.push(ranked.collect());
        words = rest;
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::threads::on_ranks;
    use lightgcn_recommend::EmbeddingRanker;

    #[test]
    fn lists_are_those_of_one_rank() {
        let users: Vec<f32> = (0..7).map(|n| (n as f32 * 0.7).sin()).collect();
        let items: Vec<f32> = (0..5).map(|n| (n as f32 * 1.3).cos()).collect();
        let ranker = EmbeddingRanker::new("e", users, items, 1).unwrap();
        let excluded = (0..7).map(|n| vec![ItemId(n % 5), ItemId(3)]);
        let excluded = Exclusions::from_lists(excluded);
        for asked in [vec![6, 0, 3, 5, 1], vec![2], vec![]] {
            let asked: Vec<UserId> = asked.into_iter().map(UserId).collect();
            for k in [0, 2, 9] {
                let alone = ranker.top_k(&asked, k, &excluded);
                for size in [2, 4] {
                    let shared = on_ranks(size, |ranks| {
                        let inner: &dyn Ranker = &ranker;
                        let ranks = &*ranks;
                        SharedRanker { inner, ranks }.top_k(&asked, k, &excluded)
                    });
                    assert_eq!(shared, vec![alone.clone(); size], "{size} ranks, k = {k}");
                }
            }
        }
    }
}
