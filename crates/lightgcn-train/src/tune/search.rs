//! The search loop: one trial after another, each recorded when it ends.

use super::outcome::{config_text, ranked, write_best};
use super::record::{SearchHeader, SearchLog};
use super::{
    BestTrial, Point, SearchEnd, SearchEvent, SearchObserver, SearchOptions, SearchOutcome,
    SearchSpace, SearchStrategy, TrialEnd, TrialRecord,
};
use crate::{Candidate, Device, EndReason, Observer, StopSignal, TrainError, TrainEvent, Trainer};
use lightgcn_core::Dataset;
use std::time::Instant;

/// Searches `space` for the configuration with the best validation metric, with the strategy in
/// `options`. The test part of the dataset is not used.
///
/// With a folder, each trial is written to `trials.jsonl` before the next one starts, and the best
/// configuration to `best.toml` at the end. On the CPU a resumed search makes the same trials as an
/// uninterrupted one, unless the time limit cut one of them short.
///
/// A trial that diverges or whose configuration is invalid is recorded as failed, and the search continues.
///
/// # Errors
/// [`TrainError::Config`] if the options are invalid or there is no validation data;
/// [`TrainError::SearchExists`], [`TrainError::NoSearch`], [`TrainError::SearchMismatch`] and
/// [`TrainError::SearchDamaged`] if the folder does not match `options.resume`; [`TrainError::SearchSpace`] if the
/// configuration cannot be written; otherwise the errors of training, such as a missing device. Recorded trials are
/// kept.
pub fn run_search(
    dataset: &Dataset,
    space: &SearchSpace,
    options: &SearchOptions,
    observer: &mut dyn SearchObserver,
) -> Result<SearchOutcome, TrainError> {
    let mut strategy = options.strategy(space)?;
    run_search_with(dataset, space, &mut *strategy, options, observer)
}

/// Like [`run_search`], but with your own strategy; `options.strategy`, `rungs` and `reduction` are
/// ignored.
///
/// # Errors
/// As [`run_search`].
///
/// # Panics
/// If the strategy suggests a point outside the space.
pub fn run_search_with(
    dataset: &Dataset,
    space: &SearchSpace,
    strategy: &mut dyn SearchStrategy,
    options: &SearchOptions,
    observer: &mut dyn SearchObserver,
) -> Result<SearchOutcome, TrainError> {
    options.check()?;
    if dataset.split.validation.truth().is_empty() {
        return Err(TrainError::config(
            "a search needs validation data; give a share of the pairs to validation",
        ));
    }
    let base = space.candidate(&Point::new())?;
    let metric = format!("{}@{}", base.train.metric, base.train.metric_k);
    let header = SearchHeader::new(
        &metric,
        options.seed,
        strategy.describe(),
        dataset,
        space.declared(),
    );
    let (log, trials) = open(options, &base, &header)?;
    let mut search = Search {
        dataset,
        space,
        strategy,
        device: options.device,
        stop: &options.stop,
        deadline: options
            .time
            .and_then(|time| Instant::now().checked_add(time)),
        observer,
        metric,
        log,
        trials: Vec::new(),
    };
    search.replay(trials)?;
    let end = search.run(options.trials)?;
    search.finish(options, end)
}

/// The record that the options name, and its trials.
fn open(
    options: &SearchOptions,
    base: &Candidate,
    header: &SearchHeader,
) -> Result<(Option<SearchLog>, Vec<TrialRecord>), TrainError> {
    let Some(folder) = &options.folder else {
        return Ok((None, Vec::new()));
    };
    // Fails now instead of at the end if the configuration cannot be written.
    config_text(base)?;
    if options.resume {
        let (log, trials) = SearchLog::resume(folder, header)?;
        return Ok((Some(log), trials));
    }
    Ok((Some(SearchLog::begin(folder, header)?), Vec::new()))
}

/// Whether an error is due to the trial's configuration. Others, such as a missing device, would recur.
fn is_of_the_trial(error: &TrainError) -> bool {
    matches!(
        error,
        TrainError::NonFiniteLoss { .. }
            | TrainError::NonFiniteEmbedding { .. }
            | TrainError::Config { .. }
            | TrainError::SearchSpace { .. }
            | TrainError::Model(_)
            | TrainError::Sample(_)
    )
}

