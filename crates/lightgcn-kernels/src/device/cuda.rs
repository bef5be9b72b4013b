//! NVIDIA GPUs.

use std::ffi::{OsStr, c_int};

use burn::backend::cuda::CudaDevice;
use burn::tensor::Tensor;
use burn_cubecl::cubecl::Runtime;
use burn_cubecl::cubecl::cuda::{CudaRuntime, install};
use libloading::{Library, Symbol};

use super::{DeviceError, without_panic};
use crate::backend::CudaBackend;

#[cfg(windows)]
const DRIVERS: &[&str] = &["nvcuda.dll"];
#[cfg(not(windows))]
const DRIVERS: &[&str] = &["libcuda.so.1", "libcuda.so"];

/// The oldest supported version of CUDA, in the driver's own numbering: 12.0, the first with the memory functions that
/// the kernels use.
const OLDEST: c_int = 12_000;

/// The CUDA device number `index`, counted from 0, after checking that the driver exists, knows the device, and can
/// compile and run a kernel on it. Takes about a second the first time.
///
/// # Errors
///
/// [`DeviceError`] if there is no driver, the driver is too old, there is no such device or no kernel compiler, or the
/// device does not start.
pub fn cuda_device(index: usize) -> Result<CudaDevice, DeviceError> {
    let driver = check_driver(DRIVERS)?;
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
            .map_err(|reason| no_kernel(reason, driver))?
            .map_err(|error| start(error.to_string()))?;
    match doubled.iter::<f32>().next() {
        Some(2.0) => Ok(device),
        other => Err(start(format!("2 * 1 gave {other:?}"))),
    }
}

/// Why the first kernel did not run: the compiler may be newer than the driver, or missing.
fn no_kernel(reason: String, driver: c_int) -> DeviceError {
    if reason.contains("UNSUPPORTED_PTX_VERSION") {
        return DeviceError::DriverTooOld {
            found: version_name(driver),
            needed: "the version of the CUDA toolkit that is installed".to_owned(),
        };
    }
    DeviceError::NoCudaCompiler { reason }
}

/// Loads the first available driver and returns the version of CUDA that it supports.
fn check_driver(names: &[impl AsRef<OsStr>]) -> Result<c_int, DeviceError> {
    let mut reason = String::new();
    for name in names {
        // SAFETY: loading a library runs its initializers. These names are NVIDIA's driver, which
        // the CUDA run time loads in the same way right after, and which does not depend on being
        // loaded in any order.
        match unsafe { Library::new(name.as_ref()) } {
            Ok(driver) => {
                let version = version(&driver);
                let version = version.map_err(|reason| DeviceError::NoCudaDriver { reason })?;
                if version < OLDEST {
                    return Err(DeviceError::DriverTooOld {
                        found: version_name(version),
                        needed: version_name(OLDEST),
                    });
                }
                return Ok(version);
            }
            Err(error) if reason.is_empty() => reason = error.to_string(),
            Err(_) => {}
        }
    }
    Err(DeviceError::NoCudaDriver { reason })
}

/// The version of CUDA that a driver supports: 1000 times the major version plus 10 times the minor
/// one.
fn version(driver: &Library) -> Result<c_int, String> {
    type GetVersion = unsafe extern "system" fn(*mut c_int) -> c_int;
    // SAFETY: the driver's function of this name has had this signature in every version.
    let get: Result<Symbol<'_, GetVersion>, _> = unsafe { driver.get(b"cuDriverGetVersion\0") };
    let get = get.map_err(|error| error.to_string())?;
    let mut version = 0;
    // SAFETY: it writes one number to where it is told, and needs no initialization of CUDA.
    match unsafe { get(&mut version) } {
        0 => Ok(version),
        code => Err(format!("cuDriverGetVersion fails with code {code}")),
    }
}

fn version_name(version: c_int) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
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

    /// A library in the place of the driver, which knows this version.
    fn driver(version: c_int) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (source, library) = (
            folder.path().join("driver.rs"),
            folder.path().join("libcuda.so.1"),
        );
        let text = format!(
            "#[unsafe(no_mangle)] pub extern \"system\" fn cuDriverGetVersion(to: *mut i32) -> i32 {{ \
             unsafe {{ *to = {version} }}; 0 }}"
        );
        std::fs::write(&source, text).unwrap();
        let built = std::process::Command::new("rustc")
            .args(["--edition=2024", "--crate-type=cdylib", "-o"])
            .args([&library, &source])
            .status();
        assert!(built.unwrap().success());
        (folder, library)
    }

    #[test]
    fn a_driver_that_is_too_old_is_told_from_one_that_is_not_there() {
        let (_folder, old) = driver(11_040);
        let error = check_driver(&[&old]).unwrap_err();
        assert_eq!(
            error,
            DeviceError::DriverTooOld {
                found: "11.4".to_owned(),
                needed: "12.0".to_owned(),
            }
        );
        let (folder, new) = driver(12_080);
        assert_eq!(check_driver(&[&new]), Ok(12_080));
        let none = check_driver(&[folder.path().join("nothing.so")]);
        assert!(matches!(none, Err(DeviceError::NoCudaDriver { .. })));
        let newer_compiler = "CUDA_ERROR_UNSUPPORTED_PTX_VERSION".to_owned();
        assert!(matches!(
            no_kernel(newer_compiler, 12_080),
            DeviceError::DriverTooOld { found, .. } if found == "12.8"
        ));
    }

    #[test]
    fn a_device_far_past_the_last_is_an_error() {
        let error = cuda_device(1 << 20).unwrap_err();
        assert!(
            matches!(
                error,
                DeviceError::NoCudaDriver { .. }
                    | DeviceError::DriverTooOld { .. }
                    | DeviceError::NoCudaDevice { .. }
            ),
            "{error}"
        );
    }
}
