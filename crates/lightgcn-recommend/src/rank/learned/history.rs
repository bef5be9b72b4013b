//! What a user did, item by item.

use super::feature::Feature;
use lightgcn_core::{Interactions, ItemId, SessionMark, UserId, session_numbers};

/// Seconds of a day.
pub(crate) const DAY_SECONDS: i64 = 86_400;
/// The same for fractions of days.
pub(crate) const DAY: f64 = DAY_SECONDS as f64;

/// Acts further apart than this belong to different sessions, unless the log names these: 30 minutes, in days.
const SESSION_GAP: f64 = 30.0 / (24.0 * 60.0);

/// Events of one behavior at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Act {
    pub(crate) behavior: usize,
    /// The number of events it represents.
    pub(crate) count: f64,
    /// In days; 0 if times are unknown.
    pub(crate) age: f64,
    /// In which session of the user.
    pub(crate) session: SessionMark,
}

/// What a user did with one item, at least one act.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MetItem {
    pub(crate) item: ItemId,
    pub(crate) acts: Vec<Act>,
}

impl MetItem {
    /// The age of the latest act, in days.
    pub(crate) fn age(&self) -> f64 {
        self.acts
            .iter()
            .map(|act| act.age)
            .fold(f64::INFINITY, f64::min)
    }

    /// The behavior of the latest act, of several at one time the last in the table; none without acts.
    pub(crate) fn latest(&self) -> Option<usize> {
        let latest = self.age();
        let last = self.acts.iter().filter(|act| act.age == latest);
        last.map(|act| act.behavior).max()
    }
}

/// What a user did: each item once, ascending.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct UserHistory {
    pub(crate) items: Vec<MetItem>,
}

/// What ages count from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Clock {
    /// Times are unknown: every act has age 0.
    Stopped,
    /// A time, in seconds since 1970.
    At(i64),
    /// Each user's own last event.
    LastEvent,
}

impl Clock {
    /// The time from which the ages of a user's training pairs count.
    pub(crate) fn now_of(self, pairs: &Interactions, user: UserId) -> Option<i64> {
        match self {
            Self::Stopped => None,
            Self::At(now) => Some(now),
            Self::LastEvent => {
                let times = pairs.pairs_of(user);
                times
                    .filter_map(|n| pairs.last_times().get(n))
                    .max()
                    .copied()
            }
        }
    }
}

impl UserHistory {
    /// The training pairs of a user.
    pub(crate) fn of_training(pairs: &Interactions, user: UserId, clock: Clock) -> Self {
        let now = clock.now_of(pairs, user);
        let age =
            |time: i64| now.map_or(0.0, |now| (now.saturating_sub(time) as f64 / DAY).max(0.0));
        let met = |pair: usize| {
            let events = pairs.events_of(pair).iter();
            let mut acts: Vec<Act> = events
                .map(|event| Act {
                    behavior: event.behavior().index(),
                    count: 1.0,
                    age: age(event.time()),
                    session: event.session(),
                })
                .collect();
            if acts.is_empty() {
                let age = pairs.last_times().get(pair).map_or(0.0, |&time| age(time));
                let counts = pairs.counts_of(pair).iter().enumerate();
                let counted = counts.filter(|&(_, &count)| count > 0);
                acts.extend(counted.map(|(behavior, &count)| Act {
                    behavior,
                    count: f64::from(count),
                    age,
                    session: SessionMark::UNKNOWN,
                }));
            }
            MetItem {
                item: pairs.items()[pair],
                acts,
            }
        };
        Self {
            items: pairs.pairs_of(user).map(met).collect(),
        }
    }

    /// The place of an item, if it is there.
    pub(crate) fn find(&self, item: ItemId) -> Option<usize> {
        self.items.binary_search_by_key(&item, |met| met.item).ok()
    }

    /// Makes every act older.
    pub(crate) fn age_by(&mut self, days: f64) {
        for act in self.items.iter_mut().flat_map(|met| &mut met.acts) {
            act.age += days;
        }
    }

    /// Adds an act.
    pub(crate) fn add(&mut self, item: ItemId, act: Act) {
        match self.items.binary_search_by_key(&item, |met| met.item) {
            Ok(n) => self.items[n].acts.push(act),
            Err(n) => self.items.insert(
                n,
                MetItem {
                    item,
                    acts: vec![act],
                },
            ),
        }
    }

