//! The threads that score.

use super::queue::{Lane, Queue, QueueLimits, Share, Waiting};
use crate::api_error::ApiError;
use crate::error::ServeError;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::Span;

/// The number of threads, and how much may wait for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PoolOptions {
    /// The prefix of the threads' names.
    pub(crate) name: &'static str,
    pub(crate) workers: usize,
    /// Requests that may wait.
    pub(crate) requests: usize,
    /// The time these may be expected to take on one thread.
    pub(crate) time: Duration,
}

/// A fixed number of threads behind a fair and bounded queue.
///
/// Each thread is its own rayon pool of one, so that loops which would otherwise split over all
/// cores stay on it: under load, requests that run side by side finish sooner than requests that
/// are each split in turn. The threads finish the queue and end when the pool and all its shares
/// are dropped.
#[derive(Debug)]
pub(crate) struct Pool {
    threads: Arc<Threads>,
    lane: Lane,
}

/// The state common to the shares of a pool.
#[derive(Debug)]
struct Threads {
    queue: Arc<Queue>,
    workers: usize,
    cancelled: Arc<Cancelled>,
    /// How many shares there have been.
    n_lanes: AtomicU64,
}

/// Jobs that never ran.
#[derive(Debug, Default)]
pub(crate) struct Cancelled {
    /// Their clients had disconnected.
    pub(crate) gone: AtomicU64,
    /// Their time was up.
    pub(crate) late: AtomicU64,
}

impl Pool {
    pub(crate) fn new(options: PoolOptions) -> Result<Self, ServeError> {
        let PoolOptions { name, workers, .. } = options;
        let queue = Arc::new(Queue::new(QueueLimits {
            requests: options.requests,
            time: options.time,
            large: workers.saturating_sub(1).max(1),
        }));
        for n in 0..workers {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new()
                .name(format!("{name}-{n}"))
                .spawn(move || work(&queue))
                .map_err(|source| ServeError::System {
                    what: "start a thread",
                    source,
                })?;
        }
        Ok(Self {
            threads: Arc::new(Threads {
                queue,
                workers,
                cancelled: Arc::default(),
                n_lanes: AtomicU64::new(0),
            }),
            lane: Lane {
                number: 0,
                is_shared: false,
            },
        })
    }

    /// The same threads for another user, with a fair share of them and of the queue.
    pub(crate) fn share(&self) -> Self {
        let number = self.threads.n_lanes.fetch_add(1, Ordering::Relaxed) + 1;
        Self {
            threads: Arc::clone(&self.threads),
            lane: Lane {
                number,
                is_shared: true,
            },
        }
    }

    /// What waits for a thread.
    pub(crate) fn waiting(&self) -> Waiting {
        self.threads.queue.waiting()
    }

    /// How long the queue has been too full for small requests.
    pub(crate) fn full_for(&self) -> Option<Duration> {
        self.threads.queue.full_for()
    }

    pub(crate) fn cancelled(&self) -> &Cancelled {
        &self.threads.cancelled
    }

    pub(crate) fn workers(&self) -> usize {
        self.threads.workers
    }

    /// Reserves a place in the queue for a request that is expected to take `time` on one thread.
    ///
    /// # Errors
    /// 503 if the queue is full, with the time in which it should be empty.
    pub(crate) fn admit(&self, time: Duration, is_large: bool) -> Result<Ticket, ApiError> {
        let threads = &self.threads;
        let admitted = threads.queue.admit(self.lane, time, is_large);
        let share = admitted.map_err(|waiting| {
            let seconds = waiting.time.as_secs_f64() / threads.workers as f64;
            ApiError::overloaded().with_retry_after(seconds)
        })?;
        Ok(Ticket {
            queue: Arc::clone(&threads.queue),
            cancelled: Arc::clone(&threads.cancelled),
            share,
            tag: 0,
            deadline: None,
        })
    }

    /// Runs `work` on one of the threads. A job whose caller is gone by its turn is skipped.
    ///
    /// # Errors
    /// 503 if the queue is full, 500 if the work panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        self.admit(Duration::ZERO, false)?.run(false, work).await
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.queue.end();
    }
}

