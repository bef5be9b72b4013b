//! What a search tells while it goes on.

use super::space::describe;
use super::{Point, TrialEnd, TrialRecord};
use crate::{Silent, TrainEvent};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Something that happened in a search.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SearchEvent<'a> {
    /// Recorded trials were taken up.
    Resumed {
        /// How many.
        trials: usize,
    },
    /// A trial begins.
    TrialStarted {
        /// Its number, from 1.
        number: u32,
        /// The values tried.
        point: &'a Point,
    },
    /// Something happened in the training of the trial in hand.
    Training(&'a TrainEvent<'a>),
    /// A trial ended and is recorded.
    TrialEnded {
        /// What came of it.
        record: &'a TrialRecord,
        /// The name of the figure.
        metric: &'a str,
        /// Whether it is the best so far.
        best: bool,
    },
}

/// Hears of what happens in a search.
pub trait SearchObserver {
    /// Called for each event, on the searching thread.
    fn on_event(&mut self, event: &SearchEvent<'_>);
}

impl SearchObserver for Silent {
    fn on_event(&mut self, _: &SearchEvent<'_>) {}
}

/// Shows two lines a trial, and on a terminal a progress bar of its training, on standard error.
#[derive(Debug, Default)]
pub struct SearchProgress {
    bar: Option<ProgressBar>,
    n_batches: u64,
}

impl SearchProgress {
    /// Progress on standard error.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn on_training(&mut self, event: &TrainEvent<'_>) {
        match *event {
            TrainEvent::Started {
                epochs, n_batches, ..
            } if std::io::stderr().is_terminal() => {
                self.n_batches = n_batches as u64;
                let bar = ProgressBar::new(u64::from(epochs) * self.n_batches);
                let style =
                    ProgressStyle::with_template("{bar:30} {percent:>3} % {msg} {eta} left");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                self.bar = Some(bar);
            }
            TrainEvent::Batches {
                epoch, done, loss, ..
            } => {
                if let Some(bar) = &self.bar {
                    bar.set_position(u64::from(epoch - 1) * self.n_batches + done as u64);
                    bar.set_message(format!("epoch {epoch} loss {loss:.4}"));
                }
            }
            TrainEvent::Ended { .. } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }
}

impl SearchObserver for SearchProgress {
    fn on_event(&mut self, event: &SearchEvent<'_>) {
        match *event {
            SearchEvent::Resumed { trials } => eprintln!("{trials} trials are recorded"),
            SearchEvent::TrialStarted { number, point } => {
                eprintln!("trial {number}: {}", describe(point));
            }
            SearchEvent::Training(event) => self.on_training(event),
            SearchEvent::TrialEnded {
                record,
                metric,
                best,
            } => {
                // A trial that fails ends without a word of its training.
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                eprintln!("  {}", line(record, metric, best));
            }
        }
    }
}

/// What came of a trial, in a line.
fn line(record: &TrialRecord, metric: &str, best: bool) -> String {
    let seconds = record.seconds;
    if let Some(error) = &record.error {
        return format!("failed after {seconds:.1} s: {error}");
    }
    let why = match record.reason {
        TrialEnd::Halted => ", too weak to go on",
        TrialEnd::Cut => ", cut by the end of the time",
        _ => "",
    };
    match record.figure {
        Some(figure) => format!(
            "{metric} {figure:.4} at epoch {}, {seconds:.1} s{why}{}",
            record.best_epoch,
            if best { " (best)" } else { "" }
        ),
        None => format!("no validation yet, {seconds:.1} s{why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_is_told_in_a_line() {
        let mut record = TrialRecord {
            number: 3,
            point: Point::new(),
            figure: Some(0.25),
            best_epoch: 10,
            curve: vec![(10, 0.25)],
            seconds: 1.0,
            reason: TrialEnd::Halted,
            error: None,
        };
        assert_eq!(
            line(&record, "recall@20", true),
            "recall@20 0.2500 at epoch 10, 1.0 s, too weak to go on (best)"
        );
        record.figure = None;
        record.reason = TrialEnd::Cut;
        assert_eq!(
            line(&record, "recall@20", false),
            "no validation yet, 1.0 s, cut by the end of the time"
        );
        record.error = Some("the loss became NaN".to_owned());
        assert_eq!(
            line(&record, "recall@20", false),
            "failed after 1.0 s: the loss became NaN"
        );
    }
}
