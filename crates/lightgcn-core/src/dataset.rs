//! Everything that training needs, in one value.

use crate::{BehaviourWeights, Catalogue, CoreError, ItemId, Lineage, Split, UserId, Vocabulary};

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
    /// The behaviours of the log and how they were weighed.
    pub behaviours: BehaviourWeights,
    /// Inputs, options and what each stage kept and dropped.
    pub lineage: Lineage,
}

impl Dataset {
    /// Puts the parts together and checks that they count the same consumers and products.
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if the vocabularies, the catalogue or the behaviours do not fit the
    /// split.
    pub fn new(
        split: Split,
        users: Vocabulary<UserId>,
        items: Vocabulary<ItemId>,
        catalogue: Catalogue,
        behaviours: BehaviourWeights,
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
        let table = behaviours.behaviours().iter();
        let fits = train.behaviours().len() == table.len()
            && table
                .zip(train.behaviours().iter().zip(train.target_behaviours()))
                .all(|(b, (name, &target))| b.name == *name && b.target == target);
        if !fits {
            return Err(CoreError::Damaged {
                what: "table of behaviours",
                detail: format!("the training part counts {:?}", train.behaviours()),
            });
        }
        Ok(Self {
            split,
            users,
            items,
            catalogue,
            behaviours,
            lineage,
        })
    }
}
