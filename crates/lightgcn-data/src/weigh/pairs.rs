//! Turns events into one weight per (user, item) pair.

use crate::{DataError, EventLog};
use lightgcn_core::{
    BehaviorId, BehaviorWeights, CoreError, Interactions, InteractionsBuilder, ItemId, PairEvent,
    UserId, reference_time,
};

pub(crate) const SECONDS_PER_DAY: f64 = 86_400.0;

/// Marks a user or item without a row.
pub(crate) const NO_ROW: u32 = u32::MAX;

/// The whole log as interactions: the events of each (user, item) pair become one weight by the rules of
/// `behaviors`, with the count of each behavior and the time of the last event. Users and items keep
/// the rows of the log's vocabularies. If weights decay, ages count from the log's last event (see
/// [`reference_time`]). O(events + users + items).
///
/// # Errors
/// [`CoreError::PairWeight`], with the shop's own ids, if a weight is not positive and finite;
/// [`DataError::Config`] if the log has behaviors without a weight.
pub fn interactions(
    log: &EventLog,
    behaviors: &BehaviorWeights,
) -> Result<Interactions, DataError> {
    check_behaviors(log, behaviors)?;
    let pairs = Pairs::group(log, |_| true);
    let users: Vec<u32> = (0..log.user_ids().len() as u32).collect();
    let items: Vec<u32> = (0..log.item_ids().len() as u32).collect();
    let weighing = Weighing {
        log,
        behaviors,
        now: pairs.reference_time(log),
        users: &users,
        items: &items,
    };
    weighing.interactions(&pairs, |_| true, users.len(), items.len())
}

/// Checks that the table of weights covers the behaviors of the log.
pub(crate) fn check_behaviors(
    log: &EventLog,
    behaviors: &BehaviorWeights,
) -> Result<(), DataError> {
    let known = behaviors.behaviors().len();
    match log.behaviors().iter().max() {
        Some(&last) if last as usize >= known => Err(DataError::Config {
            issues: vec![format!(
                "the log has behavior number {last}, but only {known} behaviors have a weight; \
                 use the table that the log was read with"
            )],
        }),
        _ => Ok(()),
    }
}

/// Events grouped by (user, item): pairs are in ascending order, and the events of each are in log
/// order.
pub(crate) struct Pairs {
    events: Vec<u32>,
    /// Where each pair's events begin, and their number at the end.
    starts: Vec<u32>,
    /// The user and the item of each pair.
    ids: Vec<(u32, u32)>,
}

