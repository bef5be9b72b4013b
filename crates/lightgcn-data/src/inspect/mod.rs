//! What a data scientist looks at first: counts, times, conversion, degrees and anomalies.
//!
//! ```
//! use lightgcn_core::BehaviorWeightsConfig;
//! use lightgcn_data::{EventLogBuilder, Inspection};
//!
//! let weights = BehaviorWeightsConfig::shop_log().check()?;
//! let mut log = EventLogBuilder::new(&weights);
//! log.push("ann", "brush", "view", 1_569_888_000)?;
//! log.push("ann", "brush", "purchase", 1_569_888_060)?;
//! log.push("bob", "brush", "view", 1_569_974_400)?;
//! let log = log.build()?;
//! let inspection = Inspection::of_log(&log, &weights)?;
//! assert_eq!(inspection.behaviors[0].conversion, Some(0.5));
//! println!("{inspection}");
//! # Ok::<(), lightgcn_data::DataError>(())
//! ```

mod by_time;
mod display;
mod find;
#[cfg(feature = "plots")]
mod plots;
mod warning;

pub use by_time::{HeldOutPart, TimeSplit};
pub use find::dataset_warnings;
#[cfg(feature = "plots")]
pub use plots::Plot;
pub use warning::{Side, Warning};

use crate::{DataError, EventLog, Quantiles, time};
use lightgcn_core::{
    BehaviorWeights, Interactions, ItemId, PairEvent, TimeSpan, UserId, Vocabulary,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A day, in seconds.
const DAY: i64 = 86_400;

/// Users and items with fewer events are cold.
const WARM: u32 = 5;

/// What is in a log, or in the training part of a dataset. Shares are from 0 to 1.
///
/// Times, conversion and the split by time need single events. Without them (pair files), they are
/// unknown.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The number of events.
    pub events: u64,
    /// How many (user, item) pairs they belong to.
    pub pairs: u64,
    /// How many of the pairs have a target event.
    pub target_pairs: u64,
    /// The share of those whose first event is the target, with nothing before it.
    pub sudden_targets: Option<f64>,
    /// Each behavior, in the order of the table.
    pub behaviors: Vec<BehaviorFigures>,
    /// How many events users have.
    pub users: Degrees,
    /// How many events items have.
    pub items: Degrees,
    /// When the events were.
    pub times: Option<Times>,
    /// What the default split by time would contain; `None` if it is not possible.
    pub split: Option<TimeSplit>,
    /// What training would take; `None` until set by a caller that knows the model and its
    /// settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingMemory>,
    /// Anomalies.
    pub warnings: Vec<Warning>,
}

/// The memory that training takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TrainingMemory {
    /// The table of embeddings.
    pub table: u64,
    /// The optimizer's state.
    pub optimizer: u64,
    /// The graph.
    pub graph: u64,
    /// An estimate of all of it at the peak, with gradients, a batch and the best model so far, but without the log and
    /// the dataset.
    pub peak: u64,
}

/// One behavior.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BehaviorFigures {
    /// Its name.
    pub name: String,
    /// Whether it is a target.
    pub target: bool,
    /// The number of events.
    pub events: u64,
    /// The share of all events.
    pub share: f64,
    /// How many users did it.
    pub users: u64,
    /// How many items it was done with.
    pub items: u64,
    /// How many pairs have it.
    pub pairs: u64,
    /// The share of its pairs that have it more than once.
    pub repeated: f64,
    /// The share of its pairs with a target event that is not before the first event of this behavior; unknown
    /// for targets and for behaviors without events.
    pub conversion: Option<f64>,
}

/// How many events the users or the items have.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Degrees {
    /// The number of users or items.
    pub count: u64,
    /// Events of each.
    pub events: Quantiles,
    /// Distinct items of each user, or users of each item.
    pub neighbors: Quantiles,
    /// The share with fewer than 5 events, too few to learn much from.
    pub cold: f64,
    /// The share without a target event.
    pub without_target: f64,
    /// How many have 0, 1, 2 to 3, 4 to 7, 8 to 15 events and so on.
    pub histogram: Vec<u64>,
}

