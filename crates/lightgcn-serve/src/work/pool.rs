//! The threads that score, and the bounded queue in front of them.

use crate::api_error::ApiError;
use crate::error::ServeError;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads behind a queue of bounded length.
///
/// Each thread is its own rayon pool of one, so that loops which would otherwise split over all cores stay on
/// it: under load, requests that run side by side finish sooner than requests that are each split in turn.
/// The threads finish the queue and end when the pool is dropped.
#[derive(Debug)]
pub(crate) struct Pool {
    queue: SyncSender<Job>,
    n_waiting: Arc<AtomicUsize>,
}

impl Pool {
    /// Starts the threads, whose names start with `name`. At most `limit` jobs wait for a thread.
    pub(crate) fn new(name: &str, workers: usize, limit: usize) -> Result<Self, ServeError> {
        let (queue, jobs) = mpsc::sync_channel(limit);
        let jobs = Arc::new(Mutex::new(jobs));
        let n_waiting = Arc::new(AtomicUsize::new(0));
        for n in 0..workers {
            let (jobs, n_waiting) = (Arc::clone(&jobs), Arc::clone(&n_waiting));
            std::thread::Builder::new()
                .name(format!("{name}-{n}"))
                .spawn(move || work(&jobs, &n_waiting))
                .map_err(|source| ServeError::System {
                    what: "start a thread",
                    source,
                })?;
        }
        Ok(Self { queue, n_waiting })
    }

    /// How many jobs wait for a thread.
    pub(crate) fn n_waiting(&self) -> usize {
        self.n_waiting.load(Ordering::Relaxed)
    }

    /// Runs `work` on one of the threads. A job whose caller has gone by the time its turn comes is skipped.
    ///
    /// # Errors
    /// 503 if the queue is full, 500 if the work panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (sender, receiver) = oneshot::channel();
        let job = move || {
            if sender.is_closed() {
                return;
            }
            let result = std::panic::catch_unwind(AssertUnwindSafe(work));
            // The caller may have gone meanwhile.
            let _ = sender.send(result);
        };
        self.n_waiting.fetch_add(1, Ordering::Relaxed);
        if self.queue.try_send(Box::new(job)).is_err() {
            self.n_waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(ApiError::overloaded());
        }
        match receiver.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) | Err(_) => Err(ApiError::internal()),
        }
    }
}

/// Runs jobs until the pool is dropped.
fn work(jobs: &Mutex<Receiver<Job>>, n_waiting: &AtomicUsize) {
    // Without it, loops go to the process-wide threads: slower, but correct.
    let _own = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build();
    loop {
        // The lock is held while waiting: the threads take turns at the receiver.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else {
            return;
        };
        n_waiting.fetch_sub(1, Ordering::Relaxed);
        job();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn work_runs_on_another_thread_without_splitting() {
        let pool = Pool::new("test", 2, 4).unwrap();
        let here = std::thread::current().id();
        let there = pool.run(|| (std::thread::current().id(), rayon::current_num_threads()));
        let (there, threads) = there.await.unwrap();
        assert_ne!(here, there);
        assert_eq!(threads, 1);
    }

    #[tokio::test]
    async fn a_panic_fails_one_request_only() {
        let pool = Pool::new("test", 1, 4).unwrap();
        let error = pool.run(|| panic!("on purpose")).await.unwrap_err();
        assert_eq!(error.code, "internal");
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_queue_rejects_and_skips_abandoned_jobs() {
        let pool = Arc::new(Pool::new("test", 1, 1).unwrap());
        let (go, wait) = mpsc::channel::<()>();
        let (started, begins) = mpsc::channel::<()>();
        let first = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                let work = move || {
                    started.send(()).unwrap();
                    wait.recv().unwrap();
                };
                pool.run(work).await
            }
        });
        begins.recv().unwrap();
        // One job waits, and its caller leaves.
        let (done, says) = mpsc::channel::<()>();
        let left = tokio::time::timeout(
            std::time::Duration::from_millis(20),
            pool.run(move || done.send(())),
        );
        assert!(left.await.is_err());
        assert_eq!(pool.n_waiting(), 1);
        let error = pool.run(|| ()).await.unwrap_err();
        assert_eq!((error.status.as_u16(), error.code), (503, "overloaded"));
        go.send(()).unwrap();
        first.await.unwrap().unwrap();
        // The abandoned job never ran: its sender was dropped unused.
        assert!(says.recv().is_err());
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
    }
}
