//! The queue for the threads: fair between requests, and limited in length and cost.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueueLimits {
    /// Requests.
    pub(super) requests: usize,
    /// The time they are expected to take on one thread.
    pub(super) time: Duration,
    /// The maximum number of threads that run large jobs at a time.
    pub(super) large: usize,
}

/// A part of a request, which runs on one thread without interruption.
pub(super) struct Job {
    /// Jobs run in the order of their tags, then of their arrival.
    tag: u64,
    number: u64,
    is_large: bool,
    /// Its expected time, in nanoseconds.
    cost: u64,
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
/// A job's tag is that of the request's previous job, or of the job that ran last, whichever is
/// later, plus the job's cost. So a request with a single cheap job overtakes the jobs of a request
/// that has already had much time, and large requests share what is left. Large jobs may not take
/// all threads, so small ones never wait for a large one.
///
/// The jobs of each [`Lane`] form their own queue. The next lane is chosen in a similar way, by how
/// much each has been served: start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996). So
/// lanes share the threads evenly, whatever their load.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    wakes: Condvar,
    limits: QueueLimits,
}

#[derive(Default)]
struct State {
    /// Lanes with waiting jobs, or that have had more than their share.
    lanes: BTreeMap<Lane, LaneState>,
    large_running: usize,
    /// The start of the lane that was served last.
    clock: u64,
    n_jobs: u64,
    waiting: Waiting,
    /// Since when requests have been rejected.
    full_since: Option<Instant>,
    has_ended: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

/// A class of requests with a fair share of the threads and of the places in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub(super) number: u64,
    /// Whether there may be other lanes, so that it must leave places for them.
    pub(super) is_shared: bool,
}

/// The jobs of a lane.
#[derive(Default)]
struct LaneState {
    small: BinaryHeap<Job>,
    large: BinaryHeap<Job>,
    /// The latest tag of a job that ran.
    now: u64,
    /// Its next turn, by the clock of the lanes.
    start: u64,
    waiting: Waiting,
}

impl LaneState {
    fn has_jobs(&self) -> bool {
        !self.small.is_empty() || !self.large.is_empty()
    }

    fn pop(&mut self, with_large: bool) -> Option<Job> {
        let large = self.large.peek().filter(|_| with_large);
        match (self.small.peek(), large) {
            (Some(small), Some(large)) if large > small => self.large.pop(),
            (None, Some(_)) => self.large.pop(),
            _ => self.small.pop(),
        }
    }
}

/// What waits for a thread.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Waiting {
    /// Requests with a part that has not started.
    pub(crate) requests: usize,
    /// The time these parts are expected to take on one thread.
    pub(crate) time: Duration,
}

/// A place in the queue, and the cost of the parts that have not started. Dropping it gives it
/// back.
pub(super) struct Share {
    queue: Arc<Queue>,
    lane: Lane,
    waiting: Waiting,
}

impl Share {
    /// Splits off the part of a job that costs `time`. The place stays with the rest.
    pub(super) fn split(&mut self, time: Duration) -> Self {
        let time = time.min(self.waiting.time);
        self.waiting.time -= time;
        Self {
            queue: Arc::clone(&self.queue),
            lane: self.lane,
            waiting: Waiting { requests: 0, time },
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let limits = self.queue.limits;
        let mut state = self.queue.lock();
        state.waiting.remove(self.waiting);
        if let Some(lane) = state.lanes.get_mut(&self.lane) {
            lane.waiting.remove(self.waiting);
        }
        let Waiting { requests, time } = state.waiting;
        if requests * 2 <= limits.requests && time * 2 <= limits.time {
            state.full_since = None;
        }
    }
}

impl State {
    /// The jobs of a lane. Lanes equivalent to new ones are forgotten.
    fn lane(&mut self, lane: Lane) -> &mut LaneState {
        let clock = self.clock;
        if !self.lanes.contains_key(&lane) {
            self.lanes.retain(|_, lane| {
                lane.has_jobs() || lane.waiting.requests > 0 || lane.start > clock
            });
        }
        self.lanes.entry(lane).or_default()
    }
}

impl Waiting {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.time += other.time;
    }