/// When the events were, in days of UTC.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Times {
    /// The first and the last event.
    pub span: TimeSpan,
    /// The days with an event, in order.
    pub days: Vec<Day>,
}

/// A day with an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Day {
    /// The day, such as `2019-10-01`.
    pub date: String,
    /// Days since 1970-01-01.
    #[serde(skip)]
    pub number: i64,
    /// How many events it has.
    pub events: u64,
    /// How many of them are targets.
    pub targets: u64,
}

impl Inspection {
    /// Inspects a log that was read with this table of behaviors. O(events log events).
    ///
    /// # Errors
    /// Those of [`interactions`](crate::interactions).
    pub fn of_log(log: &EventLog, behaviors: &BehaviorWeights) -> Result<Self, DataError> {
        let interactions = crate::interactions(log, behaviors)?;
        Ok(Self::of(&interactions, log.user_ids(), log.item_ids()))
    }

    /// Inspects interactions; the vocabularies name users and items in warnings. O(events log
    /// events).
    ///
    /// # Panics
    /// If a vocabulary's number of ids differs from the interactions' number of rows.
    #[must_use]
    pub fn of(
        interactions: &Interactions,
        users: &Vocabulary<UserId>,
        items: &Vocabulary<ItemId>,
    ) -> Self {
        assert_eq!(users.len(), interactions.n_users(), "one id per user");
        assert_eq!(items.len(), interactions.n_items(), "one id per item");
        let counted = Counted::of(interactions);
        let sums = interactions.counts().iter().map(|&n| u64::from(n));
        let has_events = interactions.events().n_rows() > 0;
        let target_pairs = interactions.n_targets() as u64;
        let sudden = has_events && target_pairs > 0;
        let mut inspection = Self {
            events: sums.sum(),
            pairs: interactions.n_pairs() as u64,
            target_pairs,
            sudden_targets: sudden.then(|| sudden_targets(interactions)),
            behaviors: behaviors(interactions),
            users: counted.users.degrees(),
            items: counted.items.degrees(),
            times: Times::of(interactions),
            split: TimeSplit::of(interactions),
            training: None,
            warnings: Vec::new(),
        };
        inspection.warnings = find::find(&inspection, interactions, &counted, users, items);
        inspection
    }
}

/// Events, neighbors and target events of each user and item.
struct Counted {
    users: Counts,
    items: Counts,
}

struct Counts {
    events: Vec<u32>,
    neighbors: Vec<u32>,
    has_target: Vec<bool>,
}

impl Counted {
    fn of(interactions: &Interactions) -> Self {
        let (mut users, mut items) = (
            Counts::new(interactions.n_users()),
            Counts::new(interactions.n_items()),
        );
        for (user, pair) in interactions.pairs() {
            let n = interactions.counts_of(pair).iter().sum();
            let is_target = interactions.is_target(pair);
            users.add(user.index(), n, is_target);
            items.add(interactions.items()[pair].index(), n, is_target);
        }
        Self { users, items }
    }
}

impl Counts {
    fn new(n: usize) -> Self {
        Self {
            events: vec![0; n],
            neighbors: vec![0; n],
            has_target: vec![false; n],
        }
    }

    fn add(&mut self, row: usize, events: u32, is_target: bool) {
        self.events[row] = self.events[row].saturating_add(events);
        self.neighbors[row] += 1;
        self.has_target[row] |= is_target;
    }

    fn degrees(&self) -> Degrees {
        let n = self.events.len();
        let cold = self.events.iter().filter(|&&events| events < WARM).count();
        let without_target = self.has_target.iter().filter(|&&has| !has).count();
        let mut histogram = Vec::new();
        for &events in &self.events {
            // 0 events fall into bin 0, and 2^b to 2^(b + 1) - 1 into bin b + 1.
            let bin = (u32::BITS - events.leading_zeros()) as usize;
            if bin >= histogram.len() {
                histogram.resize(bin + 1, 0);
            }
            histogram[bin] += 1;
        }
        Degrees {
            count: n as u64,
            events: Quantiles::of_counts(&self.events),
            neighbors: Quantiles::of_counts(&self.neighbors),
            cold: share(cold as u64, n as u64),
            without_target: share(without_target as u64, n as u64),
            histogram,
        }
    }
}

