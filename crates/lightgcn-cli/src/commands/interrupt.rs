//! Ctrl-C in work that can be continued.

use anyhow::{Context, bail};
use lightgcn::train::{EndReason, StopSignal};
use std::path::Path;

/// A signal that the first Ctrl-C raises, with `words`; a second one ends the program at once, since
/// checkpoints and records are whole at any moment.
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

/// As [`listen`], for a training run.
pub(super) fn listen_in_training() -> anyhow::Result<StopSignal> {
    listen("stopping after this batch; the run can be continued with --resume")
}

/// # Errors
/// If the run that ended was interrupted: it has made no model.
pub(super) fn refuse_interrupted(reason: EndReason, run: &Path) -> anyhow::Result<()> {
    if reason == EndReason::Interrupted {
        bail!(
            "interrupted; no model was written. The checkpoint in {} holds the run: continue it \
             with --resume",
            run.display()
        );
    }
    Ok(())
}
