//! Searches as a whole, on a small shop: what is recorded, resumed, cut and refused.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::{shop, train};
use lightgcn_core::{Dataset, Split, Truth};
use lightgcn_train::{
    Candidate, Device, Point, RandomSearch, SearchEnd, SearchEvent, SearchObserver, SearchOptions,
    SearchOutcome, SearchSpace, SearchStrategy, Silent, StopSignal, StrategyChoice, TrainError,
    TrainEvent, TrialEnd, TrialRecord, read_trials, run_search, run_search_with,
};
use std::path::Path;
use std::time::Duration;

const SPACE: &str = r#"
    [model]
    name = "mf"
    dimension = 8
    [train]
    epochs = 6
    batch_size = 32
    validate_every = 2
    metric_k = 5
    [space]
    "train.learning_rate" = { low = 1e-5, high = 0.1, log = true }
    "train.l2" = { low = 0.0, high = 0.1 }
"#;

fn space() -> SearchSpace {
    SearchSpace::from_toml(SPACE).unwrap()
}

fn search(space: &SearchSpace, options: &SearchOptions) -> Result<SearchOutcome, TrainError> {
    run_search(&shop(), space, options, &mut Silent)
}

fn options(trials: u32) -> SearchOptions {
    SearchOptions {
        seed: 5,
        trials: Some(trials),
        device: Device::Cpu,
        ..SearchOptions::default()
    }
}

fn options_in(folder: &Path, trials: u32, resume: bool) -> SearchOptions {
    SearchOptions {
        folder: Some(folder.to_owned()),
        resume,
        ..options(trials)
    }
}

/// Trials without the time that they took.
fn timeless(trials: &[TrialRecord]) -> Vec<TrialRecord> {
    let mut trials = trials.to_vec();
    trials.iter_mut().for_each(|trial| trial.seconds = 0.0);
    trials
}

#[test]
fn the_best_configuration_trains_to_its_figure() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = search(&space(), &options_in(folder.path(), 12, false)).unwrap();
    assert_eq!(outcome.end, SearchEnd::Finished);
    assert_eq!(outcome.metric, "recall@5");
    assert_eq!(outcome.trials.len(), 12);
    let record = read_trials(&folder.path().join("trials.jsonl")).unwrap();
    assert_eq!(record, outcome.trials);
    for (n, trial) in record.iter().enumerate() {
        assert_eq!(trial.number as usize, n + 1);
        assert_eq!(trial.reason, TrialEnd::Finished);
        assert_eq!(trial.curve.len(), 3, "epochs 2, 4 and 6");
        let best = trial.curve.iter().find(|c| c.0 == trial.best_epoch);
        assert_eq!(best.map(|c| c.1), trial.figure);
        assert!(trial.curve.iter().all(|c| Some(c.1) <= trial.figure));
    }
    let best = outcome.best.as_ref().unwrap();
    let ranked = outcome.ranked();
    assert_eq!(ranked[0], &best.record);
    assert!(ranked.is_sorted_by(|a, b| a.figure >= b.figure));
    assert!(ranked[0].figure > ranked[11].figure);

    let text = std::fs::read_to_string(best.config_file.as_ref().unwrap()).unwrap();
    assert!(text.starts_with("# Trial "), "{text}");
    let candidate: Candidate = toml::from_str(&text).unwrap();
    assert_eq!(candidate, best.candidate);
    let rate = &best.record.point["train.learning_rate"];
    assert_eq!(Some(candidate.train.learning_rate), rate.as_f64());
    let trained = train(&shop(), &candidate.model, &candidate.train).unwrap();
    let figure = trained.validation.unwrap().mean(candidate.train.metric, 5);
    assert_eq!(figure.ok(), best.record.figure);
    assert_eq!(trained.best_epoch, best.record.best_epoch);
}

/// Raises a stop signal in the training of a trial.
struct StopIn(u32, u32, StopSignal);

impl SearchObserver for StopIn {
    fn on_event(&mut self, event: &SearchEvent<'_>) {
        match event {
            SearchEvent::TrialStarted { number, .. } => self.1 = *number,
            SearchEvent::Training(TrainEvent::Epoch { .. }) if self.1 == self.0 => self.2.stop(),
            _ => {}
        }
    }
}

