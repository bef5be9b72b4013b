//! Finds the anomalies of a log.

use super::warning::BUSY;
use super::{Counted, Counts, DAY, Inspection, Side, Warning, date, share};
use crate::error::shorten;
use crate::log::odd_ids::odd_ids;
use crate::{EventLog, time};
use lightgcn_core::{Dataset, Interactions, ItemId, NodeId, UserId, Vocabulary};
use std::collections::BTreeSet;

/// A user or an item with this share of all events is suspicious if it also exceeds [`TIMES_MEAN`].
const LARGE: f64 = 0.1;

/// Users and items below this multiple of the mean are ignored, unless they have [`HALF`].
const TIMES_MEAN: f64 = 10.0;

/// A user or an item with this share of all events, and twice the mean, is reported however few others there are.
const HALF: f64 = 0.5;

/// With this many pairs, at least one pair of a behavior should have been bought.
const PAIRS: u64 = 20;

/// A gap of this many days without events.
const GAP: i64 = 7;

/// With fewer targets, only large differences between models are significant.
const FEW_TARGETS: u64 = 100;

/// The minimum share of all events for warning about a placeholder id.
const SOME: f64 = 0.01;

/// Placeholders that programs write for an unknown user or item, in lower case and without
/// punctuation.
const NOBODY: [&str; 13] = [
    "0",
    "unknown",
    "guest",
    "anonymous",
    "anon",
    "nobody",
    "default",
    "test",
    "admin",
    "system",
    "missing",
    "notset",
    "other",
];

pub(super) fn find(
    inspection: &Inspection,
    interactions: &Interactions,
    counted: &Counted,
    users: &Vocabulary<UserId>,
    items: &Vocabulary<ItemId>,
) -> Vec<Warning> {
    let mut found = Vec::new();
    if inspection.target_pairs == 0 {
        found.push(Warning::NoTargets);
    }
    for behavior in &inspection.behaviors {
        let name = || behavior.name.clone();
        let is_never_bought = behavior.conversion == Some(0.0) && inspection.target_pairs > 0;
        if behavior.events == 0 {
            found.push(Warning::NoEvents { behavior: name() });
        } else if is_never_bought && behavior.pairs >= PAIRS {
            found.push(Warning::NeverConverts {
                behavior: name(),
                pairs: behavior.pairs,
            });
        }
    }
    found.extend(busy_users(interactions, users));
    large(Side::User, &counted.users, users, &mut found);
    large(Side::Item, &counted.items, items, &mut found);
    found.extend(odd_ids(Side::User, users));
    found.extend(odd_ids(Side::Item, items));
    of_times(inspection, interactions, &mut found);
    if let Some(split) = &inspection.split
        && split.test.targets < FEW_TARGETS
    {
        let targets = split.test.targets;
        found.push(Warning::FewTestTargets { targets });
    }
    found
}

fn busy_users(interactions: &Interactions, users: &Vocabulary<UserId>) -> Option<Warning> {
    let (mut n, mut busiest) = (0, (BUSY, UserId(0), 0));
    let mut days: Vec<i64> = Vec::new();
    for user in (0..interactions.n_users() as u32).map(UserId) {
        days.clear();
        for pair in interactions.pairs_of(user) {
            let events = interactions.events_of(pair).iter();
            days.extend(events.map(|event| event.time().div_euclid(DAY)));
        }
        days.sort_unstable();
        let of_day = days.chunk_by(|a, b| a == b);
        let Some((events, day)) = of_day
            .map(|day| (day.len() as u64, day[0]))
            .max_by_key(|&(events, day)| (events, -day))
        else {
            continue;
        };
        n += u64::from(events > BUSY);
        if events > busiest.0 {
            busiest = (events, user, day);
        }
    }
    let (events, user, day) = busiest;
    (n > 0).then(|| Warning::BusyUsers {
        users: n,
        busiest: shorten(users.name(user).unwrap_or_default()).into(),
        day: date(day),
        events,
    })
}

