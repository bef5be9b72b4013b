//! NGCF by its options.

use super::{Build, initializer};
use burn::tensor::backend::Backend;
use lightgcn_graph::Normalization;
use lightgcn_nn::{Ngcf, NgcfConfig, NnError};
use serde::{Deserialize, Serialize};

/// NGCF (Wang et al., SIGIR 2019).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NgcfSpec {
    /// Numbers in a layer-0 embedding.
    pub dimension: usize,
    /// Numbers in each further layer's output; as many layers as entries.
    pub layer_widths: Vec<usize>,
    /// The share of messages dropped in training, 0 to below 1.
    pub message_dropout: f64,
    /// How the adjacency is normalized.
    pub normalization: Normalization,
    /// Whether edges carry their pairs' weights; else every edge weighs 1.
    pub edge_weights: bool,
    /// The standard deviation of normal initial embeddings; without it, `"xavier"` in files, they are
    /// Xavier uniform.
    #[serde(with = "super::initial")]
    pub init_std: Option<f64>,
}

impl Default for NgcfSpec {
    fn default() -> Self {
        Self {
            dimension: 64,
            layer_widths: vec![64, 64, 64],
            message_dropout: 0.1,
            normalization: Normalization::Symmetric,
            edge_weights: true,
            init_std: None,
        }
    }
}

impl<B: Backend> Build<B> for NgcfSpec {
    type Module = Ngcf<B>;

    fn build(
        &self,
        n_users: usize,
        n_items: usize,
        seed: u64,
        device: &B::Device,
    ) -> Result<Ngcf<B>, NnError> {
        NgcfConfig::new(n_users, n_items)
            .with_dimension(self.dimension)
            .with_layer_widths(self.layer_widths.clone())
            .with_message_dropout(self.message_dropout)
            .with_initializer(initializer(self.init_std))
            .init(seed, device)
    }
}