/// A place in the queue for one request, and its cost.
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    cancelled: Arc<Cancelled>,
    share: Share,
    /// The tag of its latest job.
    tag: u64,
    deadline: Option<Instant>,
}

impl Ticket {
    /// Skips the jobs that have not started by then.
    pub(crate) fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Runs the whole request as one job.
    ///
    /// # Errors
    /// 500 if the work panics, 503 if it does not start in time.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        is_large: bool,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (job, answer) = self.job(work);
        self.queue.push(self.tag, is_large, self.share, job);
        answer.await
    }

    /// Queues one job of several, which is expected to take `time`. The returned future yields its
    /// result; once the future is dropped, the job is skipped.
    pub(crate) fn submit<T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
        &mut self,
        time: Duration,
        is_large: bool,
        work: W,
    ) -> impl Future<Output = Result<T, ApiError>> + Send + use<T, W> {
        let (job, answer) = self.job(work);
        let share = self.share.split(time);
        self.tag = self.queue.push(self.tag, is_large, share, job);
        answer
    }

    /// A job, and its result.
    fn job<T: Send + 'static, W: FnOnce() -> T + Send + 'static>(
        &self,
        work: W,
    ) -> (
        Box<dyn FnOnce() + Send>,
        impl Future<Output = Result<T, ApiError>> + Send + use<T, W>,
    ) {
        let (sender, receiver) = oneshot::channel();
        let (cancelled, deadline) = (Arc::clone(&self.cancelled), self.deadline);
        // Log lines of the work belong to its request.
        let span = Span::current();
        let job = move || {
            let _entered = span.enter();
            if sender.is_closed() {
                cancelled.gone.fetch_add(1, Ordering::Relaxed);
                return;
            }
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                cancelled.late.fetch_add(1, Ordering::Relaxed);
                let _ = sender.send(Err(ApiError::timeout()));
                return;
            }
            let result = std::panic::catch_unwind(AssertUnwindSafe(work));
            // The caller may be gone by now.
            let failed = |_| {
                tracing::error!("the work on a request panicked");
                ApiError::internal()
            };
            let _ = sender.send(result.map_err(failed));
        };
        let answer = async move { receiver.await.unwrap_or_else(|_| Err(ApiError::internal())) };
        (Box::new(job), answer)
    }
}

