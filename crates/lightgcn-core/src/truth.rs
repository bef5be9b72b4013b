//! The held-out targets that a ranking is evaluated on.

use crate::interactions::check_rows;
use crate::{CoreError, ItemId, Rows, UserId};

/// For each user, the items that count as right answers, ascending and distinct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    n_items: usize,
    items: Rows<ItemId>,
    /// Whether the user already interacted with the item in training by a non-target behavior.
    familiar: Vec<bool>,
}

impl Truth {
    /// No right answers.
    #[must_use]
    pub fn empty(n_users: usize, n_items: usize) -> Self {
        Self {
            n_items,
            items: Rows::empty(n_users),
            familiar: Vec::new(),
        }
    }

    /// The right answers of `pairs`, in any order; repeated pairs count once.
    ///
    /// # Errors
    /// [`CoreError::RowOutOfRange`] if a pair names a row beyond the sizes given.
    pub fn from_pairs(
        n_users: usize,
        n_items: usize,
        mut pairs: Vec<(UserId, ItemId)>,
    ) -> Result<Self, CoreError> {
        pairs.sort_unstable();
        pairs.dedup();
        check_rows(&pairs, n_users, n_items)?;
        let items = pairs.iter().map(|&(user, item)| (user.index(), item));
        Ok(Self {
            n_items,
            items: Rows::group(n_users, items),
            familiar: vec![false; pairs.len()],
        })
    }

    /// The number of users (rows), including those without a right answer.
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.items.n_rows()
    }

    /// The number of items.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The number of right answers.
    #[must_use]
    pub fn n_pairs(&self) -> usize {
        self.items.n_values()
    }

    /// Whether there are no right answers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.n_values() == 0
    }

    /// A user's right answers, ascending.
    ///
    /// # Panics
    /// If the user is out of range.
    #[must_use]
    pub fn items_of(&self, user: UserId) -> &[ItemId] {
        self.items.row(user.index())
    }

    /// For each of a user's right answers, whether the user had already interacted with it in
    /// training (viewed or carted, but not bought). Such targets are reported separately from new
    /// ones.
    ///
    /// # Panics
    /// If the user is out of range.
    #[must_use]
    pub fn familiar_of(&self, user: UserId) -> &[bool] {
        &self.familiar[self.items.range(user.index())]
    }

    /// The users with at least one right answer, ascending.
    pub fn users(&self) -> impl Iterator<Item = UserId> + '_ {
        (0..self.n_users() as u32)
            .map(UserId)
            .filter(|&user| !self.items_of(user).is_empty())
    }

    /// All pairs, by user, then item.
    pub fn iter(&self) -> impl Iterator<Item = (UserId, ItemId)> + '_ {
        self.users()
            .flat_map(|user| self.items_of(user).iter().map(move |&item| (user, item)))
    }

    pub(crate) fn mark_familiar(&mut self, is_familiar: impl Fn(UserId, ItemId) -> bool) {
        let marks = self
            .iter()
            .map(|(user, item)| is_familiar(user, item))
            .collect();
        self.familiar = marks;
    }
}
