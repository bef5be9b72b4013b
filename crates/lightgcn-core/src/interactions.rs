//! What users did, one row per (user, item) pair.

mod filtered;
mod of_users;

use crate::{CoreError, ItemId, PairEvent, Rows, UserId};
use std::sync::Arc;

/// The pairs of a log, each with a weight, the count of each behavior and the time of the last
/// event, and the single events if the log has times.
///
/// Rows are sorted by user, then item (compressed sparse rows). A pair is a *target* if it
/// has an event of a target behavior (a purchase). Clones share their columns, so that a dataset
/// and the models trained on it keep one copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Interactions {
    n_users: usize,
    n_items: usize,
    behaviors: Vec<String>,
    is_target: Vec<bool>,
    items: Arc<Rows<ItemId>>,
    weights: Arc<Vec<f32>>,
    counts: Arc<Vec<u32>>,
    last_times: Arc<Vec<i64>>,
    /// One row per pair, or no rows if single events are unknown.
    events: Arc<Rows<PairEvent>>,
}

/// One (user, item) pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interaction<'a> {
    /// The user.
    pub user: UserId,
    /// The item.
    pub item: ItemId,
    /// The pair's weight: positive and finite.
    pub weight: f32,
    /// The number of events of each behavior.
    pub counts: &'a [u32],
    /// The time of its last event, in seconds since 1970-01-01 UTC, if the log has times.
    pub last_time: Option<i64>,
    /// Whether it has a target event.
    pub is_target: bool,
}

impl Interactions {
    /// The number of users (rows).
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.n_users
    }

    /// The number of items.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The number of pairs.
    #[must_use]
    pub fn n_pairs(&self) -> usize {
        self.items.n_values()
    }

    /// The number of pairs with a target event. O(pairs).
    #[must_use]
    pub fn n_targets(&self) -> usize {
        (0..self.n_pairs())
            .filter(|&pair| self.is_target(pair))
            .count()
    }

    /// The labels of the behaviors, in the order of the counts.
    #[must_use]
    pub fn behaviors(&self) -> &[String] {
        &self.behaviors
    }

    /// For each behavior, whether it is a target.
    #[must_use]
    pub fn target_behaviors(&self) -> &[bool] {
        &self.is_target
    }

    /// The start of each user's pairs: `[n_users + 1]`, ending at the number of pairs.
    #[must_use]
    pub fn offsets(&self) -> &[u64] {
        self.items.offsets()
    }

    /// The item of each pair, ascending within a user.
    #[must_use]
    pub fn items(&self) -> &[ItemId] {
        self.items.values()
    }

    /// The items of each user, ascending: one row per user, one value per pair.
    #[must_use]
    pub fn rows(&self) -> &Rows<ItemId> {
        &self.items
    }

    /// The weight of each pair: positive and finite.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The counts of each pair's behaviors: `[n_pairs * n_behaviors]`, pair by pair.
    #[must_use]
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The time of each pair's last event (seconds since 1970), or empty if times are unknown.
    #[must_use]
    pub fn last_times(&self) -> &[i64] {
        &self.last_times
    }

    /// The events of each pair in order of time: one row per pair, or no rows if single events are
    /// unknown.
    #[must_use]
    pub fn events(&self) -> &Rows<PairEvent> {
        &self.events
    }

    /// The events of a pair in order of time; empty if single events are unknown.
    ///
    /// # Panics
    /// If the pair is out of range and events are known.
    #[must_use]
    pub fn events_of(&self, pair: usize) -> &[PairEvent] {
        match self.events.n_rows() {
            0 => &[],
            _ => self.events.row(pair),
        }
    }

    /// The numbers of a user's pairs.
    ///
    /// # Panics
    /// If the user is out of range.
    #[must_use]
    pub fn pairs_of(&self, user: UserId) -> std::ops::Range<usize> {
        self.items.range(user.index())
    }

    /// The user and the number of each pair, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (UserId, usize)> {
        let users = (0..self.n_users as u32).map(UserId);
        users.flat_map(|user| self.pairs_of(user).map(move |pair| (user, pair)))
    }

    /// The items of a user, ascending.
    ///
    /// # Panics
    /// If the user is out of range.
    #[must_use]
    pub fn items_of(&self, user: UserId) -> &[ItemId] {
        self.items.row(user.index())
    }

    /// The number of the pair (user, item), if it exists. O(log of the user's pairs).
    ///
    /// # Panics
    /// If the user is out of range.
    #[must_use]
    pub fn find(&self, user: UserId, item: ItemId) -> Option<usize> {
        let range = self.pairs_of(user);
        self.items.values()[range.clone()]
            .binary_search(&item)
            .ok()
            .map(|n| range.start + n)
    }

    /// Whether a pair has a target event.
    ///
    /// # Panics
    /// If the pair is out of range.
    #[must_use]
    pub fn is_target(&self, pair: usize) -> bool {
        has_target(self.counts_of(pair), &self.is_target)
    }

    /// The behavior counts of a pair.
    ///
    /// # Panics
    /// If the pair is out of range.
    #[must_use]
    pub fn counts_of(&self, pair: usize) -> &[u32] {
        let width = self.behaviors.len();
        &self.counts[pair * width..(pair + 1) * width]
    }

    /// The pairs of one user.
    ///
    /// # Panics
    /// If the user is out of range.
    pub fn of_user(&self, user: UserId) -> impl Iterator<Item = Interaction<'_>> {
        self.pairs_of(user).map(move |pair| Interaction {
            user,
            item: self.items.values()[pair],
            weight: self.weights[pair],
            counts: self.counts_of(pair),
            last_time: self.last_times.get(pair).copied(),
            is_target: self.is_target(pair),
        })
    }

    /// All pairs, by user, then item.
    pub fn iter(&self) -> impl Iterator<Item = Interaction<'_>> {
        (0..self.n_users as u32).flat_map(|user| self.of_user(UserId(user)))
    }

    /// The items with a target event of each user, ascending: samplers' positives, which
    /// evaluations mask. O(pairs).
    #[must_use]
    pub fn targets(&self) -> Rows<ItemId> {
        self.items.filter(|pair| self.is_target(pair))
    }
}

