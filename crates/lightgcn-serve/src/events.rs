//! What users do while the service runs: where events go, and where they count from.

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
    /// The user's id as the shop writes it.
    pub user: String,
    /// The item's id as the shop writes it; one that no model knows yet is kept for the next training.
    pub item: String,
    /// The behavior's label in the log.
    pub behavior: String,
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
            item: self.item.clone(),
            behavior: self.behavior.clone(),
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
        /// What failed, and how to fix it.
        detail: String,
    },
}

/// A place that keeps events and knows the latest of each user.
///
/// The service checks events before it hands them over, calls both methods off its asynchronous threads,
/// and from several threads at once.
pub trait EventSink: fmt::Debug + Send + Sync + 'static {
    /// Keeps all of `events` or, where it fails, none. When it returns, they are as safe as the sink makes
    /// them, and [`EventSink::of_user`] has them.
    ///
    /// # Errors
    /// [`EventError`] if they cannot be kept.
    fn append(&self, events: &[StoredEvent]) -> Result<(), EventError>;

    /// The latest events of a user that answers shall count, in the order of their arrival; empty for one
    /// without any. It must be quick: every question for the user asks.
    fn of_user(&self, user: &str) -> Vec<ContextEvent>;
}

/// Events in memory alone: they count at once and are gone when the process ends.
#[derive(Debug)]
pub struct MemoryEvents {
    /// The most events kept of one user; older ones make room.
    per_user: usize,
    /// The most events kept in all.
    limit: usize,
    kept: RwLock<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_user: HashMap<String, VecDeque<ContextEvent>>,
    n_events: usize,
}

impl MemoryEvents {
    /// An empty store that keeps the latest `per_user` events of each user, and `limit` in all.
    #[must_use]
    pub fn new(per_user: usize, limit: usize) -> Self {
        Self {
            per_user: per_user.max(1),
            limit,
            kept: RwLock::default(),
        }
    }
}

impl Default for MemoryEvents {
    /// The latest 200 events of each user, a million in all.
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
            let mine = match kept.by_user.get_mut(&event.user) {
                Some(mine) => mine,
                None => kept.by_user.entry(event.user.clone()).or_default(),
            };
            if mine.len() == self.per_user {
                mine.pop_front();
                kept.n_events -= 1;
            }
            mine.push_back(event.to_context());
            kept.n_events += 1;
        }
        Ok(())
    }

    fn of_user(&self, user: &str) -> Vec<ContextEvent> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let mine = kept.by_user.get(user);
        mine.map_or_else(Vec::new, |mine| mine.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(user: &str, item: &str) -> StoredEvent {
        StoredEvent {
            user: user.to_owned(),
            item: item.to_owned(),
            behavior: "view".to_owned(),
            time: 7,
            count: 2.0,
        }
    }

    fn items(sink: &MemoryEvents, user: &str) -> Vec<String> {
        let events = sink.of_user(user);
        events.into_iter().map(|event| event.item).collect()
    }

    #[test]
    fn the_latest_of_each_user_are_kept() {
        let sink = MemoryEvents::new(2, 100);
        sink.append(&[event("ann", "glove"), event("bob", "mug")])
            .unwrap();
        sink.append(&[event("ann", "lamp"), event("ann", "nail")])
            .unwrap();
        assert_eq!(items(&sink, "ann"), ["lamp", "nail"]);
        assert_eq!(items(&sink, "bob"), ["mug"]);
        assert!(items(&sink, "cleo").is_empty());
        let context = &sink.of_user("bob")[0];
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
        assert!(items(&sink, "bob").is_empty());
    }
}
