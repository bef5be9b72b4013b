//! Rules without a model: show again what the user viewed or carted.

use crate::rank::learned::tie_key;
use crate::rank::ranker::check_user;
use crate::{Exclusions, PopularityRanker, Ranked, Ranker};
use lightgcn_core::{Interactions, ItemId, Train, UserId};
use rayon::prelude::*;
use std::cmp::Reverse;

/// The order of the items that a user met but has not bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SeenOrder {
    /// The most events.
    Events,
    /// The latest event. Without times, all are equal.
    Recency,
    /// The heaviest pair: the strongest behaviors.
    Strongest,
    /// The most buyers per user who met the item: buyers / (users + 5).
    Conversion,
}

impl SeenOrder {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Events,
        Self::Recency,
        Self::Strongest,
        Self::Conversion,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Events => "seen, by events",
            Self::Recency => "seen, by recency",
            Self::Strongest => "seen, by strongest behavior",
            Self::Conversion => "seen, by conversion",
        }
    }
}

/// Items that the user met but has not bought, in one of several orders, then the most popular
/// items.
///
/// The baselines for logs with several behaviors, which a model must beat. Ties are broken by a
/// hash of the item, never by its row, since rows follow the order of first appearance in the log.
/// A score is minus the place in the list. A list costs O(pairs of the user · log + k + excluded
/// items).
#[derive(Debug, Clone)]
pub struct SeenNotBoughtRanker<'a> {
    train: &'a Train,
    order: SeenOrder,
    /// Items by popularity.
    popular: Vec<ItemId>,
    /// buyers / (users + 5) of each item.
    conversion: Vec<f64>,
}

impl<'a> SeenNotBoughtRanker<'a> {
    /// A ranker from the training part. O(pairs + items · log).
    #[must_use]
    pub fn new(train: &'a Train, order: SeenOrder) -> Self {
        let pairs = train.interactions();
        let popularity = PopularityRanker::from_interactions(pairs);
        let buyers = popularity.counts();
        let mut popular: Vec<ItemId> = popularity.ranking().collect();
        popular.sort_by_cached_key(|&item| (Reverse(buyers[item.index()]), tie_key(item)));
        let mut users = vec![5.0; pairs.n_items()];
        pairs
            .items()
            .iter()
            .for_each(|item| users[item.index()] += 1.0);
        let conversion = buyers
            .iter()
            .zip(&users)
            .map(|(&b, &users)| b as f64 / users);
        Self {
            train,
            order,
            conversion: conversion.collect(),
            popular,
        }
    }

    /// A ranker for each order that the log supports; empty if every pair was bought.
    #[must_use]
    pub fn all(train: &'a Train) -> Vec<Self> {
        let pairs = train.interactions();
        if pairs.n_targets() == pairs.n_pairs() {
            return Vec::new();
        }
        let orders = SeenOrder::ALL.into_iter();
        let told =
            orders.filter(|&order| order != SeenOrder::Recency || !pairs.last_times().is_empty());
        told.map(|order| Self::new(train, order)).collect()
    }

    /// The sort key of a pair: more is better.
    fn key(&self, pairs: &Interactions, pair: usize) -> f64 {
        match self.order {
            SeenOrder::Events => pairs.counts_of(pair).iter().map(|&n| f64::from(n)).sum(),
            SeenOrder::Recency => pairs.last_times().get(pair).map_or(0.0, |&t| t as f64),
            SeenOrder::Strongest => f64::from(pairs.weights()[pair]),
            SeenOrder::Conversion => self.conversion[pairs.items()[pair].index()],
        }
    }

    fn list(&self, user: UserId, k: usize, excluded: &[u32]) -> Vec<Ranked> {
        let is_excluded = |item: ItemId| excluded.binary_search(&item.0).is_ok();
        let pairs = self.train.interactions();
        let met = pairs.pairs_of(user).filter(|&pair| !pairs.is_target(pair));
        let met = met.map(|pair| (self.key(pairs, pair), pairs.items()[pair]));
        let mut seen: Vec<(f64, ItemId)> = met.filter(|(_, item)| !is_excluded(*item)).collect();
        seen.sort_by(|a, b| {
            b.0.total_cmp(&a.0)
                .then_with(|| tie_key(a.1).cmp(&tie_key(b.1)))
        });
        let mut known: Vec<ItemId> = seen.iter().map(|(_, item)| *item).collect();
        known.sort_unstable();
        let popular = self.popular.iter().copied();
        let popular =
            popular.filter(|item| known.binary_search(item).is_err() && !is_excluded(*item));
        let items = seen.iter().map(|(_, item)| *item).chain(popular).take(k);
        let ranked = items.zip(1..).map(|(item, place)| Ranked {
            item,
            score: -(place as f32),
        });
        ranked.collect()
    }
}

