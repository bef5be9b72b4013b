//! The threads that score, and the line before them.

use crate::ServeError;
use crate::error::Fault;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads with a line of bounded length. Each thread is a pool of its own for the loops
/// that would otherwise split over all cores: under load, questions side by side finish sooner than each
/// split in turn, and none waits for another's parts.
#[derive(Debug)]
pub(crate) struct Pool {
    line: Arc<Line>,
}

struct Line {
    waiting: Mutex<State>,
    changed: Condvar,
    limit: usize,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Pool {
    /// Starts the threads, whose names begin with `name`.
    pub(crate) fn new(name: &str, workers: usize, limit: usize) -> Result<Self, ServeError> {
        let line = Arc::new(Line {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            limit,
        });
        // Where a thread cannot be had, those before it end with the pool.
        let pool = Self { line };
        for n in 0..workers {
            let line = Arc::clone(&pool.line);
            std::thread::Builder::new()
                .name(format!("{name}-{n}"))
                .spawn(move || line.work())
                .map_err(|source| ServeError::System {
                    what: "start a thread",
                    source,
                })?;
        }
        Ok(pool)
    }

    /// How many jobs wait for a thread.
    pub(crate) fn n_waiting(&self) -> usize {
        self.line.lock().jobs.len()
    }

    /// The result of `work`, done on one of the threads; nothing is done where nobody waits for it any more.
    ///
    /// # Errors
    /// 503 where as many jobs wait as may, 500 where the work panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let (sender, receiver) = oneshot::channel();
        let job = move || {
            if sender.is_closed() {
                return;
            }
            let result = std::panic::catch_unwind(AssertUnwindSafe(work));
            // Nobody waits any more: fine.
            let _ = sender.send(result);
        };
        {
            let mut state = self.line.lock();
            if state.jobs.len() >= self.line.limit {
                return Err(Fault::overloaded());
            }
            state.jobs.push_back(Box::new(job));
        }
        self.line.changed.notify_one();
        match receiver.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) | Err(_) => Err(Fault::internal()),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.line.lock().closed = true;
        self.line.changed.notify_all();
    }
}

impl Line {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        // Without such a pool of one, loops go to the process-wide threads: slower, not wrong.
        let own = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .use_current_thread();
        let _own = own.build();
        loop {
            let mut state = self.lock();
            let job = loop {
                if let Some(job) = state.jobs.pop_front() {
                    break job;
                }
                if state.closed {
                    return;
                }
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            };
            drop(state);
            job();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn work_is_done_elsewhere_and_alone() {
        let pool = Pool::new("test", 2, 4).unwrap();
        let here = std::thread::current().id();
        let there = pool.run(|| (std::thread::current().id(), rayon::current_num_threads()));
        let (there, threads) = there.await.unwrap();
        assert_ne!(here, there);
        assert_eq!(threads, 1);
    }

    #[tokio::test]
    async fn a_panic_is_one_questions_fault() {
        let pool = Pool::new("test", 1, 4).unwrap();
        let fault = pool.run(|| panic!("this one is meant")).await.unwrap_err();
        assert_eq!(fault.code, "internal");
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_full_line_turns_away_and_forgets_who_left() {
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
        // One waits, and leaves.
        let (done, says) = mpsc::channel::<()>();
        let left = tokio::time::timeout(
            std::time::Duration::from_millis(20),
            pool.run(move || done.send(())),
        );
        assert!(left.await.is_err());
        assert_eq!(pool.n_waiting(), 1);
        let fault = pool.run(|| ()).await.unwrap_err();
        assert_eq!((fault.status.as_u16(), fault.code), (503, "overloaded"));
        go.send(()).unwrap();
        first.await.unwrap().unwrap();
        // Its work was never begun: the sender was dropped unused.
        assert!(says.recv().is_err());
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
    }
}
