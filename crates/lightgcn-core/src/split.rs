//! Training, validation and test parts that cannot be confused.

use crate::{CoreError, Interactions, Truth};

/// What a model may learn from. Created only by [`Split::new`].
#[derive(Debug, Clone, PartialEq)]
pub struct Train(Interactions);

/// What choices are based on: early stopping, hyperparameters. Created only by [`Split::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation(Truth);

/// What final results are measured on. Created only by [`Split::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test(Truth);

impl Train {
    /// The pairs.
    #[must_use]
    pub fn interactions(&self) -> &Interactions {
        &self.0
    }
}

impl Validation {
    /// The held-out targets.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.0
    }
}

impl Test {
    /// The held-out targets.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.0
    }
}

/// A split without leakage: no target of validation or test is in another part.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// What a model may learn from.
    pub train: Train,
    /// What choices are based on; may be empty.
    pub validation: Validation,
    /// What final results are measured on; may be empty if there is nothing to measure.
    pub test: Test,
}

impl Split {
    /// Creates a split from its three parts and checks that they are disjoint: a held-out pair may
    /// have other behaviors in training (the user viewed it), but never a target event. Such
    /// familiar targets are marked in the truths. O(pairs · log).
    ///
    /// # Errors
    /// [`CoreError::SplitShape`] if the parts' numbers of users or items differ,
    /// [`CoreError::Leak`] if a pair is in two parts.
    pub fn new(
        train: Interactions,
        mut validation: Truth,
        mut test: Truth,
    ) -> Result<Self, CoreError> {
        for (part, truth) in [("validation", &validation), ("test", &test)] {
            if truth.n_users() != train.n_users() || truth.n_items() != train.n_items() {
                return Err(CoreError::SplitShape {
                    part,
                    users: truth.n_users(),
                    items: truth.n_items(),
                    train_users: train.n_users(),
                    train_items: train.n_items(),
                });
            }
            let leak = truth
                .iter()
                .find(|&(user, item)| train.find(user, item).is_some_and(|p| train.is_target(p)));
            if let Some((user, item)) = leak {
                let (user, item) = (user.0, item.0);
                return Err(CoreError::Leak {
                    user,
                    item,
                    first: "training",
                    second: part,
                });
            }
        }
        let leak = test
            .iter()
            .find(|&(user, item)| validation.items_of(user).binary_search(&item).is_ok());
        if let Some((user, item)) = leak {
            let (user, item) = (user.0, item.0);
            return Err(CoreError::Leak {
                user,
                item,
                first: "validation",
                second: "test",
            });
        }
        for truth in [&mut validation, &mut test] {
            truth.mark_familiar(|user, item| train.find(user, item).is_some());
        }
        Ok(Self {
            train: Train(train),
            validation: Validation(validation),
            test: Test(test),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InteractionsBuilder, ItemId, UserId};

    fn train() -> Interactions {
        let mut b = InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"]).unwrap();
        b.push(UserId(0), ItemId(0), 1.0, &[0, 1], None).unwrap();
        b.push(UserId(0), ItemId(1), 0.1, &[1, 0], None).unwrap();
        b.build(2, 4).unwrap()
    }

    fn truth(pairs: &[(u32, u32)]) -> Truth {
        let pairs = pairs.iter().map(|&(u, i)| (UserId(u), ItemId(i))).collect();
        Truth::from_pairs(2, 4, pairs).unwrap()
    }

    #[test]
    fn viewed_targets_are_familiar() {
        let split = Split::new(train(), truth(&[]), truth(&[(0, 1), (0, 2), (1, 1)])).unwrap();
        let test = split.test.truth();
        assert_eq!(test.familiar_of(UserId(0)), [true, false]);
        assert_eq!(test.familiar_of(UserId(1)), [false]);
        assert_eq!(test.users().collect::<Vec<_>>(), [UserId(0), UserId(1)]);
    }

    #[test]
    fn leaks_are_errors() {
        let leak = |v: &[(u32, u32)], t: &[(u32, u32)]| Split::new(train(), truth(v), truth(t));
        assert!(matches!(
            leak(&[(0, 0)], &[]),
            Err(CoreError::Leak {
                second: "validation",
                ..
            })
        ));
        assert!(matches!(
            leak(&[], &[(0, 0)]),
            Err(CoreError::Leak { second: "test", .. })
        ));
        assert!(matches!(
            leak(&[(1, 3)], &[(1, 3)]),
            Err(CoreError::Leak {
                user: 1,
                item: 3,
                first: "validation",
                second: "test"
            })
        ));
        assert!(matches!(
            Split::new(train(), Truth::empty(3, 4), truth(&[])),
            Err(CoreError::SplitShape {
                part: "validation",
                ..
            })
        ));
    }
}
