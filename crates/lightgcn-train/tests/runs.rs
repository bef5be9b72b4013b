//! Runs as a whole: the same bits at any thread count and after any interruption, typed errors.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod common;

use common::{RunOptions, mf, shop, train, train_with, trainer};
use lightgcn_nn::{AnyModelConfig, LightGcnPlusPlusConfig, NgcfConfig};
use lightgcn_sample::{NegativeSampling, PositiveOrder, PositiveSet};
use lightgcn_store::Artifact;
use lightgcn_train::{
    Candidate, Device, EndReason, LossConfig, Observer, RunLine, Schedule, Silent, SoftmaxConfig,
    StopSignal, TopKConfig, TrainConfig, TrainError, TrainEvent, Trained, read_run_record, tune,
};
use std::fs;
use std::path::Path;

fn config() -> TrainConfig {
    TrainConfig {
        epochs: 6,
        batch_size: 32,
        learning_rate: 0.01,
        validate_every: Some(2),
        checkpoint_every: 2,
        ..TrainConfig::published()
    }
}

fn small_models() -> Vec<AnyModelConfig> {
    let lightgcn = AnyModelConfig::default().published().with_dimension(16);
    let ngcf = AnyModelConfig::Ngcf(NgcfConfig {
        dimension: 16,
        layer_widths: vec![16, 8],
        ..NgcfConfig::default()
    });
    let plus_plus = AnyModelConfig::LightGcnPlusPlus(LightGcnPlusPlusConfig {
        dimension: 16,
        ..LightGcnPlusPlusConfig::default()
    });
    let named = ["xsimgcl", "egcf"].map(|name| AnyModelConfig::named(name).unwrap());
    let [xsimgcl, egcf] = named.map(|model| model.with_dimension(16));
    vec![lightgcn, plus_plus, ngcf, mf(), xsimgcl, egcf]
}

/// Every byte of an artifact's folder, by file.
fn bytes(artifact: &Artifact) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    artifact.save(&path).unwrap();
    let mut files: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn one_two_and_five_threads_give_the_same_artifact_bytes() {
    let dataset = shop();
    for model in small_models() {
        let with_threads = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let trained = pool.install(|| train(&dataset, &model, &config())).unwrap();
            bytes(&trained.artifact)
        };
        let one = with_threads(1);
        assert_eq!(one, with_threads(2), "{}", model.name());
        assert_eq!(one, with_threads(5), "{}", model.name());
    }
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

fn run_in(folder: &Path, resume: bool) -> RunOptions {
    RunOptions {
        folder: Some(folder.to_owned()),
        resume,
        stop: StopSignal::new(),
    }
}

fn fresh(
    dataset: &lightgcn_core::Dataset,
    model: &AnyModelConfig,
    config: &TrainConfig,
) -> Trained {
    train(dataset, model, config).unwrap()
}

#[test]
fn an_interrupted_run_resumes_to_the_same_bits() {
    let dataset = shop();
    for (schedule, clipping) in [
        (Schedule::Constant, None),
        (Schedule::Cosine { final_share: 0.1 }, Some(0.05)),
    ] {
        // Batches of 2 make enough of them that the stop falls within an epoch.
        let config = TrainConfig {
            batch_size: 2,
            schedule,
            gradient_clipping: clipping,
            ..config()
        };
        for model in small_models() {
            let whole = bytes(&fresh(&dataset, &model, &config).artifact);
            let folder = tempfile::tempdir().unwrap();
            for stop_in in [2, 4] {
                let run = run_in(folder.path(), stop_in > 2);
                let mut stopper = StopIn(stop_in, run.stop.clone());
                let half = train_with(&dataset, &model, &config, &run, &mut stopper).unwrap();
                assert_eq!(half.reason, EndReason::Interrupted);
            }
            let run = run_in(folder.path(), true);
            let resumed = train_with(&dataset, &model, &config, &run, &mut Silent).unwrap();
            assert_eq!(resumed.reason, EndReason::Finished);
            assert_eq!(whole, bytes(&resumed.artifact), "{}", model.name());
        }
    }
}

/// The thresholds of SL@K are of an earlier epoch than the one in hand, so that they must come from
/// the checkpoint.
#[test]
fn a_run_by_softmax_at_k_resumes_to_the_same_bits() {
    let dataset = shop();
    let model = mf();
    let config = TrainConfig {
        batch_size: 2,
        loss: LossConfig::Softmax(SoftmaxConfig {
            top_k: Some(TopKConfig {
                k: 3,
                temperature: 0.1,
                every: 3,
            }),
            ..SoftmaxConfig::default()
        }),
        ..config()
    };
    let whole = bytes(&fresh(&dataset, &model, &config).artifact);
    let folder = tempfile::tempdir().unwrap();
    for stop_in in [3, 5] {
        let run = run_in(folder.path(), stop_in > 3);
        let mut stopper = StopIn(stop_in, run.stop.clone());
        train_with(&dataset, &model, &config, &run, &mut stopper).unwrap();
    }
    let run = run_in(folder.path(), true);
    let resumed = train_with(&dataset, &model, &config, &run, &mut Silent).unwrap();
    assert_eq!(whole, bytes(&resumed.artifact));

    let path = folder.path().join("checkpoint/thresholds.f32");
    let numbers = fs::read(&path).unwrap();
    assert_eq!(numbers.len(), 4 * 60, "one for each user");
    fs::write(&path, &numbers[..200]).unwrap();
    let outcome = train_with(&dataset, &model, &config, &run, &mut Silent);
    let error = outcome.map(|_| ()).unwrap_err();
    assert!(
        matches!(error, TrainError::CheckpointDamaged { .. }),
        "{error}"
    );
}