/// 0 of nothing.
fn share(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        _ => part as f64 / whole as f64,
    }
}

fn behaviors(interactions: &Interactions) -> Vec<BehaviorFigures> {
    let names = interactions.behaviors().iter();
    let targets = interactions.target_behaviors();
    let total: u64 = interactions.counts().iter().map(|&n| u64::from(n)).sum();
    let figures = names.enumerate().map(|(n, name)| {
        let mut of_items = vec![false; interactions.n_items()];
        let (mut events, mut pairs, mut repeated, mut converted) = (0, 0, 0, 0);
        let (mut users, mut last_user) = (0, None);
        for (user, pair) in interactions.pairs() {
            let count = interactions.counts_of(pair)[n];
            if count == 0 {
                continue;
            }
            events += u64::from(count);
            pairs += 1;
            repeated += u64::from(count > 1);
            converted += u64::from(has_target_from(interactions, pair, n));
            of_items[interactions.items()[pair].index()] = true;
            users += u64::from(last_user != Some(user));
            last_user = Some(user);
        }
        let is_known = !targets[n] && pairs > 0 && interactions.events().n_rows() > 0;
        BehaviorFigures {
            name: name.clone(),
            target: targets[n],
            events,
            share: share(events, total),
            users,
            items: of_items.iter().filter(|&&done| done).count() as u64,
            pairs,
            repeated: share(repeated, pairs),
            conversion: is_known.then(|| share(converted, pairs)),
        }
    });
    figures.collect()
}

/// Whether a pair has a target event that is not before the first event of a behavior.
fn has_target_from(interactions: &Interactions, pair: usize, behavior: usize) -> bool {
    let events = interactions.events_of(pair);
    let of_behavior = |event: &&PairEvent| event.behavior().index() == behavior;
    // Events ascend, so this is the first one.
    let Some(first) = events.iter().find(of_behavior) else {
        return false;
    };
    let mut targets = events
        .iter()
        .rev()
        .filter(|event| is_target(interactions, **event));
    targets
        .next()
        .is_some_and(|target| target.time() >= first.time())
}

fn is_target(interactions: &Interactions, event: PairEvent) -> bool {
    interactions.target_behaviors()[event.behavior().index()]
}

/// The share of the pairs with a target event that start with it.
fn sudden_targets(interactions: &Interactions) -> f64 {
    let targets = (0..interactions.n_pairs()).filter(|&pair| interactions.is_target(pair));
    let (mut n, mut sudden) = (0, 0);
    for pair in targets {
        let events = interactions.events_of(pair);
        let first = events.iter().map(|event| event.time()).min();
        let others = events.iter().filter(|event| Some(event.time()) == first);
        n += 1;
        // At equal times, any other behavior counts as earlier.
        sudden += u64::from(others.copied().all(|event| is_target(interactions, event)));
    }
    share(sudden, n)
}

impl Times {
    fn of(interactions: &Interactions) -> Option<Self> {
        let events = interactions.events().values();
        let first = events.iter().map(|event| event.time()).min()?;
        let last = events.iter().map(|event| event.time()).max()?;
        let mut days: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
        for &event in events {
            let (events, targets) = days.entry(event.time().div_euclid(DAY)).or_default();
            *events += 1;
            *targets += u64::from(is_target(interactions, event));
        }
        let days = days.into_iter().map(|(number, (events, targets))| Day {
            date: date(number),
            number,
            events,
            targets,
        });
        Some(Self {
            span: TimeSpan {
                first: time::display(first),
                last: time::display(last),
            },
            days: days.collect(),
        })
    }
}

/// A day since 1970 as `2019-10-01`.
fn date(day: i64) -> String {
    let text = time::display(day.saturating_mul(DAY));
    text.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
