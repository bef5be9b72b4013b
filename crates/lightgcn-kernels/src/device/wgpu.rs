//! Adapters of wgpu.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use burn::backend::wgpu::graphics::{AutoGraphicsApi, GraphicsApi};
use burn::backend::wgpu::{RuntimeOptions, WgpuDevice, WgpuRuntime, init_setup};
use burn_cubecl::cubecl::Runtime;

use super::{DeviceError, without_panic};

/// The adapter behind a wgpu device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// Name that the driver gives, such as `NVIDIA H200` or `llvmpipe (LLVM 15.0.6, 256 bits)`.
    pub name: String,
    /// Graphics interface, such as `Vulkan` or `Metal`.
    pub interface: String,
    /// Whether it runs on the CPU, like Mesa's lavapipe: correct, but slow.
    pub software: bool,
}

impl fmt::Display for Adapter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.software {
            "software"
        } else {
            "hardware"
        };
        write!(formatter, "{} ({}, {kind})", self.name, self.interface)
    }
}

/// Starts a wgpu device (`WgpuDevice::default()` is the best one), or returns one that is already
/// started.
///
/// # Errors
///
/// [`DeviceError::NoAdapter`] if there is no adapter of the requested kind, [`DeviceError::Start`]
/// if there is one but it fails.
pub fn wgpu_device(device: WgpuDevice) -> Result<WgpuDevice, DeviceError> {
    adapter(&device)?;
    Ok(device)
}

/// The adapter behind a wgpu device, which is started if need be.
///
/// # Errors
///
/// As [`wgpu_device`].
pub fn adapter(device: &WgpuDevice) -> Result<Adapter, DeviceError> {
    static STARTED: Mutex<Vec<(WgpuDevice, Adapter)>> = Mutex::new(Vec::new());

    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, adapter)) = started.iter().find(|(known, _)| known == device) {
        return Ok(adapter.clone());
    }
    let adapter = start(device)?;
    started.push((device.clone(), adapter.clone()));
    Ok(adapter)
}

fn start(device: &WgpuDevice) -> Result<Adapter, DeviceError> {
    check_there_is_one(device)?;
    let setup = without_panic(|| init_setup::<AutoGraphicsApi>(device, RuntimeOptions::default()));
    if let Ok(setup) = setup {
        let info = setup.adapter.get_info();
        return Ok(Adapter {
            name: info.name,
            interface: format!("{:?}", info.backend),
            // wgpu's name for an adapter that runs on the CPU; we cannot name its type.
            software: format!("{:?}", info.device_type) == "Cpu",
        });
    }
    // Someone else has started the device, or it does not start at all: using it will show.
    let name = without_panic(|| WgpuRuntime::name(&WgpuRuntime::client(device)));
    match name {
        Ok(name) => Ok(Adapter {
            name: format!("{device:?}"),
            interface: name.to_owned(),
            software: *device == WgpuDevice::Cpu,
        }),
        Err(reason) => Err(DeviceError::Start {
            device: format!("wgpu device {device:?}"),
            reason,
        }),
    }
}

fn check_there_is_one(device: &WgpuDevice) -> Result<(), DeviceError> {
    let missing = |available| DeviceError::NoAdapter {
        device: format!("{device:?}"),
        available,
    };
    let interface = AutoGraphicsApi::backend();
    let found =
        without_panic(|| WgpuRuntime::enumerate_all_devices(&interface)).map_err(missing)?;
    // The numbers are CubeCL's for the kinds of device.
    let count = |kind: u16| found.iter().filter(|device| device.type_id == kind).count();
    let (discrete, integrated, virtual_gpus, processors) = (count(0), count(1), count(2), count(3));
    let there = match device {
        WgpuDevice::DiscreteGpu(index) => *index < discrete,
        WgpuDevice::IntegratedGpu(index) => *index < integrated,
        WgpuDevice::VirtualGpu(index) => *index < virtual_gpus,
        WgpuDevice::Cpu => processors > 0,
        WgpuDevice::Existing(_) => true,
        _ => !found.is_empty(),
    };
    if there {
        Ok(())
    } else {
        Err(missing(format!(
            "{interface:?} shows {discrete} discrete, {integrated} integrated and {virtual_gpus} virtual GPUs and {processors} software adapters"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_dtype;
    use super::*;
    use crate::WgpuBackend;
    use burn::tensor::DType;

    #[test]
    fn finds_an_adapter_or_says_that_there_is_none() {
        match adapter(&WgpuDevice::default()) {
            Ok(found) => {
                assert!(!found.name.is_empty());
                assert_eq!(adapter(&WgpuDevice::default()), Ok(found));
                assert_eq!(
                    wgpu_device(WgpuDevice::default()),
                    Ok(WgpuDevice::default())
                );
            }
            Err(error) => assert!(matches!(error, DeviceError::NoAdapter { .. }), "{error}"),
        }
    }

    #[test]
    fn an_element_type_that_the_device_lacks_is_an_error() {
        let Ok(device) = wgpu_device(WgpuDevice::default()) else {
            return;
        };
        assert_eq!(check_dtype::<WgpuBackend>(&device, DType::F32), Ok(()));
        // WGSL has no such type on any device; f64 some have.
        let error = check_dtype::<WgpuBackend>(&device, DType::BF16).unwrap_err();
        assert!(matches!(error, DeviceError::NoDtype { dtype, .. } if dtype == "bf16"));
    }

    #[test]
    fn a_gpu_far_past_the_last_is_an_error() {
        let error = wgpu_device(WgpuDevice::DiscreteGpu(1000)).unwrap_err();
        assert!(matches!(error, DeviceError::NoAdapter { .. }), "{error}");
    }
}
