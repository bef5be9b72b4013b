//! Ranks items for users on all ranks together.

use crate::ranks::{Ranks, Shards, own_part};
use lightgcn_core::{ItemId, UserId};
use lightgcn_recommend::{Exclusions, Ranked, Ranker};

/// A ranker that all ranks have: each makes the lists of its part of the users, and all get them all.
/// [`top_k`](Ranker::top_k) is collective.
pub(crate) struct SharedRanker<'a> {
    /// Of the rank's own users, if the tables are split by user.
    pub(crate) inner: &'a dyn Ranker,
    pub(crate) ranks: &'a dyn Ranks,
    pub(crate) shards: Option<&'a Shards>,
}

impl SharedRanker<'_> {
    /// The lists of users that each only one rank knows.
    fn of_shards(
        &self,
        shards: &Shards,
        (users, k): (&[UserId], usize),
        excluded: &Exclusions,
    ) -> Vec<Vec<Ranked>> {
        let known = shards.users();
        let own = users.iter().filter(|user| known.contains(&user.index()));
        let mut lists = vec![Vec::new(); known.len()];
        let mut asked = Vec::new();
        for user in own {
            let row = user.index() - known.start;
            lists[row] = excluded
                .of(*user)
                .iter()
                .map(|&item| ItemId(item))
                .collect();
            asked.push(UserId(row as u32));
        }
        let excluded = Exclusions::from_lists(lists);
        let lists = self.inner.top_k(&asked, k, &excluded);
        let messages = self.ranks.gather(encoded(&lists));
        let lists = messages.iter().map(|message| decoded(message).into_iter());
        let mut lists: Vec<_> = lists.collect();
        let list = |user: &UserId| lists[shards.rank_of(user.index())].next();
        users
            .iter()
            .map(list)
            .map(Option::unwrap_or_default)
            .collect()
    }
}

impl Ranker for SharedRanker<'_> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn n_users(&self) -> usize {
        let inner = || self.inner.n_users();
        self.shards.map_or_else(inner, Shards::n_users)
    }

    fn n_items(&self) -> usize {
        self.inner.n_items()
    }

    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
        if self.ranks.size() == 1 {
            return self.inner.top_k(users, k, excluded);
        }
        if let Some(shards) = self.shards {
            return self.of_shards(shards, (users, k), excluded);
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
        let ranker = EmbeddingRanker::new("e", &users[..], &items[..], 1).unwrap();
        let excluded = (0..7).map(|n| vec![ItemId(n % 5), ItemId(3)]);
        let excluded = Exclusions::from_lists(excluded);
        for asked in [vec![6, 0, 3, 5, 1], vec![2], vec![]] {
            let asked: Vec<UserId> = asked.into_iter().map(UserId).collect();
            for k in [0, 2, 9] {
                let alone = ranker.top_k(&asked, k, &excluded);
                for size in [2, 4] {
                    let shared = on_ranks(size, |ranks| {
                        let shared = SharedRanker {
                            inner: &ranker,
                            ranks: &*ranks,
                            shards: None,
                        };
                        shared.top_k(&asked, k, &excluded)
                    });
                    assert_eq!(shared, vec![alone.clone(); size], "{size} ranks, k = {k}");
                    let split = on_ranks(size, |ranks| {
                        let shards = Shards::new(&ranks, &[0, 1, 2, 3, 4, 5, 6, 7]);
                        let own = users[shards.users()].to_vec();
                        let shared = SharedRanker {
                            inner: &EmbeddingRanker::new("e", own, items.clone(), 1).unwrap(),
                            ranks: &*ranks,
                            shards: Some(&shards),
                        };
                        assert_eq!(shared.n_users(), 7);
                        shared.top_k(&asked, k, &excluded)
                    });
                    assert_eq!(split, vec![alone.clone(); size], "{size} ranks, k = {k}");
                }
            }
        }
    }
}
