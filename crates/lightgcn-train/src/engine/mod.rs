//! How one training step is computed: by autodiff, on the host, on the device, or by several workers.

pub(crate) mod backends;
pub(crate) mod batches;
pub(crate) mod clip;
mod device;
pub(crate) mod device_faults;
pub(crate) mod differentiate;
pub(crate) mod fused;
pub(crate) mod fused_on_device;
pub(crate) mod host_tables;
pub(crate) mod losses;
pub(crate) mod parallel;
pub(crate) mod steps;
pub(crate) mod thresholds;

pub use device::{Device, DeviceError};
