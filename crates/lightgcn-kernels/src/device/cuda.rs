//! NVIDIA GPUs.

use burn::backend::cuda::CudaDevice;
use burn::tensor::Tensor;
use burn_cubecl::cubecl::Runtime;
use burn_cubecl::cubecl::cuda::{CudaRuntime, install};
use libloading::Library;

use super::{DeviceError, without_panic};
use crate::backend::CudaBackend;

#[cfg(windows)]
const DRIVERS: &[&str] = &["nvcuda.dll"];
#[cfg(not(windows))]
const DRIVERS: &[&str] = &["libcuda.so.1", "libcuda.so"];

/// The CUDA device number `index`, counted from 0, after seeing that the driver is there, knows
/// the device, and can compile and run a kernel on it. Takes about a second the first time.
///
/// # Errors
///
/// [`DeviceError`]: no driver, no such device, no kernel compiler, or a device that does not start.
pub fn cuda_device(index: usize) -> Result<CudaDevice, DeviceError> {
    load_driver()?;
    let available = without_panic(|| CudaRuntime::enumerate_devices(0, &()).len())
        .map_err(|reason| DeviceError::NoCudaDriver { reason })?;
    if index >= available {
        return Err(DeviceError::NoCudaDevice { index, available });
    }
    let device = CudaDevice::new(index);
    let start = |reason| DeviceError::Start {
        device: format!("CUDA device {index}"),
        reason,
    };
    without_panic(|| CudaRuntime::client(&device)).map_err(start)?;
    if install::cuda_path().is_none() {
        return Err(DeviceError::NoCudaCompiler {
            reason: "no toolkit folder found".to_owned(),
        });
    }
    let doubled =
        without_panic(|| (Tensor::<CudaBackend, 1>::ones([1], &device) * 2.0).try_into_data())
            .map_err(|reason| DeviceError::NoCudaCompiler { reason })?
            .map_err(|error| start(error.to_string()))?;
    match doubled.iter::<f32>().next() {
        Some(2.0) => Ok(device),
        other => Err(start(format!("2 * 1 gave {other:?}"))),
    }
}

fn load_driver() -> Result<(), DeviceError> {
    let mut reason = String::new();
    for name in DRIVERS {
        // SAFETY: loading a library runs its initializers. These names are NVIDIA's driver, which
        // the CUDA run time loads in the same way right after, and which does not depend on being
        // loaded in any order.
        match unsafe { Library::new(*name) } {
            Ok(_) => return Ok(()),
            Err(error) if reason.is_empty() => reason = error.to_string(),
            Err(_) => {}
        }
    }
    Err(DeviceError::NoCudaDriver { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_device_or_says_what_is_missing() {
        match cuda_device(0) {
            Ok(device) => assert_eq!(device, CudaDevice::new(0)),
            Err(DeviceError::NoCudaDriver { reason }) => assert!(!reason.is_empty()),
            Err(error) => println!("CUDA is there but cannot be used: {error}"),
        }
    }

    #[test]
    fn a_device_far_past_the_last_is_an_error() {
        let error = cuda_device(1 << 20).unwrap_err();
        assert!(
            matches!(
                error,
                DeviceError::NoCudaDriver { .. } | DeviceError::NoCudaDevice { .. }
            ),
            "{error}"
        );
    }
}
