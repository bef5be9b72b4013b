//! What a run tells while it goes on.

use crate::{EndReason, EpochRecord};
use indicatif::{ProgressBar, ProgressStyle};
use lightgcn_kernels::DeviceMemory;
use std::io::IsTerminal;
use std::time::Duration;

/// Something that happened in a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TrainEvent<'a> {
    /// The automatic choice of a device does not take one of the better kinds.
    PassedOver {
        /// `CUDA` or `wgpu`.
        kind: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// What memory the run takes on a GPU, before anything is put there.
    Memory {
        /// Bytes at the peak, about.
        needed: u64,
        /// What the device has.
        device: DeviceMemory,
    },
    /// Training begins.
    Started {
        /// The model's name.
        model: &'a str,
        /// What it runs on.
        device: &'a str,
        /// Epochs in all.
        epochs: u32,
        /// Epochs already done by an earlier part of the run.
        done: u32,
        /// Batches an epoch.
        n_batches: usize,
        /// Users without an item left to be a negative, who are left out.
        skipped_users: usize,
    },
    /// Some batches were trained.
    Batches {
        /// The epoch, from 1.
        epoch: u32,
        /// Batches of it that are done.
        done: usize,
        /// The mean loss of the epoch so far.
        loss: f64,
        /// Positive pairs a second, over this epoch so far.
        pairs_per_second: f64,
    },
    /// An epoch ended, and was validated where it was due.
    Epoch {
        /// Its figures.
        record: &'a EpochRecord,
        /// The expected time to the last epoch.
        time_left: Duration,
    },
    /// A checkpoint was written.
    Checkpoint {
        /// Epochs that it holds.
        epoch: u32,
    },
    /// The run ended.
    Ended {
        /// Why.
        reason: EndReason,
        /// The epoch whose model was kept, from 1.
        best_epoch: u32,
    },
}

/// Hears of what happens in a run.
pub trait Observer {
    /// Called for each event, on the training thread.
    fn on_event(&mut self, event: &TrainEvent<'_>);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on_event(&mut self, _: &TrainEvent<'_>) {}
}

/// Shows a progress bar on a terminal and plain lines elsewhere, both on standard error.
#[derive(Debug, Default)]
pub struct ConsoleProgress {
    bar: Option<ProgressBar>,
    n_batches: usize,
    epochs: u32,
    brief: bool,
}

impl ConsoleProgress {
    /// Progress on standard error.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Progress without a line an epoch: for many runs in a row.
    #[must_use]
    pub fn brief() -> Self {
        Self {
            brief: true,
            ..Self::default()
        }
    }

    fn say(&self, line: String) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    fn start(&mut self, epochs: u32, done: u32, n_batches: usize) {
        self.n_batches = n_batches;
        self.epochs = epochs;
        if !std::io::stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::new(u64::from(epochs) * n_batches as u64);
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg} {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(u64::from(done) * n_batches as u64);
        bar.reset_eta();
        self.bar = Some(bar);
    }
}

impl Observer for ConsoleProgress {
    fn on_event(&mut self, event: &TrainEvent<'_>) {
        match *event {
            TrainEvent::PassedOver { kind, reason } => {
                self.say(format!("{kind} is not used: {reason}"));
            }
            TrainEvent::Memory { needed, device } => self.say(format!(
                "training needs about {:.2} GiB of device memory; the device has {device}",
                needed as f64 / f64::from(1 << 30)
            )),
            TrainEvent::Started {
                model,
                device,
                epochs,
                done,
                n_batches,
                skipped_users,
            } => {
                self.start(epochs, done, n_batches);
                let resumed = if done > 0 {
                    format!(", {done} done")
                } else {
                    String::new()
                };
                self.say(format!(
                    "training {model} on {device}: up to {epochs} epochs of {n_batches} batches{resumed}"
                ));
                if skipped_users > 0 {
                    self.say(format!(
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
                if let Some(bar) = &self.bar {
                    bar.set_position(u64::from(epoch - 1) * self.n_batches as u64 + done as u64);
                    bar.set_message(format!(
                        "epoch {epoch} loss {loss:.4} {pairs_per_second:.0} pairs/s"
                    ));
                }
            }
            TrainEvent::Epoch { .. } if self.brief => {}
            TrainEvent::Epoch { record, time_left } => {
                let rate = record.pairs as f64 / record.seconds.max(1e-9);
                let mut line = format!(
                    "epoch {}/{} loss {:.4} {:.1} s {rate:.0} pairs/s",
                    record.epoch, self.epochs, record.loss, record.seconds
                );
                for (name, value) in &record.validation {
                    line += &format!(" {name} {value:.4}");
                }
                if record.best {
                    line += " (best)";
                }
                if record.epoch < self.epochs {
                    line += &format!(", at most {} s left", time_left.as_secs());
                }
                self.say(line);
            }
            TrainEvent::Checkpoint { epoch } => {
                tracing::debug!(epoch, "checkpoint written");
            }
            TrainEvent::Ended { reason, best_epoch } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                let why = match reason {
                    EndReason::Finished => "all epochs trained",
                    EndReason::EarlyStopping => "no better validation for a while",
                    EndReason::Interrupted => "interrupted; the checkpoint holds its state",
                };
                self.say(format!("training ended: {why}; best epoch {best_epoch}"));
            }
        }
    }
}
