//! Maps a device to its backend type: the only file that names every backend.

use crate::{Device, DeviceError};

/// A working device, with its name for messages.
pub(crate) enum Found {
    /// The CPU.
    Cpu,
    /// A GPU through wgpu.
    #[cfg(feature = "wgpu")]
    Wgpu(lightgcn_kernels::device::WgpuDevice, String),
    /// An NVIDIA GPU.
    #[cfg(feature = "cuda")]
    Cuda(lightgcn_kernels::device::CudaDevice, String),
}

/// Finds a device. `auto` takes the first one that works, and calls `passed_over` with the reason
/// for each device it skipped.
///
/// # Errors
/// [`DeviceError`] if this build does not include the backend, or if its hardware or driver is missing.
pub(crate) fn find(
    device: Device,
    passed_over: &mut dyn FnMut(&str, &DeviceError),
) -> Result<Found, DeviceError> {
    match device {
        Device::Cpu => Ok(Found::Cpu),
        Device::Wgpu(number) => wgpu(number, true),
        Device::Cuda(number) => cuda(number),
        Device::Auto => {
            let found = cuda(0).or_else(|error| {
                passed_over("CUDA", &error);
                wgpu(0, false)
            });
            Ok(found.unwrap_or_else(|error| {
                passed_over("wgpu", &error);
                Found::Cpu
            }))
        }
    }
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<Found, DeviceError> {
    let device = lightgcn_kernels::device::cuda_device(number).map_err(unavailable)?;
    Ok(Found::Cuda(device, format!("CUDA GPU {number}")))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: usize) -> Result<Found, DeviceError> {
    Err(DeviceError::NotBuilt { backend: "cuda" })
}

/// The GPU with that number. A software adapter is used only if the device was requested `by_name`.
#[cfg(feature = "wgpu")]
fn wgpu(number: usize, by_name: bool) -> Result<Found, DeviceError> {
    use lightgcn_kernels::device::{WgpuDevice, adapter};
    let device = match number {
        0 => WgpuDevice::DefaultDevice,
        number => WgpuDevice::DiscreteGpu(number),
    };
    let adapter = adapter(&device).map_err(unavailable)?;
    if adapter.software && !by_name {
        let detail = format!("{adapter} is software, slower than training on the CPU");
        return Err(DeviceError::Unavailable { detail });
    }
    Ok(Found::Wgpu(device, format!("wgpu: {adapter}")))
}

#[cfg(not(feature = "wgpu"))]
fn wgpu(_: usize, _: bool) -> Result<Found, DeviceError> {
    Err(DeviceError::NotBuilt { backend: "wgpu" })
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn unavailable(error: lightgcn_kernels::device::DeviceError) -> DeviceError {
    DeviceError::Unavailable {
        detail: error.to_string(),
    }
}

/// Runs `$body` with the backend of a [`Found`] device: `$B` is its autodiff backend, `$device` the device
/// and `$name` its name for messages.
macro_rules! on_device {
    ($found:expr, |$B:ident, $device:ident, $name:ident| $body:block) => {
        match $found {
            $crate::engine::backends::Found::Cpu => {
                type $B = burn::backend::Autodiff<lightgcn_kernels::CpuBackend>;
                let $device = Default::default();
                let $name = "the CPU".to_owned();
                $body
            }
            #[cfg(feature = "wgpu")]
            $crate::engine::backends::Found::Wgpu($device, $name) => {
                type $B = burn::backend::Autodiff<lightgcn_kernels::WgpuBackend>;
                $body
            }
            #[cfg(feature = "cuda")]
            $crate::engine::backends::Found::Cuda($device, $name) => {
                type $B = burn::backend::Autodiff<lightgcn_kernels::CudaBackend>;
                $body
            }
        }
    };
}
pub(crate) use on_device;