    /// The order in which it was done. O(acts · log).
    pub(crate) fn order(&self) -> HistoryOrder {
        let mut acts: Vec<(f64, usize, SessionMark)> = Vec::new();
        for (place, met) in self.items.iter().enumerate() {
            acts.extend(met.acts.iter().map(|act| (act.age, place, act.session)));
        }
        acts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let last = acts.first().map_or(0, |act| act.1);
        HistoryOrder {
            ranks: self.recency_ranks(),
            in_session: self.in_latest_session(&acts),
            last,
            in_a_row: acts.iter().take_while(|act| act.1 == last).count(),
        }
    }

    /// For each item, whether an act of the latest session was with it, given all acts as age, place and session, the
    /// latest first.
    fn in_latest_session(&self, acts: &[(f64, usize, SessionMark)]) -> Vec<bool> {
        let earlier = |n: usize| acts[acts.len() - 1 - n];
        let marks = acts.iter().rev().map(|act| act.2);
        let numbers = session_numbers(marks, |n| earlier(n - 1).0 - earlier(n).0 > SESSION_GAP);
        let mut is_in = vec![false; self.items.len()];
        for (act, number) in acts.iter().rev().zip(&numbers) {
            is_in[act.1] |= Some(number) == numbers.last();
        }
        is_in
    }

    /// The places of the items in the history, latest first, from 1; equal ages share the mean of their
    /// places.
    fn recency_ranks(&self) -> Vec<f64> {
        let ages: Vec<f64> = self.items.iter().map(MetItem::age).collect();
        let mut order: Vec<usize> = (0..ages.len()).collect();
        order.sort_by(|&a, &b| ages[a].total_cmp(&ages[b]));
        let mut ranks = vec![0.0; ages.len()];
        let mut first = 0;
        for tied in order.chunk_by(|&a, &b| ages[a] == ages[b]) {
            let mean = first as f64 + (tied.len() + 1) as f64 / 2.0;
            tied.iter().for_each(|&n| ranks[n] = mean);
            first += tied.len();
        }
        ranks
    }

    /// A feature of the pair for the item at this place.
    pub(crate) fn pair_feature(&self, feature: Feature, place: usize, order: &HistoryOrder) -> f32 {
        let met = &self.items[place];
        let sum = |wanted: usize, value: &dyn Fn(&Act) -> f64| -> f64 {
            let acts = met.acts.iter().filter(|act| act.behavior == wanted);
            acts.map(value).sum()
        };
        let value = match feature {
            Feature::Has { behavior } => f64::from(sum(behavior, &|act| act.count) > 0.0),
            Feature::Count { behavior } => sum(behavior, &|act| act.count).ln_1p(),
            Feature::Recent {
                behavior,
                half_life,
            } => sum(behavior, &|act| act.count * (-act.age / half_life).exp2()).sqrt(),
            Feature::RecencyRank => order.ranks[place].ln(),
            Feature::InSession => f64::from(order.in_session[place]),
            Feature::InARow if place == order.last => (order.in_a_row as f64).ln_1p(),
            Feature::Last { behavior } => f64::from(met.latest() == Some(behavior)),
            _ => 0.0,
        };
        value as f32
    }
}

