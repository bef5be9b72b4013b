//! A loss chosen by name.

use burn::tensor::Tensor;
use lightgcn_kernels::SparseBackend;

use crate::batch::Batch;
use crate::bpr::Bpr;
use crate::config::LossConfig;
use crate::error::LossError;
use crate::loss::{Loss, LossNeeds, Tables};

impl Loss for LossConfig {
    fn check(&self) -> Result<(), LossError> {
        match self {
            Self::Bpr => Bpr.check(),
            Self::Softmax(softmax) => softmax.check(),
        }
    }

    fn needs(&self) -> LossNeeds {
        match self {
            Self::Bpr => Bpr.needs(),
            Self::Softmax(softmax) => softmax.needs(),
        }
    }

    fn forward<B: SparseBackend>(&self, tables: Tables<B>, batch: &Batch<B>) -> Tensor<B, 1> {
        match self {
            Self::Bpr => Bpr.forward(tables, batch),
            Self::Softmax(softmax) => softmax.forward(tables, batch),
        }
    }

    fn fused(&self) -> Option<LossConfig> {
        Some(*self)
    }
}
