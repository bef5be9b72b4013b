//! The latest posted events, in memory, for the page.

use super::StoredEvent;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// The number of events to remember.
const KEPT: usize = 200;

/// The latest events that were posted since the service started.
#[derive(Debug, Default)]
pub(crate) struct Tail(Mutex<Posted>);

#[derive(Debug, Default)]
struct Posted {
    /// The latest is last.
    events: VecDeque<StoredEvent>,
    total: u64,
}

impl Tail {
    /// Remembers stored events, of which `n_new` were new; only their ids could tell which ones.
    pub(crate) fn note(&self, events: Vec<StoredEvent>, n_new: u64) {
        let mut posted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        posted.total += n_new;
        if n_new == 0 {
            return;
        }
        for event in events {
            if event.id.is_some() && posted.events.iter().any(|known| known.id == event.id) {
                continue;
            }
            if posted.events.len() == KEPT {
                posted.events.pop_front();
            }
            posted.events.push_back(event);
        }
    }

    /// The latest `limit` events, latest first, and how many there were in total.
    pub(crate) fn latest(&self, limit: usize) -> (Vec<StoredEvent>, u64) {
        let posted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = posted.events.iter().rev().take(limit).cloned();
        (latest.collect(), posted.total)
    }

    /// Forgets a user's events.
    pub(crate) fn forget(&self, user: &str) {
        let mut posted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        posted.events.retain(|event| event.user != user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(user: &str, id: Option<&str>) -> StoredEvent {
        StoredEvent {
            user: user.to_owned(),
            item: "p1".to_owned(),
            behavior: "view".to_owned(),
            time: 1,
            count: 1.0,
            id: id.map(str::to_owned),
        }
    }

    #[test]
    fn the_latest_events_stay_without_repetitions_and_forgotten_users() {
        let tail = Tail::default();
        tail.note(vec![event("a", None), event("b", Some("x"))], 2);
        tail.note(vec![event("b", Some("x")), event("c", None)], 1);
        let users =
            |limit| -> Vec<String> { tail.latest(limit).0.into_iter().map(|e| e.user).collect() };
        assert_eq!(users(9), ["c", "b", "a"]);
        assert_eq!((users(1), tail.latest(1).1), (vec!["c".to_owned()], 3));
        tail.forget("b");
        assert_eq!(users(9), ["c", "a"]);
        tail.note((0..KEPT).map(|_| event("d", None)).collect(), KEPT as u64);
        assert!(users(KEPT + 9).iter().all(|user| user == "d"));
        assert_eq!(users(KEPT + 9).len(), KEPT);
    }
}
