use burn_fusion::{Fusion, FusionBackend};

use super::{SparseBackend, TrainingBackend};
use crate::DeviceError;

/// burn's operation fusion over another backend, by the reference bodies on fused tensors.
impl<B: FusionBackend + SparseBackend> SparseBackend for Fusion<B> {}

impl<B: FusionBackend + TrainingBackend> TrainingBackend for Fusion<B> {
    fn peers(device: &Self::Device, n: usize) -> Result<Vec<Self::Device>, DeviceError> {
        B::peers(device, n)
    }
}
