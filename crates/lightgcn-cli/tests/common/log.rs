//! The log as the tests read it themselves, by its columns, without the library.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// One distinct row.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) time: String,
    pub(crate) behaviour: String,
    pub(crate) product: String,
    pub(crate) consumer: String,
}

/// A log without its exact duplicates.
pub(crate) struct Log {
    pub(crate) n_rows: u64,
    pub(crate) events: Vec<Event>,
}

/// A log whose last new purchases are held out: of every consumer with three bought products or
/// more the last one is the test, the one before it validation.
pub(crate) struct LeaveLastOut {
    /// The events that train.
    pub(crate) train: Vec<Event>,
    /// The test product of each consumer of whom, and of which, training knows.
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
            let [time, behaviour, product, _, _, _, _, consumer, _] = fields[..] else {
                panic!("not nine columns: {line}");
            };
            log.events.push(Event {
                time: time.to_owned(),
                behaviour: behaviour.to_owned(),
                product: product.to_owned(),
                consumer: consumer.to_owned(),
            });
        }
        log
    }

    pub(crate) fn n_consumers(&self) -> usize {
        self.events
            .iter()
            .map(|e| &e.consumer)
            .collect::<BTreeSet<_>>()
            .len()
    }

    pub(crate) fn n_products(&self) -> usize {
        self.events
            .iter()
            .map(|e| &e.product)
            .collect::<BTreeSet<_>>()
            .len()
    }

    pub(crate) fn leave_last_out(&self) -> LeaveLastOut {
        // The distinct products that each consumer bought, in the order of their first purchases.
        let mut bought: BTreeMap<&str, Vec<(usize, &str)>> = BTreeMap::new();
        assert!(
            self.events.is_sorted_by(|a, b| a.time <= b.time),
            "rows are in order of time"
        );
        for (row, event) in self.events.iter().enumerate() {
            if event.behaviour == "purchase" {
                let products = bought.entry(&event.consumer).or_default();
                if products
                    .iter()
                    .all(|(_, product)| *product != event.product)
                {
                    products.push((row, &event.product));
                }
            }
        }
        bought.retain(|_, products| products.len() >= 3);
        let trains = |row: usize, event: &Event| {
            bought.get(event.consumer.as_str()).is_none_or(|products| {
                let held = &products[products.len() - 2..];
                row < held[0].0 && held.iter().all(|(_, product)| *product != event.product)
            })
        };
        let rows = self.events.iter().enumerate();
        let train: Vec<Event> = rows
            .filter(|(row, e)| trains(*row, e))
            .map(|(_, e)| e.clone())
            .collect();
        let mut test = BTreeMap::new();
        for (consumer, products) in &bought {
            let product = products[products.len() - 1].1;
            let knows_consumer = train.iter().any(|e| e.consumer == *consumer);
            if knows_consumer && train.iter().any(|e| e.product == product) {
                test.insert((*consumer).to_owned(), product.to_owned());
            }
        }
        LeaveLastOut { train, test }
    }
}

impl LeaveLastOut {
    /// What a consumer bought in training.
    pub(crate) fn bought(&self, consumer: &str) -> BTreeSet<&str> {
        let purchases = self.train.iter().filter(|e| e.behaviour == "purchase");
        purchases
            .filter(|e| e.consumer == consumer)
            .map(|e| e.product.as_str())
            .collect()
    }

    /// The consumer who bought most products in training.
    pub(crate) fn best_customer(&self) -> &str {
        let consumers: BTreeSet<&str> = self.train.iter().map(|e| e.consumer.as_str()).collect();
        consumers
            .into_iter()
            .max_by_key(|consumer| self.bought(consumer).len())
            .unwrap()
    }

    /// How often a consumer did what with a product in training.
    pub(crate) fn counts(&self, consumer: &str, product: &str) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for event in &self.train {
            if event.consumer == consumer && event.product == product {
                *counts.entry(event.behaviour.as_str()).or_default() += 1;
            }
        }
        counts
    }
}
