//! CRGCN.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_graph::NodeCounts;
use lightgcn_kernels::{SparseBackend, propagate};
use serde::{Deserialize, Serialize};

use super::behavior_graphs::{BehaviorGraphsConfig, assert_graphs, behavior_model};
use super::to_unit_length;
use crate::config::ModelConfig;
use crate::embedding_model::EmbeddingModel;
use crate::error::NnError;
use crate::graphs::Graphs;
use crate::mode::ForwardMode;

/// Config of [`Crgcn`]. The default is that of the authors' code.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CrgcnConfig(pub BehaviorGraphsConfig);

impl CrgcnConfig {
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
    ) -> Result<Crgcn<B>, NnError> {
        self.check()?;
        let Self(config) = self;
        let (initializer, dimension) = (config.initializer, config.dimension);
        Ok(Crgcn {
            embedding: initializer.table(nodes, dimension, seed, device)?,
            layers: config.layers,
            n_graphs: config.graphs().len(),
            nodes: nodes.clone(),
        })
    }
}

behavior_model!(CrgcnConfig, "crgcn", Crgcn);

/// CRGCN: the embeddings pass through the graph of one behavior after the other, from the weakest
/// to the target. Each graph adds its result, scaled to length 1:
///
/// ```text
/// E_b = E_{b−1} + rows of Â_bᴸ E_{b−1} / ‖row‖        E_0 = E,  E_final = E_B
/// ```
///
/// Lengths are floored at 1e-12, so a node without edges keeps its embedding. This follows the
/// authors' code except for the bias of each layer, which adds the same vector to all nodes. The
/// authors also add up the losses of all behaviors, each on its own E_b; here the single training
/// loss is on E_final.
///
/// Source: Yan et al., *Cascading Residual Graph Convolutional Network for Multi-Behavior
/// Recommendation*, TOIS 2023, section 3.2, and the authors' code. Made by [`CrgcnConfig`].
#[derive(Module, Debug)]
pub struct Crgcn<B: Backend> {
    /// Layer 0, `[n_nodes, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    layers: usize,
    n_graphs: usize,
    #[module(skip)]
    nodes: NodeCounts,
}

/// Rows are divided by the root of their squared length, or of this if it is larger.
const LEAST_SQUARED_LENGTH: f64 = 1e-24;

impl<B: SparseBackend> EmbeddingModel<B> for Crgcn<B> {
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
        let graphs = assert_graphs("Crgcn", graphs, self.n_graphs, &self.nodes);
        // Only the last of all layers: Âᴸ x.
        let mut last = vec![0.0; self.layers];
        last.push(1.0);
        graphs.iter().fold(self.embedding.val(), |x, graph| {
            let added = propagate(graph, x.clone(), &last);
            x + to_unit_length(added, LEAST_SQUARED_LENGTH)
        })
    }
}
