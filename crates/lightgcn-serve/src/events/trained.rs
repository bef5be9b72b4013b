//! Determines which stored events a model was trained on, so that they can be removed.

use super::{EventStore, EventStoreError, StoredEvent};
use lightgcn_core::PairEvent;
use lightgcn_recommend::Recommender;
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// The events that a model was trained on.
#[derive(Debug)]
pub struct TrainedEvents<'a> {
    model: &'a Recommender,
    /// The time of the latest one, in seconds since 1970, and not in the future.
    latest: i64,
}

/// The result of pruning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneReport {
    /// How many events were removed.
    pub n_pruned: u64,
    /// How many events no later than the model's latest one stay because the model was not trained
    /// on them: they arrived late, or preparation excluded them.
    pub n_kept_older: u64,
}

impl<'a> TrainedEvents<'a> {
    /// Those of a model; `None` if it has no times, since then it is unknown.
    #[must_use]
    pub fn new(model: &'a Recommender) -> Option<Self> {
        let latest = model.artifact().train.last_times().iter().copied().max()?;
        // Before 1970, no event is old enough.
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs() as i64);
        Some(Self {
            model,
            latest: latest.min(now),
        })
    }

    /// Removes those among the events of a store up to number `last` (of an
    /// [`ExportReport`](crate::ExportReport)). If a model has only times, not single events, this
    /// removes every event up to its latest time, or up to now if that is earlier.
    ///
    /// # Errors
    /// As [`EventStore::prune`].
    pub fn prune(&self, store: &EventStore, last: u64) -> Result<PruneReport, EventStoreError> {
        let mut n_kept_older = 0;
        let n_pruned = store.prune(last, |event| {
            let is_trained = self.contains(event);
            n_kept_older += u64::from(!is_trained && event.time <= self.latest);
            is_trained
        })?;
        Ok(PruneReport {
            n_pruned,
            n_kept_older,
        })
    }

    fn contains(&self, event: &StoredEvent) -> bool {
        let artifact = self.model.artifact();
        let train = &artifact.train;
        if train.events().n_rows() == 0 {
            return event.time <= self.latest;
        }
        let found = || {
            let user = artifact.users.get(&event.user)?;
            let pair = train.find(user, artifact.items.get(&event.item)?)?;
            let behavior = self.model.behavior(&event.behavior)?;
            // Posted events have no session.
            let event = PairEvent::new(behavior, event.time).to_bits();
            let events = train.events_of(pair);
            events.binary_search_by_key(&event, |e| e.to_bits()).ok()
        };
        found().is_some()
    }
}