#[test]
fn a_resumed_search_makes_the_trials_of_an_uninterrupted_one() {
    let dataset = shop();
    let space = space();
    for (strategy, rungs) in [
        (StrategyChoice::Tpe, vec![]),
        (StrategyChoice::Random, vec![]),
        (StrategyChoice::Tpe, vec![2, 4]),
    ] {
        let with = |options| SearchOptions {
            strategy,
            rungs: rungs.clone(),
            reduction: 2,
            ..options
        };
        let whole = search(&space, &with(options(16))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut resume = false;
        // Within the trials of the start, within those that are guided, and between two trials.
        for stop_in in [4, 13] {
            let stop = StopSignal::new();
            let mut observer = StopIn(stop_in, 0, stop.clone());
            let options = SearchOptions {
                stop,
                ..with(options_in(folder.path(), 16, resume))
            };
            let part = run_search(&dataset, &space, &options, &mut observer).unwrap();
            assert_eq!(part.end, SearchEnd::Interrupted);
            assert_eq!(part.trials.len(), stop_in as usize - 1);
            assert!(part.best.unwrap().config_file.unwrap().exists());
            resume = true;
        }
        let part = search(&space, &with(options_in(folder.path(), 14, true))).unwrap();
        assert_eq!((part.end, part.trials.len()), (SearchEnd::Finished, 14));
        let resumed = search(&space, &with(options_in(folder.path(), 16, true))).unwrap();
        assert_eq!(timeless(&resumed.trials), timeless(&whole.trials));
        assert_eq!(
            resumed.best.unwrap().candidate,
            whole.best.unwrap().candidate
        );
        let halted = whole.trials.iter().filter(|t| t.reason == TrialEnd::Halted);
        assert_eq!(halted.count() > 0, !rungs.is_empty());
    }
}

#[test]
fn halted_trials_are_never_better_than_the_best() {
    let options = SearchOptions {
        rungs: vec![2],
        ..options(9)
    };
    let outcome = search(&space(), &options).unwrap();
    let halted: Vec<&TrialRecord> = outcome
        .trials
        .iter()
        .filter(|trial| trial.reason == TrialEnd::Halted)
        .collect();
    assert!(halted.len() >= 3, "{} of 9 were halted", halted.len());
    for trial in halted {
        assert_eq!(trial.curve.len(), 1, "stopped at epoch 2");
        assert_eq!(
            (trial.best_epoch, trial.figure),
            (2, Some(trial.curve[0].1))
        );
    }
    let best = &outcome.best.unwrap().record;
    assert_eq!(best.reason, TrialEnd::Finished);
}

#[test]
fn a_failed_trial_is_recorded_and_the_search_goes_on() {
    // Some of these diverge, and no model has so many layers.
    let space = SearchSpace::from_toml(
        r#"
        [model]
        name = "lightgcn"
        dimension = 8
        [train]
        epochs = 2
        [space]
        "train.l2" = { choices = [1e-4, 1e300] }
        "model.layers" = { choices = [2, 100] }
        "#,
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let outcome = search(&space, &options_in(folder.path(), 99, false)).unwrap();
    assert_eq!(outcome.end, SearchEnd::Exhausted);
    assert_eq!(outcome.trials.len(), 4);
    assert_eq!(outcome.failed().count(), 3);
    assert_eq!(outcome.ranked().len(), 1);
    let of = |l2: f64, layers: u64| {
        let is = |t: &&TrialRecord| t.point["train.l2"] == l2 && t.point["model.layers"] == layers;
        outcome.trials.iter().find(is).unwrap()
    };
    let diverged = of(1e300, 2);
    assert_eq!((diverged.reason, diverged.figure), (TrialEnd::Failed, None));
    assert!(diverged.error.is_some() && of(1e-4, 100).error.is_some());
    assert_eq!(outcome.best.as_ref().unwrap().record, *of(1e-4, 2));
    // They are recorded with the others, and a resumed search does not try them again.
    let record = read_trials(&folder.path().join("trials.jsonl")).unwrap();
    assert_eq!(record, outcome.trials);
    let again = search(&space, &options_in(folder.path(), 99, true)).unwrap();
    assert_eq!((again.end, again.trials.len()), (SearchEnd::Exhausted, 4));

    let hopeless =
        "[train]\nl2 = 1e300\n[space]\n'train.learning_rate' = { low = 0.1, high = 0.2 }";
    let outcome = search(&SearchSpace::from_toml(hopeless).unwrap(), &options(2)).unwrap();
    assert!(outcome.best.is_none());
    assert_eq!(outcome.failed().count(), 2);
}

#[test]
fn the_time_cuts_the_trial_in_hand() {
    // So many epochs that no trial ends by itself.
    let text = SPACE.replace("epochs = 6", "epochs = 1000000\npatience = 0");
    let space = SearchSpace::from_toml(&text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let timed = |resume| SearchOptions {
        time: Some(Duration::from_millis(1500)),
        ..options_in(folder.path(), 5, resume)
    };
    let outcome = search(&space, &timed(false)).unwrap();
    assert_eq!(outcome.end, SearchEnd::OutOfTime);
    assert_eq!(outcome.trials.len(), 1);
    let trial = &outcome.trials[0];
    assert_eq!(trial.reason, TrialEnd::Cut);
    assert!(trial.figure.is_some() && trial.figure == outcome.best.unwrap().record.figure);
    let again = search(&space, &timed(true)).unwrap();
    assert_eq!(again.trials.len(), 2);
    assert_eq!(again.trials[0], *trial);
    assert_ne!(again.trials[1].point, trial.point);
}

#[test]
fn the_test_part_does_not_matter() {
    let with = shop();
    let (n_users, n_items) = (60, 30);
    let split = Split::new(
        with.split.train.interactions().clone(),
        with.split.validation.truth().clone(),
        Truth::empty(n_users, n_items),
    )
    .unwrap();
    let without = Dataset {
        split,
        ..with.clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let run = |dataset: &Dataset, trials, resume| {
        let options = options_in(folder.path(), trials, resume);
        run_search(dataset, &space(), &options, &mut Silent)
    };
    run(&with, 3, false).unwrap();
    // To the record it is the same data.
    let both = run(&without, 5, true).unwrap();
    let whole = search(&space(), &options(5)).unwrap();
    assert_eq!(timeless(&both.trials), timeless(&whole.trials));
}

#[test]
fn what_cannot_be_searched_is_refused_before_any_training() {
    let n_issues = |options: SearchOptions| match search(&space(), &options) {
        Err(TrainError::Config { issues }) => issues.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(n_issues(options(0)), 1);
    let all_wrong = SearchOptions {
        rungs: vec![4, 4],
        reduction: 1,
        time: Some(Duration::ZERO),
        resume: true,
        ..options(1)
    };
    assert_eq!(n_issues(all_wrong), 4);

    let folder = tempfile::tempdir().unwrap();
    let none = search(&space(), &options_in(folder.path(), 1, true)).unwrap_err();
    assert!(matches!(none, TrainError::NoSearch { .. }), "{none}");
    search(&space(), &options_in(folder.path(), 1, false)).unwrap();
    let exists = search(&space(), &options_in(folder.path(), 1, false)).unwrap_err();
    assert!(
        matches!(exists, TrainError::SearchExists { .. }),
        "{exists}"
    );
    let other = SearchSpace::from_toml(&SPACE.replace("high = 0.1 }", "high = 0.2 }")).unwrap();
    let seeded = SearchOptions {
        seed: 6,
        ..options_in(folder.path(), 2, true)
    };
    let mismatch = search(&other, &seeded).unwrap_err();
    assert!(
        matches!(&mismatch, TrainError::SearchMismatch { what, .. } if *what == ["space", "seed"]),
        "{mismatch}"
    );
    // A point that no trial of this space can have.
    let path = folder.path().join("trials.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"train.l2\":0.0", "\"train.l2\":9.0")).unwrap();
    let damaged = search(&space(), &options_in(folder.path(), 2, true)).unwrap_err();
    assert!(
        matches!(damaged, TrainError::SearchDamaged { line: 2, .. }),
        "{damaged}"
    );

    let mut dataset = shop();
    dataset.split = Split::new(
        dataset.split.train.interactions().clone(),
        Truth::empty(60, 30),
        Truth::empty(60, 30),
    )
    .unwrap();
    let error = run_search(&dataset, &space(), &options(1), &mut Silent);
    assert!(matches!(error, Err(TrainError::Config { .. })));
}

/// The points of random search, and how it fared, as a program of one's own would have it.
struct Listening(RandomSearch, Vec<(Point, Option<f64>)>);

impl SearchStrategy for Listening {
    fn describe(&self) -> String {
        "listening".to_owned()
    }

    fn suggest(&mut self, number: u32) -> Point {
        self.0.suggest(number)
    }

    fn observe(&mut self, point: &Point, figure: Option<f64>) {
        self.1.push((point.clone(), figure));
    }
}

#[test]
fn a_strategy_of_ones_own_is_told_all_trials() {
    let space = space();
    let mut strategy = Listening(RandomSearch::new(&space, 5), Vec::new());
    let dataset = shop();
    let outcome = run_search_with(&dataset, &space, &mut strategy, &options(3), &mut Silent);
    let trials = outcome.unwrap().trials.into_iter();
    let told: Vec<_> = trials.map(|trial| (trial.point, trial.figure)).collect();
    assert_eq!(strategy.1, told);
}
