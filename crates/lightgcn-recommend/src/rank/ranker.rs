//! The trait of rankers, and the items they leave out.

use lightgcn_core::{Interactions, ItemId, Rows, UserId};
use serde::{Deserialize, Serialize};

/// An item with its score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// The item's row.
    pub item: ItemId,
    /// Its score; higher is better. Scores of different rankers are not comparable.
    pub score: f32,
}

/// Anything that ranks items for known users.
///
/// A list is best first, ties by the lower item row, without repetition or excluded items, and has
/// `k` items unless fewer are left. The same request gets the same answer, with any number of
/// threads and any batching of users. [`evaluate`](crate::evaluate) checks this contract and
/// rejects lists that break it.
///
/// Your own ranker needs one method in addition to its name and sizes:
///
/// ```
/// use lightgcn_core::{ItemId, UserId};
/// use lightgcn_recommend::{Exclusions, Ranked, Ranker};
///
/// /// The newest items first: the last row is the newest.
/// struct Newest {
///     n_users: usize,
///     n_items: usize,
/// }
///
/// impl Ranker for Newest {
///     fn name(&self) -> &str {
///         "newest"
///     }
///     fn n_users(&self) -> usize {
///         self.n_users
///     }
///     fn n_items(&self) -> usize {
///         self.n_items
///     }
///     fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>> {
///         let list = |&user| {
///             let items = (0..self.n_items as u32).rev().map(ItemId);
///             let kept = items.filter(|&item| !excluded.contains(user, item));
///             kept.map(|item| Ranked { item, score: item.0 as f32 }).take(k).collect()
///         };
///         users.iter().map(list).collect()
///     }
/// }
///
/// let ranker = Newest { n_users: 1, n_items: 3 };
/// let lists = ranker.top_k(&[UserId(0)], 2, &Exclusions::none());
/// assert_eq!(lists[0][0].item, ItemId(2));
/// ```
pub trait Ranker: Sync {
    /// The name in reports.
    fn name(&self) -> &str;

    /// The number of users.
    fn n_users(&self) -> usize;

    /// The number of items.
    fn n_items(&self) -> usize;

    /// The `k` best items for each of `users`, in their order; `k` of 0 gives empty lists.
    ///
    /// # Panics
    /// If a user is out of range, or `excluded` has lists for fewer users.
    fn top_k(&self, users: &[UserId], k: usize, excluded: &Exclusions) -> Vec<Vec<Ranked>>;
}

/// The union of two ascending lists of rows.
pub(crate) fn merged(a: &[u32], b: &[u32]) -> Vec<u32> {
    if b.is_empty() {
        return a.to_vec();
    }
    let mut out = Vec::with_capacity(a.len() + b.len());
    let mut rest = b;
    for &x in a {
        let before = rest.partition_point(|&y| y < x);
        out.extend_from_slice(&rest[..before]);
        rest = &rest[before..];
        out.push(x);
    }
    out.extend_from_slice(rest);
    out.dedup();
    out
}

/// For each user, the items to leave out, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exclusions(Option<Rows<u32>>);

impl Exclusions {
    /// Excludes nothing, for any number of users.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Excludes the items each user has bought: the pairs with a target event. O(pairs).
    #[must_use]
    pub fn targets(interactions: &Interactions) -> Self {
        Self(Some(interactions.targets().map(|item| item.0)))
    }

    /// Excludes the items each user has interacted with, by any behavior. O(pairs).
    #[must_use]
    pub fn pairs(interactions: &Interactions) -> Self {
        Self(Some(interactions.rows().clone().map(|item| item.0)))
    }

    /// Excludes one list of items per user, in any order, with or without repetition.
    #[must_use]
    pub fn from_lists(lists: impl IntoIterator<Item = Vec<ItemId>>) -> Self {
        let sorted = lists.into_iter().map(|mut list| {
            list.sort_unstable();
            list.dedup();
            list.into_iter().map(|item| item.0)
        });
        Self(Some(sorted.collect()))
    }

    /// The number of users with lists; `None` if nothing is excluded for anyone.
    #[must_use]
    pub fn n_users(&self) -> Option<usize> {
        self.0.as_ref().map(Rows::n_rows)
    }

    /// The item rows excluded for a user, ascending and distinct.
    ///
    /// # Panics
    /// If there are lists, but none for this user.
    #[must_use]
    pub fn of(&self, user: UserId) -> &[u32] {
        let Some(rows) = &self.0 else {
            return &[];
        };
        assert!(
            user.index() < rows.n_rows(),
            "user row {user} has no list: the exclusions count {} users",
            rows.n_rows()
        );
        rows.row(user.index())
    }

    /// Whether an item is excluded for a user. O(log of the user's list).
    ///
    /// # Panics
    /// If there are lists, but none for this user.
    #[must_use]
    pub fn contains(&self, user: UserId, item: ItemId) -> bool {
        self.of(user).binary_search(&item.0).is_ok()
    }
}

/// Panics if a user is out of range.
pub(crate) fn check_user(user: UserId, n_users: usize) {
    assert!(
        user.index() < n_users,
        "user row {user} is out of range: the ranker knows {n_users} users"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::InteractionsBuilder;

    #[test]
    fn exclusions_come_from_targets_or_from_all_pairs() {
        let mut b = InteractionsBuilder::from_names(&["view", "buy"], &["buy"]).unwrap();
        b.push(UserId(0), ItemId(3), 1.0, &[0, 1], None).unwrap();
        b.push(UserId(0), ItemId(1), 0.1, &[1, 0], None).unwrap();
        b.push(UserId(2), ItemId(0), 1.0, &[0, 1], None).unwrap();
        let x = b.build(3, 4).unwrap();
        let targets = Exclusions::targets(&x);
        assert_eq!(targets.of(UserId(0)), [3]);
        assert!(targets.of(UserId(1)).is_empty());
        assert_eq!(targets.of(UserId(2)), [0]);
        assert!(!targets.contains(UserId(0), ItemId(1)));
        assert_eq!(Exclusions::pairs(&x).of(UserId(0)), [1, 3]);
    }

    #[test]
    fn lists_are_sorted_and_distinct() {
        let e = Exclusions::from_lists([vec![ItemId(4), ItemId(1), ItemId(4)], vec![]]);
        assert_eq!(e.of(UserId(0)), [1, 4]);
        assert_eq!(e.n_users(), Some(2));
        assert_eq!(Exclusions::none().n_users(), None);
        assert!(Exclusions::none().of(UserId(77)).is_empty());
    }

    #[test]
    #[should_panic(expected = "the exclusions count 1 users")]
    fn a_missing_list_panics() {
        let _ = Exclusions::from_lists([vec![]]).of(UserId(1));
    }
}
