//! The positives of each user in training.

use crate::SampleError;
use lightgcn_core::{ItemId, Rows, Train, UserId};
use serde::{Deserialize, Serialize};

/// Which training pairs are positives. All other pairs may be drawn as negatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PositiveSet {
    /// The pairs with a target behavior (purchases).
    #[default]
    Targets,
    /// Every pair, whatever its behaviors; it counts by its weight.
    AllPairs,
}

/// For each user, the positives, ascending by item, with the weights of their pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Positives {
    n_items: u32,
    items: Rows<ItemId>,
    weights: Vec<f32>,
}

impl Positives {
    /// The positives of the training part. O(pairs).
    ///
    /// # Errors
    /// [`SampleError::NoPositives`] if no pair is one; [`SampleError::TooMany`] if there are more
    /// than 2^32 − 1 items, users or positives.
    pub fn new(train: &Train, set: PositiveSet) -> Result<Self, SampleError> {
        let pairs = train.interactions();
        let n_items = limited("items", pairs.n_items())?;
        limited("users", pairs.n_users())?;
        let is_positive = |pair: usize| set == PositiveSet::AllPairs || pairs.is_target(pair);
        let items = pairs.rows().filter(is_positive);
        limited("positives", items.n_values())?;
        if items.n_values() == 0 {
            let n_pairs = pairs.n_pairs();
            return Err(SampleError::NoPositives { n_pairs });
        }
        let weights = pairs.weights().iter().enumerate();
        let weights = weights.filter(|&(pair, _)| is_positive(pair));
        Ok(Self {
            n_items,
            items,
            weights: weights.map(|(_, &weight)| weight).collect(),
        })
    }

    /// The number of users (rows), including those without a positive.
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.items.n_rows()
    }

    /// The number of items.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.n_items as usize
    }

    /// The total number of positives; at least 1.
    #[must_use]
    pub fn n_pairs(&self) -> usize {
        self.items.n_values()
    }

    /// The start of each user's positives: `[n_users + 1]`, ending at the number of positives.
    #[must_use]
    pub fn offsets(&self) -> &[u64] {
        self.items.offsets()
    }

    /// The item of each positive, ascending within a user: `[n_pairs]`.
    #[must_use]
    pub fn items(&self) -> &[ItemId] {
        self.items.values()
    }

    /// The weight of each positive's pair, positive and finite: `[n_pairs]`.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// A user's positives, ascending.
    ///
    /// # Panics
    /// If the user is out of range.
    #[must_use]
    pub fn items_of(&self, user: UserId) -> &[ItemId] {
        self.items.row(user.index())
    }

    /// Whether the pair is a positive. O(log of the user's positives).
    ///
    /// # Panics
    /// If the user is out of range.
    #[must_use]
    pub fn contains(&self, user: UserId, item: ItemId) -> bool {
        self.items_of(user).binary_search(&item).is_ok()
    }

    /// Whether every item is a positive of the user, so that there is no negative.
    ///
    /// # Panics
    /// If the user is out of range.
    #[must_use]
    pub fn has_everything(&self, user: UserId) -> bool {
        self.items_of(user).len() == self.n_items()
    }

    /// For each item, the number of users who have it as a positive: `[n_items]`.
    #[must_use]
    pub fn popularity(&self) -> Vec<u32> {
        let mut counts = vec![0; self.n_items()];
        for item in self.items() {
            counts[item.index()] += 1;
        }
        counts
    }

    pub(crate) fn n_items_u32(&self) -> u32 {
        self.n_items
    }
}

fn limited(what: &'static str, count: usize) -> Result<u32, SampleError> {
    u32::try_from(count).map_err(|_| SampleError::TooMany {
        what,
        count,
        limit: u32::MAX,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::train;

    #[test]
    fn targets_are_purchases_and_all_pairs_are_all() {
        let train = train(
            3,
            4,
            &[(0, 1, true), (0, 3, false), (2, 0, true), (2, 1, true)],
        );
        let targets = Positives::new(&train, PositiveSet::Targets).unwrap();
        assert_eq!(targets.offsets(), [0, 1, 1, 3]);
        assert_eq!(targets.items(), [ItemId(1), ItemId(0), ItemId(1)]);
        assert_eq!(targets.weights(), [1.0, 1.0, 1.0]);
        assert_eq!(targets.popularity(), [1, 2, 0, 0]);
        assert!(targets.contains(UserId(2), ItemId(0)));
        assert!(!targets.contains(UserId(0), ItemId(3)));
        let all = Positives::new(&train, PositiveSet::AllPairs).unwrap();
        assert_eq!(all.items_of(UserId(0)), [ItemId(1), ItemId(3)]);
        assert_eq!(all.weights(), [1.0, 0.1, 1.0, 1.0]);
        assert_eq!((all.n_users(), all.n_items(), all.n_pairs()), (3, 4, 4));
        assert_eq!(all.items_of(UserId(1)), []);
    }

    #[test]
    fn a_user_with_everything_is_known() {
        let train = train(2, 2, &[(0, 0, true), (0, 1, true), (1, 0, true)]);
        let positives = Positives::new(&train, PositiveSet::Targets).unwrap();
        assert!(positives.has_everything(UserId(0)));
        assert!(!positives.has_everything(UserId(1)));
    }

    #[test]
    fn no_positives_is_an_error() {
        let views = train(1, 2, &[(0, 0, false)]);
        let error = Positives::new(&views, PositiveSet::Targets).unwrap_err();
        assert_eq!(error, SampleError::NoPositives { n_pairs: 1 });
        assert!(Positives::new(&views, PositiveSet::AllPairs).is_ok());
        assert!(Positives::new(&train(1, 2, &[]), PositiveSet::AllPairs).is_err());
    }

    #[test]
    fn more_rows_than_32_bits_name_are_an_error() {
        assert!(matches!(
            limited("items", 1 << 32),
            Err(SampleError::TooMany {
                what: "items",
                count: 0x1_0000_0000,
                ..
            })
        ));
        assert_eq!(limited("items", 7), Ok(7));
    }
}
