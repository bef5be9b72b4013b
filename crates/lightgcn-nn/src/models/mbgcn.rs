//! MBGCN's propagation.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use lightgcn_graph::NodeCounts;
use lightgcn_kernels::{SparseBackend, sparse_dense};
use serde::{Deserialize, Serialize};

use super::behavior_graphs::{BehaviorGraphsConfig, assert_graphs, behavior_model};
use crate::config::ModelConfig;
use crate::embedding_model::EmbeddingModel;
use crate::error::NnError;
use crate::graphs::Graphs;
use crate::init::parameter;
use crate::mode::ForwardMode;

/// Config of [`Mbgcn`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MbgcnConfig(pub BehaviorGraphsConfig);

impl MbgcnConfig {
    /// Builds the module on any backend: see [`ModelConfig::init`].
    ///
    /// # Errors
    ///
    /// [`NnError::Config`] with every issue of the config or of the node counts.
    pub fn init<B: Backend>(
        &self,
        nodes: &NodeCounts,
        seed: u64,
        device: &B::Device,
    ) -> Result<Mbgcn<B>, NnError> {
        self.check()?;
        let Self(config) = self;
        let (initializer, dimension) = (config.initializer, config.dimension);
        let n_graphs = config.graphs().len();
        Ok(Mbgcn {
            embedding: initializer.table(nodes, dimension, seed, device)?,
            behavior_logits: parameter(vec![0.0; n_graphs], [n_graphs], device),
            layers: config.layers,
            nodes: nodes.clone(),
        })
    }
}

behavior_model!(MbgcnConfig, "mbgcn", Mbgcn);

/// LightGCN over a union of behaviors whose weights are learned, the propagation between users and
/// items of MBGCN:
///
/// ```text
/// E_{k+1} = Σ_b w_b Â_b E_k        w = softmax of a parameter that starts at 0
/// E_final = 1 / (L + 1) · Σ_{k=0..L} E_k
/// ```
///
/// MBGCN also scores an item by how close it is to the user's items of each behavior, which is not
/// part of this model.
///
/// Source: Jin et al., *Multi-Behavior Recommendation with Graph Convolutional Networks*, SIGIR
/// 2020, section 3.2. Made by [`MbgcnConfig`].
#[derive(Module, Debug)]
pub struct Mbgcn<B: Backend> {
    /// Layer 0, `[n_nodes, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    /// The weights of behaviors before softmax, `[n_behaviors]`.
    pub behavior_logits: Param<Tensor<B, 1>>,
    layers: usize,
    #[module(skip)]
    nodes: NodeCounts,
}

impl<B: SparseBackend> EmbeddingModel<B> for Mbgcn<B> {
    fn nodes(&self) -> &NodeCounts {
        &self.nodes
    }

    fn table(&self) -> &Param<Tensor<B, 2>> {
        &self.embedding
    }

    fn table_mut(&mut self) -> &mut Param<Tensor<B, 2>> {
        &mut self.embedding
    }

    fn embeddings(&self, graphs: &Graphs<B>, _mode: ForwardMode) -> Tensor<B, 2> {
        let [n_graphs] = self.behavior_logits.dims();
        let graphs = assert_graphs("Mbgcn", graphs, n_graphs, &self.nodes);
        let weights = softmax(self.behavior_logits.val(), 0);
        let mut x = self.embedding.val();
        let mut sum = x.clone();
        for _ in 0..self.layers {
            let mut layer = x.zeros_like();
            for (n, graph) in graphs.iter().enumerate() {
                let weight = weights.clone().narrow(0, n, 1).reshape([1, 1]);
                layer = layer + sparse_dense(graph, x.clone()) * weight;
            }
            sum = sum + layer.clone();
            x = layer;
        }
        sum.div_scalar((self.layers + 1) as f64)
    }
}
