//! The training run: the loop, checkpoints, records, warm starts and retraining.

mod attention;
pub(crate) mod bar;
pub(crate) mod checkpoint;
mod finish;
pub(crate) mod fit;
pub(crate) mod job;
pub(crate) mod memory;
mod parts;
mod preset;
mod previous;
mod progress;
mod ranking;
pub(crate) mod record;
mod retrain;
mod schedule;
pub(crate) mod sequences;
mod stop;
mod trained;
mod trainer;
pub(crate) mod transfer;
mod warm_start;

pub use memory::{peak_memory, reset_peak_memory, training_size};
pub use preset::Preset;
pub use progress::{ConsoleProgress, Observer, Silent, TrainEvent};
pub use record::{EndReason, EpochRecord, RunLine, read_run_record};
pub use retrain::{Margin, RetrainFigures, RetrainReport, Retraining};
pub use stop::StopSignal;
pub use trained::{Chosen, Trained};
pub use trainer::Trainer;
pub use warm_start::{WarmStart, checkpoint_is_of};
