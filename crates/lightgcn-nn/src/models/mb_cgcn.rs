//! MB-CGCN.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_graph::NodeCounts;
use lightgcn_kernels::{SparseBackend, concatenate, propagate};
use serde::{Deserialize, Serialize};

use super::behavior_graphs::{BehaviorGraphsConfig, assert_graphs, behavior_model};
use crate::config::ModelConfig;
use crate::embedding_model::{EmbeddingModel, split_embeddings};
use crate::error::NnError;
use crate::graphs::Graphs;
use crate::init::{Stream, xavier_parameter};
use crate::mode::ForwardMode;

/// Config of [`MbCgcn`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MbCgcnConfig(pub BehaviorGraphsConfig);

impl MbCgcnConfig {
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
    ) -> Result<MbCgcn<B>, NnError> {
        self.check()?;
        let Self(config) = self;
        let (initializer, dimension) = (config.initializer, config.dimension);
        let maps = (1..config.graphs().len()).map(|step| {
            let stream = Stream::layer(seed, step as u64 - 1);
            let shape = [dimension; 2];
            let map = |kind| xavier_parameter(shape, shape, stream.tensor(kind), device);
            TransferMaps {
                users: map(0),
                items: map(1),
            }
        });
        Ok(MbCgcn {
            embedding: initializer.table(nodes, dimension, seed, device)?,
            maps: maps.collect(),
            layers: config.layers,
            nodes: nodes.clone(),
        })
    }
}

behavior_model!(MbCgcnConfig, "mb-cgcn", MbCgcn);

/// MB-CGCN: LightGCN on the graph of one behavior after the other, from the weakest to the target;
/// each starts from a linear map of the previous result, and all are added up:
///
/// ```text
/// E_b = 1 / (L + 1) · Σ_{k=0..L} Â_bᵏ X_b        X_1 = E,  X_{b+1} = E_b W_b
/// E_final = Σ_b E_b
/// ```
///
/// Users and items have a W_b each. With one behavior it is LightGCN.
///
/// Source: Cheng et al., *Multi-Behavior Recommendation with Cascading Graph Convolution Networks*,
/// WWW 2023, section 3.2, and the authors' code. Made by [`MbCgcnConfig`].
#[derive(Module, Debug)]
pub struct MbCgcn<B: Backend> {
    /// Layer 0, `[n_nodes, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    /// From each behavior but the last to the next.
    pub maps: Vec<TransferMaps<B>>,
    layers: usize,
    #[module(skip)]
    nodes: NodeCounts,
}

/// The maps W_b from one behavior of [`MbCgcn`] to the next, `[dim, dim]` each.
#[derive(Module, Debug)]
pub struct TransferMaps<B: Backend> {
    /// That of users.
    pub users: Param<Tensor<B, 2>>,
    /// That of items and all other nodes.
    pub items: Param<Tensor<B, 2>>,
}

impl<B: Backend> TransferMaps<B> {
    /// `[n_nodes, dim]` to the same shape.
    fn forward(&self, x: Tensor<B, 2>, n_users: usize) -> Tensor<B, 2> {
        let (users, items) = split_embeddings(x, n_users);
        let users = users.matmul(self.users.val());
        let items = items.matmul(self.items.val());
        concatenate(vec![users, items], 0)
    }
}

impl<B: SparseBackend> EmbeddingModel<B> for MbCgcn<B> {
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
        let graphs = assert_graphs("MbCgcn", graphs, self.maps.len() + 1, &self.nodes);
        let weights = vec![1.0 / (self.layers + 1) as f32; self.layers + 1];
        let mut x = propagate(&graphs[0], self.embedding.val(), &weights);
        let mut sum = x.clone();
        for (graph, maps) in graphs[1..].iter().zip(&self.maps) {
            x = propagate(graph, maps.forward(x, self.nodes.users()), &weights);
            sum = sum + x.clone();
        }
        sum
    }
}