#[test]
fn a_finished_run_can_be_extended() {
    let dataset = shop();
    let model = mf();
    let folder = tempfile::tempdir().unwrap();
    let run = |epochs, resume| {
        let config = TrainConfig {
            epochs,
            patience: Some(0),
            ..config()
        };
        let run = run_in(folder.path(), resume);
        train_with(&dataset, &model, &config, &run, &mut Silent).unwrap()
    };
    run(4, false);
    let extended = run(8, true);
    let whole = fresh(
        &dataset,
        &model,
        &TrainConfig {
            epochs: 8,
            patience: Some(0),
            ..config()
        },
    );
    assert_eq!(extended.artifact.embeddings, whole.artifact.embeddings);
}

#[test]
fn the_record_tells_the_whole_run() {
    let dataset = shop();
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(folder.path(), false);
    let trained = train_with(&dataset, &mf(), &config(), &run, &mut Silent).unwrap();
    let lines = read_run_record(&folder.path().join("run.jsonl")).unwrap();
    assert_eq!(lines.len(), 8);
    let RunLine::Start { lineage, .. } = &lines[0] else {
        panic!("{:?}", lines[0])
    };
    assert_eq!(lineage.options["train.batch_size"], "32");
    assert_eq!(lineage.options["model.name"], "mf");
    let losses: Vec<f64> = lines
        .iter()
        .filter_map(|line| match line {
            RunLine::Epoch(record) => Some(record.loss),
            _ => None,
        })
        .collect();
    assert_eq!(losses.len(), 6);
    assert!(losses[5] < losses[0], "{losses:?}");
    let RunLine::End {
        reason: EndReason::Finished,
        best_epoch,
        ..
    } = lines[7]
    else {
        panic!("{:?}", lines[7])
    };
    assert_eq!(best_epoch, trained.best_epoch);
    assert_eq!(
        trained.artifact.lineage.figures["best epoch"],
        f64::from(best_epoch)
    );
}

#[test]
fn early_stopping_keeps_the_best_epoch() {
    let dataset = shop();
    let config = TrainConfig {
        epochs: 400,
        validate_every: Some(1),
        patience: Some(3),
        learning_rate: 0.05,
        ..config()
    };
    let trained = fresh(&dataset, &AnyModelConfig::default().published(), &config);
    assert_eq!(trained.reason, EndReason::EarlyStopping);
    let again = TrainConfig {
        epochs: trained.best_epoch,
        patience: Some(0),
        ..config
    };
    let up_to_best = fresh(&dataset, &AnyModelConfig::default().published(), &again);
    assert_eq!(trained.artifact.embeddings, up_to_best.artifact.embeddings);
}

#[test]
fn other_samplers_and_positives_train_too() {
    let dataset = shop();
    let config = TrainConfig {
        negatives: 4,
        positives: PositiveSet::AllPairs,
        order: PositiveOrder::ByUser {
            users_per_epoch: None,
        },
        negative_sampling: NegativeSampling::Popularity { alpha: 0.75 },
        epochs: 40,
        ..config()
    };
    let trained = fresh(&dataset, &AnyModelConfig::default().published(), &config);
    let value = trained
        .validation
        .unwrap()
        .mean(lightgcn_metrics::Metric::Recall, 20)
        .unwrap();
    // 15 items of the own taste less 4 bought: all of them fit into 20 places.
    assert!(value > 0.95, "recall@20 {value}");
}

#[test]
fn tuning_keeps_the_best_on_validation() {
    let dataset = shop();
    let candidate = |learning_rate| Candidate {
        model: mf(),
        train: TrainConfig {
            learning_rate,
            metric_k: 5,
            ..config()
        },
    };
    let candidates = [candidate(1e-7), candidate(0.05)];
    let stop = StopSignal::new();
    let tuned = tune(&dataset, &candidates, Device::Cpu, &stop, &mut Silent).unwrap();
    assert_eq!(tuned.figures.len(), 2);
    let best = tuned.figures[tuned.best_candidate];
    assert!(
        tuned.figures.iter().all(|&figure| figure <= best),
        "{:?}",
        tuned.figures
    );
    assert!(matches!(
        tune(&dataset, &[], Device::Cpu, &stop, &mut Silent),
        Err(TrainError::Config { .. })
    ));
}

