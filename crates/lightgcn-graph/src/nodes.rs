//! The number of nodes of each kind in a graph, and their rows.

use crate::GraphError;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The maximum number of nodes in a graph, so that every row has a 32-bit number.
const LIMIT: usize = u32::MAX as usize - 1;

/// The kinds of a graph's nodes with their counts, in the order of their rows: users first, then
/// items, then other kinds in the order in which they were added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeCounts {
    kinds: Vec<(String, usize)>,
    /// The part of the users that these nodes have, if they do not have all.
    #[serde(skip)]
    part: Option<UserPart>,
}

/// A part of the users of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
struct UserPart {
    users: Range<usize>,
    n_users: usize,
}

impl NodeCounts {
    /// The kind of users.
    pub const USER: &'static str = "user";
    /// The kind of items.
    pub const ITEM: &'static str = "item";
    /// The name of the kind that the entities of a knowledge graph are.
    pub const ENTITY: &'static str = "entity";

    /// Users and items, and no other kind.
    ///
    /// # Errors
    /// [`GraphError::TooManyNodes`] if there are more than 2^32 − 2 together.
    pub fn new(n_users: usize, n_items: usize) -> Result<Self, GraphError> {
        let (kinds, part) = (Vec::new(), None);
        Self { kinds, part }
            .with(Self::USER, n_users)?
            .with(Self::ITEM, n_items)
    }

    /// The same nodes with only a part of the users, as one of several processes has them; the part
    /// may be empty.
    ///
    /// # Panics
    /// If the users are only a part already, or the part ends beyond the last of them.
    #[must_use]
    pub fn of_users(mut self, users: Range<usize>) -> Self {
        let n_users = self.users();
        assert!(
            self.part.is_none() && users.end <= n_users,
            "users {users:?} are not a part of {n_users} users"
        );
        self.kinds[0].1 = users.len();
        self.part = Some(UserPart { users, n_users });
        self
    }

    /// The users by their numbers in the whole graph: all, unless these nodes have only a part.
    #[must_use]
    pub fn user_range(&self) -> Range<usize> {
        let part = self.part.as_ref();
        part.map_or(0..self.users(), |part| part.users.clone())
    }

    /// The number of users in the whole graph, if these nodes have only a part of them.
    #[must_use]
    pub fn all_users(&self) -> usize {
        let part = self.part.as_ref();
        part.map_or(self.users(), |part| part.n_users)
    }

    /// Appends another kind with `count` nodes.
    ///
    /// # Errors
    /// [`GraphError::DuplicateName`] if there is such a kind already,
    /// [`GraphError::TooManyNodes`] if there are more than 2^32 − 2 nodes then.
    pub fn with(mut self, kind: &str, count: usize) -> Result<Self, GraphError> {
        if self.rows(kind).is_some() {
            return Err(GraphError::DuplicateName {
                name: kind.to_owned(),
            });
        }
        let n_nodes = self.total().saturating_add(count);
        if n_nodes > LIMIT {
            return Err(GraphError::TooManyNodes {
                n_nodes,
                limit: LIMIT,
            });
        }
        self.kinds.push((kind.to_owned(), count));
        Ok(self)
    }

    /// The number of users.
    #[must_use]
    pub fn users(&self) -> usize {
        self.kinds[0].1
    }

    /// The number of items.
    #[must_use]
    pub fn items(&self) -> usize {
        self.kinds[1].1
    }

    /// The total number of nodes.
    #[must_use]
    pub fn total(&self) -> usize {
        self.kinds.iter().map(|(_, count)| count).sum()
    }

    /// The kinds beyond users and items, with their counts, in the order of their rows.
    #[must_use]
    pub fn further(&self) -> &[(String, usize)] {
        &self.kinds[2..]
    }

    /// The names of all kinds, in the order of their rows.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kinds.iter().map(|(name, _)| name.as_str())
    }

    /// The rows of a kind's nodes, or `None` if there is no such kind.
    #[must_use]
    pub fn rows(&self, kind: &str) -> Option<Range<usize>> {
        let position = self.kinds.iter().position(|(name, _)| name == kind)?;
        let first = self.kinds[..position].iter().map(|(_, count)| count).sum();
        Some(first..first + self.kinds[position].1)
    }

    /// Like [`NodeCounts::rows`], but with an error that lists the known kinds.
    pub(crate) fn find(&self, kind: &str) -> Result<Range<usize>, GraphError> {
        self.rows(kind)
            .ok_or_else(|| GraphError::unknown("node kind", kind, self.names()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_the_order_of_the_kinds() {
        let nodes = NodeCounts::new(3, 2).unwrap().with("brand", 4).unwrap();
        assert_eq!((nodes.users(), nodes.items(), nodes.total()), (3, 2, 9));
        assert_eq!(nodes.rows("user"), Some(0..3));
        assert_eq!(nodes.rows("item"), Some(3..5));
        assert_eq!(nodes.rows("brand"), Some(5..9));
        assert_eq!(nodes.rows("shop"), None);
        assert_eq!(nodes.further(), [("brand".to_owned(), 4)]);
        assert_eq!(nodes.names().collect::<Vec<_>>(), ["user", "item", "brand"]);
    }

    #[test]
    fn a_part_of_the_users_keeps_their_numbers() {
        let nodes = NodeCounts::new(5, 2).unwrap();
        assert_eq!((nodes.user_range(), nodes.all_users()), (0..5, 5));
        let part = nodes.of_users(3..5);
        assert_eq!((part.users(), part.items(), part.total()), (2, 2, 4));
        assert_eq!((part.user_range(), part.all_users()), (3..5, 5));
        assert_eq!(part.rows("item"), Some(2..4));
    }

    #[test]
    fn too_many_nodes_and_repeated_kinds_are_errors() {
        let most = NodeCounts::new(LIMIT - 1, 1).unwrap();
        let error = most.with("brand", 1).unwrap_err();
        let n_nodes = LIMIT + 1;
        let limit = LIMIT;
        assert_eq!(error, GraphError::TooManyNodes { n_nodes, limit });
        let n_nodes = usize::MAX;
        let error = NodeCounts::new(usize::MAX, 2).unwrap_err();
        assert_eq!(error, GraphError::TooManyNodes { n_nodes, limit });
        let name = "item".to_owned();
        let error = NodeCounts::new(1, 1).unwrap().with("item", 1).unwrap_err();
        assert_eq!(error, GraphError::DuplicateName { name });
    }
}
