//! Dense row numbers of users, items and entities.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A dense row number that names a user, an item or an entity.
pub trait NodeId: Copy + Eq + Ord + fmt::Debug + Send + Sync + 'static {
    /// What a row is, for messages: `user`, `item` or `entity`.
    const KIND: &'static str;

    /// The id of row `row`.
    fn from_row(row: u32) -> Self;

    /// The row number.
    fn row(self) -> u32;

    /// The row number as an index into arrays.
    fn index(self) -> usize {
        self.row() as usize
    }
}

macro_rules! node_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        #[repr(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// The row number as an index into arrays.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl NodeId for $name {
            const KIND: &'static str = $kind;

            fn from_row(row: u32) -> Self {
                Self(row)
            }

            fn row(self) -> u32 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

node_id!(
    /// The dense row number of a user, from 0 to the number of users minus one.
    UserId,
    "user"
);
node_id!(
    /// The dense row number of an item, from 0 to the number of items minus one.
    ItemId,
    "item"
);
node_id!(
    /// The dense row number of an entity of a [`Knowledge`](crate::Knowledge), from 0 to the number of
    /// entities less one.
    EntityId,
    "entity"
);