struct Search<'a> {
    dataset: &'a Dataset,
    space: &'a SearchSpace,
    strategy: &'a mut dyn SearchStrategy,
    device: Device,
    stop: &'a StopSignal,
    deadline: Option<Instant>,
    observer: &'a mut dyn SearchObserver,
    metric: String,
    log: Option<SearchLog>,
    trials: Vec<TrialRecord>,
}

impl Search<'_> {
    /// Replays recorded trials to the strategy.
    fn replay(&mut self, trials: Vec<TrialRecord>) -> Result<(), TrainError> {
        for trial in &trials {
            if !self.space.contains(&trial.point) {
                let log = self.log.as_ref();
                return Err(TrainError::SearchDamaged {
                    path: log.map(|log| log.path().to_owned()).unwrap_or_default(),
                    line: trial.number as usize + 1,
                    detail: "its point is outside the space".to_owned(),
                });
            }
            let mut best = f64::NEG_INFINITY;
            for &(epoch, figure) in &trial.curve {
                best = best.max(figure);
                self.strategy.goes_on(epoch, best);
            }
            self.observe(trial);
        }
        if self.log.is_some() && !trials.is_empty() {
            let trials = trials.len();
            self.observer.on_event(&SearchEvent::Resumed { trials });
        }
        self.trials = trials;
        Ok(())
    }

    fn observe(&mut self, trial: &TrialRecord) {
        // A trial cut short before its first validation carries no information.
        if trial.figure.is_some() || trial.reason == TrialEnd::Failed {
            self.strategy.observe(&trial.point, trial.figure);
        }
    }

    fn is_exhausted(&self) -> bool {
        let Some(n_points) = self.space.n_points() else {
            return false;
        };
        if (self.trials.len() as u64) < n_points {
            return false;
        }
        let trials = &self.trials;
        let is_first = |n: usize| !trials[..n].iter().any(|t| t.point == trials[n].point);
        (0..trials.len()).filter(|&n| is_first(n)).count() as u64 == n_points
    }

    fn run(&mut self, most: Option<u32>) -> Result<SearchEnd, TrainError> {
        loop {
            if self.stop.is_stopped() {
                return Ok(SearchEnd::Interrupted);
            }
            if most.is_some_and(|most| self.trials.len() >= most as usize) {
                return Ok(SearchEnd::Finished);
            }
            if self.is_exhausted() {
                return Ok(SearchEnd::Exhausted);
            }
            if self
                .deadline
                .is_some_and(|deadline| Instant::now() >= deadline)
            {
                return Ok(SearchEnd::OutOfTime);
            }
            let number = self.trials.len() as u32 + 1;
            let point = self.strategy.suggest(number);
            assert!(
                self.space.contains(&point),
                "run_search: the strategy suggests {point:?}, which is outside the space"
            );
            let Some(record) = self.trial(number, point)? else {
                return Ok(SearchEnd::Interrupted);
            };
            self.observe(&record);
            if let Some(log) = &mut self.log {
                log.write(&record)?;
            }
            self.trials.push(record);
            let record = &self.trials[number as usize - 1];
            let best = ranked(&self.trials).first().map(|best| best.number);
            self.observer.on_event(&SearchEvent::TrialEnded {
                record,
                metric: &self.metric,
                best: best == Some(number),
            });
        }
    }

    /// Runs a trial; returns `None` if the search was stopped during it.
    fn trial(&mut self, number: u32, point: Point) -> Result<Option<TrialRecord>, TrainError> {
        self.observer.on_event(&SearchEvent::TrialStarted {
            number,
            point: &point,
        });
        let start = Instant::now();
        let mut watch = Watch {
            observer: self.observer,
            strategy: self.strategy,
            search_stop: self.stop,
            deadline: self.deadline,
            metric: &self.metric,
            trial_stop: StopSignal::new(),
            stopped_by: None,
            curve: Vec::new(),
        };
        let trained = self.space.candidate(&point).and_then(|candidate| {
            let Candidate { model, train } = candidate;
            let stop = watch.trial_stop.clone();
            let trained = Trainer::new(self.dataset)
                .model(model)
                .config(train.clone())
                .device(self.device)
                .observer(&mut watch)
                .stop(stop)
                .ranking(None)
                .run()?;
            let evaluation = trained.validation.as_ref();
            let figure = evaluation.map(|e| e.mean(train.metric, train.metric_k));
            Ok((trained.reason, trained.best_epoch, figure.transpose()?))
        });
        let mut record = TrialRecord {
            number,
            point,
            figure: None,
            best_epoch: 0,
            curve: watch.curve,
            seconds: start.elapsed().as_secs_f64(),
            reason: TrialEnd::Failed,
            error: None,
        };
        match trained {
            Ok((reason, best_epoch, figure)) => {
                let Some(end) = trial_end(reason, watch.stopped_by) else {
                    return Ok(None);
                };
                record.reason = end;
                record.figure = figure;
                record.best_epoch = figure.map_or(0, |_| best_epoch);
            }
            Err(error) if is_of_the_trial(&error) => record.error = Some(error.to_string()),
            Err(error) => return Err(error),
        }
        Ok(Some(record))
    }

    fn finish(self, options: &SearchOptions, end: SearchEnd) -> Result<SearchOutcome, TrainError> {
        let best = match ranked(&self.trials).first() {
            None => None,
            Some(&record) => {
                let candidate = self.space.candidate(&record.point)?;
                let n_trials = self.trials.len();
                let folder = options.folder.as_ref();
                let config_file = folder
                    .map(|folder| write_best(folder, &self.metric, n_trials, record, &candidate))
                    .transpose()?;
                Some(BestTrial {
                    record: record.clone(),
                    candidate,
                    config_file,
                })
            }
        };
        Ok(SearchOutcome {
            metric: self.metric,
            trials: self.trials,
            best,
            end,
        })
    }
}

