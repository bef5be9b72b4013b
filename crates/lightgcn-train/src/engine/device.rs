//! Choosing what to train on at run time.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// What to train on, as named on the command line and in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Device {
    /// The best device available: CUDA, then wgpu on a real GPU, then the CPU.
    #[default]
    Auto,
    /// The CPU (burn's Flex backend with this library's own loops).
    Cpu,
    /// The GPU with that number through wgpu; needs the feature `wgpu`.
    Wgpu(usize),
    /// The NVIDIA GPU with that number; needs the feature `cuda`.
    Cuda(usize),
}

/// Why a device cannot be used.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name is not a device.
    #[error("unknown device {name:?}; use auto, cpu, wgpu, wgpu:N, cuda or cuda:N")]
    Unknown {
        /// The name given.
        name: String,
    },
    /// This build does not include the backend.
    #[error("this build has no {backend} support; build with --features {backend}, or use cpu")]
    NotBuilt {
        /// `wgpu` or `cuda`, which is also the feature's name.
        backend: &'static str,
    },
    /// The hardware or its driver is missing.
    #[error("{detail}; use another --device, such as cpu")]
    Unavailable {
        /// What is missing.
        detail: String,
    },
}

impl DeviceError {
    /// What is wrong, without the hint on how to fix it.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::Unavailable { detail } => detail.clone(),
            Self::NotBuilt { backend } => format!("this build has no {backend} support"),
            Self::Unknown { .. } => self.to_string(),
        }
    }
}

impl FromStr for Device {
    type Err = DeviceError;

    fn from_str(name: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown {
            name: name.to_owned(),
        };
        let (kind, number) = match name.split_once(':') {
            None => (name, None),
            Some((kind, number)) => (kind, Some(number.parse().map_err(|_| unknown())?)),
        };
        match (kind, number) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("wgpu", number) => Ok(Self::Wgpu(number.unwrap_or(0))),
            ("cuda", number) => Ok(Self::Cuda(number.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Wgpu(0) => f.write_str("wgpu"),
            Self::Wgpu(number) => write!(f, "wgpu:{number}"),
            Self::Cuda(0) => f.write_str("cuda"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl TryFrom<String> for Device {
    type Error = DeviceError;

    fn try_from(name: String) -> Result<Self, DeviceError> {
        name.parse()
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print() {
        for name in ["auto", "cpu", "wgpu", "wgpu:1", "cuda", "cuda:3"] {
            assert_eq!(name.parse::<Device>().unwrap().to_string(), name);
        }
        assert_eq!("cuda:0".parse::<Device>().unwrap(), Device::Cuda(0));
        for name in ["gpu", "cpu:1", "cuda:", "cuda:x", "cuda:-1", ""] {
            let parsed = name.parse::<Device>();
            assert!(matches!(&parsed, Err(DeviceError::Unknown { name: n }) if n == name));
        }
    }
}
