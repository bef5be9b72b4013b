//! A progress bar on standard error, if that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// A bar over the batches of a run; hidden until it starts, and if there is no terminal.
#[derive(Debug, Default)]
pub(crate) struct Bar {
    bar: Option<ProgressBar>,
    n_batches: u64,
}

impl Bar {
    /// Starts a run of `epochs`, `done` of which are completed.
    pub(crate) fn start(&mut self, epochs: u32, done: u32, n_batches: usize) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        self.n_batches = n_batches as u64;
        let bar = ProgressBar::new(u64::from(epochs) * self.n_batches);
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} % {msg} {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(u64::from(done) * self.n_batches);
        bar.reset_eta();
        self.bar = Some(bar);
    }

    /// Shows the number of completed batches of an epoch (from 1).
    pub(crate) fn show(&self, epoch: u32, done: usize, message: String) {
        if let Some(bar) = &self.bar {
            bar.set_position(u64::from(epoch - 1) * self.n_batches + done as u64);
            bar.set_message(message);
        }
    }

    /// Prints a line, above the bar if there is one.
    pub(crate) fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }

    /// Removes the bar.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