/// The order of a user's acts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HistoryOrder {
    /// For each item its place among all, latest first, from 1; equal ages share the mean of their places.
    ranks: Vec<f64>,
    /// For each item, whether the latest session has an act with it.
    in_session: Vec<bool>,
    /// The place of the item of the latest act.
    last: usize,
    /// How many of the latest consecutive acts were with that item.
    in_a_row: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{BehaviorId, InteractionsBuilder, PairEvent};

    fn history() -> UserHistory {
        let names = ["view", "cart", "purchase"];
        let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"]).unwrap();
        let mut push = |item, events: &[(u8, i64)]| {
            let event = |&(behavior, day)| PairEvent::new(BehaviorId(behavior), day * 86_400);
            let events: Vec<PairEvent> = events.iter().map(event).collect();
            pairs
                .push_events(UserId(0), ItemId(item), 1.0, &events)
                .unwrap();
        };
        push(2, &[(0, 4), (0, 8), (1, 9)]);
        push(5, &[(0, 9)]);
        push(7, &[(2, 1)]);
        let pairs = pairs.build(1, 8).unwrap();
        UserHistory::of_training(&pairs, UserId(0), Clock::At(10 * 86_400))
    }

    #[test]
    fn features_by_hand() {
        let history = history();
        let order = history.order();
        assert_eq!(order.ranks, [1.5, 1.5, 3.0]);
        let of = |feature| f64::from(history.pair_feature(feature, 0, &order));
        assert_eq!(of(Feature::Has { behavior: 1 }), 1.0);
        assert_eq!(of(Feature::Has { behavior: 2 }), 0.0);
        assert!((of(Feature::Count { behavior: 0 }) - 3f64.ln()).abs() < 1e-6);
        // Ages 6 and 2 with a half-life of 2 days: 1/8 + 1/2.
        let recent = Feature::Recent {
            behavior: 0,
            half_life: 2.0,
        };
        assert!((of(recent) - 0.625f64.sqrt()).abs() < 1e-6);
        assert!((of(Feature::RecencyRank) - 1.5f64.ln()).abs() < 1e-6);
        assert_eq!(of(Feature::Last { behavior: 1 }), 1.0);
        assert_eq!(of(Feature::Last { behavior: 0 }), 0.0);
    }

    #[test]
    fn acts_are_added_in_order() {
        let mut history = history();
        history.age_by(1.0);
        let act = Act {
            behavior: 0,
            count: 2.0,
            age: 0.0,
            session: SessionMark::UNKNOWN,
        };
        history.add(ItemId(3), act);
        history.add(ItemId(5), act);
        assert_eq!(history.find(ItemId(3)), Some(1));
        assert_eq!(history.find(ItemId(4)), None);
        assert_eq!(history.items[2].acts.len(), 2);
        assert_eq!(history.order().ranks, [3.0, 1.5, 1.5, 4.0]);
    }

    #[test]
    fn sessions_end_at_gaps_of_half_an_hour() {
        let mut history = UserHistory::default();
        for (item, minutes) in [(0, 100.0), (1, 55.0), (2, 30.0), (3, 12.0), (3, 10.0)] {
            let act = Act {
                behavior: 0,
                count: 1.0,
                age: minutes / 1440.0,
                session: SessionMark::UNKNOWN,
            };
            history.add(ItemId(item), act);
        }
        let order = history.order();
        let of = |feature| -> Vec<f32> {
            let places = 0..history.items.len();
            places
                .map(|n| history.pair_feature(feature, n, &order))
                .collect()
        };
        assert_eq!(of(Feature::InSession), [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(of(Feature::InARow), [0.0, 0.0, 0.0, 3f32.ln()]);
        let nothing = UserHistory::default().order();
        assert_eq!((nothing.last, nothing.in_a_row), (0, 0));
    }

    #[test]
    fn the_latest_session_is_the_one_that_the_log_names() {
        let acts = |events: &[(u32, f64, Option<u64>)]| {
            let mut history = UserHistory::default();
            for &(item, minutes, session) in events {
                let act = Act {
                    behavior: 0,
                    count: 1.0,
                    age: minutes / 1440.0,
                    session: session.map_or(SessionMark::UNKNOWN, SessionMark::of_number),
                };
                history.add(ItemId(item), act);
            }
            history.order().in_session
        };
        // Hours within a session, and another one meanwhile.
        let events = [(0, 500.0, Some(0)), (1, 90.0, Some(1)), (2, 60.0, Some(0))];
        assert_eq!(acts(&events), [true, false, true]);
        // A new session without a pause.
        let events = [
            (0, 12.0, Some(4)),
            (1, 11.0, Some(4)),
            (2, 11.0, Some(5)),
            (1, 10.0, Some(5)),
        ];
        assert_eq!(acts(&events), [false, true, true]);
        // Events since training have no session: they go on with the last one, unless a pause precedes them.
        let events = [(0, 60.0, Some(0)), (1, 15.0, Some(0)), (2, 0.0, None)];
        assert_eq!(acts(&events), [true, true, true]);
        let events = [(0, 60.0, Some(0)), (1, 45.0, Some(0)), (2, 0.0, None)];
        assert_eq!(acts(&events), [false, false, true]);
    }

    #[test]
    fn without_events_counts_have_the_age_of_the_last_one() {
        let mut pairs = InteractionsBuilder::from_names(&["view", "buy"], &["buy"]).unwrap();
        pairs
            .push(UserId(0), ItemId(0), 1.0, &[3, 1], Some(0))
            .unwrap();
        let pairs = pairs.build(1, 1).unwrap();
        let at = |clock| {
            UserHistory::of_training(&pairs, UserId(0), clock).items[0]
                .acts
                .clone()
        };
        let acts = at(Clock::At(172_800));
        assert_eq!(acts.len(), 2);
        assert_eq!((acts[0].count, acts[0].age), (3.0, 2.0));
        assert_eq!(at(Clock::LastEvent)[1].age, 0.0);
        assert_eq!(at(Clock::Stopped)[1].age, 0.0);
    }
}
