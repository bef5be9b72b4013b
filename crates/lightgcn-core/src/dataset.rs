//! Everything that training needs, in one value.

use crate::{Catalogue, CoreError, ItemId, Lineage, Split, UserId, Vocabulary};

/// A split log with its vocabularies, its catalogue and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The three parts, without leakage.
    pub split: Split,
    /// The consumers of the training part.
    pub users: Vocabulary<UserId>,
    /// The products of the training part.
    pub items: Vocabulary<ItemId>,
    /// What is known of the products.
    pub catalogue: Catalogue,
    /// Inputs, options and what each stage kept and dropped.
    pub lineage: Lineage,
}

impl Dataset {
    /// Puts the parts together and checks that they count the same consumers and products.
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if the vocabularies or the catalogue do not fit the split.
    pub fn new(
        split: Split,
        users: Vocabulary<UserId>,
        items: Vocabulary<ItemId>,
        catalogue: Catalogue,
        lineage: Lineage,
    ) -> Result<Self, CoreError> {
        let train = split.train.interactions();
        for (what, have, want) in [
            ("consumer vocabulary", users.len(), train.n_users()),
            ("product vocabulary", items.len(), train.n_items()),
            ("catalogue", catalogue.n_items(), train.n_items()),
        ] {
            if have != want {
                return Err(CoreError::Damaged {
                    what,
                    detail: format!("it has {have} rows, the training part {want}"),
                });
            }
        }
        Ok(Self {
            split,
            users,
            items,
            catalogue,
            lineage,
        })
    }
}
