//! LightGCN.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use lightgcn_kernels::{SparseBackend, SparseMatrix, propagate, sparse_dense};

use super::{EmbeddingModel, MOST_LAYERS, assert_graph, with_table};
use crate::error::{Fault, NnError, no_faults, table_faults};
use crate::init::{EmbeddingInitializer, check_table, parameter};
use crate::mode::ForwardMode;

/// How much each layer counts in the final embeddings.
#[derive(Config, Debug, PartialEq)]
pub enum LayerWeights {
    /// `1 / (layers + 1)` each, layer 0 included, as published.
    Uniform,
    /// These, one for layer 0 and one for each layer; any finite numbers, not all 0.
    Given(Vec<f32>),
    /// Learned with the embeddings: the softmax of a parameter `[layers + 1]` that starts at zero,
    /// so that training starts from uniform weights, and that they stay positive and sum to 1. It
    /// costs more than constant weights: all layers are kept for the gradient, `layers + 1` tables
    /// instead of one.
    Learned,
}

/// How to make a [`LightGcn`].
///
/// # Example
///
/// ```
/// use lightgcn_nn::{EmbeddingInitializer, LayerWeights, LightGcnConfig};
///
/// let config = LightGcnConfig::new(29_858, 40_981)
///     .with_dimension(64)
///     .with_layers(2)
///     .with_layer_weights(LayerWeights::Given(vec![0.5, 0.3, 0.2]))
///     .with_initializer(EmbeddingInitializer::XavierUniform);
/// assert!(config.check().is_ok());
///
/// let faults = config.with_layers(3).with_dimension(0).check().unwrap_err();
/// assert_eq!(
///     faults.to_string(),
///     "LightGcnConfig: dimension is 0; usual dimensions are 32 to 256; \
///      3 layer weights for 3 layers; 4 are needed, the first for layer 0"
/// );
/// ```
#[derive(Config, Debug)]
pub struct LightGcnConfig {
    /// Number of users, positive.
    pub n_users: usize,
    /// Number of items, positive.
    pub n_items: usize,
    /// Width of the embeddings, positive.
    #[config(default = 64)]
    pub dimension: usize,
    /// Number of layers K, 0 to 8. With 0 it is matrix factorization.
    #[config(default = 3)]
    pub layers: usize,
    /// How much each layer counts.
    #[config(default = "LayerWeights::Uniform")]
    pub layer_weights: LayerWeights,
    /// Where the initial embeddings come from.
    #[config(default = "EmbeddingInitializer::Normal { std: 0.1 }")]
    pub initializer: EmbeddingInitializer,
}

impl LightGcnConfig {
    /// Checks the config.
    ///
    /// # Errors
    ///
    /// [`NnError::Config`] with every fault.
    pub fn check(&self) -> Result<(), NnError> {
        let mut faults = table_faults(self.n_users, self.n_items, self.dimension);
        let layers = self.layers;
        if layers > MOST_LAYERS {
            let most = MOST_LAYERS;
            faults.push(Fault::TooManyLayers { layers, most });
        }
        if let LayerWeights::Given(weights) = &self.layer_weights {
            faults.extend(weight_faults(weights, layers));
        }
        faults.extend(self.initializer.faults());
        no_faults("LightGcnConfig", faults)
    }

    /// Makes a model whose initial embeddings are a function of the seed alone.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn init<B: Backend>(&self, seed: u64, device: &B::Device) -> Result<LightGcn<B>, NnError> {
        self.check()?;
        let table = self
            .initializer
            .table(self.n_users, self.n_items, self.dimension, seed);
        Ok(self.init_unchecked(table, device))
    }

    /// Makes a model that starts from a given table, `[n_users + n_items, dimension]` row by row,
    /// users first.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`NnError::TableLength`] and [`NnError::TableNotFinite`].
    pub fn init_with<B: Backend>(
        &self,
        table: &[f32],
        device: &B::Device,
    ) -> Result<LightGcn<B>, NnError> {
        self.check()?;
        check_table(table, self.n_users + self.n_items, self.dimension)?;
        Ok(self.init_unchecked(table.to_vec(), device))
    }

    fn init_unchecked<B: Backend>(&self, table: Vec<f32>, device: &B::Device) -> LightGcn<B> {
        let n_weights = self.layers + 1;
        let (constant_weights, weight_logits) = match &self.layer_weights {
            LayerWeights::Uniform => (vec![1.0 / n_weights as f32; n_weights], None),
            LayerWeights::Given(weights) => (weights.clone(), None),
            LayerWeights::Learned => {
                let logits = parameter(vec![0.0; n_weights], [n_weights], device);
                (Vec::new(), Some(logits))
            }
        };
        let n_nodes = self.n_users + self.n_items;
        LightGcn {
            embedding: parameter(table, [n_nodes, self.dimension], device),
            weight_logits,
            constant_weights,
            n_users: self.n_users,
            n_items: self.n_items,
        }
    }
}

fn weight_faults(weights: &[f32], layers: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    let found = weights.len();
    if found != layers + 1 {
        faults.push(Fault::LayerWeightCount { layers, found });
    }
    faults.extend(
        weights
            .iter()
            .enumerate()
            .filter(|(_, value)| !value.is_finite())
            .map(|(layer, &value)| Fault::LayerWeightNotFinite { layer, value }),
    );
    if found > 0 && weights.iter().all(|weight| *weight == 0.0) {
        faults.push(Fault::LayerWeightsAllZero);
    }
    faults
}

