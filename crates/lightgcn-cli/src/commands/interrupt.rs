//! Ctrl-C in resumable work.

use anyhow::{Context, bail};
use lightgcn::train::{StopSignal, Trained};
use std::path::Path;

/// A flag that the first Ctrl-C sets, printing `words`. A second one ends the program at once,
/// which is safe: checkpoints and records are complete at any moment.
pub(super) fn listen(words: &'static str) -> anyhow::Result<StopSignal> {
    let stop = StopSignal::new();
    let signal = stop.clone();
    ctrlc::set_handler(move || {
        if signal.is_stopped() {
            std::process::exit(130);
        }
        eprintln!("{words}");
        signal.stop();
    })
    .context("listening for Ctrl-C")?;
    Ok(stop)
}

/// [`listen`] for a training run.
pub(super) fn listen_in_training() -> anyhow::Result<StopSignal> {
    listen("stopping after this batch; continue the run with --resume")
}

/// # Errors
/// If the run ended before its first epoch and so has no model.
pub(super) fn refuse_untrained(trained: &Trained, run: &Path) -> anyhow::Result<()> {
    if trained.reason.is_early() && trained.best_epoch == 0 {
        bail!(
            "stopped before the first validation; no model was written. The run is saved in the checkpoint in {}: \
             continue it with --resume",
            run.display()
        );
    }
    Ok(())
}
