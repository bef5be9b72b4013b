//! The k-core: users and items with enough pairs among each other.

use lightgcn_core::{ItemId, StageReport, UserId};
use serde::{Deserialize, Serialize};

/// The minimum number of pairs per user and per item. The default, 1 each, drops nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KCoreConfig {
    /// The minimum number of pairs per user. Default: 1.
    #[serde(alias = "min_consumer_pairs")]
    pub min_user_pairs: u32,
    /// The minimum number of pairs per item. Default: 1.
    #[serde(alias = "min_product_pairs")]
    pub min_item_pairs: u32,
}

impl Default for KCoreConfig {
    fn default() -> Self {
        Self {
            min_user_pairs: 1,
            min_item_pairs: 1,
        }
    }
}

impl KCoreConfig {
    /// Whether it drops nothing.
    #[must_use]
    pub fn is_trivial(&self) -> bool {
        self.min_user_pairs <= 1 && self.min_item_pairs <= 1
    }
}

/// What [`k_core`] kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KCore {
    /// For each pair, whether it stays.
    pub keep: Vec<bool>,
    /// What was dropped and why: pairs, users, items.
    pub stages: Vec<StageReport>,
}

/// The largest subset of `pairs` in which every user and every item has enough pairs. Pairs of all
/// behaviors count: they are the edges of the training graph. Users and items that fall short are
/// removed with their pairs until none does; the result does not depend on the order (Seidman, "Network structure and minimum degree", 1983).
/// O(pairs + users + items).
///
/// # Panics
/// If a pair has a row beyond `n_users` or `n_items`, or there are 2^32 pairs or more.
#[must_use]
pub fn k_core(
    n_users: usize,
    n_items: usize,
    pairs: &[(UserId, ItemId)],
    config: &KCoreConfig,
) -> KCore {
    assert!(
        u32::try_from(pairs.len()).is_ok(),
        "a k-core of {} pairs was requested; the maximum is 2^32 - 1",
        pairs.len()
    );
    let mut users = Side::new(n_users, pairs.iter().map(|p| p.0.0), config.min_user_pairs);
    let mut items = Side::new(n_items, pairs.iter().map(|p| p.1.0), config.min_item_pairs);
    let (users_in, items_in) = (users.n_linked(), items.n_linked());
    let mut report = StageReport::new("k-core", "pairs");
    report.rows_in = pairs.len() as u64;
    let mut keep = vec![true; pairs.len()];
    while !(users.short.is_empty() && items.short.is_empty()) {
        let dropped = users.remove_short(&mut keep, |pair| items.lose(pairs[pair].1.0));
        report.drop(&users.reason("user"), dropped);
        let dropped = items.remove_short(&mut keep, |pair| users.lose(pairs[pair].0.0));
        report.drop(&items.reason("item"), dropped);
    }
    report.kept = keep.iter().filter(|&&kept| kept).count() as u64;
    let side = |unit: &str, kind: &str, before: u64, side: &Side| {
        let mut report = StageReport::new("k-core", unit);
        report.rows_in = before;
        report.kept = side.n_linked();
        report.drop(&side.reason(kind), before - report.kept);
        report
    };
    let stages = vec![
        report,
        side("users", "user", users_in, &users),
        side("items", "item", items_in, &items),
    ];
    KCore { keep, stages }
}

/// The users or the items.
struct Side {
    minimum: u32,
    /// The pairs each row still has.
    degrees: Vec<u32>,
    offsets: Vec<u64>,
    pairs: Vec<u32>,
    /// Rows that fell short and still have their pairs.
    short: Vec<u32>,
}

impl Side {
    fn new(n: usize, ends: impl Iterator<Item = u32> + Clone, minimum: u32) -> Self {
        let mut degrees = vec![0u32; n];
        for end in ends.clone() {
            degrees[end as usize] += 1;
        }
        let mut offsets = vec![0u64; n + 1];
        for row in 0..n {
            offsets[row + 1] = offsets[row] + u64::from(degrees[row]);
        }
        let mut next = offsets.clone();
        let mut pairs = vec![0u32; offsets[n] as usize];
        for (pair, end) in ends.enumerate() {
            pairs[next[end as usize] as usize] = pair as u32;
            next[end as usize] += 1;
        }
        let is_short = |&row: &u32| (1..minimum).contains(&degrees[row as usize]);
        let short = (0..n as u32).filter(is_short).collect();
        Self {
            minimum,
            degrees,
            offsets,
            pairs,
            short,
        }
    }

