//! Matrix factorization.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_graph::{AdjacencyRequest, NodeCounts, Normalization};
use lightgcn_kernels::SparseBackend;
use serde::{Deserialize, Serialize};

use super::{assert_graph, pair_graph};
use crate::config::{Footprint, GradientBackend, ModelConfig};
use crate::embedding_model::EmbeddingModel;
use crate::error::{ConfigIssue, NnError, no_issues};
use crate::graphs::Graphs;
use crate::init::EmbeddingInitializer;
use crate::mode::ForwardMode;

/// Config of [`MatrixFactorization`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatrixFactorizationConfig {
    /// Columns of the embeddings, positive. Default: 64.
    pub dimension: usize,
    /// Where the initial embeddings come from; `init_std` in files. Default: normal, 0.1.
    #[serde(rename = "init_std")]
    pub initializer: EmbeddingInitializer,
}

impl Default for MatrixFactorizationConfig {
    fn default() -> Self {
        Self {
            dimension: 64,
            initializer: EmbeddingInitializer::PUBLISHED,
        }
    }
}

impl MatrixFactorizationConfig {
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
    ) -> Result<MatrixFactorization<B>, NnError> {
        self.check()?;
        Ok(MatrixFactorization {
            embedding: self
                .initializer
                .table(nodes, self.dimension, seed, device)?,
            nodes: nodes.clone(),
        })
    }
}

impl ModelConfig for MatrixFactorizationConfig {
    const NAME: &'static str = "mf";
    type Module<B: GradientBackend> = MatrixFactorization<B>;

    fn check(&self) -> Result<(), NnError> {
        let mut issues = Vec::from_iter(ConfigIssue::dimension(self.dimension));
        issues.extend(self.initializer.issue());
        no_issues(Self::NAME, issues)
    }

    /// The plain graph: it has no effect, but the fused steps of linear models need one.
    fn graphs(&self) -> Vec<AdjacencyRequest> {
        pair_graph(Normalization::None, true)
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            output_dimension: self.dimension,
            layers: 0,
            keeps_layers: false,
        }
    }

    fn with_dimension(self, dimension: usize) -> Self {
        Self { dimension, ..self }
    }

    fn init<B: GradientBackend>(
        &self,
        nodes: &NodeCounts,
        seed: u64,
        device: &B::Device,
    ) -> Result<MatrixFactorization<B>, NnError> {
        Self::init(self, nodes, seed, device)
    }
}

/// Matrix factorization: the score of a user and an item is the dot product of their rows of one
/// table. Only the size of the graph matters.
///
/// Trained with BPR it is the baseline that graph models are compared with.
///
/// Source: Rendle et al., *BPR: Bayesian Personalized Ranking from Implicit Feedback*, UAI 2009,
/// section 4.3.1. Made by [`MatrixFactorizationConfig`].
#[derive(Module, Debug)]
pub struct MatrixFactorization<B: Backend> {
    /// The table, `[n_nodes, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    #[module(skip)]
    nodes: NodeCounts,
}

impl<B: SparseBackend> EmbeddingModel<B> for MatrixFactorization<B> {
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
        assert_graph("MatrixFactorization", graphs, &self.nodes);
        self.embedding.val()
    }

    fn linear_layer_weights(&self) -> Option<Vec<f32>> {
        Some(vec![1.0])
    }
}