fn has_target(counts: &[u32], is_target: &[bool]) -> bool {
    let mut counted = counts.iter().zip(is_target);
    counted.any(|(&count, &target)| target && count > 0)
}

/// Collects pairs in any order and builds [`Interactions`] from them.
#[derive(Debug, Clone)]
pub struct InteractionsBuilder {
    behaviors: Vec<String>,
    is_target: Vec<bool>,
    pairs: Vec<(UserId, ItemId)>,
    weights: Vec<f32>,
    counts: Vec<u32>,
    last_times: Vec<i64>,
    events: Rows<PairEvent>,
}

impl InteractionsBuilder {
    /// A builder for these behaviors; `targets` are the targets among them.
    ///
    /// # Errors
    /// [`CoreError::BehaviorWeights`] if a name is repeated, a target is unknown, or either list is
    /// empty.
    pub fn from_names<S: AsRef<str>, T: AsRef<str>>(
        behaviors: &[S],
        targets: &[T],
    ) -> Result<Self, CoreError> {
        let behaviors: Vec<String> = behaviors.iter().map(|b| b.as_ref().to_owned()).collect();
        let mut issues = Vec::new();
        for (n, name) in behaviors.iter().enumerate() {
            if behaviors[..n].contains(name) {
                issues.push(format!("behavior {name:?} is listed twice"));
            }
        }
        for target in targets {
            if !behaviors.iter().any(|b| b == target.as_ref()) {
                issues.push(format!("target {:?} is not a behavior", target.as_ref()));
            }
        }
        if targets.is_empty() {
            issues.push("no behavior is the target".to_owned());
        }
        if !issues.is_empty() {
            return Err(CoreError::BehaviorWeights { issues });
        }
        let is_target = behaviors
            .iter()
            .map(|b| targets.iter().any(|t| t.as_ref() == b))
            .collect();
        Ok(Self::new(behaviors, is_target))
    }

    fn new(behaviors: Vec<String>, is_target: Vec<bool>) -> Self {
        Self {
            behaviors,
            is_target,
            pairs: Vec::new(),
            weights: Vec::new(),
            counts: Vec::new(),
            last_times: Vec::new(),
            events: Rows::new(),
        }
    }

    /// Adds a pair. Either every pair has a time or none does.
    ///
    /// # Errors
    /// [`CoreError::PairWeight`] if the weight is not positive and finite,
    /// [`CoreError::BehaviorCounts`] if there is not one count per behavior,
    /// [`CoreError::Damaged`] if only some pairs have times.
    pub fn push(
        &mut self,
        user: UserId,
        item: ItemId,
        weight: f32,
        counts: &[u32],
        last_time: Option<i64>,
    ) -> Result<(), CoreError> {
        if !(weight.is_finite() && weight > 0.0) {
            return Err(CoreError::PairWeight {
                user: format!("row {user}"),
                item: format!("row {item}"),
                weight: f64::from(weight),
            });
        }
        if counts.len() != self.behaviors.len() {
            return Err(CoreError::BehaviorCounts {
                given: counts.len(),
                expected: self.behaviors.len(),
            });
        }
        let timed = self.last_times.len() == self.pairs.len();
        let has_events = self.events.n_rows() > 0;
        if (last_time.is_some() != timed || has_events) && !self.pairs.is_empty() {
            return Err(CoreError::Damaged {
                what: "interactions",
                detail: "some pairs have times or events and some have none".to_owned(),
            });
        }
        self.last_times.extend(last_time);
        self.pairs.push((user, item));
        self.weights.push(weight);
        self.counts.extend_from_slice(counts);
        Ok(())
    }