    fn remove(&mut self, other: Self) {
        self.requests = self.requests.saturating_sub(other.requests);
        self.time = self.time.saturating_sub(other.time);
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

    /// How long small requests have been rejected, until half of the queue is free again.
    pub(super) fn full_for(&self) -> Option<Duration> {
        self.lock().full_since.map(|since| since.elapsed())
    }

    /// Reserves a place for a request that is expected to take `time`; if there is none, returns
    /// what is already waiting. Large requests may fill half of the queue, so it always has room
    /// for small ones. An empty queue accepts any request.
    ///
    /// With several lanes, each may have as much waiting as is free (the dynamic threshold of
    /// Choudhury and Hahne, IEEE/ACM Transactions on Networking 1998): a single one fills half of
    /// the queue, two fill a third each.
    pub(super) fn admit(
        self: &Arc<Self>,
        lane: Lane,
        time: Duration,
        is_large: bool,
    ) -> Result<Share, Waiting> {
        let mut state = self.lock();
        let own = state.lane(lane).waiting;
        let is_first = lane.is_shared && own.requests == 0;
        let parts = if is_large && !is_first { 2 } else { 1 };
        let places = self.limits.requests.div_ceil(parts);
        let most = self.limits.time / parts as u32;
        let Waiting {
            requests,
            time: all,
        } = state.waiting;
        let mut has_place = requests < places;
        let mut has_time = requests == 0 || all + time <= most;
        if lane.is_shared && !is_first {
            has_place &= own.requests < places.saturating_sub(requests);
            has_time &= own.time + time <= most.saturating_sub(all);
        }
        if !has_place || !has_time {
            if !is_large {
                state.full_since.get_or_insert_with(Instant::now);
            }
            return Err(state.waiting);
        }
        let waiting = Waiting { requests: 1, time };
        state.waiting.add(waiting);
        state.lane(lane).waiting.add(waiting);
        drop(state);
        let queue = Arc::clone(self);
        Ok(Share {
            queue,
            lane,
            waiting,
        })
    }

    /// Adds a job of a request whose previous job had the tag `before`, and returns its tag.
    pub(super) fn push(
        &self,
        before: u64,
        is_large: bool,
        share: Share,
        run: Box<dyn FnOnce() + Send>,
    ) -> u64 {
        let cost = u64::try_from(share.waiting.time.as_nanos()).unwrap_or(u64::MAX);
        let mut state = self.lock();
        state.n_jobs += 1;
        let (number, clock) = (state.n_jobs, state.clock);
        let lane = state.lane(share.lane);
        if !lane.has_jobs() {
            lane.start = lane.start.max(clock);
        }
        let tag = before.max(lane.now).saturating_add(cost);
        let job = Job {
            tag,
            number,
            is_large,
            cost,
            share,
            run,
        };
        match is_large {
            true => lane.large.push(job),
            false => lane.small.push(job),
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
                if state.has_ended && !state.lanes.values().any(LaneState::has_jobs) {
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
                // A thread may have skipped a large job.
                self.wakes.notify_one();
            }
        }
    }

    fn next(&self, state: &mut State) -> Option<Job> {
        let with_large = state.large_running < self.limits.large;
        let can_run =
            |lane: &LaneState| !lane.small.is_empty() || (with_large && !lane.large.is_empty());
        let lanes = state.lanes.iter_mut().filter(|(_, lane)| can_run(lane));
        let (_, lane) = lanes.min_by_key(|(number, lane)| (lane.start, **number))?;
        let job = lane.pop(with_large)?;
        lane.now = lane.now.max(job.tag);
        let start = lane.start;
        // Jobs that cost nothing also count, so that lanes of such jobs take turns.
        lane.start = start.saturating_add(job.cost.max(1));
        state.clock = state.clock.max(start);
        state.large_running += usize::from(job.is_large);
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

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn lane(number: u64) -> Lane {
        Lane {
            number,
            is_shared: true,
        }
    }

    fn queue(requests: usize) -> Arc<Queue> {
        Arc::new(Queue::new(QueueLimits {
            requests,
            time: 1000 * MS,
            large: 1,
        }))
    }

    /// Queues a job of a lane that writes its name down.
    fn push(
        queue: &Arc<Queue>,
        lane: Lane,
        time: Duration,
        name: &str,
        to: &Arc<Mutex<Vec<String>>>,
    ) {
        let share = queue.admit(lane, time, false).unwrap();
        let (name, to) = (name.to_owned(), Arc::clone(to));
        queue.push(
            0,
            false,
            share,
            Box::new(move || to.lock().unwrap().push(name)),
        );
    }

    fn run_all(queue: &Arc<Queue>) {
        queue.end();
        queue.work();
    }

    #[test]
    fn lanes_take_turns_by_what_they_have_been_served() {
        let (queue, order) = (queue(100), Arc::default());
        for n in 0..4 {
            push(&queue, lane(1), 100 * MS, &format!("many {n}"), &order);
        }
        push(&queue, lane(2), 100 * MS, "other 0", &order);
        push(&queue, lane(2), 100 * MS, "other 1", &order);
        push(&queue, lane(3), MS, "cheap 0", &order);
        push(&queue, lane(3), MS, "cheap 1", &order);
        run_all(&queue);
        let expected = [
            "many 0", "other 0", "cheap 0", "cheap 1", "many 1", "other 1", "many 2", "many 3",
        ];
        assert_eq!(*order.lock().unwrap(), expected);
        assert_eq!(queue.waiting().requests, 0);
    }

    #[test]
    fn jobs_without_a_cost_take_turns_too() {
        let (queue, order) = (queue(100), Arc::default());
        for n in 0..3 {
            push(&queue, lane(1), Duration::ZERO, &format!("a{n}"), &order);
        }
        push(&queue, lane(2), Duration::ZERO, "b0", &order);
        run_all(&queue);
        assert_eq!(*order.lock().unwrap(), ["a0", "b0", "a1", "a2"]);
    }

    #[test]
    fn a_lane_leaves_places_for_others() {
        let queue = queue(12);
        let fill = |number| {
            let mut shares = Vec::new();
            while let Ok(share) = queue.admit(lane(number), MS, false) {
                shares.push(share);
            }
            shares
        };
        let first = fill(1);
        assert_eq!(first.len(), 6);
        let second = fill(2);
        assert_eq!(second.len(), 3);
        // A lane with nothing waiting may ask for much, too.
        assert!(queue.admit(lane(3), 500 * MS, true).is_ok());
        drop(first);
        assert!(queue.admit(lane(2), MS, false).is_ok());
        let alone = Lane {
            number: 9,
            is_shared: false,
        };
        drop(second);
        let all: Vec<_> = (0..12)
            .map(|_| queue.admit(alone, MS, false).unwrap())
            .collect();
        assert!(queue.admit(alone, MS, false).is_err());
        drop(all);
        assert_eq!(queue.waiting().requests, 0);
    }
}