/// LightGCN: one table of embeddings, smoothed over the graph by nothing but its normalized
/// adjacency, and mixed over the layers:
///
/// ```text
/// E_final = Σ_k α_k Âᵏ E
/// ```
///
/// With constant weights the whole sum is one [`propagate`], one autodiff node that stores no
/// layer.
///
/// Source: He et al., *LightGCN: Simplifying and Powering Graph Convolution Network for
/// Recommendation*, SIGIR 2020, equations 3, 4 and 8. Made by [`LightGcnConfig`].
#[derive(Module, Debug)]
pub struct LightGcn<B: Backend> {
    /// Layer 0, `[n_users + n_items, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    /// Layer weights before softmax, `[layers + 1]`, if they are learned.
    pub weight_logits: Option<Param<Tensor<B, 1>>>,
    /// Layer weights if they are constant, else empty.
    #[module(skip)]
    constant_weights: Vec<f32>,
    n_users: usize,
    n_items: usize,
}

impl<B: Backend> LightGcn<B> {
    /// The weights of the layers as they are now, one for layer 0 and one for each layer; read
    /// back from the device if they are learned.
    pub fn layer_weights(&self) -> Vec<f32> {
        match &self.weight_logits {
            None => self.constant_weights.clone(),
            Some(logits) => softmax(logits.val(), 0).into_data().iter().collect(),
        }
    }
}

impl<B: SparseBackend> EmbeddingModel<B> for LightGcn<B> {
    fn n_users(&self) -> usize {
        self.n_users
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn output_dimension(&self) -> usize {
        self.embedding.dims()[1]
    }

    fn layer0(&self) -> Tensor<B, 2> {
        self.embedding.val()
    }

    fn with_layer0(self, table: Tensor<B, 2>) -> Self {
        Self {
            embedding: with_table("LightGcn", self.embedding, table),
            ..self
        }
    }

    fn embeddings(&self, graph: &SparseMatrix<B>, _mode: ForwardMode) -> Tensor<B, 2> {
        assert_graph("LightGcn", graph, self.n_users + self.n_items);
        match &self.weight_logits {
            None => propagate(graph, self.embedding.val(), &self.constant_weights),
            Some(logits) => mix_layers(graph, self.embedding.val(), logits.val()),
        }
    }

    fn linear_layer_weights(&self) -> Option<Vec<f32>> {
        match self.weight_logits {
            None => Some(self.constant_weights.clone()),
            Some(_) => None,
        }
    }
}

/// `Σ_k softmax(logits)_k Âᵏ x`, differentiable in both.
fn mix_layers<B: SparseBackend>(
    graph: &SparseMatrix<B>,
    x: Tensor<B, 2>,
    logits: Tensor<B, 1>,
) -> Tensor<B, 2> {
    let [n_weights] = logits.dims();
    let weights = softmax(logits, 0);
    let weight = |layer| weights.clone().narrow(0, layer, 1).reshape([1, 1]);
    let mut layer_output = x;
    let mut sum = layer_output.clone() * weight(0);
    for layer in 1..n_weights {
        layer_output = sparse_dense(graph, layer_output);
        sum = sum + layer_output.clone() * weight(layer);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_listed() {
        let config = LightGcnConfig::new(0, 3)
            .with_dimension(0)
            .with_layers(9)
            .with_layer_weights(LayerWeights::Given(vec![0.0, f32::INFINITY]))
            .with_initializer(EmbeddingInitializer::Normal { std: 0.0 });
        let (layers, most) = (9, MOST_LAYERS);
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: "LightGcnConfig",
                faults: vec![
                    Fault::NoUsers,
                    Fault::ZeroDimension,
                    Fault::TooManyLayers { layers, most },
                    Fault::LayerWeightCount { layers, found: 2 },
                    Fault::LayerWeightNotFinite {
                        layer: 1,
                        value: f32::INFINITY
                    },
                    Fault::StandardDeviation { value: 0.0 },
                ]
            })
        );
    }

    #[test]
    fn weights_that_are_all_zero_or_missing_are_faults() {
        assert_eq!(weight_faults(&[0.0; 3], 2), [Fault::LayerWeightsAllZero]);
        let found = 0;
        assert_eq!(
            weight_faults(&[], 2),
            [Fault::LayerWeightCount { layers: 2, found }]
        );
        assert_eq!(weight_faults(&[0.5, 0.0, -0.5], 2), []);
    }

    #[test]
    fn config_survives_json() {
        let config = LightGcnConfig::new(5, 6).with_layer_weights(LayerWeights::Given(vec![1.0]));
        let json = serde_json::to_string(&config).unwrap();
        let read: LightGcnConfig = serde_json::from_str(&json).unwrap();
        assert_eq!(json, serde_json::to_string(&read).unwrap());
        assert_eq!(read.layer_weights, LayerWeights::Given(vec![1.0]));
        assert_eq!(read.initializer, EmbeddingInitializer::Normal { std: 0.1 });
    }
}