    fn n_linked(&self) -> u64 {
        self.degrees.iter().filter(|&&degree| degree > 0).count() as u64
    }

    fn reason(&self, kind: &str) -> String {
        format!("{kind} with fewer than {} pairs", self.minimum.max(1))
    }

    /// Removes rows below the minimum, calls `lost` for each removed pair, and returns how many
    /// were removed.
    fn remove_short(&mut self, keep: &mut [bool], mut lost: impl FnMut(usize)) -> u64 {
        let mut dropped = 0;
        for row in std::mem::take(&mut self.short) {
            let row = row as usize;
            self.degrees[row] = 0;
            for &pair in &self.pairs[self.offsets[row] as usize..self.offsets[row + 1] as usize] {
                if std::mem::replace(&mut keep[pair as usize], false) {
                    dropped += 1;
                    lost(pair as usize);
                }
            }
        }
        dropped
    }

    /// Takes a pair from a row, which may then fall below the minimum.
    fn lose(&mut self, row: u32) {
        let degree = &mut self.degrees[row as usize];
        // A row whose pairs are being removed has none left to lose.
        if *degree > 0 {
            *degree -= 1;
            if *degree + 1 == self.minimum && *degree > 0 {
                self.short.push(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn core(pairs: &[(u32, u32)], users: u32, items: u32) -> KCore {
        let pairs: Vec<_> = pairs.iter().map(|&(u, i)| (UserId(u), ItemId(i))).collect();
        let config = KCoreConfig {
            min_user_pairs: users,
            min_item_pairs: items,
        };
        k_core(8, 8, &pairs, &config)
    }

    #[test]
    fn a_chain_is_dropped_and_a_square_is_kept() {
        // Users 0 and 1 with items 0 and 1 hold each other; 2 hangs on by one pair, and
        // item 2 only through user 2.
        let pairs = [(0, 0), (2, 2), (0, 1), (1, 0), (1, 1), (2, 1), (3, 2)];
        let result = core(&pairs, 2, 2);
        assert_eq!(result.keep, [true, false, true, true, true, false, false]);
        let [pairs, users, items] = &result.stages[..] else {
            panic!("three reports");
        };
        assert_eq!((pairs.rows_in, pairs.kept), (7, 4));
        assert_eq!(pairs.dropped["user with fewer than 2 pairs"], 2);
        assert_eq!(pairs.dropped["item with fewer than 2 pairs"], 1);
        assert_eq!((users.rows_in, users.kept), (4, 2));
        assert_eq!((items.rows_in, items.kept), (3, 2));
        assert!(result.stages.iter().all(StageReport::balances));
    }

    #[test]
    fn one_pair_each_drops_nothing() {
        assert!(KCoreConfig::default().is_trivial());
        assert!(core(&[(0, 0), (1, 1)], 1, 0).keep.iter().all(|&k| k));
    }

    proptest! {
        #[test]
        fn the_core_is_the_largest_fixpoint(
            pairs in prop::collection::btree_set((0u32..8, 0u32..8), 0..40),
            users in 0u32..5,
            items in 0u32..5,
        ) {
            let pairs: Vec<_> = pairs.into_iter().collect();
            let result = core(&pairs, users, items);
            let kept: Vec<_> = pairs.iter().zip(&result.keep).filter(|p| *p.1).map(|p| *p.0).collect();
            prop_assert!(core(&kept, users, items).keep.iter().all(|&k| k));
            prop_assert!(result.stages.iter().all(StageReport::balances));
            // By the definition: remove whatever falls short until nothing does.
            let mut naive = pairs.clone();
            loop {
                let before = naive.clone();
                naive.retain(|&(u, i)| {
                    before.iter().filter(|p| p.0 == u).count() >= users as usize
                        && before.iter().filter(|p| p.1 == i).count() >= items as usize
                });
                if naive == before {
                    break;
                }
            }
            prop_assert_eq!(kept, naive);
        }
    }
}
