use super::injected::fail_after;
use super::*;
use crate::{Device, TrainConfig, Trained, Trainer};
use lightgcn_kernels::CpuBackend;
use lightgcn_nn::{LightGcnConfig, ModelConfig};
use std::path::Path;

#[path = "../../../tests/common/shop.rs"]
mod common;

const CONTEXT: StepContext<'static> = StepContext {
    device: "GPU 0",
    epoch: 3,
    batch: 7,
    steps: 0,
    thresholds: &[],
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
        validate_every: Some(2),
        ..TrainConfig::published()
    };
    let dataset = common::shop();
    let trainer = Trainer::new(&dataset).model(model).config(config);
    trainer
        .device(Device::Cpu)
        .folder(folder)
        .resume(resume)
        .run()
}

/// Whichever read fails, the error is typed, and the run resumes from its last checkpoint to the bits of
/// an uninterrupted run.
#[test]
fn a_failing_device_leaves_the_last_checkpoint_intact() {
    let folder = tempfile::tempdir().unwrap();
    let whole = run(&folder.path().join("whole"), false).unwrap();
    let mut resumed = 0;
    for n in 0.. {
        let folder = folder.path().join(n.to_string());
        fail_after(n);
        let error = match run(&folder, false) {
            Err(error) => error,
            // The run has fewer reads.
            Ok(_) => break,
        };
        let TrainError::DeviceFailed { epoch, detail, .. } = &error else {
            panic!("{error}")
        };
        assert!((1..=4).contains(epoch), "{error}");
        assert!(detail.contains("out of memory"), "{error}");
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
fn a_panic_on_a_gpu_is_a_device_error() {
    use lightgcn_kernels::WgpuBackend;
    let failed = CONTEXT.guard::<WgpuBackend, ()>(|| panic!("{} was lost", "the device"));
    let Err(TrainError::DeviceFailed {
        device,
        epoch,
        batch,
        detail,
    }) = failed
    else {
        panic!("the panic is no device error");
    };
    assert_eq!((device.as_str(), epoch, batch), ("GPU 0", 3, 7));
    assert_eq!(detail, "the device was lost");
    assert_eq!(CONTEXT.guard::<WgpuBackend, _>(|| 5).unwrap(), 5);
}

#[test]
#[should_panic(expected = "a bug")]
fn a_panic_on_the_cpu_stays_a_panic() {
    let _ = CONTEXT.guard::<CpuBackend, ()>(|| panic!("a bug"));
}
