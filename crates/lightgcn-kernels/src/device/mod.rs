//! Finding GPUs without panics.
//!
//! burn's GPU backends start a device on its first use, and panic if there is none. The functions
//! here check that first and return an error that says what to do.

#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "wgpu")]
mod wgpu;

#[cfg(any(feature = "cuda", feature = "wgpu", test))]
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::DType;
use burn::tensor::backend::Backend;
use thiserror::Error;

#[cfg(feature = "cuda")]
pub use burn::backend::cuda::CudaDevice;
#[cfg(feature = "cuda")]
pub use cuda::cuda_device;

#[cfg(feature = "wgpu")]
pub use burn::backend::wgpu::WgpuDevice;
#[cfg(feature = "wgpu")]
pub use wgpu::{Adapter, adapter, wgpu_device};

/// Why a GPU cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// NVIDIA's driver library cannot be loaded.
    #[error("no CUDA driver: {reason}; install NVIDIA's driver")]
    NoCudaDriver {
        /// What the loader reports.
        reason: String,
    },
    /// NVIDIA's driver is older than what kernels are compiled for.
    #[error(
        "the CUDA driver is too old: it supports CUDA {found}, but kernels need {needed}; update \
        NVIDIA's driver"
    )]
    DriverTooOld {
        /// The newest version of CUDA that the driver supports.
        found: String,
        /// The version it must support.
        needed: String,
    },
    /// The CUDA device does not exist.
    #[error("no CUDA device {index}: the driver shows {available} (devices count from 0)")]
    NoCudaDevice {
        /// The requested device.
        index: usize,
        /// Number of devices.
        available: usize,
    },
    /// Kernels cannot be compiled for the CUDA device.
    #[error(
        "the CUDA driver works, but kernels cannot be compiled: {reason}; install the CUDA toolkit (NVRTC and its include folder) and, unless it is in /usr/local/cuda or /opt/cuda, point CUDA_PATH at it"
    )]
    NoCudaCompiler {
        /// What is missing.
        reason: String,
    },
    /// No wgpu adapter fits.
    #[error(
        "no wgpu adapter for {device}: {available}; install a Vulkan driver (Mesa's mesa-vulkan-drivers has a software one)"
    )]
    NoAdapter {
        /// The requested device.
        device: String,
        /// The adapters that were found.
        available: String,
    },
    /// The device has no such element type.
    #[error(
        "{device} has no {dtype}; use f32 (to read operands of 16 bits on any device, use SparseMatrix::with_bf16_operands)"
    )]
    NoDtype {
        /// The device.
        device: String,
        /// The element type.
        dtype: String,
    },
    /// More devices were requested than there are.
    #[error(
        "{asked} devices were requested, but only {available} of this kind are available from \
        {device} on; give the number of the first one (cuda:0, wgpu:0), or use fewer workers"
    )]
    TooFewDevices {
        /// The first device.
        device: String,
        /// The number requested.
        asked: usize,
        /// How many are available.
        available: usize,
    },
    /// The device exists but does not start.
    #[error("{device} does not start: {reason}")]
    Start {
        /// The requested device.
        device: String,
        /// What the runtime reports.
        reason: String,
    },
}

/// Whether tensors of this element type can be stored and computed with on a device. Using one that
/// it lacks panics late, inside burn.
///
/// # Errors
///
/// [`DeviceError::NoDtype`] if the device lacks the type.
pub fn check_dtype<B: Backend>(device: &B::Device, dtype: DType) -> Result<(), DeviceError> {
    if B::supports_dtype(device, dtype) {
        return Ok(());
    }
    Err(DeviceError::NoDtype {
        device: format!("{device:?}"),
        dtype: format!("{dtype:?}").to_lowercase(),
    })
}

/// Runs `action` and turns a panic, its own or that of a device thread it waits for, into the
/// message of whichever came first. These panics print nothing; those of other threads still go to
/// the program's own hook.
#[cfg(any(feature = "cuda", feature = "wgpu", test))]
fn without_panic<T>(action: impl FnOnce() -> T) -> Result<T, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let programs_hook = Arc::new(std::panic::take_hook());
    let first_message = Arc::new(Mutex::new(None));
    let caller = std::thread::current().id();
    std::panic::set_hook(Box::new({
        let (programs_hook, first_message) = (programs_hook.clone(), first_message.clone());
        move |panic| {
            let thread = std::thread::current();
            if thread.id() != caller && !is_device_thread(thread.name()) {
                return programs_hook(panic);
            }
            let message = panic
                .payload_as_str()
                .unwrap_or("a panic without a message");
            let mut first = first_message.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| message.to_owned());
        }
    }));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(action));
    drop(std::panic::take_hook());
    std::panic::set_hook(match Arc::try_unwrap(programs_hook) {
        Ok(hook) => hook,
        // Some thread is panicking right now.
        Err(shared) => Box::new(move |panic| shared(panic)),
    });
    result.map_err(|_| {
        let mut first = first_message.lock().unwrap_or_else(PoisonError::into_inner);
        first.take().unwrap_or_default()
    })
}

/// Whether CubeCL named this thread: `DSU-` and `DSD-`, then the device.
#[cfg(any(feature = "cuda", feature = "wgpu", test))]
fn is_device_thread(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.starts_with("DSU-") || name.starts_with("DSD-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(without_panic(|| 7), Ok(7));
        assert_eq!(
            without_panic(|| panic!("no adapter {}", 3)),
            Err::<(), _>("no adapter 3".to_owned())
        );
    }

    /// What happens when a thread of this name panics and then somebody who waits for it.
    fn waiting_for(name: &str) -> Result<(), String> {
        let builder = thread::Builder::new().name(name.to_owned());
        without_panic(|| {
            let (sender, receiver) = mpsc::channel::<()>();
            let spawned = builder.spawn(move || {
                let _sender = sender;
                panic!("the cause");
            });
            assert!(spawned.is_ok());
            assert!(receiver.recv().is_ok(), "the consequence");
        })
    }

    #[test]
    fn the_cause_on_a_device_thread_comes_before_its_consequence() {
        assert_eq!(waiting_for("DSD-0-0"), Err("the cause".to_owned()));
    }

    #[test]
    fn the_panic_of_another_thread_is_not_mistaken_for_the_cause() {
        assert_eq!(waiting_for("bystander"), Err("the consequence".to_owned()));
    }
}
