//! Lists shown to users, and their outcomes.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Seconds for which a list is kept, so that events can be counted for it: 30 days.
pub(super) const KEPT_SECONDS: i64 = 30 * 86_400;

/// A list that was shown to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impression {
    /// The id of the request that it answered. Of several lists of a user with the same id, the
    /// first counts.
    pub request_id: String,
    /// The user's id in the log.
    pub user: String,
    /// The version of the model that made it.
    pub model: String,
    /// The arm of the experiment, as `EXPERIMENT/ARM`; empty without one.
    pub arm: String,
    /// Its time, in seconds since 1970-01-01 UTC.
    pub time: i64,
    /// Its items and their sources, in order.
    pub items: Vec<(String, String)>,
}

/// What a user did with an item that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The id of the request whose answer showed it.
    pub request_id: String,
    /// The user's id in the log.
    pub user: String,
    /// The item's id in the log.
    pub item: String,
    /// Whether the user bought it (did a target behavior).
    pub is_target: bool,
}

/// What happened with lists, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShownRecord {
    /// A list was shown.
    Shown(Impression),
    /// A user did something with an item of one.
    Done(Outcome),
}

/// The key by which outcomes are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutcomeKey {
    /// The day on which the list was shown, in days since 1970-01-01 UTC.
    pub day: u32,
    /// The arm of the experiment; empty without one.
    pub arm: String,
    /// The version of the model.
    pub model: String,
    /// The source of the items; empty for whole lists.
    pub source: String,
}

/// The number of lists, or items of lists, that were shown, and of those with an outcome. A list or
/// item counts once, however many events follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutcomeCounts {
    /// How many were shown.
    pub shown: u64,
    /// With how many of them the user had a non-negative event.
    pub clicked: u64,
    /// Of how many of them the user bought something.
    pub converted: u64,
}

impl OutcomeCounts {
    pub(crate) fn add(&mut self, other: Self) {
        self.shown += other.shown;
        self.clicked += other.clicked;
        self.converted += other.converted;
    }
}

/// A change in the counts.
pub(super) type Change = (OutcomeKey, OutcomeCounts);

/// A stored list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptList {
    pub(super) model: String,
    pub(super) arm: String,
    pub(super) time: i64,
    items: Vec<KeptItem>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptItem {
    item: String,
    source: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    clicked: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    converted: bool,
}

impl From<&Impression> for KeptList {
    fn from(shown: &Impression) -> Self {
        let items = shown.items.iter().map(|(item, source)| KeptItem {
            item: item.clone(),
            source: source.clone(),
            clicked: false,
            converted: false,
        });
        Self {
            model: shown.model.clone(),
            arm: shown.arm.clone(),
            time: shown.time,
            items: items.collect(),
        }
    }
}

impl KeptList {
    /// The key under which the changes of a source are counted; empty for the whole list.
    fn key(&self, source: &str) -> OutcomeKey {
        OutcomeKey {
            day: u32::try_from(self.time.div_euclid(86_400)).unwrap_or(0),
            arm: self.arm.clone(),
            model: self.model.clone(),
            source: source.to_owned(),
        }
    }

    /// What is counted when it is shown.
    pub(super) fn shown(&self) -> Vec<Change> {
        let one = OutcomeCounts {
            shown: 1,
            ..OutcomeCounts::default()
        };
        let mut by_source: BTreeMap<&str, OutcomeCounts> = BTreeMap::new();
        by_source.insert("", one);
        for item in &self.items {
            by_source.entry(&item.source).or_default().add(one);
        }
        let changes = by_source.into_iter();
        changes.map(|(source, n)| (self.key(source), n)).collect()
    }

    /// Records an outcome, and returns what to count: nothing if the list does not have the item,
    /// or the outcome was already recorded.
    pub(super) fn note(&mut self, item: &str, is_target: bool) -> Vec<Change> {
        let was_clicked = self.items.iter().any(|item| item.clicked);
        let was_converted = self.items.iter().any(|item| item.converted);
        let Some(kept) = self.items.iter_mut().find(|kept| kept.item == item) else {
            return Vec::new();
        };
        let (clicks, converts) = (!kept.clicked, is_target && !kept.converted);
        kept.clicked = true;
        kept.converted |= is_target;
        let count = |clicks: bool, converts: bool| OutcomeCounts {
            shown: 0,
            clicked: u64::from(clicks),
            converted: u64::from(converts),
        };
        let of_list = count(clicks && !was_clicked, converts && !was_converted);
        let source = kept.source.clone();
        let changes = [(&*source, count(clicks, converts)), ("", of_list)];
        let none = OutcomeCounts::default();
        let changes = changes.into_iter().filter(|(_, n)| *n != none);
        changes.map(|(source, n)| (self.key(source), n)).collect()
    }
}

/// Lists and outcomes in memory.
#[derive(Debug, Default)]
pub(super) struct MemoryOutcomes {
    lists: HashMap<(String, String), KeptList>,
    /// The user and the request of each list, oldest first.
    order: VecDeque<(String, String)>,
    counts: BTreeMap<OutcomeKey, OutcomeCounts>,
}

