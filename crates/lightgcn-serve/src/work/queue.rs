//! The queue in front of the threads: fair between requests, and limited in length and in cost.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueueLimits {
    /// Requests.
    pub(super) requests: usize,
    /// What they are expected to take of one thread.
    pub(super) time: Duration,
    /// The most threads that run large jobs at a time.
    pub(super) large: usize,
}

/// A part of a request, which runs on one thread without a break.
pub(super) struct Job {
    /// Jobs run in the order of their tags, then of their arrival.
    tag: u64,
    number: u64,
    is_large: bool,
    share: Share,
    run: Box<dyn FnOnce() + Send>,
}

impl PartialEq for Job {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Job {}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Job {
    /// The first job to run is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.tag, other.number).cmp(&(self.tag, self.number))
    }
}

/// A queue that is fair between requests: self-clocked fair queueing (Golestani, INFOCOM 1994).
///
/// A job's tag is that of the request's job before it, or of the job that ran last, whichever is later, plus the job's
/// cost. So a request with a single cheap job passes the jobs of a request that has been served much already, and large
/// requests share what is left. Large jobs may not take all threads: beside them, small ones wait for no large one.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    wakes: Condvar,
    limits: QueueLimits,
}

#[derive(Default)]
struct State {
    small: BinaryHeap<Job>,
    large: BinaryHeap<Job>,
    large_running: usize,
    /// The latest tag of a job that ran.
    now: u64,
    n_jobs: u64,
    waiting: Waiting,
    /// Since when requests have been turned away.
    full_since: Option<Instant>,
    has_ended: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

/// What waits for a thread.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Waiting {
    /// Requests of which a part has not begun.
    pub(crate) requests: usize,
    /// What these parts are expected to take of one thread.
    pub(crate) time: Duration,
}

/// A place in the queue, and the cost of what has not begun. It is given back when it is dropped.
pub(super) struct Share {
    queue: Arc<Queue>,
    waiting: Waiting,
}

impl Share {
    /// The part of a job that costs `time`. The place stays with the rest.
    pub(super) fn split(&mut self, time: Duration) -> Self {
        let time = time.min(self.waiting.time);
        self.waiting.time -= time;
        Self {
            queue: Arc::clone(&self.queue),
            waiting: Waiting { requests: 0, time },
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let limits = self.queue.limits;
        let mut state = self.queue.lock();
        state.waiting.requests -= self.waiting.requests;
        state.waiting.time = state.waiting.time.saturating_sub(self.waiting.time);
        let Waiting { requests, time } = state.waiting;
        if requests * 2 <= limits.requests && time * 2 <= limits.time {
            state.full_since = None;
        }
    }
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self {
            state: Mutex::default(),
            wakes: Condvar::new(),
            limits,
        }
    }

    pub(super) fn waiting(&self) -> Waiting {
        self.lock().waiting
    }

    /// For how long small requests have been turned away, until half of the queue was free again.
    pub(super) fn full_for(&self) -> Option<Duration> {
        self.lock().full_since.map(|since| since.elapsed())
    }

    /// A place for a request that is expected to take `time`, or what waits already where there is none. Large
    /// requests may fill half of the queue, so that it always has room for small ones. An empty queue takes any request.
    pub(super) fn admit(
        self: &Arc<Self>,
        time: Duration,
        is_large: bool,
    ) -> Result<Share, Waiting> {
        let mut state = self.lock();
        let parts = if is_large { 2 } else { 1 };
        let Waiting {
            requests,
            time: all,
        } = state.waiting;
        let has_place = requests < self.limits.requests.div_ceil(parts);
        let has_time = requests == 0 || all + time <= self.limits.time / parts as u32;
        if !has_place || !has_time {
            if !is_large {
                state.full_since.get_or_insert_with(Instant::now);
            }
            return Err(state.waiting);
        }
        let waiting = Waiting { requests: 1, time };
        state.waiting.requests += 1;
        state.waiting.time += time;
        drop(state);
        let queue = Arc::clone(self);
        Ok(Share { queue, waiting })
    }

    /// Adds a job of a request whose job before it had the tag `before`, and returns its tag.
    pub(super) fn push(
        &self,
        before: u64,
        is_large: bool,
        share: Share,
        run: Box<dyn FnOnce() + Send>,
    ) -> u64 {
        let cost = u64::try_from(share.waiting.time.as_nanos()).unwrap_or(u64::MAX);
        let mut state = self.lock();
        let tag = before.max(state.now).saturating_add(cost);
        state.n_jobs += 1;
        let job = Job {
            tag,
            number: state.n_jobs,
            is_large,
            share,
            run,
        };
        match is_large {
            true => state.large.push(job),
            false => state.small.push(job),
        }
        drop(state);
        self.wakes.notify_one();
        tag
    }

    /// Runs jobs until the queue has ended and is empty.
    pub(super) fn work(&self) {
        let mut state = self.lock();
        loop {
            let Some(job) = self.next(&mut state) else {
                if state.has_ended && state.large.is_empty() {
                    self.wakes.notify_all();
                    return;
                }
                state = self
                    .wakes
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let Job {
                is_large,
                share,
                run,
                ..
            } = job;
            drop(share);
            run();
            state = self.lock();
            if is_large {
                state.large_running -= 1;
                // A thread may have passed over a large job.
                self.wakes.notify_one();
            }
        }
    }

    fn next(&self, state: &mut State) -> Option<Job> {
        let large = state.large.peek();
        let large = large.filter(|_| state.large_running < self.limits.large);
        let job = match (state.small.peek(), large) {
            (Some(small), Some(large)) if large > small => state.large.pop(),
            (None, Some(_)) => state.large.pop(),
            _ => state.small.pop(),
        }?;
        state.large_running += usize::from(job.is_large);
        state.now = state.now.max(job.tag);
        Some(job)
    }

    /// Lets the threads end once the queue is empty.
    pub(super) fn end(&self) {
        self.lock().has_ended = true;
        self.wakes.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
