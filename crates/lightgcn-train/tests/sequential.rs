//! Models that read users' items in order of time.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::{RunOptions, shop, timed_shop, train, train_with};
use lightgcn_nn::AnyModelConfig;
use lightgcn_train::{Observer, Silent, StopSignal, TrainConfig, TrainError, TrainEvent};

fn sasrec() -> AnyModelConfig {
    AnyModelConfig::named("sasrec").unwrap().with_dimension(16)
}

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 4,
        batch_size: 2,
        learning_rate: 0.01,
        validate_every: Some(2),
        checkpoint_every: 2,
        ..TrainConfig::published()
    }
}

#[test]
fn times_are_needed() {
    let error = train(&shop(), &sasrec(), &config()).unwrap_err();
    assert!(
        matches!(error, TrainError::NoTimes { model: "sasrec" }),
        "{error}"
    );
}

#[test]
fn one_two_and_five_threads_give_the_same_bits() {
    let dataset = timed_shop();
    let config = TrainConfig {
        batch_size: 64,
        ..config()
    };
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().unwrap();
        let trained = pool.install(|| train(&dataset, &sasrec(), &config));
        trained.unwrap().artifact.embeddings.data().to_vec()
    };
    let one = with_threads(1);
    assert_eq!(one, with_threads(2));
    assert_eq!(one, with_threads(5));
}

/// Raises a stop signal at the first report of batches of an epoch.
struct StopIn(u32, StopSignal);

impl Observer for StopIn {
    fn on_event(&mut self, event: &TrainEvent<'_>) {
        if matches!(event, TrainEvent::Batches { epoch, .. } if *epoch == self.0) {
            self.1.stop();
        }
    }
}

#[test]
fn an_interrupted_run_resumes_to_the_same_bits() {
    let dataset = timed_shop();
    let whole = train(&dataset, &sasrec(), &config()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut run = RunOptions {
        folder: Some(folder.path().to_owned()),
        resume: false,
        stop: StopSignal::new(),
    };
    let mut stopper = StopIn(2, run.stop.clone());
    train_with(&dataset, &sasrec(), &config(), &run, &mut stopper).unwrap();
    (run.resume, run.stop) = (true, StopSignal::new());
    let resumed = train_with(&dataset, &sasrec(), &config(), &run, &mut Silent).unwrap();
    let (whole, resumed) = (&whole.artifact, &resumed.artifact);
    assert_eq!(whole.embeddings.data(), resumed.embeddings.data());
    assert_eq!(whole.layer0.data(), resumed.layer0.data());
}
