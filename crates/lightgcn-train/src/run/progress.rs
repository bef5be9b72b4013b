//! Events of a run, and observers.

use crate::run::bar::Bar;
use crate::{EndReason, EpochRecord};
use lightgcn_kernels::DeviceMemory;
use std::time::{Duration, Instant};

/// An event of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TrainEvent<'a> {
    /// The automatic choice of a device skipped a faster kind.
    PassedOver {
        /// `CUDA` or `wgpu`.
        kind: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// How much GPU memory the run needs, reported before anything is allocated.
    Memory {
        /// Approximate peak, in bytes.
        needed: u64,
        /// The device's memory.
        device: DeviceMemory,
    },
    /// How much memory the run needs on the CPU, reported before anything is allocated.
    HostMemory {
        /// Approximate peak of the program, in bytes; without its data if the operating system does
        /// not report memory in use.
        needed: u64,
        /// The limit, if there is one.
        limit: Option<u64>,
    },
    /// Training starts.
    Started {
        /// The model's name.
        model: &'a str,
        /// The device.
        device: &'a str,
        /// Total number of epochs.
        epochs: u32,
        /// Epochs completed before the run was resumed.
        done: u32,
        /// Batches per epoch.
        n_batches: usize,
        /// Users excluded because they have every item, so that no negative can be drawn.
        skipped_users: usize,
    },
    /// Some batches are completed.
    Batches {
        /// The epoch, from 1.
        epoch: u32,
        /// Completed batches of the epoch.
        done: usize,
        /// Mean loss of the epoch so far.
        loss: f64,
        /// Positive pairs per second in this epoch so far.
        pairs_per_second: f64,
    },
    /// An epoch ended, with its validation if one was due.
    Epoch {
        /// Its figures.
        record: &'a EpochRecord,
        /// Estimated time to the last epoch.
        time_left: Duration,
    },
    /// A checkpoint was written.
    Checkpoint {
        /// Completed epochs at that point.
        epoch: u32,
    },
    /// The run ended.
    Ended {
        /// Why.
        reason: EndReason,
        /// The epoch whose model is kept, from 1.
        best_epoch: u32,
    },
}

/// Receives the events of a run.
pub trait Observer {
    /// Called for each event, on the training thread.
    fn on_event(&mut self, event: &TrainEvent<'_>);
}

/// Ignores all events.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on_event(&mut self, _: &TrainEvent<'_>) {}
}

/// Shows a progress bar on a terminal, plain lines elsewhere, on standard error.
#[derive(Debug, Default)]
pub struct ConsoleProgress {
    bar: Bar,
    epochs: u32,
    /// The time between the lines of epochs.
    interval: Duration,
    said: Option<Instant>,
}

impl ConsoleProgress {
    /// Progress on standard error.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Progress with a line per epoch only if epochs take longer than ten seconds, for many runs in
    /// a row.
    #[must_use]
    pub fn brief() -> Self {
        Self {
            interval: Duration::from_secs(10),
            ..Self::default()
        }
    }

    /// Whether it is time for the line of another epoch.
    fn is_due(&mut self) -> bool {
        let due = self.said.is_none_or(|said| said.elapsed() >= self.interval);
        if due {
            self.said = Some(Instant::now());
        }
        due
    }
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

fn memory_line(needed: u64, limit: Option<u64>) -> String {
    let limit = limit.map(|limit| format!("; the limit is {:.2} GiB", gib(limit)));
    format!(
        "training needs about {:.2} GiB of memory{}",
        gib(needed),
        limit.unwrap_or_default()
    )
}

fn ending_line(reason: EndReason, best_epoch: u32) -> String {
    let why = match reason {
        EndReason::Finished => "all epochs trained",
        EndReason::EarlyStopping => "validation stopped improving",
        EndReason::Interrupted => "interrupted; its state is in the checkpoint",
        EndReason::OutOfTime => "time is up; its state is in the checkpoint",
    };
    format!("training ended: {why}; best epoch {best_epoch}")
}

fn epoch_line(record: &EpochRecord, epochs: u32, time_left: Duration) -> String {
    let rate = record.pairs as f64 / record.seconds.max(1e-9);
    let mut line = format!(
        "epoch {}/{epochs} loss {:.4} {:.1} s {rate:.0} pairs/s",
        record.epoch, record.loss, record.seconds
    );
    for (name, value) in &record.validation {
        line += &format!(" {name} {value:.4}");
    }
    if record.best {
        line += " (best)";
    }
    if record.epoch < epochs {
        line += &format!(", at most {} s left", time_left.as_secs());
    }
    line
}

impl Observer for ConsoleProgress {
    fn on_event(&mut self, event: &TrainEvent<'_>) {
        match *event {
            TrainEvent::PassedOver { kind, reason } => {
                self.bar.say(&format!("{kind} is not used: {reason}"));
            }
            TrainEvent::Memory { needed, device } => self.bar.say(&format!(
                "training needs about {:.2} GiB of device memory; the device has {device}",
                gib(needed)
            )),
            // Small runs fit anywhere.
            TrainEvent::HostMemory { needed, limit } if limit.is_some() || gib(needed) >= 1.0 => {
                self.bar.say(&memory_line(needed, limit));
            }
            TrainEvent::HostMemory { .. } => {}
            TrainEvent::Started {
                model,
                device,
                epochs,
                done,
                n_batches,
                skipped_users,
            } => {
                self.epochs = epochs;
                self.said = Some(Instant::now());
                self.bar.start(epochs, done, n_batches);
                let resumed = match done {
                    0 => String::new(),
                    done => format!(", {done} done"),
                };
                self.bar.say(&format!(
                    "training {model} on {device}: up to {epochs} epochs of {n_batches} batches{resumed}"
                ));
                if skipped_users > 0 {
                    self.bar.say(&format!(
                        "{skipped_users} users have every item: no negative can be drawn"
                    ));
                }
            }
            TrainEvent::Batches {
                epoch,
                done,
                loss,
                pairs_per_second,
            } => {
                let message = format!("epoch {epoch} loss {loss:.4} {pairs_per_second:.0} pairs/s");
                self.bar.show(epoch, done, message);
            }
            TrainEvent::Epoch { record, time_left } if self.is_due() => {
                self.bar.say(&epoch_line(record, self.epochs, time_left));
            }
            TrainEvent::Epoch { .. } => {}
            TrainEvent::Checkpoint { epoch } => {
                tracing::debug!(epoch, "checkpoint written");
            }
            TrainEvent::Ended { reason, best_epoch } => {
                self.bar.clear();
                self.bar.say(&ending_line(reason, best_epoch));
            }
        }
    }
}
