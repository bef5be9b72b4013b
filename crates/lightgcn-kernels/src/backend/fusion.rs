use burn_fusion::{Fusion, FusionBackend};

use super::GraphBackend;
use crate::DeviceError;

/// burn's operation fusion over another backend, by the reference bodies on fused tensors.
impl<B: FusionBackend + GraphBackend> GraphBackend for Fusion<B> {
    fn peers(device: &Self::Device, n: usize) -> Result<Vec<Self::Device>, DeviceError> {
        B::peers(device, n)
    }
}
