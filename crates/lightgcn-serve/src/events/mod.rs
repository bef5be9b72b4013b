//! Events while the service runs: storing and reading them.

mod health;
mod outcomes;
mod store;
mod tail;
mod trained;

pub(crate) use health::SinkHealth;
pub use outcomes::{Impression, Outcome, OutcomeCounts, OutcomeKey, ShownRecord};
pub(crate) use store::database;
pub use store::{
    EventReader, EventStore, EventStoreConfig, EventStoreError, ExportFormat, ExportReport,
    check_archive_path, check_export_path,
};
pub(crate) use tail::Tail;
pub use trained::{PruneReport, TrainedEvents};

use lightgcn_recommend::ContextEvent;
use outcomes::MemoryOutcomes;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{PoisonError, RwLock};
use thiserror::Error;

/// A stored event: checked, and with its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredEvent {
    /// The user's id in the log.
    pub user: String,
    /// The item's id in the log; an item that the model does not know yet is stored for the next training.
    pub item: String,
    /// The behavior's label in the log.
    pub behavior: String,
    /// Its time, in seconds since 1970-01-01 UTC.
    pub time: i64,
    /// The number of events it represents: positive and finite.
    pub count: f64,
    /// The sender's id for the event: of several with the same id, the first counts. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl StoredEvent {
    /// The event in the form that a recommender needs.
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

/// Why events could not be stored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EventError {
    /// The store has reached its limit.
    #[error(
        "the event store is full ({limit} events); export and prune its events, or raise its limit"
    )]
    Full {
        /// The maximum number of events.
        limit: usize,
    },
    /// The store's file was moved, deleted or replaced; no event of the batch was stored.
    #[error("{detail}")]
    Moved {
        /// Which file it was, and what to do.
        detail: String,
    },
    /// The store failed; no event of the batch was stored.
    #[error("the event store failed: {detail}")]
    Store {
        /// What failed and how to fix it.
        detail: String,
    },
}

/// A store of events that knows the latest events of each user.
///
/// The service checks events before it appends them. It calls the methods from several threads at
/// once, none of which runs asynchronous tasks.
pub trait EventSink: fmt::Debug + Send + Sync + 'static {
    /// Stores all of `events` or, on failure, none. When it returns, they are as durable as the
    /// sink makes them, and [`EventSink::of_user`] returns them. Returns how many are new: an event
    /// whose id is already stored is skipped.
    ///
    /// # Errors
    /// [`EventError`] if they cannot be stored.
    fn append(&self, events: &[StoredEvent]) -> Result<u64, EventError>;

    /// The latest events of a user that answers take into account, in order of arrival. It must be fast: every
    /// request for the user calls it.
    fn of_user(&self, user: &str) -> Vec<ContextEvent>;

    /// Stores what was shown to users and what they did with it, in order, and returns what this
    /// adds to [`EventSink::outcomes`]. By default, returns an error.
    ///
    /// # Errors
    /// [`EventError`] if it cannot be stored; then none of it is.
    fn record(
        &self,
        records: &[ShownRecord],
    ) -> Result<Vec<(OutcomeKey, OutcomeCounts)>, EventError> {
        let _ = records;
        Err(EventError::Store {
            detail: "this kind of store cannot count outcomes; turn impressions off".to_owned(),
        })
    }

    /// The outcomes of all lists, by day, arm, model and source, in this order. Default: none.
    ///
    /// # Errors
    /// [`EventError`] if it cannot be read.
    fn outcomes(&self) -> Result<Vec<(OutcomeKey, OutcomeCounts)>, EventError> {
        Ok(Vec::new())
    }

    /// Removes all events of a user, with their ids and the lists that were shown to the user, and
    /// returns the number of removed events. By default, returns an error.
    ///
    /// # Errors
    /// [`EventError`] if they cannot be removed; then none is.
    fn forget(&self, user: &str) -> Result<u64, EventError> {
        let _ = user;
        Err(EventError::Store {
            detail: "this kind of store cannot remove the events of a user".to_owned(),
        })
    }

    /// The size of the sink, for metrics, if known. Default: unknown.
    fn state(&self) -> SinkState {
        SinkState::default()
    }

    /// Checks whether events could be stored. After a failure, the service calls it at most once a
    /// second before it reports itself as ready again. Default: they could.
    ///
    /// # Errors
    /// [`EventError`] if they could not.
    fn check(&self) -> Result<(), EventError> {
        Ok(())
    }
}

/// The size of an event sink; `None` for unknown values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SinkState {
    /// Events.
    pub events: Option<u64>,
    /// Bytes on disk.
    pub bytes: Option<u64>,
    /// Bytes that are free there.
    pub free_bytes: Option<u64>,
}

/// The maximum number of lists in memory.
const MAX_LISTS: usize = 100_000;

