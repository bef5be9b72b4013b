//! Records shown lists and their outcomes, in the background.
//!
//! Answers do not wait for the disk: records go to a thread that writes many at once, so a crash
//! loses those of the last second. A single thread preserves their order: a list is stored before
//! any of its outcomes.

use crate::error::ServeError;
use crate::events::{EventSink, OutcomeCounts, OutcomeKey, ShownRecord};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The maximum number of waiting records; any more are dropped and counted.
const WAITING: usize = 16_384;
/// The maximum number of records to write at once.
const AT_ONCE: usize = 1_024;
/// How long the first of them may wait.
const PAUSE: Duration = Duration::from_secs(1);

enum Message {
    Record(ShownRecord),
    /// Acknowledged when everything before it is written.
    Flush(oneshot::Sender<()>),
}

/// Outcomes over all days, by model, arm and source, which is empty for whole lists.
pub(crate) type Totals = BTreeMap<[String; 3], OutcomeCounts>;

/// A handle to the writing thread; dropping it waits for pending records.
#[derive(Debug)]
pub(crate) struct Recorder {
    sender: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
    counted: Arc<Counted>,
}

/// What the thread has counted.
#[derive(Debug, Default)]
struct Counted {
    /// Kept in memory, so that reading them does not depend on the number of days.
    totals: Mutex<Totals>,
    lost: AtomicU64,
}

impl Counted {
    fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, changes: Vec<(OutcomeKey, OutcomeCounts)>) {
        let mut totals = self.totals();
        for (key, change) in changes {
            let key = [key.model, key.arm, key.source];
            totals.entry(key).or_default().add(change);
        }
    }
}

impl Recorder {
    pub(crate) fn start(sink: Arc<dyn EventSink>) -> Result<Self, ServeError> {
        let (sender, receiver) = sync_channel(WAITING);
        let counted = Arc::new(Counted::default());
        match sink.outcomes() {
            Ok(outcomes) => counted.add(outcomes),
            Err(error) => tracing::error!("cannot read outcomes: {error}"),
        }
        let counts = Arc::clone(&counted);
        let thread = std::thread::Builder::new()
            .name("outcomes".to_owned())
            .spawn(move || write_all(&receiver, &*sink, &counts))
            .map_err(|source| ServeError::System {
                what: "start the thread of outcomes",
                source,
            })?;
        Ok(Self {
            sender: Some(sender),
            thread: Some(thread),
            counted,
        })
    }

    /// Queues a record for writing; it is dropped if too many wait.
    pub(crate) fn record(&self, record: ShownRecord) {
        let Some(sender) = &self.sender else { return };
        if sender.try_send(Message::Record(record)).is_err() {
            self.counted.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything that was recorded before is written.
    pub(crate) async fn flush(&self) {
        let Some(sender) = self.sender.clone() else {
            return;
        };
        let (done, written) = oneshot::channel();
        // A full queue will soon have room.
        let sent = tokio::task::spawn_blocking(move || sender.send(Message::Flush(done)).is_ok());
        if let Ok(true) = sent.await {
            let _ = written.await;
        }
    }

    /// How many records were dropped since the start.
    pub(crate) fn lost(&self) -> u64 {
        self.counted.lost.load(Ordering::Relaxed)
    }

    /// The outcomes of the models that `is_wanted`, over all days.
    pub(crate) fn totals(&self, is_wanted: impl Fn(&str) -> bool) -> Totals {
        let totals = self.counted.totals();
        let wanted = totals.iter().filter(|([model, ..], _)| is_wanted(model));
        wanted.map(|(key, counts)| (key.clone(), *counts)).collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of outcomes stopped");
        }
    }
}

fn write_all(receiver: &Receiver<Message>, sink: &dyn EventSink, counted: &Counted) {
    while let Ok(first) = receiver.recv() {
        let (records, flushed) = collect(receiver, first);
        if !records.is_empty() {
            match sink.record(&records) {
                Ok(changes) => counted.add(changes),
                Err(error) => {
                    tracing::error!("shown lists were not counted: {error}");
                    let n = records.len() as u64;
                    counted.lost.fetch_add(n, Ordering::Relaxed);
                }
            }
        }
        if let Some(done) = flushed {
            let _ = done.send(());
        }
    }
}

/// Collects what arrives within the pause, until someone waits for it.
fn collect(
    receiver: &Receiver<Message>,
    first: Message,
) -> (Vec<ShownRecord>, Option<oneshot::Sender<()>>) {
    let until = Instant::now() + PAUSE;
    let mut records = Vec::new();
    let mut message = Ok(first);
    loop {
        match message {
            Ok(Message::Record(record)) => records.push(record),
            Ok(Message::Flush(done)) => return (records, Some(done)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return (records, None);
            }
        }
        if records.len() == AT_ONCE {
            return (records, None);
        }
        message = receiver.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}
