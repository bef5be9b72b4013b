//! Everything that training needs, in one value.

use crate::{BehaviorWeights, Catalogue, CoreError, ItemId, Lineage, Split, UserId, Vocabulary};

/// A split log with its vocabularies, its catalogue and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The three parts, without leakage.
    pub split: Split,
    /// The users of the training part.
    pub users: Vocabulary<UserId>,
    /// The items of the training part.
    pub items: Vocabulary<ItemId>,
    /// What is known of the items.
    pub catalogue: Catalogue,
    /// The behaviors of the log and how they were weighed.
    pub behaviors: BehaviorWeights,
    /// Inputs, options and what each stage kept and dropped.
    pub lineage: Lineage,
}

impl Dataset {
    /// Puts the parts together and checks that they count the same users and items.
    ///
    /// # Errors
    /// [`CoreError::Damaged`] if the vocabularies, the catalogue or the behaviors do not fit the
    /// split.
    pub fn new(
        split: Split,
        users: Vocabulary<UserId>,
        items: Vocabulary<ItemId>,
        catalogue: Catalogue,
        behaviors: BehaviorWeights,
        lineage: Lineage,
    ) -> Result<Self, CoreError> {
        let train = split.train.interactions();
        for (what, have, want) in [
            ("user vocabulary", users.len(), train.n_users()),
            ("item vocabulary", items.len(), train.n_items()),
            ("catalogue", catalogue.n_items(), train.n_items()),
        ] {
            if have != want {
                return Err(CoreError::Damaged {
                    what,
                    detail: format!("it has {have} rows, the training part {want}"),
                });
            }
        }
        let table = behaviors.behaviors().iter();
        let fits = train.behaviors().len() == table.len()
            && table
                .zip(train.behaviors().iter().zip(train.target_behaviors()))
                .all(|(b, (name, &target))| b.name == *name && b.target == target);
        if !fits {
            return Err(CoreError::Damaged {
                what: "table of behaviors",
                detail: format!("the training part counts {:?}", train.behaviors()),
            });
        }
        Ok(Self {
            split,
            users,
            items,
            catalogue,
            behaviors,
            lineage,
        })
    }

    /// The same dataset with training pairs weighed by another table of the same behaviors, from their
    /// single events where these are known. O(events).
    ///
    /// # Errors
    /// [`CoreError::BehaviorCounts`] or [`CoreError::Damaged`] if the table has other behaviors.
    pub fn reweighted(&self, behaviors: BehaviorWeights) -> Result<Self, CoreError> {
        let Split {
            train,
            validation,
            test,
        } = &self.split;
        let pairs = train.interactions().filtered(&behaviors, |_, _, _| true)?;
        let split = Split::new(pairs, validation.truth().clone(), test.truth().clone())?;
        let (users, items) = (self.users.clone(), self.items.clone());
        let (catalogue, lineage) = (self.catalogue.clone(), self.lineage.clone());
        Self::new(split, users, items, catalogue, behaviors, lineage)
    }
}
