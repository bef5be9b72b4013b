//! Records shown lists and their outcomes, in the background.
//!
//! Answers do not wait for the disk: records go to a thread that writes many at once, so a crash
//! loses those of the last second. A single thread preserves their order: a list is stored before
//! any of its outcomes.

use crate::error::ServeError;
use crate::events::{EventSink, ShownRecord};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
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

/// A handle to the writing thread; dropping it waits for pending records.
#[derive(Debug)]
pub(crate) struct Recorder {
    sender: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
    lost: Arc<AtomicU64>,
}

impl Recorder {
    pub(crate) fn start(sink: Arc<dyn EventSink>) -> Result<Self, ServeError> {
        let (sender, receiver) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("outcomes".to_owned())
            .spawn(move || write_all(&receiver, &*sink, &counted))
            .map_err(|source| ServeError::System {
                what: "start the thread of outcomes",
                source,
            })?;
        Ok(Self {
            sender: Some(sender),
            thread: Some(thread),
            lost,
        })
    }

    /// Queues a record for writing; it is dropped if too many wait.
    pub(crate) fn record(&self, record: ShownRecord) {
        let Some(sender) = &self.sender else { return };
        if sender.try_send(Message::Record(record)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
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
        self.lost.load(Ordering::Relaxed)
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

fn write_all(receiver: &Receiver<Message>, sink: &dyn EventSink, lost: &AtomicU64) {
    while let Ok(first) = receiver.recv() {
        let (records, flushed) = collect(receiver, first);
        if !records.is_empty()
            && let Err(error) = sink.record(&records)
        {
            tracing::error!("shown lists were not counted: {error}");
            lost.fetch_add(records.len() as u64, Ordering::Relaxed);
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
