//! Ctrl-C in training.

use anyhow::Context;
use lightgcn::train::StopSignal;

/// A signal that the first Ctrl-C raises; a second one ends the program at once, since checkpoints are whole
/// at any moment.
pub(super) fn listen() -> anyhow::Result<StopSignal> {
    let stop = StopSignal::new();
    let signal = stop.clone();
    ctrlc::set_handler(move || {
        if signal.is_stopped() {
            std::process::exit(130);
        }
        eprintln!("stopping after this batch; the run can be continued with --resume");
        signal.stop();
    })
    .context("listening for Ctrl-C")?;
    Ok(stop)
}
