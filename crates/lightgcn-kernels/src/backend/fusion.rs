use burn_fusion::{Fusion, FusionBackend};

use super::GraphBackend;

/// burn's operation fusion over another backend, by the reference bodies on fused tensors.
impl<B: FusionBackend> GraphBackend for Fusion<B> {}
