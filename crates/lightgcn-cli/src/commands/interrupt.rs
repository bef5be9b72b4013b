//! Ctrl-C in resumable work.

use anyhow::{Context, bail};
use lightgcn::train::{EndReason, StopSignal};
use std::path::Path;

/// A flag that the first Ctrl-C sets, printing `words`. A second one ends the program at once, since
/// checkpoints and records are complete at any moment.
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
/// If the run was interrupted, and so has no model.
pub(super) fn refuse_interrupted(reason: EndReason, run: &Path) -> anyhow::Result<()> {
    if reason == EndReason::Interrupted {
        bail!(
            "interrupted; no model was written. The run is saved in the checkpoint in {}: continue it \
             with --resume",
            run.display()
        );
    }
    Ok(())
}
