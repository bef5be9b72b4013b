//! The training run: the loop, checkpoints, records, warm starts and retraining.

pub(crate) mod checkpoint;
pub(crate) mod fit;
pub(crate) mod memory;
mod preset;
mod progress;
pub(crate) mod record;
mod retrain;
mod schedule;
mod stop;
mod train;
mod warm_start;

pub use fit::{FitJob, Fitted, RunOptions, fit};
pub use preset::Preset;
pub use progress::{ConsoleProgress, Observer, Silent, TrainEvent};
pub use record::{EndReason, EpochRecord, RunLine, read_run_record};
pub use retrain::{Margin, RetrainFigures, RetrainReport, compare_with_previous};
pub use stop::StopSignal;
pub use train::{Trained, train, train_from, train_with};
pub use warm_start::{WarmStart, checkpoint_is_of};