impl MemoryOutcomes {
    /// Adds a record and returns what it adds to the counts; keeps at most `limit` lists.
    pub(super) fn take(&mut self, record: &ShownRecord, limit: usize) -> Vec<Change> {
        let changes = match record {
            ShownRecord::Shown(shown) => {
                let key = (shown.user.clone(), shown.request_id.clone());
                if self.lists.contains_key(&key) {
                    return Vec::new();
                }
                let list = KeptList::from(shown);
                let changes = list.shown();
                self.lists.insert(key.clone(), list);
                self.order.push_back(key);
                if self.order.len() > limit
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.lists.remove(&oldest);
                }
                changes
            }
            ShownRecord::Done(done) => {
                let key = (done.user.clone(), done.request_id.clone());
                let list = self.lists.get_mut(&key);
                list.map_or_else(Vec::new, |list| list.note(&done.item, done.is_target))
            }
        };
        for (key, change) in &changes {
            self.counts.entry(key.clone()).or_default().add(*change);
        }
        changes
    }

    /// Forgets the lists of a user; the counts stay.
    pub(super) fn forget(&mut self, user: &str) {
        self.lists.retain(|(of, _), _| of != user);
        self.order.retain(|(of, _)| of != user);
    }

    pub(super) fn counts(&self) -> Vec<(OutcomeKey, OutcomeCounts)> {
        let counts = self.counts.iter();
        counts.map(|(key, count)| (key.clone(), *count)).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn shown(user: &str, request_id: &str, items: &[(&str, &str)]) -> ShownRecord {
        let items = items
            .iter()
            .map(|(item, source)| ((*item).to_owned(), (*source).to_owned()));
        ShownRecord::Shown(Impression {
            request_id: request_id.to_owned(),
            user: user.to_owned(),
            model: "v1".to_owned(),
            arm: String::new(),
            time: 5 * 86_400 + 7,
            items: items.collect(),
        })
    }

    pub(crate) fn done(user: &str, request_id: &str, item: &str, is_target: bool) -> ShownRecord {
        ShownRecord::Done(Outcome {
            request_id: request_id.to_owned(),
            user: user.to_owned(),
            item: item.to_owned(),
            is_target,
        })
    }

    /// Two lists, and outcomes of which some count for nothing.
    pub(crate) fn records() -> Vec<ShownRecord> {
        let list = [("lamp", "model"), ("mug", "model"), ("oil", "popularity")];
        vec![
            shown("ann", "r1", &list),
            // The same request again.
            shown("ann", "r1", &list),
            shown("bob", "r1", &list),
            done("ann", "r1", "lamp", false),
            done("ann", "r1", "lamp", false),
            done("ann", "r1", "oil", true),
            done("ann", "r1", "oil", true),
            // Not shown, of another user, and of an unknown request.
            done("ann", "r1", "glove", true),
            done("cleo", "r1", "lamp", true),
            done("bob", "r2", "lamp", true),
        ]
    }

    /// What they count: by source, shown, clicked and converted.
    pub(crate) const COUNTED: [(&str, [u64; 3]); 3] = [
        ("", [2, 1, 1]),
        ("model", [4, 1, 0]),
        ("popularity", [2, 1, 1]),
    ];

    pub(crate) fn plain(counts: &[(OutcomeKey, OutcomeCounts)]) -> Vec<(&str, [u64; 3])> {
        let counts = counts.iter();
        let plain = counts.map(|(key, n)| {
            assert_eq!((key.day, &*key.model, &*key.arm), (5, "v1", ""));
            (&*key.source, [n.shown, n.clicked, n.converted])
        });
        plain.collect()
    }

    #[test]
    fn a_list_and_an_item_count_once() {
        let mut memory = MemoryOutcomes::default();
        let changes: Vec<Change> = records()
            .iter()
            .flat_map(|record| memory.take(record, 10))
            .collect();
        assert_eq!(plain(&memory.counts()), COUNTED);
        // The changes add up to the counts.
        let mut sums: BTreeMap<OutcomeKey, OutcomeCounts> = BTreeMap::new();
        for (key, change) in changes {
            sums.entry(key).or_default().add(change);
        }
        assert_eq!(plain(&sums.into_iter().collect::<Vec<_>>()), COUNTED);
        memory.forget("ann");
        memory.take(&done("ann", "r1", "mug", true), 10);
        assert_eq!(plain(&memory.counts()), COUNTED);
    }

    #[test]
    fn the_oldest_lists_make_room() {
        let mut memory = MemoryOutcomes::default();
        for request in ["r1", "r2", "r3"] {
            memory.take(&shown("ann", request, &[("lamp", "model")]), 2);
        }
        for request in ["r1", "r2", "r3"] {
            memory.take(&done("ann", request, "lamp", true), 2);
        }
        assert_eq!(plain(&memory.counts())[0], ("", [3, 2, 2]));
    }
}