/// Runs jobs until the pool is dropped.
fn work(queue: &Queue) {
    // Without it, loops run on the process-wide threads: slower, but correct.
    let _own = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build();
    queue.work();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc;

    fn pool(workers: usize, requests: usize) -> Pool {
        Pool::new(PoolOptions {
            name: "test",
            workers,
            requests,
            time: Duration::from_secs(1),
        })
        .unwrap()
    }

    /// Occupies a thread until the sender is used or dropped.
    fn block(pool: &Pool, is_large: bool) -> mpsc::Sender<()> {
        let (go, wait) = mpsc::channel::<()>();
        let (started, begins) = mpsc::channel();
        let mut ticket = pool.admit(Duration::ZERO, is_large).unwrap();
        let work = move || {
            started.send(()).unwrap();
            let _ = wait.recv();
        };
        tokio::spawn(ticket.submit(Duration::ZERO, is_large, work));
        begins.recv().unwrap();
        go
    }

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test]
    async fn work_runs_on_another_thread_without_splitting() {
        let pool = pool(2, 4);
        let here = std::thread::current().id();
        let there = pool.run(|| (std::thread::current().id(), rayon::current_num_threads()));
        let (there, threads) = there.await.unwrap();
        assert_ne!(here, there);
        assert_eq!(threads, 1);
    }

    #[tokio::test]
    async fn a_panic_fails_one_request_only() {
        let pool = pool(1, 4);
        let error = pool.run(|| panic!("on purpose")).await.unwrap_err();
        assert_eq!(error.code, "internal");
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_full_queue_rejects_and_skips_abandoned_jobs() {
        let pool = pool(1, 1);
        let go = block(&pool, false);
        // One job waits, and its caller leaves.
        let (done, says) = mpsc::channel::<()>();
        let left = tokio::time::timeout(20 * MS, pool.run(move || done.send(())));
        assert!(left.await.is_err());
        assert_eq!(pool.waiting().requests, 1);
        assert!(pool.full_for().is_none());
        let error = pool.run(|| ()).await.unwrap_err();
        assert_eq!((error.status.as_u16(), error.code), (503, "overloaded"));
        assert!(pool.full_for().is_some());
        go.send(()).unwrap();
        // The abandoned job never ran: its sender was dropped unused.
        assert!(says.recv().is_err());
        assert_eq!(pool.cancelled().gone.load(Ordering::Relaxed), 1);
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
        assert!(pool.full_for().is_none());
    }

    #[tokio::test]
    async fn the_cost_of_what_waits_is_limited() {
        let pool = pool(1, 100);
        let go = block(&pool, false);
        let first = pool.admit(400 * MS, true).unwrap();
        // Large requests may take half of the time; small ones all of it.
        assert!(pool.admit(101 * MS, true).is_err());
        let second = pool.admit(600 * MS, false).unwrap();
        assert!(pool.admit(MS, false).is_err());
        assert_eq!(pool.waiting().time, 1000 * MS);
        drop(second);
        assert_eq!(
            (pool.waiting().requests, pool.waiting().time),
            (1, 400 * MS)
        );
        drop(first);
        // An empty queue takes any request.
        assert!(pool.admit(5000 * MS, true).is_ok());
        drop(go);
    }

    #[tokio::test]
    async fn a_cheap_request_passes_the_jobs_of_a_dear_one() {
        let pool = pool(1, 100);
        let go = block(&pool, false);
        let order: Arc<Mutex<Vec<String>>> = Arc::default();
        let note = |name: String| {
            let order = Arc::clone(&order);
            move || order.lock().unwrap().push(name)
        };
        let mut dear = pool.admit(400 * MS, false).unwrap();
        let mut answers: Vec<_> = (0..4)
            .map(|n| dear.submit(100 * MS, false, note(format!("dear {n}"))))
            .collect();
        let mut other = pool.admit(300 * MS, false).unwrap();
        answers.extend((0..2).map(|n| other.submit(150 * MS, false, note(format!("other {n}")))));
        let mut cheap = pool.admit(MS, false).unwrap();
        answers.push(cheap.submit(MS, false, note("cheap".to_owned())));
        drop(go);
        for answer in answers {
            answer.await.unwrap();
        }
        // Two requests of many jobs share the time: after 100 and 150 ms of each comes what has had less.
        let expected = [
            "cheap", "dear 0", "other 0", "dear 1", "dear 2", "other 1", "dear 3",
        ];
        assert_eq!(*order.lock().unwrap(), expected);
        assert_eq!(pool.waiting().time, Duration::ZERO);
    }

    #[tokio::test]
    async fn large_jobs_leave_a_thread_free() {
        let pool = pool(2, 100);
        let go = block(&pool, true);
        let mut waiting = pool.admit(MS, true).unwrap();
        let waiting = waiting.submit(MS, true, || ());
        // The second thread runs small jobs only.
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
        assert_eq!(pool.waiting().time, MS);
        drop(go);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn jobs_are_skipped_once_their_time_is_over() {
        let pool = pool(1, 100);
        let go = block(&pool, false);
        let ticket = pool.admit(MS, false).unwrap().until(Instant::now());
        let late = tokio::spawn(ticket.run(false, || panic!("it must not run")));
        tokio::time::sleep(5 * MS).await;
        drop(go);
        assert_eq!(late.await.unwrap().unwrap_err().code, "timeout");
        assert_eq!(pool.cancelled().late.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn the_threads_end_with_the_pool() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let done = Arc::new(Mutex::new(0));
        let queue = runtime.block_on(async {
            let pool = pool(3, 100);
            for _ in 0..20 {
                let done = Arc::clone(&done);
                let mut ticket = pool.admit(MS, true).unwrap();
                tokio::spawn(ticket.submit(MS, true, move || *done.lock().unwrap() += 1));
            }
            tokio::task::yield_now().await;
            let queue = Arc::downgrade(&pool.threads.queue);
            drop(pool);
            for _ in 0..1000 {
                if queue.strong_count() == 0 {
                    break;
                }
                tokio::time::sleep(MS).await;
            }
            queue
        });
        assert_eq!(queue.strong_count(), 0);
        assert_eq!(*done.lock().unwrap(), 20);
    }
}