impl Pairs {
    /// Groups the events for which `chosen` holds. O(users + events · log(events of a user)).
    pub(crate) fn group(log: &EventLog, chosen: impl Fn(usize) -> bool) -> Self {
        let (mut events, ends) = by_user(log, chosen);
        // Reserve for the maximum number of pairs: unused memory is never touched, and nothing
        // moves.
        let mut starts = Vec::with_capacity(events.len() + 1);
        let mut ids: Vec<(u32, u32)> = Vec::with_capacity(events.len());
        let mut of_user: Vec<(u32, u32)> = Vec::new();
        let mut begin = 0;
        for (user, &end) in (0..).zip(&ends) {
            let place = begin as usize..end as usize;
            let items = events[place.clone()].iter();
            of_user.clear();
            of_user.extend(items.map(|&event| (log.items()[event as usize], event)));
            // Event numbers ascend, so those of a pair stay in log order.
            of_user.sort_unstable();
            for (n, (slot, &(item, event))) in (begin..).zip(events[place].iter_mut().zip(&of_user))
            {
                *slot = event;
                if ids.last() != Some(&(user, item)) {
                    starts.push(n);
                    ids.push((user, item));
                }
            }
            begin = end;
        }
        starts.push(begin);
        Self {
            events,
            starts,
            ids,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The events of a pair, in the order of the log.
    pub(crate) fn events(&self, pair: usize) -> &[u32] {
        &self.events[self.starts[pair] as usize..self.starts[pair + 1] as usize]
    }

    /// The user and the item of each pair.
    pub(crate) fn ids(&self) -> &[(u32, u32)] {
        &self.ids
    }

    /// The time that ages count from; 0 if there is no event.
    pub(crate) fn reference_time(&self, log: &EventLog) -> i64 {
        let times = self.events.iter().map(|&event| log.times()[event as usize]);
        reference_time(times).unwrap_or(0)
    }
}

/// The chosen events by user, each user's in the order of the log, and where each user's end.
fn by_user(log: &EventLog, chosen: impl Fn(usize) -> bool) -> (Vec<u32>, Vec<u32>) {
    let chosen = || {
        let users = (0u32..).zip(log.users());
        users.filter(|&(event, _)| chosen(event as usize))
    };
    let mut next = vec![0u32; log.user_ids().len()];
    for (_, &user) in chosen() {
        next[user as usize] += 1;
    }
    let mut n_events = 0;
    for next in &mut next {
        let n = *next;
        *next = n_events;
        n_events += n;
    }
    let mut events = vec![0; n_events as usize];
    for (event, &user) in chosen() {
        let slot = &mut next[user as usize];
        events[*slot as usize] = event;
        *slot += 1;
    }
    // Each user's next place is now where the next user begins.
    (events, next)
}

/// The weight of a pair with these events, in the order of the log (sums of decayed counts depend on it): what each
/// did, and when. Ages count from `now`, see [`reference_time`]. O(events + behaviors).
///
/// # Panics
/// If an event's behavior has no weight.
#[must_use]
pub fn pair_weight(
    events: impl Iterator<Item = (BehaviorId, i64)>,
    behaviors: &BehaviorWeights,
    now: i64,
) -> f64 {
    let mut decayed = vec![0f64; behaviors.behaviors().len()];
    weigh(events, behaviors, now, &mut decayed)
}

/// [`pair_weight`] with room for the decayed count of each behavior.
fn weigh(
    events: impl Iterator<Item = (BehaviorId, i64)>,
    behaviors: &BehaviorWeights,
    now: i64,
    decayed: &mut [f64],
) -> f64 {
    decayed.fill(0.0);
    let mut has_target = false;
    for (behavior, time) in events {
        let age_days = (now - time) as f64 / SECONDS_PER_DAY;
        decayed[behavior.index()] += behaviors.decay(age_days);
        has_target |= behaviors.is_target(behavior);
    }
    behaviors.combine(decayed, has_target)
}

/// Turns grouped events into interactions.
pub(crate) struct Weighing<'a> {
    pub(crate) log: &'a EventLog,
    pub(crate) behaviors: &'a BehaviorWeights,
    /// The time ages count from.
    pub(crate) now: i64,
    /// The new row of each user of the log.
    pub(crate) users: &'a [u32],
    /// The new row of each item of the log.
    pub(crate) items: &'a [u32],
}

impl Weighing<'_> {
    /// The interactions of the pairs for which `chosen` holds; all of them must have new rows.
    pub(crate) fn interactions(
        &self,
        pairs: &Pairs,
        chosen: impl Fn(usize) -> bool,
        n_users: usize,
        n_items: usize,
    ) -> Result<Interactions, DataError> {
        let table = self.behaviors.behaviors();
        let names: Vec<&str> = table.iter().map(|b| b.name.as_str()).collect();
        let targets: Vec<&str> = table
            .iter()
            .filter(|b| b.target)
            .map(|b| b.name.as_str())
            .collect();
        let mut builder = InteractionsBuilder::from_names(&names, &targets)?;
        let (mut n_pairs, mut n_events) = (0, 0);
        for pair in (0..pairs.len()).filter(|&pair| chosen(pair)) {
            n_pairs += 1;
            n_events += pairs.events(pair).len();
        }
        builder.reserve(n_pairs, n_events);
        let mut events = Vec::new();
        let mut decayed = vec![0f64; table.len()];
        for pair in (0..pairs.len()).filter(|&pair| chosen(pair)) {
            events.clear();
            let log = self.log;
            let of_pair = pairs.events(pair).iter().map(|&event| {
                let event = event as usize;
                (BehaviorId(log.behaviors()[event]), log.times()[event])
            });
            let weight = weigh(of_pair.clone(), self.behaviors, self.now, &mut decayed);
            let numbers = pairs.events(pair).iter();
            events.extend(of_pair.zip(numbers).map(|((behavior, time), &number)| {
                let session = log.sessions().get(number as usize).copied();
                PairEvent::new(behavior, time).in_session(session.unwrap_or_default())
            }));
            let (user, item) = pairs.ids()[pair];
            if !((weight as f32).is_finite() && weight as f32 > 0.0) {
                return Err(self.weight_error(user, item, weight).into());
            }
            builder.push_events(
                UserId(self.users[user as usize]),
                ItemId(self.items[item as usize]),
                weight as f32,
                &events,
            )?;
        }
        Ok(builder.build(n_users, n_items)?)
    }