    /// Adds a pair with its events, in any order; counts and the last time follow from them. Either
    /// every pair has events or none does.
    ///
    /// # Errors
    /// As [`InteractionsBuilder::push`], and [`CoreError::Damaged`] if there is no event or one of an
    /// unknown behavior.
    pub fn push_events(
        &mut self,
        user: UserId,
        item: ItemId,
        weight: f32,
        events: &[PairEvent],
    ) -> Result<(), CoreError> {
        let damaged = |detail: &str| CoreError::Damaged {
            what: "interactions",
            detail: detail.to_owned(),
        };
        if self.events.n_rows() != self.pairs.len() {
            return Err(damaged(
                "some pairs have times or events and some have none",
            ));
        }
        let mut counts = vec![0u32; self.behaviors.len()];
        for event in events {
            let Some(count) = counts.get_mut(event.behavior().index()) else {
                return Err(damaged("an event has an unknown behavior"));
            };
            *count += 1;
        }
        let Some(last_time) = events.iter().map(|event| event.time()).max() else {
            return Err(damaged("a pair has no event"));
        };
        // `push` rejects pairs once there are events, so set them aside.
        let before = std::mem::take(&mut self.events);
        let pushed = self.push(user, item, weight, &counts, Some(last_time));
        self.events = before;
        pushed?;
        if events.is_sorted() {
            self.events.push(events.iter().copied());
        } else {
            let mut events = events.to_vec();
            events.sort_unstable();
            self.events.push(events);
        }
        Ok(())
    }

    /// Reserves room for that many more pairs with that many events in total, if known in advance,
    /// so that adding them takes no more memory than necessary.
    pub fn reserve(&mut self, n_pairs: usize, n_events: usize) {
        self.pairs.reserve_exact(n_pairs);
        self.weights.reserve_exact(n_pairs);
        self.counts.reserve_exact(n_pairs * self.behaviors.len());
        self.last_times.reserve_exact(n_pairs);
        self.events.reserve(n_pairs, n_events);
    }

    /// Sorts the pairs. O(n log n); pairs that were added in order are moved, not copied.
    ///
    /// # Errors
    /// [`CoreError::RowOutOfRange`] if a pair names a row beyond the sizes given,
    /// [`CoreError::DuplicatePair`] if a pair was added twice.
    pub fn build(self, n_users: usize, n_items: usize) -> Result<Interactions, CoreError> {
        check_rows(&self.pairs, n_users, n_items)?;
        let sorted = match self.pairs.is_sorted() {
            true => self,
            false => self.sorted(),
        };
        let repeated = sorted.pairs.windows(2).find(|w| w[0] == w[1]);
        if let Some(&[(user, item), _]) = repeated {
            return Err(CoreError::DuplicatePair {
                user: user.0,
                item: item.0,
            });
        }
        let items = sorted.pairs.iter();
        let items = items.map(|&(user, item)| (user.index(), item));
        Ok(Interactions {
            n_users,
            n_items,
            items: Arc::new(Rows::group(n_users, items)),
            weights: Arc::new(sorted.weights),
            counts: Arc::new(sorted.counts),
            last_times: Arc::new(sorted.last_times),
            events: Arc::new(sorted.events),
            behaviors: sorted.behaviors,
            is_target: sorted.is_target,
        })
    }

    fn sorted(self) -> Self {
        let mut order: Vec<usize> = (0..self.pairs.len()).collect();
        order.sort_unstable_by_key(|&n| self.pairs[n]);
        let width = self.behaviors.len();
        Self {
            pairs: order.iter().map(|&n| self.pairs[n]).collect(),
            weights: order.iter().map(|&n| self.weights[n]).collect(),
            counts: order
                .iter()
                .flat_map(|&n| self.counts[n * width..(n + 1) * width].iter().copied())
                .collect(),
            // Either every pair has a time and events, or none does.
            last_times: order
                .iter()
                .filter_map(|&n| self.last_times.get(n).copied())
                .collect(),
            events: match self.events.n_rows() {
                0 => self.events,
                _ => order
                    .iter()
                    .map(|&n| self.events.row(n).iter().copied())
                    .collect(),
            },
            behaviors: self.behaviors,
            is_target: self.is_target,
        }
    }
}

/// Checks that users and items are below the sizes given.
pub(crate) fn check_rows(
    pairs: &[(UserId, ItemId)],
    n_users: usize,
    n_items: usize,
) -> Result<(), CoreError> {
    let out_of_range = |kind, row, rows| Err(CoreError::RowOutOfRange { kind, row, rows });
    for &(user, item) in pairs {
        if user.index() >= n_users {
            return out_of_range("user", user.0, n_users);
        }
        if item.index() >= n_items {
            return out_of_range("item", item.0, n_items);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
