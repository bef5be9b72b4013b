//! A model with its training configuration.

use crate::TrainConfig;
use lightgcn_nn::AnyModelConfig;
use serde::{Deserialize, Serialize};

/// A model with its training configuration, as given by a preset or tried by a search.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Candidate {
    /// The model and its options.
    pub model: AnyModelConfig,
    /// How it is trained.
    pub train: TrainConfig,
}
