//! The log as the tests read it themselves, by its columns, without the library.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// One distinct row.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) time: String,
    pub(crate) behavior: String,
    pub(crate) item: String,
    pub(crate) user: String,
}

/// A log without its exact duplicates.
pub(crate) struct Log {
    pub(crate) n_rows: u64,
    pub(crate) events: Vec<Event>,
}

/// A log whose last new purchases are held out: of every user with three bought items or
/// more the last one is the test, the one before it validation.
pub(crate) struct LeaveLastOut {
    /// The events that train.
    pub(crate) train: Vec<Event>,
    /// The test item of each user, if training knows both.
    pub(crate) test: BTreeMap<String, String>,
}

impl Log {
    pub(crate) fn parse(text: &str) -> Self {
        let mut seen = HashSet::new();
        let mut log = Self {
            n_rows: 0,
            events: Vec::new(),
        };
        for line in text.lines().skip(1) {
            log.n_rows += 1;
            if !seen.insert(line) {
                continue;
            }
            let fields: Vec<&str> = line.split(',').collect();
            let [time, behavior, item, _, _, _, _, user, _] = fields[..] else {
                panic!("not nine columns: {line}");
            };
            log.events.push(Event {
                time: time.to_owned(),
                behavior: behavior.to_owned(),
                item: item.to_owned(),
                user: user.to_owned(),
            });
        }
        log
    }

    pub(crate) fn n_users(&self) -> usize {
        self.events
            .iter()
            .map(|e| &e.user)
            .collect::<BTreeSet<_>>()
            .len()
    }

    pub(crate) fn n_items(&self) -> usize {
        self.events
            .iter()
            .map(|e| &e.item)
            .collect::<BTreeSet<_>>()
            .len()
    }

    pub(crate) fn leave_last_out(&self) -> LeaveLastOut {
        // The distinct items that each user bought, in the order of their first purchases.
        let mut bought: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
        assert!(
            self.events.is_sorted_by(|a, b| a.time <= b.time),
            "rows are in order of time"
        );
        for (row, event) in self.events.iter().enumerate() {
            if event.behavior == "purchase" {
                let items = bought.entry(&event.user).or_default();
                if items.iter().all(|(_, item)| *item != event.item) {
                    items.push((row, &event.item));
                }
            }
        }
        bought.retain(|_, items| items.len() >= 3);
        let trains = |row: usize, event: &Event| {
            bought.get(event.user.as_str()).is_none_or(|items| {
                let held = &items[items.len() - 2..];
                row < held[0].0 && held.iter().all(|(_, item)| *item != event.item)
            })
        };
        let rows = self.events.iter().enumerate();
        let train: Vec<Event> = rows
            .filter(|(row, e)| trains(*row, e))
            .map(|(_, e)| e.clone())
            .collect();
        let mut test = BTreeMap::new();
        for (user, items) in &bought {
            let item = items[items.len() - 1].1;
            let knows_user = train.iter().any(|e| e.user == *user);
            if knows_user && train.iter().any(|e| e.item == item) {
                test.insert((*user).to_owned(), item.to_owned());
            }
        }
        LeaveLastOut { train, test }
    }
}

impl LeaveLastOut {
    /// What a user bought in training.
    pub(crate) fn bought(&self, user: &str) -> BTreeSet<&str> {
        let purchases = self.train.iter().filter(|e| e.behavior == "purchase");
        purchases
            .filter(|e| e.user == user)
            .map(|e| e.item.as_str())
            .collect()
    }

    /// The user who bought most items in training.
    pub(crate) fn best_customer(&self) -> &str {
        let users: BTreeSet<&str> = self.train.iter().map(|e| e.user.as_str()).collect();
        users
            .into_iter()
            .max_by_key(|user| self.bought(user).len())
            .unwrap()
    }

    /// How often a user did what with an item in training.
    pub(crate) fn counts(&self, user: &str, item: &str) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for event in &self.train {
            if event.user == user && event.item == item {
                *counts.entry(event.behavior.as_str()).or_default() += 1;
            }
        }
        counts
    }
}
