//! The losses of this crate by name.

use burn::tensor::Tensor;
use lightgcn_kernels::SparseBackend;
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::bpr::Bpr;
use crate::error::LossError;
use crate::loss::{Loss, LossNeeds, Tables};
use crate::softmax::SoftmaxConfig;

/// A loss of this crate, tagged by `name` in TOML and JSON. Default: BPR.
///
/// ```
/// use lightgcn_loss::{LossConfig, SoftmaxConfig};
///
/// let loss: LossConfig = serde_json::from_str(r#"{"name": "softmax", "temperature": 0.2}"#)?;
/// let softmax = SoftmaxConfig { temperature: 0.2, ..SoftmaxConfig::default() };
/// assert_eq!(loss, LossConfig::Softmax(softmax));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum LossConfig {
    /// BPR, the published loss of LightGCN.
    #[default]
    Bpr,
    /// The softmax family: sampled softmax, BSL, popularity correction, SL@K.
    Softmax(SoftmaxConfig),
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TopKConfig;

    fn softmax_of(json: &str) -> SoftmaxConfig {
        match serde_json::from_str(json).unwrap() {
            LossConfig::Softmax(softmax) => softmax,
            LossConfig::Bpr => panic!("BPR was read from {json}"),
        }
    }

    #[test]
    fn missing_settings_have_their_defaults() {
        let softmax = softmax_of(r#"{"name": "softmax", "temperature": 0.2}"#);
        assert_eq!(softmax.temperature, 0.2);
        assert_eq!(
            softmax.negative_weight,
            SoftmaxConfig::default().negative_weight
        );
        let weighted = softmax_of(r#"{"name": "softmax", "top_k": {"k": 50}}"#);
        let top_k = TopKConfig {
            k: 50,
            ..TopKConfig::default()
        };
        assert_eq!(weighted.top_k, Some(top_k));
    }

    #[test]
    fn unknown_settings_are_errors() {
        for json in [
            r#"{"name": "softmax", "t": 1}"#,
            r#"{"name": "softmax", "top_k": {"K": 50}}"#,
            r#"{"name": "hinge"}"#,
        ] {
            assert!(serde_json::from_str::<LossConfig>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn configs_survive_json() {
        let softmax = SoftmaxConfig {
            temperature: 0.12,
            top_k: Some(TopKConfig::default()),
            ..SoftmaxConfig::default()
        };
        for loss in [LossConfig::Bpr, LossConfig::Softmax(softmax)] {
            let json = serde_json::to_string(&loss).unwrap();
            assert_eq!(serde_json::from_str::<LossConfig>(&json).unwrap(), loss);
        }
        let json = serde_json::to_string(&LossConfig::Bpr).unwrap();
        assert_eq!(json, r#"{"name":"bpr"}"#);
    }
}
