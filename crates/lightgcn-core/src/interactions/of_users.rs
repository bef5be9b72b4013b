//! The pairs of some users.

use super::{Interactions, InteractionsBuilder};
use crate::{CoreError, UserId};

impl Interactions {
    /// Only the pairs of these users, who become users 0, 1, … in the given order; items keep their
    /// rows. O(events of these users).
    ///
    /// # Errors
    /// Those of [`InteractionsBuilder::build`]; none for pairs that were valid here.
    pub fn of_users(&self, users: &[UserId]) -> Result<Self, CoreError> {
        let mut pairs = InteractionsBuilder::new(self.behaviors.clone(), self.is_target.clone());
        for (user, &old) in (0..).map(UserId).zip(users) {
            for pair in self.pairs_of(old) {
                let (item, weight) = (self.items()[pair], self.weights()[pair]);
                match self.events_of(pair) {
                    [] => {
                        let time = self.last_times.get(pair).copied();
                        pairs.push(user, item, weight, self.counts_of(pair), time)?;
                    }
                    events => pairs.push_events(user, item, weight, events)?,
                }
            }
        }
        pairs.build(users.len(), self.n_items)
    }
}
