//! What the default split by time would contain.

use super::is_target;
use crate::split::begin_of_share;
use crate::time;
use lightgcn_core::{Interactions, UserId};
use serde::Serialize;

/// The share of the targets in each held-out part, as by default.
const SHARE: f64 = 0.1;

/// What a split by time would contain, with a tenth of the target events each for validation and
/// test. Without a k-core, this is what [`prepare`](crate::prepare) does by default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TimeSplit {
    /// Events before the validation period.
    pub training_events: u64,
    /// Users with such an event.
    pub training_users: u64,
    /// Items with such an event.
    pub training_items: u64,
    /// The validation part.
    pub validation: HeldOutPart,
    /// The test part.
    pub test: HeldOutPart,
}

/// The targets of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HeldOutPart {
    /// When the period begins.
    pub from: String,
    /// Pairs to predict: bought for the first time, by a user and of an item that are in training.
    pub targets: u64,
    /// Users with such a pair.
    pub users: u64,
    /// The last such user, to count each one once.
    #[serde(skip)]
    last_user: Option<UserId>,
    /// Pairs left out because they were also bought before the period.
    pub bought_before: u64,
    /// Pairs left out because the user or the item is not in training.
    pub unseen: u64,
}

impl TimeSplit {
    /// `None` if events are unknown, or no target comes before the held-out periods.
    pub(super) fn of(interactions: &Interactions) -> Option<Self> {
        let events = interactions.events().values();
        let targets = events
            .iter()
            .filter(|event| is_target(interactions, **event));
        let mut times: Vec<i64> = targets.map(|event| event.time()).collect();
        times.sort_unstable();
        let first = *times.first()?;
        let test = begin_of_share(&times, SHARE, times.len());
        let before_test = times.partition_point(|&t| t < test);
        if before_test == 0 {
            return None;
        }
        let validation = begin_of_share(&times, SHARE, before_test);
        (validation > first).then(|| Self::at(interactions, validation, test))
    }

    fn at(interactions: &Interactions, validation: i64, test: i64) -> Self {
        let mut split = Self {
            training_events: 0,
            training_users: 0,
            training_items: 0,
            validation: HeldOutPart::at(validation),
            test: HeldOutPart::at(test),
        };
        let mut users = vec![false; interactions.n_users()];
        let mut items = vec![false; interactions.n_items()];
        for (user, pair) in interactions.pairs() {
            let events = interactions.events_of(pair);
            let n = events.partition_point(|event| event.time() < validation);
            split.training_events += n as u64;
            users[user.index()] |= n > 0;
            items[interactions.items()[pair].index()] |= n > 0;
        }
        let count = |known: &[bool]| known.iter().filter(|&&known| known).count() as u64;
        (split.training_users, split.training_items) = (count(&users), count(&items));

        for (user, pair) in interactions.pairs() {
            let events = interactions.events_of(pair).iter();
            let (mut before, mut in_validation, mut in_test) = (false, false, false);
            for target in events.filter(|event| is_target(interactions, **event)) {
                match target.time() {
                    t if t < validation => before = true,
                    t if t < test => in_validation = true,
                    _ => in_test = true,
                }
            }
            let is_known = users[user.index()] && items[interactions.items()[pair].index()];
            if in_validation {
                split.validation.add(user, before, is_known);
            }
            if in_test {
                split.test.add(user, before || in_validation, is_known);
            }
        }
        split
    }
}

impl HeldOutPart {
    fn at(from: i64) -> Self {
        Self {
            from: time::display(from),
            targets: 0,
            users: 0,
            last_user: None,
            bought_before: 0,
            unseen: 0,
        }
    }

    /// Adds a pair; users ascend.
    fn add(&mut self, user: UserId, bought_before: bool, is_known: bool) {
        if bought_before {
            self.bought_before += 1;
        } else if !is_known {
            self.unseen += 1;
        } else {
            self.targets += 1;
            self.users += u64::from(self.last_user.replace(user) != Some(user));
        }
    }
}
