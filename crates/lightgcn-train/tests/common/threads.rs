//! Ranks that are threads of one process, joined by channels.

use super::Ranks;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// A rank that is a thread.
#[derive(Debug)]
struct ThreadRank {
    rank: usize,
    /// To each rank.
    to: Vec<Sender<Vec<u8>>>,
    /// From each rank.
    from: Mutex<Vec<Receiver<Vec<u8>>>>,
}

impl Ranks for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn exchange(&self, outgoing: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        assert_eq!(outgoing.len(), self.size());
        for (to, message) in self.to.iter().zip(outgoing) {
            to.send(message).unwrap();
        }
        let from = self.from.lock().unwrap();
        from.iter().map(|from| from.recv().unwrap()).collect()
    }

    fn gather(&self, own: Vec<u8>) -> Vec<Vec<u8>> {
        self.exchange(vec![own; self.size()])
    }

    fn abort(&self) -> ! {
        panic!("rank {} aborts", self.rank)
    }
}

/// Runs `work` on `size` ranks side by side, each with one thread for its parallel loops, and
/// returns their results in order.
pub(crate) fn on_ranks<T: Send>(size: usize, work: impl Fn(Arc<dyn Ranks>) -> T + Sync) -> Vec<T> {
    let mut to: Vec<Vec<Sender<Vec<u8>>>> = vec![Vec::new(); size];
    let mut from = Vec::new();
    for _ in 0..size {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..size).map(|_| channel()).unzip();
        to.iter_mut().zip(senders).for_each(|(to, s)| to.push(s));
        from.push(receivers);
    }
    let ranks = to.into_iter().zip(from).enumerate();
    let ranks = ranks.map(|(rank, (to, from))| ThreadRank {
        rank,
        to,
        from: Mutex::new(from),
    });
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = ranks
            .map(|rank| {
                scope.spawn(move || {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(1);
                    pool.build().unwrap().install(|| work(Arc::new(rank)))
                })
            })
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.collect()
    })
}