/// Finds users or items with far more events than others.
fn large<I: NodeId>(side: Side, counts: &Counts, ids: &Vocabulary<I>, found: &mut Vec<Warning>) {
    let total: u64 = counts.events.iter().map(|&n| u64::from(n)).sum();
    let mean = total as f64 / counts.events.len() as f64;
    for (row, &events) in counts.events.iter().enumerate() {
        let events_of_one = f64::from(events);
        // Of fewer than 20, none can have half of all events and 10 times the mean.
        let is_half = events_of_one >= HALF * total as f64 && events_of_one >= 2.0 * mean;
        if events_of_one < TIMES_MEAN * mean && !is_half {
            continue;
        }
        let name = ids.name(I::from_row(row as u32)).unwrap_or_default();
        let (id, share) = (shorten(name).into(), share(u64::from(events), total));
        if share >= SOME && is_nobody(name) {
            found.push(Warning::Nobody { side, id, share });
        } else if share >= LARGE {
            found.push(Warning::Large { side, id, share });
        }
    }
}

pub(super) fn is_nobody(id: &str) -> bool {
    let letters = id.chars().filter(|c| c.is_alphanumeric());
    let plain: String = letters.flat_map(char::to_lowercase).take(20).collect();
    id == "-1" || plain.is_empty() || NOBODY.contains(&&*plain)
}

/// The longest pause between days with events, which ascend, if it is long.
fn gap(days: impl Iterator<Item = i64>) -> Option<Warning> {
    let (mut previous, mut longest) = (None, (0, 0));
    for day in days {
        let pause = previous.map_or(0, |previous: i64| day - previous);
        if pause > longest.0 {
            longest = (pause, day);
        }
        previous = Some(day);
    }
    let (days, before) = longest;
    (days > GAP).then(|| Warning::Gap {
        after: date(before - days),
        before: date(before),
        days: (days - 1) as u64,
    })
}

/// What to check before using a dataset whose events were counted elsewhere, from [`Inspection::warnings`]: times that are
/// too old, ids that stand for nobody, that have a large share of the events, or that may have been altered.
/// O(pairs + ids).
#[must_use]
pub fn dataset_warnings(dataset: &Dataset) -> Vec<Warning> {
    let pairs = dataset.split.train.interactions();
    let counted = Counted::of(pairs);
    let mut found = odd_ids(Side::User, &dataset.users);
    found.extend(odd_ids(Side::Item, &dataset.items));
    large(Side::User, &counted.users, &dataset.users, &mut found);
    large(Side::Item, &counted.items, &dataset.items, &mut found);
    found.extend(old(pairs.last_times().iter().copied()));
    found
}

impl EventLog {
    /// What to check before using the log, from [`Inspection::warnings`]: a gap in its times, times that are too old, ids
    /// that stand for nobody, that have a large share of the events, or that may have been altered.
    /// O(events log(days) + ids).
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let counts = |rows: &[u32], n: usize| {
            let mut counts = Counts::new(n);
            rows.iter()
                .for_each(|&row| counts.add(row as usize, 1, false));
            counts
        };
        let (users, items) = (self.user_ids(), self.item_ids());
        let mut found = odd_ids(Side::User, users);
        found.extend(odd_ids(Side::Item, items));
        let of_users = counts(self.users(), users.len());
        large(Side::User, &of_users, users, &mut found);
        let of_items = counts(self.items(), items.len());
        large(Side::Item, &of_items, items, &mut found);
        let mut days = BTreeSet::new();
        let mut last = None;
        for day in self.times().iter().map(|time| time.div_euclid(DAY)) {
            // Logs are mostly in order.
            if last != Some(day) {
                days.insert(day);
                last = Some(day);
            }
        }
        found.extend(gap(days.into_iter()));
        found.extend(old(self.times().iter().copied()));
        found
    }
}

fn of_times(inspection: &Inspection, interactions: &Interactions, found: &mut Vec<Warning>) {
    let Some(times) = &inspection.times else {
        return;
    };
    found.extend(gap(times.days.iter().map(|day| day.number)));
    let events = interactions.events().values();
    if events.iter().all(|event| event.time() % DAY == 0) {
        found.push(Warning::DatesOnly);
    }
    found.extend(old(events.iter().map(|event| event.time())));
}

/// Whether times were probably read in the wrong unit, because they are too old.
fn old(times: impl Iterator<Item = i64> + Clone) -> Option<Warning> {
    let (earliest, latest) = (times.clone().min()?, times.max()?);
    let first = time::display(earliest);
    if let Some(since_2001) = time::since_2001(earliest, latest, time::now()) {
        let since_2001 = time::display(since_2001);
        return Some(Warning::Since2001 { first, since_2001 });
    }
    (earliest < time::SHOPS_FROM).then_some(Warning::Old { first })
}
