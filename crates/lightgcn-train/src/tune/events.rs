//! Events of a search, and observers.

use super::space::describe;
use super::{Point, TrialEnd, TrialRecord};
use crate::run::bar::Bar;
use crate::{Silent, TrainEvent};

/// An event of a search.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SearchEvent<'a> {
    /// Recorded trials were read back.
    Resumed {
        /// Their number.
        trials: usize,
    },
    /// A trial starts.
    TrialStarted {
        /// Its number, from 1.
        number: u32,
        /// Its parameter values.
        point: &'a Point,
    },
    /// An event of the current trial's training.
    Training(&'a TrainEvent<'a>),
    /// A trial ended and was recorded.
    TrialEnded {
        /// Its record.
        record: &'a TrialRecord,
        /// The name of the metric.
        metric: &'a str,
        /// Whether it is the best so far.
        best: bool,
    },
}

/// Receives the events of a search.
pub trait SearchObserver {
    /// Called for each event, on the searching thread.
    fn on_event(&mut self, event: &SearchEvent<'_>);
}

impl SearchObserver for Silent {
    fn on_event(&mut self, _: &SearchEvent<'_>) {}
}

/// Shows two lines per trial and, on a terminal, a progress bar of its training, on standard error.
#[derive(Debug, Default)]
pub struct SearchProgress {
    bar: Bar,
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
            } => self.bar.start(epochs, 0, n_batches),
            TrainEvent::Batches {
                epoch, done, loss, ..
            } => self
                .bar
                .show(epoch, done, format!("epoch {epoch} loss {loss:.4}")),
            TrainEvent::Ended { .. } => self.bar.clear(),
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
                // The training of a failed trial has no final event.
                self.bar.clear();
                eprintln!("  {}", line(record, metric, best));
            }
        }
    }
}

/// A line about a completed trial.
fn line(record: &TrialRecord, metric: &str, best: bool) -> String {
    let seconds = record.seconds;
    if let Some(error) = &record.error {
        return format!("failed after {seconds:.1} s: {error}");
    }
    let why = match record.reason {
        TrialEnd::Halted => ", stopped by the strategy",
        TrialEnd::Cut => ", cut by the time limit",
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
    fn a_trial_is_described_in_a_line() {
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
            "recall@20 0.2500 at epoch 10, 1.0 s, stopped by the strategy (best)"
        );
        record.figure = None;
        record.reason = TrialEnd::Cut;
        assert_eq!(
            line(&record, "recall@20", false),
            "no validation yet, 1.0 s, cut by the time limit"
        );
        record.error = Some("the loss became NaN".to_owned());
        assert_eq!(
            line(&record, "recall@20", false),
            "failed after 1.0 s: the loss became NaN"
        );
    }
}
