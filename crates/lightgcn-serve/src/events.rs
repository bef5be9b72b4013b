//! What consumers do while the service runs: where events go, and where they count from.

use lightgcn_recommend::ContextEvent;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{PoisonError, RwLock};
use thiserror::Error;

/// One event as it is kept: checked, and with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredEvent {
    /// The consumer's id as the shop writes it.
    pub consumer: String,
    /// The product's id as the shop writes it; one that no model knows yet is kept for the next training.
    pub product: String,
    /// The behaviour's label in the log.
    pub behaviour: String,
    /// When it was, in seconds since 1970-01-01 UTC.
    pub time: i64,
    /// How many such events it stands for: positive and finite.
    pub count: f64,
}

impl StoredEvent {
    /// The event as a question to the recommender has it.
    #[must_use]
    pub fn to_context(&self) -> ContextEvent {
        ContextEvent {
            product: self.product.clone(),
            behaviour: self.behaviour.clone(),
            count: self.count,
            time: Some(self.time),
        }
    }
}

/// Why events could not be kept.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EventError {
    /// The store holds as much as it may.
    #[error(
        "the event store is full ({limit} events); export its events and start anew, or raise its limit"
    )]
    Full {
        /// How many events it may hold.
        limit: usize,
    },
    /// The store failed; nothing of the batch was kept.
    #[error("the event store failed: {detail}")]
    Store {
        /// What failed, and the mend.
        detail: String,
    },
}

/// A place that keeps events and knows the latest of each consumer.
///
/// The service checks events before it hands them over, calls both methods off its asynchronous threads,
/// and from several threads at once.
pub trait EventSink: fmt::Debug + Send + Sync + 'static {
    /// Keeps all of `events` or, where it fails, none. When it returns, they are as safe as the sink makes
    /// them, and [`EventSink::of_consumer`] has them.
    ///
    /// # Errors
    /// [`EventError`] if they cannot be kept.
    fn append(&self, events: &[StoredEvent]) -> Result<(), EventError>;

    /// The latest events of a consumer that answers shall count, in the order of their arrival; empty for one
    /// without any. It must be quick: every question for the consumer asks.
    fn of_consumer(&self, consumer: &str) -> Vec<ContextEvent>;
}

/// Events in memory alone: they count at once and are gone when the process ends.
#[derive(Debug)]
pub struct MemoryEvents {
    /// The most events kept of one consumer; older ones make room.
    per_consumer: usize,
    /// The most events kept in all.
    limit: usize,
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_consumer: HashMap<String, VecDeque<ContextEvent>>,
    n_events: usize,
}

impl MemoryEvents {
    /// An empty store that keeps the latest `per_consumer` events of each consumer, and `limit` in all.
    #[must_use]
    pub fn new(per_consumer: usize, limit: usize) -> Self {
        Self {
            per_consumer: per_consumer.max(1),
            limit,
            kept: RwLock::default(),
        }
    }
}

impl Default for MemoryEvents {
    /// The latest 200 events of each consumer, a million in all.
    fn default() -> Self {
        Self::new(200, 1_000_000)
    }
}

impl EventSink for MemoryEvents {
    fn append(&self, events: &[StoredEvent]) -> Result<(), EventError> {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.n_events + events.len() > self.limit {
            return Err(EventError::Full { limit: self.limit });
        }
        for event in events {
            let kept = &mut *kept;
            let mine = match kept.by_consumer.get_mut(&event.consumer) {
                Some(mine) => mine,
                None => kept.by_consumer.entry(event.consumer.clone()).or_default(),
            };
            if mine.len() == self.per_consumer {
                mine.pop_front();
                kept.n_events -= 1;
            }
            mine.push_back(event.to_context());
            kept.n_events += 1;
        }
        Ok(())
    }

    fn of_consumer(&self, consumer: &str) -> Vec<ContextEvent> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let mine = kept.by_consumer.get(consumer);
        mine.map_or_else(Vec::new, |mine| mine.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(consumer: &str, product: &str) -> StoredEvent {
        StoredEvent {
            consumer: consumer.to_owned(),
            product: product.to_owned(),
            behaviour: "view".to_owned(),
            time: 7,
            count: 2.0,
        }
    }

    fn products(sink: &MemoryEvents, consumer: &str) -> Vec<String> {
        let events = sink.of_consumer(consumer);
        events.into_iter().map(|event| event.product).collect()
    }

    #[test]
    fn the_latest_of_each_consumer_are_kept() {
        let sink = MemoryEvents::new(2, 100);
        sink.append(&[event("ann", "glove"), event("bob", "mug")])
            .unwrap();
        sink.append(&[event("ann", "lamp"), event("ann", "nail")])
            .unwrap();
        assert_eq!(products(&sink, "ann"), ["lamp", "nail"]);
        assert_eq!(products(&sink, "bob"), ["mug"]);
        assert!(products(&sink, "cleo").is_empty());
        let context = &sink.of_consumer("bob")[0];
        assert_eq!((context.time, context.count), (Some(7), 2.0));
    }

    #[test]
    fn a_full_store_keeps_nothing_of_a_batch() {
        let sink = MemoryEvents::new(10, 2);
        sink.append(&[event("ann", "glove")]).unwrap();
        let error = sink
            .append(&[event("bob", "mug"), event("bob", "oil")])
            .unwrap_err();
        assert!(matches!(error, EventError::Full { limit: 2 }), "{error}");
        assert!(products(&sink, "bob").is_empty());
    }
}
