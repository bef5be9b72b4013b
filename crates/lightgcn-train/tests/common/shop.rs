//! A small shop.

use lightgcn_core::random::{Random, Stream};
use lightgcn_core::{
    BehaviorWeightsConfig, Catalogue, Dataset, InteractionsBuilder, ItemId, Lineage, Split, Truth,
    UserId, Vocabulary,
};
use std::collections::BTreeSet;

/// Users of two tastes who view and buy among 30 items, with held-out purchases.
pub(crate) fn shop() -> Dataset {
    shop_at(|_| None)
}

/// The same with the time of each pair by its item.
pub(crate) fn shop_at(time: impl Fn(u32) -> Option<i64>) -> Dataset {
    shop_of(60, time)
}

/// The first users of such a shop.
pub(crate) fn shop_of(n_users: u32, time: impl Fn(u32) -> Option<i64>) -> Dataset {
    let n_items = 30u32;
    let mut train = InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"]).unwrap();
    let mut validation = Vec::new();
    let mut test = Vec::new();
    for user in 0..n_users {
        let mut draws = Random::new(7, Stream::Synthetic).at(0, u64::from(user));
        let half = (user % 2) * (n_items / 2);
        let mut bought = BTreeSet::new();
        while bought.len() < 6 {
            bought.insert(half + draws.below(n_items / 2));
        }
        for (n, &item) in bought.iter().enumerate() {
            match n {
                0 => validation.push((UserId(user), ItemId(item))),
                1 => test.push((UserId(user), ItemId(item))),
                _ => train
                    .push(UserId(user), ItemId(item), 1.0, &[1, 1], time(item))
                    .unwrap(),
            }
        }
        let viewed = draws.below(n_items);
        if !bought.contains(&viewed) {
            train
                .push(UserId(user), ItemId(viewed), 0.01, &[1, 0], time(viewed))
                .unwrap();
        }
    }
    let (u, i) = (n_users as usize, n_items as usize);
    let split = Split::new(
        train.build(u, i).unwrap(),
        Truth::from_pairs(u, i, validation).unwrap(),
        Truth::from_pairs(u, i, test).unwrap(),
    )
    .unwrap();
    let mut behaviors = BehaviorWeightsConfig::shop_log();
    behaviors
        .behaviors
        .retain(|b| b.name == "view" || b.name == "purchase");
    Dataset::new(
        split,
        Vocabulary::from_names((0..n_users).map(|n| format!("user-{n}"))).unwrap(),
        Vocabulary::from_names((0..n_items).map(|n| format!("item-{n}"))).unwrap(),
        Catalogue::unknown(i),
        behaviors.check().unwrap(),
        Lineage::default(),
    )
    .unwrap()
}
