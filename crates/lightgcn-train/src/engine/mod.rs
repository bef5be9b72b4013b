//! How a training step is computed: by autodiff, on the host, on the device, by several workers, or by
//! several ranks.
//!
//! Each is a [`StepEngine`](step::StepEngine) in its own file; [`choose`] picks the fastest one
//! that supports the model, its loss and the configuration.

mod autodiff;
pub(crate) mod backends;
pub(crate) mod batches;
pub(crate) mod choose;
pub(crate) mod clip;
mod device;
mod guard;
pub(crate) mod host;
mod host_steps;
pub(crate) mod host_tables;
mod linear;
pub(crate) mod losses;
mod on_device;
mod plan;
mod propagation;
pub(crate) mod ranked;
pub(crate) mod setup;
mod softmax;
pub(crate) mod step;
pub(crate) mod thresholds;
mod workers;

pub use device::{Device, DeviceError};