#[test]
fn a_run_that_diverges_says_when_and_keeps_no_checkpoint_of_it() {
    let dataset = shop();
    let folder = tempfile::tempdir().unwrap();
    let run = run_in(folder.path(), false);
    // Beyond what 32 bits hold: the first batch has an infinite loss.
    let bad = TrainConfig {
        l2: 1e300,
        checkpoint_every: 1,
        ..config()
    };
    let outcome = train_with(&dataset, &mf(), &bad, &run, &mut Silent);
    let error = outcome.map(|_| ()).unwrap_err();
    let TrainError::NonFiniteLoss {
        epoch: 1,
        batch: 1,
        learning_rate,
        ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(learning_rate, bad.learning_rate);
    assert!(!folder.path().join("checkpoint").exists());
}

#[test]
fn checkpoints_of_other_runs_and_damaged_ones_are_refused() {
    let dataset = shop();
    let model = mf();
    let folder = tempfile::tempdir().unwrap();
    let attempt = |config: &TrainConfig, resume| {
        let run = run_in(folder.path(), resume);
        train_with(&dataset, &model, config, &run, &mut Silent).map(|_| ())
    };
    assert!(matches!(
        attempt(&config(), true),
        Err(TrainError::NoCheckpoint { .. })
    ));
    attempt(&config(), false).unwrap();
    assert!(matches!(
        attempt(&config(), false),
        Err(TrainError::CheckpointExists { .. })
    ));
    let other = TrainConfig {
        learning_rate: 0.02,
        ..config()
    };
    assert!(matches!(
        attempt(&other, true),
        Err(TrainError::CheckpointMismatch { .. })
    ));

    let checkpoint = folder.path().join("checkpoint");
    for name in ["model.mpk", "optimizer.mpk", "best.mpk", "manifest.json"] {
        let path = checkpoint.join(name);
        let whole = fs::read(&path).unwrap();
        for damaged in [whole[..whole.len() / 2].to_vec(), {
            let mut flipped = whole.clone();
            flipped[whole.len() / 3] ^= 4;
            flipped
        }] {
            fs::write(&path, damaged).unwrap();
            let error = attempt(&config(), true).unwrap_err();
            assert!(
                matches!(
                    error,
                    TrainError::CheckpointDamaged { .. } | TrainError::CheckpointMismatch { .. }
                ),
                "{name}: {error}"
            );
        }
        fs::write(&path, whole).unwrap();
    }
    attempt(&config(), true).unwrap();
}

#[test]
fn an_unwritable_run_folder_is_named() {
    let dataset = shop();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let run = run_in(&file.join("run"), false);
    let error = train_with(&dataset, &mf(), &config(), &run, &mut Silent).unwrap_err();
    assert!(matches!(error, TrainError::Io { path, .. } if path == file.join("run")));
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_build_without_cuda_has_no_cuda_device() {
    let shop = shop();
    let trainer = trainer(&shop, &mf(), &config(), &RunOptions::default());
    let error = trainer.device(Device::Cuda(0)).run().unwrap_err();
    assert!(matches!(
        error,
        TrainError::Device(lightgcn_train::DeviceError::NotBuilt { backend: "cuda" })
    ));
}

/// Where there is a driver, training works; where there is none, a typed error says so.
#[cfg(feature = "cuda")]
#[test]
fn cuda_without_a_driver_is_a_typed_error() {
    let shop = shop();
    let trainer = trainer(&shop, &mf(), &config(), &RunOptions::default());
    match trainer.device(Device::Cuda(0)).run() {
        Ok(trained) => assert!(trained.device.contains("CUDA"), "{}", trained.device),
        Err(error) => assert!(
            matches!(
                error,
                TrainError::Device(lightgcn_train::DeviceError::Unavailable { .. })
            ),
            "{error}"
        ),
    }
}

/// On a GPU, or on Mesa's software Vulkan where there is none.
#[cfg(feature = "wgpu")]
#[test]
fn wgpu_trains_to_what_the_cpu_trains_to() {
    let dataset = shop();
    for model in small_models() {
        let trainer = trainer(&dataset, &model, &config(), &RunOptions::default());
        let on_gpu = match trainer.device(Device::Wgpu(0)).run() {
            Ok(trained) => trained,
            Err(TrainError::Device(error))
                if std::env::var_os("LIGHTGCN_REQUIRE_WGPU").is_none() =>
            {
                println!("skipped: {error}");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let on_cpu = fresh(&dataset, &model, &config());
        let pairs = on_gpu
            .artifact
            .embeddings
            .data()
            .iter()
            .zip(on_cpu.artifact.embeddings.data());
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(
            worst < 1e-3,
            "{}: embeddings differ by {worst}",
            model.name()
        );
    }
}