impl Ranker for SeenNotBoughtRanker<'_> {
    fn name(&self) -> &str {
        self.order.name()
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
    use lightgcn_core::{BehaviorId, InteractionsBuilder, PairEvent, Split, Truth};

    /// User 0 viewed item 1 thrice on day 1, carted item 2 on day 2 and viewed item 4 on day 3; item 3 is
    /// popular.
    fn split() -> Split {
        let mut b = InteractionsBuilder::from_names(&["view", "cart", "buy"], &["buy"]).unwrap();
        let mut push = |u, i, events: &[(u8, i64)]| {
            let event = |&(behavior, day)| PairEvent::new(BehaviorId(behavior), day * 86_400);
            let events: Vec<PairEvent> = events.iter().map(event).collect();
            let carted = events.iter().any(|event| event.behavior() == BehaviorId(1));
            let weight = if carted { 0.1 } else { 0.01 };
            b.push_events(UserId(u), ItemId(i), weight, &events)
                .unwrap();
        };
        push(0, 0, &[(0, 0), (2, 0)]);
        push(0, 1, &[(0, 1), (0, 1), (0, 1)]);
        push(0, 2, &[(1, 2)]);
        push(0, 4, &[(0, 3)]);
        push(1, 3, &[(2, 1), (2, 2)]);
        push(2, 3, &[(2, 1)]);
        push(2, 4, &[(0, 0), (2, 1)]);
        let empty = || Truth::empty(3, 6);
        Split::new(b.build(3, 6).unwrap(), empty(), empty()).unwrap()
    }

    fn seen(order: SeenOrder) -> Vec<u32> {
        let split = split();
        let ranker = SeenNotBoughtRanker::new(&split.train, order);
        let excluded = Exclusions::targets(split.train.interactions());
        let lists = ranker.top_k(&[UserId(0)], 4, &excluded);
        assert!(lists[0].is_sorted_by(|a, b| a.score > b.score));
        assert_eq!(
            lists[0][3].item,
            ItemId(3),
            "the most popular item comes next"
        );
        lists[0][..3].iter().map(|ranked| ranked.item.0).collect()
    }

    #[test]
    fn orders_by_hand() {
        assert_eq!(seen(SeenOrder::Events)[0], 1);
        assert_eq!(seen(SeenOrder::Recency), [4, 2, 1]);
        // The cart first; of the two viewed in any order.
        assert_eq!(seen(SeenOrder::Strongest)[0], 2);
        // Item 4 was bought by one of two who viewed it, the others by nobody.
        assert_eq!(seen(SeenOrder::Conversion)[0], 4);
    }

    #[test]
    fn excluded_items_are_left_out_and_lists_are_full() {
        let split = split();
        let ranker = SeenNotBoughtRanker::new(&split.train, SeenOrder::Events);
        let excluded = Exclusions::pairs(split.train.interactions());
        let list = &ranker.top_k(&[UserId(0)], 9, &excluded)[0];
        assert_eq!(list.iter().map(|r| r.item.0).collect::<Vec<_>>(), [3, 5]);
        // Even where nothing is excluded, what was bought counts as popular, not as seen.
        let all = &ranker.top_k(&[UserId(0)], 99, &Exclusions::none())[0];
        assert_eq!(all.len(), 6);
        assert!(all[..3].iter().all(|ranked| ranked.item != ItemId(0)));
    }

    #[test]
    fn ties_do_not_follow_rows() {
        let mut b = InteractionsBuilder::from_names(&["view", "buy"], &["buy"]).unwrap();
        for item in 0..40 {
            b.push(UserId(0), ItemId(item), 1.0, &[1, 0], None).unwrap();
        }
        let empty = || Truth::empty(1, 40);
        let split = Split::new(b.build(1, 40).unwrap(), empty(), empty()).unwrap();
        let ranker = SeenNotBoughtRanker::new(&split.train, SeenOrder::Recency);
        let list = &ranker.top_k(&[UserId(0)], 40, &Exclusions::none())[0];
        assert!(!list.is_sorted_by_key(|ranked| ranked.item));
    }
}