/// How a trial ended; `None` if the whole search was stopped.
fn trial_end(reason: EndReason, stopped_by: Option<StoppedBy>) -> Option<TrialEnd> {
    match (reason, stopped_by) {
        (EndReason::Finished, _) => Some(TrialEnd::Finished),
        (EndReason::EarlyStopping, _) => Some(TrialEnd::EarlyStopping),
        (EndReason::Interrupted | EndReason::OutOfTime, Some(StoppedBy::Strategy)) => {
            Some(TrialEnd::Halted)
        }
        (EndReason::Interrupted | EndReason::OutOfTime, Some(StoppedBy::Time)) => {
            Some(TrialEnd::Cut)
        }
        (EndReason::Interrupted | EndReason::OutOfTime, _) => None,
    }
}

/// Who stopped a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoppedBy {
    Caller,
    Time,
    Strategy,
}

/// Observes the training of a trial, and stops it on request.
struct Watch<'a> {
    observer: &'a mut dyn SearchObserver,
    strategy: &'a mut dyn SearchStrategy,
    search_stop: &'a StopSignal,
    deadline: Option<Instant>,
    metric: &'a str,
    trial_stop: StopSignal,
    /// Who stopped it first.
    stopped_by: Option<StoppedBy>,
    curve: Vec<(u32, f64)>,
}

impl Watch<'_> {
    fn stop(&mut self, by: StoppedBy) {
        self.stopped_by.get_or_insert(by);
        self.trial_stop.stop();
    }
}

impl Observer for Watch<'_> {
    fn on_event(&mut self, event: &TrainEvent<'_>) {
        self.observer.on_event(&SearchEvent::Training(event));
        if let TrainEvent::Epoch { record, .. } = event
            && let Some(&figure) = record.validation.get(self.metric)
        {
            self.curve.push((record.epoch, figure));
            let figures = self.curve.iter().map(|&(_, figure)| figure);
            let best = figures.fold(f64::NEG_INFINITY, f64::max);
            if !self.strategy.goes_on(record.epoch, best) {
                self.stop(StoppedBy::Strategy);
            }
        }
        if self.search_stop.is_stopped() {
            self.stop(StoppedBy::Caller);
        } else if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            self.stop(StoppedBy::Time);
        }
    }
}
