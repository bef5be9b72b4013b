//! The bytes of answers waiting for their clients to read them.

use axum::body::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// The maximum size of an answer that may use the whole budget; larger ones may use half of it.
const SMALL: usize = 16 * 1024;

/// A budget for the bytes of answers in memory over all connections: those being computed, and
/// those not yet written to their sockets.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
    freed: Notify,
}

/// Bytes reserved from the budget until this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

/// An answer and its share of the budget.
struct Held {
    bytes: Vec<u8>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            used: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// The bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Reserves the expected bytes of an answer; `None` if not enough are left. An unused budget
    /// has room for any answer.
    pub(crate) fn try_reserve(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        let limit = match bytes <= SMALL {
            true => self.limit,
            false => self.limit / 2,
        };
        let fits = |used: usize| (used == 0 || used + bytes <= limit).then_some(used + bytes);
        let taken = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        taken.ok().map(|_| Reservation {
            budget: Arc::clone(self),
            bytes,
        })
    }

    /// Waits until that many bytes are available.
    pub(crate) async fn reserve(self: &Arc<Self>, bytes: usize) -> Reservation {
        loop {
            // Registered before the attempt, so that bytes freed after it are not missed.
            let freed = self.freed.notified();
            if let Some(reservation) = self.try_reserve(bytes) {
                return reservation;
            }
            freed.await;
        }
    }
}

impl Reservation {
    /// Wraps an answer: unneeded bytes return to the budget at once, and the rest when it is
    /// written.
    pub(crate) fn hold(mut self, bytes: Vec<u8>) -> Bytes {
        let (budget, expected) = (&self.budget, self.bytes);
        match bytes.len() > expected {
            true => budget
                .used
                .fetch_add(bytes.len() - expected, Ordering::Relaxed),
            false => budget
                .used
                .fetch_sub(expected - bytes.len(), Ordering::Relaxed),
        };
        self.bytes = bytes.len();
        self.budget.freed.notify_waiters();
        Bytes::from_owner(Held {
            bytes,
            _reservation: self,
        })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.budget.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_are_given_back_as_answers_are_written() {
        let budget = Arc::new(Budget::new(100_000));
        let large = budget.try_reserve(40_000).unwrap();
        assert_eq!(budget.used(), 40_000);
        // Half of the budget is left to small answers.
        assert!(budget.try_reserve(20_000).is_none());
        let small = budget.try_reserve(10_000).unwrap();
        let bytes = large.hold(vec![7; 30_000]);
        assert_eq!(budget.used(), 40_000);
        // A part keeps the whole.
        let part = bytes.slice(..10);
        drop(bytes);
        assert_eq!(budget.used(), 40_000);
        let waiting = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.reserve(50_000).await.bytes }
        });
        drop(part);
        drop(small);
        assert_eq!(waiting.await.unwrap(), 50_000);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn an_unused_budget_has_room_for_any_answer() {
        let budget = Arc::new(Budget::new(10));
        let first = budget.try_reserve(50).unwrap();
        assert!(budget.try_reserve(1).is_none());
        assert_eq!(first.hold(vec![1, 2, 3]).len(), 3);
        // An answer may be longer than it was expected to be.
        let second = budget.try_reserve(1).unwrap();
        assert_eq!(second.hold(vec![0; 20]).len(), 20);
        assert_eq!(budget.used(), 0);
    }
}
