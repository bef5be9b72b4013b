//! LightGCN by its options.

use super::{Build, initializer};
use burn::tensor::backend::Backend;
use lightgcn_graph::Normalization;
use lightgcn_nn::{LayerWeights, LightGcn, LightGcnConfig, NnError};
use serde::{Deserialize, Serialize};

/// How LightGCN weighs its layers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerWeightChoice {
    /// 1 / (layers + 1) each (He et al. 2020, section 3.1.2).
    #[default]
    Uniform,
    /// Given, one a layer from layer 0 on.
    Given(Vec<f32>),
    /// Learned with the embeddings.
    Learned,
}

/// LightGCN (He et al., SIGIR 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightGcnSpec {
    /// Numbers in an embedding.
    pub dimension: usize,
    /// Propagation layers, 0 to 8.
    pub layers: usize,
    /// How layers are weighed.
    pub layer_weights: LayerWeightChoice,
    /// How the adjacency is normalized.
    pub normalization: Normalization,
    /// Whether edges carry their pairs' weights; else every edge weighs 1.
    pub edge_weights: bool,
    /// The standard deviation of normal initial embeddings; without it, `"xavier"` in files, they are
    /// Xavier uniform.
    #[serde(with = "super::initial")]
    pub init_std: Option<f64>,
}

impl Default for LightGcnSpec {
    fn default() -> Self {
        Self {
            dimension: 64,
            layers: 3,
            layer_weights: LayerWeightChoice::Uniform,
            normalization: Normalization::Symmetric,
            edge_weights: true,
            init_std: Some(0.1),
        }
    }
}

impl<B: Backend> Build<B> for LightGcnSpec {
    type Module = LightGcn<B>;

    fn build(
        &self,
        n_users: usize,
        n_items: usize,
        seed: u64,
        device: &B::Device,
    ) -> Result<LightGcn<B>, NnError> {
        let layer_weights = match &self.layer_weights {
            LayerWeightChoice::Uniform => LayerWeights::Uniform,
            LayerWeightChoice::Given(weights) => LayerWeights::Given(weights.clone()),
            LayerWeightChoice::Learned => LayerWeights::Learned,
        };
        LightGcnConfig::new(n_users, n_items)
            .with_dimension(self.dimension)
            .with_layers(self.layers)
            .with_layer_weights(layer_weights)
            .with_initializer(initializer(self.init_std))
            .init(seed, device)
    }
}
