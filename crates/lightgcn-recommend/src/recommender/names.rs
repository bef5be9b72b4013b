//! Resolves the shop's own names.

use crate::{ItemFilter, Recommender, Rule, UnknownNames};
use lightgcn_core::{BehaviorId, ItemId, UserId};
use std::borrow::Cow;

/// Names.
impl Recommender {
    /// The behavior of an event's label, as the log or the model writes it; `None` for unknown
    /// labels and those that preparation ignores.
    #[must_use]
    pub fn behavior(&self, label: &str) -> Option<BehaviorId> {
        self.shop.model.behavior(label).flatten()
    }

    /// Whether events may have this label: a behavior of the model, its label in the log, or one
    /// that preparation ignores.
    #[must_use]
    pub fn knows_behavior(&self, label: &str) -> bool {
        self.shop.model.behavior(label).is_some()
    }

    /// The labels that events may have: the model's behaviors in order, then other labels for them
    /// in the log and the labels that preparation ignores.
    #[must_use]
    pub fn behavior_labels(&self) -> Vec<&str> {
        self.shop.model.behavior_labels()
    }

    /// The names in a filter that match no item: they allow nothing and deny nothing. Answers
    /// report them too.
    #[must_use]
    pub fn unknown_names(&self, filter: &ItemFilter) -> Vec<UnknownNames> {
        let items = &self.shop.items;
        filter.unknown(&items.names, &items.catalogue)
    }

    /// The first rule that leaves no item, with [`Rule::Unsuitable`] and [`Rule::Unavailable`]
    /// last; `None` if items are left. Answers without items report it too. O(items + names).
    #[must_use]
    pub fn emptied_by(&self, filter: &ItemFilter) -> Option<Rule> {
        self.shop.eligible(filter).emptied_by
    }

    /// An id of a user or an item in the form that the model's ids have: that of the option `normalize_ids` with which its
    /// log was read. All look-ups by id do this themselves.
    #[must_use]
    pub fn normalized_id<'i>(&self, raw_id: &'i str) -> Cow<'i, str> {
        self.shop.model.artifact.users.normalized(raw_id)
    }

    /// The row of a user; `None` if the artifact does not know the id.
    #[must_use]
    pub fn user(&self, raw_user: &str) -> Option<UserId> {
        self.shop.user(raw_user)
    }

    /// The row of an item; `None` if the id is unknown.
    #[must_use]
    pub fn item(&self, raw_item: &str) -> Option<ItemId> {
        self.shop.items.names.get(raw_item)
    }

    /// The id of an item; `None` if there is no such row.
    #[must_use]
    pub fn item_id(&self, item: ItemId) -> Option<&str> {
        self.shop.items.names.name(item)
    }
}