/// Events in memory: they take effect at once and are lost when the process ends.
#[derive(Debug)]
pub struct MemoryEvents {
    /// The maximum number of events per user; older ones are dropped.
    per_user: usize,
    /// The maximum number of events in total.
    limit: usize,
    kept: RwLock<Kept>,
    shown: RwLock<MemoryOutcomes>,
}

#[derive(Debug, Default)]
struct Kept {
    by_user: HashMap<String, VecDeque<ContextEvent>>,
    n_events: usize,
    /// The latest event ids, at most as many as there may be events, in order of arrival.
    ids: HashSet<String>,
    order_of_ids: VecDeque<String>,
}

impl Kept {
    /// Whether an id is new. Remembers it, in place of the oldest one if there are already `limit`.
    fn is_new(&mut self, id: &str, limit: usize) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        self.order_of_ids.push_back(id.to_owned());
        if self.order_of_ids.len() > limit
            && let Some(oldest) = self.order_of_ids.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

impl MemoryEvents {
    /// An empty store for the latest `per_user` events of each user, and at most `limit` in total.
    #[must_use]
    pub fn new(per_user: usize, limit: usize) -> Self {
        Self {
            per_user: per_user.max(1),
            limit,
            kept: RwLock::default(),
            shown: RwLock::default(),
        }
    }
}

impl Default for MemoryEvents {
    /// Stores the latest 200 events of each user, and at most a million in total.
    fn default() -> Self {
        Self::new(200, 1_000_000)
    }
}

impl EventSink for MemoryEvents {
    fn append(&self, events: &[StoredEvent]) -> Result<u64, EventError> {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.n_events + events.len() > self.limit {
            return Err(EventError::Full { limit: self.limit });
        }
        let mut n_new = 0;
        for event in events {
            let kept = &mut *kept;
            if let Some(id) = &event.id
                && !kept.is_new(id, self.limit)
            {
                continue;
            }
            n_new += 1;
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
        Ok(n_new)
    }

    fn of_user(&self, user: &str) -> Vec<ContextEvent> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let mine = kept.by_user.get(user);
        mine.map_or_else(Vec::new, |mine| mine.iter().cloned().collect())
    }

    fn record(
        &self,
        records: &[ShownRecord],
    ) -> Result<Vec<(OutcomeKey, OutcomeCounts)>, EventError> {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        let added = records.iter().map(|record| shown.take(record, MAX_LISTS));
        Ok(added.flatten().collect())
    }

    fn outcomes(&self) -> Result<Vec<(OutcomeKey, OutcomeCounts)>, EventError> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        Ok(shown.counts())
    }

    fn forget(&self, user: &str) -> Result<u64, EventError> {
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        shown.forget(user);
        drop(shown);
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let n = kept.by_user.remove(user).map_or(0, |mine| mine.len());
        kept.n_events -= n;
        Ok(n as u64)
    }

    fn state(&self) -> SinkState {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        SinkState {
            events: Some(kept.n_events as u64),
            ..SinkState::default()
        }
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
            id: None,
        }
    }

    fn items(sink: &MemoryEvents, user: &str) -> Vec<String> {
        let events = sink.of_user(user);
        events.into_iter().map(|event| event.item).collect()
    }

    #[test]
    fn the_latest_events_of_each_user_are_stored() {
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
    fn an_id_counts_once_while_it_is_remembered() {
        let sink = MemoryEvents::new(10, 3);
        let with_id = |id: &str| StoredEvent {
            id: Some(id.to_owned()),
            ..event("ann", "glove")
        };
        assert_eq!(sink.append(&[with_id("a"), with_id("a")]).unwrap(), 1);
        assert_eq!(sink.append(&[with_id("b")]).unwrap(), 1);
        assert_eq!(sink.append(&[with_id("a")]).unwrap(), 0);
        assert_eq!(items(&sink, "ann").len(), 2);
    }

    #[test]
    fn a_user_is_forgotten() {
        let sink = MemoryEvents::new(10, 3);
        sink.append(&[
            event("ann", "glove"),
            event("ann", "mug"),
            event("bob", "oil"),
        ])
        .unwrap();
        assert_eq!(sink.forget("ann").unwrap(), 2);
        assert_eq!(sink.forget("ann").unwrap(), 0);
        assert!(items(&sink, "ann").is_empty());
        assert_eq!(items(&sink, "bob"), ["oil"]);
        assert_eq!(sink.state().events, Some(1));
    }

    #[test]
    fn a_full_store_rejects_the_whole_batch() {
        let sink = MemoryEvents::new(10, 2);
        sink.append(&[event("ann", "glove")]).unwrap();
        let error = sink
            .append(&[event("bob", "mug"), event("bob", "oil")])
            .unwrap_err();
        assert!(matches!(error, EventError::Full { limit: 2 }), "{error}");
        assert!(items(&sink, "bob").is_empty());
    }
}
