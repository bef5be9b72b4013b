use super::injected::fail_after;
use super::*;
use crate::{TrainConfig, Trained, Trainer};
use lightgcn_kernels::CpuBackend;
use lightgcn_nn::{LightGcnConfig, ModelConfig};
use std::path::Path;

#[path = "../../../tests/common/shop.rs"]
mod common;

const STANDING: Standing<'static> = Standing {
    device: "GPU 0",
    epoch: 3,
    batch: 7,
};

/// Four epochs of four batches, a checkpoint after each.
fn run(folder: &Path, resume: bool) -> Result<Trained, TrainError> {
    let model = LightGcnConfig {
        dimension: 8,
        layers: 2,
        ..LightGcnConfig::published()
    };
    let config = TrainConfig {
        epochs: 4,
        batch_size: 80,
        checkpoint_every: 1,
        validate_every: 2,
        ..TrainConfig::published()
    };
    let dataset = common::shop();
    let trainer = Trainer::new(&dataset).model(model).config(config);
    trainer.folder(folder).resume(resume).run()
}

/// Whichever read fails, the error is typed and the run goes on from its last checkpoint to the bits
/// of a run that nothing happened to.
#[test]
fn a_device_that_fails_leaves_the_last_checkpoint_whole() {
    let folder = tempfile::tempdir().unwrap();
    let whole = run(&folder.path().join("whole"), false).unwrap();
    let mut resumed = 0;
    for n in 0.. {
        let folder = folder.path().join(n.to_string());
        fail_after(n);
        let error = match run(&folder, false) {
            Err(error) => error,
            // Past the last read of a run.
            Ok(_) => break,
        };
        let TrainError::DeviceFailed { epoch, detail, .. } = &error else {
            panic!("another error: {error}")
        };
        assert!(
            (1..=4).contains(epoch) && detail.contains("out of memory"),
            "{error}"
        );
        assert!(error.to_string().contains("--resume"), "{error}");
        if !folder.join("checkpoint/manifest.json").exists() {
            continue;
        }
        let trained = run(&folder, true).unwrap();
        assert_eq!(
            trained.artifact.layer0, whole.artifact.layer0,
            "after read {n}"
        );
        resumed += 1;
    }
    assert!(resumed >= 6, "{resumed} runs were resumed");
}

#[cfg(feature = "wgpu")]
#[test]
fn a_panic_on_a_gpu_is_an_error() {
    use lightgcn_kernels::WgpuBackend;
    let failed = STANDING.guard::<WgpuBackend, ()>(|| panic!("{} was lost", "the device"));
    let error = failed.unwrap_err().to_string();
    for words in ["GPU 0 failed in epoch 3, by batch 7", "the device was lost"] {
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(STANDING.guard::<WgpuBackend, _>(|| 5).unwrap(), 5);
}

#[test]
#[should_panic(expected = "a mistake of the program")]
fn a_panic_on_the_cpu_stays_one() {
    let _ = STANDING.guard::<CpuBackend, ()>(|| panic!("a mistake of the program"));
}