    fn weight_error(&self, user: u32, item: u32, weight: f64) -> CoreError {
        let name = |name: Option<&str>| name.unwrap_or_default().to_owned();
        CoreError::PairWeight {
            user: name(self.log.user_ids().name(UserId(user))),
            item: name(self.log.item_ids().name(ItemId(item))),
            weight,
        }
    }
}

/// Dense rows for the ids in use, in their old order.
pub(crate) struct Rows {
    /// The new row of each old one, or [`NO_ROW`].
    pub(crate) new_of: Vec<u32>,
    /// The old row of each new one.
    pub(crate) old_of: Vec<u32>,
}

impl Rows {
    pub(crate) fn dense(n_old: usize, used: impl Iterator<Item = u32>) -> Self {
        let mut new_of = vec![NO_ROW; n_old];
        for old in used {
            new_of[old as usize] = 0;
        }
        let old_of: Vec<u32> = (0..n_old as u32)
            .filter(|&old| new_of[old as usize] != NO_ROW)
            .collect();
        for (new, &old) in old_of.iter().enumerate() {
            new_of[old as usize] = new as u32;
        }
        Self { new_of, old_of }
    }

    pub(crate) fn len(&self) -> usize {
        self.old_of.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventLogBuilder;
    use lightgcn_core::BehaviorWeightsConfig;

    fn log(events: &[(&str, &str, &str, i64)]) -> EventLog {
        let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
        let mut log = EventLogBuilder::new(&weights);
        for &(user, item, behavior, time) in events {
            log.push(user, item, behavior, time).unwrap();
        }
        log.build().unwrap()
    }

    #[test]
    fn events_are_grouped_and_weighed() {
        let day = 86_400;
        let log = log(&[
            ("v", "b", "view", 0),
            ("u", "b", "cart", 14 * day),
            ("u", "a", "view", 7 * day),
            ("u", "b", "view", 0),
            ("u", "a", "view", 14 * day),
        ]);
        let mut config = BehaviorWeightsConfig::shop_log();
        let x = interactions(&log, &config.clone().check().unwrap()).unwrap();
        // Rows are in order of first appearance: v, u and b, a.
        assert_eq!(x.offsets(), [0, 1, 3]);
        assert_eq!(x.items(), [ItemId(0), ItemId(0), ItemId(1)]);
        assert_eq!(x.weights(), [0.01, 0.11, 0.02]);
        assert_eq!(x.counts_of(1), [1, 1, 0, 0]);
        assert_eq!(x.last_times(), [0, 14 * day, 14 * day]);
        // With a half-life of a week, an event of day 7 counts half and one of day 0 a quarter.
        config.half_life_days = Some(7.0);
        config.floor = None;
        let x = interactions(&log, &config.clone().check().unwrap()).unwrap();
        assert_eq!(x.weights(), [0.0025, 0.1025, 0.015]);
        config.behaviors.truncate(1);
        config.behaviors[0].target = true;
        assert!(matches!(
            interactions(&log, &config.check().unwrap()),
            Err(DataError::Config { .. })
        ));
    }

    #[test]
    fn one_late_event_does_not_age_the_others() {
        let day = 86_400;
        let events = |late: Option<i64>| {
            let mut events: Vec<_> = (0..40).map(|n| ("u", "a", "view", n * day / 4)).collect();
            events.push(("v", "b", "purchase", 0));
            events.extend(late.map(|time| ("w", "c", "view", time)));
            log(&events)
        };
        let mut config = BehaviorWeightsConfig::shop_log();
        config.half_life_days = Some(7.0);
        config.floor = None;
        let weights = config.check().unwrap();
        let base = interactions(&events(None), &weights).unwrap();
        let late = interactions(&events(Some(400 * day)), &weights).unwrap();
        assert_eq!(base.weights(), &late.weights()[..2]);
        assert!(base.weights()[0] > 0.2, "{:?}", base.weights());
        // The late event counts as new.
        assert_eq!(late.weights()[2], 0.01);
    }

    #[test]
    fn a_non_positive_weight_is_an_error_with_its_pair() {
        let log = log(&[
            ("ann", "brush", "view", 0),
            ("ann", "comb", "remove_from_cart", 0),
        ]);
        let mut config = BehaviorWeightsConfig::shop_log();
        config.floor = None;
        let error = interactions(&log, &config.check().unwrap()).unwrap_err();
        assert!(matches!(
            &error,
            DataError::Core(CoreError::PairWeight { user, item, weight })
                if user == "ann" && item == "comb" && *weight == -0.09
        ));
    }
}
