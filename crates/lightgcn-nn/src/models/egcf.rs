//! EGCF.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_graph::{AdjacencyRequest, NodeCounts, Normalization};
use lightgcn_kernels::{RowIndices, SparseBackend, gather_rows, sparse_dense};
use serde::{Deserialize, Serialize};

use super::info_nce::{contrast_issues, info_nce};
use super::{assert_graph, items_only, layer_issue, pair_graph};
use crate::config::{Footprint, GradientBackend, ModelConfig};
use crate::embedding_model::EmbeddingModel;
use crate::error::{ConfigIssue, NnError, no_issues};
use crate::graphs::Graphs;
use crate::init::EmbeddingInitializer;
use crate::mode::ForwardMode;
use crate::training_pass::{TrainingPass, TrainingStep};

/// How [`Egcf`] propagates from layer to layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Iteration {
    /// Users and items at once, each from the other's previous layer.
    #[default]
    Parallel,
    /// Users from items, then items from these users.
    Alternating,
}

/// Config of [`Egcf`]. The default is that of the authors' code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EgcfConfig {
    /// Columns of the embeddings, positive. Default: 64.
    pub dimension: usize,
    /// Number of layers, 1 to 8. Default: 3.
    pub layers: usize,
    /// How layers follow one another: `"parallel"` or `"alternating"` in files. Default: parallel.
    pub iteration: Iteration,
    /// Temperature τ of the contrastive losses, 0.01 to 100. Default: 0.1.
    pub temperature: f64,
    /// Weight of the contrastive losses (λ in the paper), relative to the ranking loss; not negative. 0
    /// turns them off. Default: 0.1.
    pub contrast_weight: f64,
    /// Whether edges carry their pairs' weights; otherwise every edge weighs 1. Default: true.
    pub edge_weights: bool,
    /// Where the initial embeddings of items come from; `init_std` in files. Default: Xavier.
    #[serde(rename = "init_std")]
    pub initializer: EmbeddingInitializer,
}

impl Default for EgcfConfig {
    fn default() -> Self {
        Self {
            dimension: 64,
            layers: 3,
            iteration: Iteration::Parallel,
            temperature: 0.1,
            contrast_weight: 0.1,
            edge_weights: true,
            initializer: EmbeddingInitializer::XavierUniform,
        }
    }
}

impl EgcfConfig {
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
    ) -> Result<Egcf<B>, NnError> {
        self.check()?;
        let table = self
            .initializer
            .table(nodes, self.dimension, seed, device)?;
        Ok(Egcf {
            embedding: table.map(|table| {
                let items = items_only(table.clone(), nodes.users()).detach();
                items.set_require_grad(table.is_require_grad())
            }),
            layers: self.layers,
            alternating: self.iteration == Iteration::Alternating,
            temperature: self.temperature,
            contrast_weight: self.contrast_weight,
            nodes: nodes.clone(),
        })
    }
}

impl ModelConfig for EgcfConfig {
    const NAME: &'static str = "egcf";
    type Module<B: GradientBackend> = Egcf<B>;

    fn check(&self) -> Result<(), NnError> {
        let mut issues = Vec::from_iter(ConfigIssue::dimension(self.dimension));
        issues.extend(layer_issue(self.layers, 1));
        issues.extend(contrast_issues(self.contrast_weight, self.temperature));
        issues.extend(self.initializer.issue());
        no_issues(Self::NAME, issues)
    }

    fn graphs(&self) -> Vec<AdjacencyRequest> {
        pair_graph(Normalization::Symmetric, self.edge_weights)
    }

    /// Twice the layers: each goes both ways, or there is one more.
    fn footprint(&self) -> Footprint {
        Footprint::autodiff(self.dimension, self.layers.saturating_mul(2))
    }

    fn with_dimension(self, dimension: usize) -> Self {
        Self { dimension, ..self }
    }

    fn with_layers(self, layers: usize) -> Option<Self> {
        Some(Self { layers, ..self })
    }

    fn init<B: GradientBackend>(
        &self,
        nodes: &NodeCounts,
        seed: u64,
        device: &B::Device,
    ) -> Result<Egcf<B>, NnError> {
        Self::init(self, nodes, seed, device)
    }
}

/// EGCF: only items have embeddings E_I to learn; a user is what their items make of them. With R̃ the
/// users' rows and items' columns of the normalized adjacency Â, layer after layer,
///
/// ```text
/// parallel       E_0 = [ tanh(R̃ E_I) ; E_I ]      E_k = tanh(Â E_{k-1})
/// alternating    U_k = tanh(R̃ I_{k-1})            I_k = tanh(R̃ᵀ U_k)         I_0 = E_I
/// E_final = Σ_{k=1..K} E_k                         E_k = [ U_k ; I_k ]
///
/// L = L_ranking + λ ( InfoNCE(U, U) + InfoNCE(I, I) + InfoNCE(U, I) )
/// ```
///
/// where U and I are the final embeddings of the users and of the items of a batch's pairs, with
/// repetitions. The table has rows of zeros for users: they are not read and have no gradient.
///
/// Source: Zhang, Sang and Zhang, *Simplify to the Limit! Embedding-less Graph Collaborative Filtering
/// for Recommender Systems*, TOIS 2024; where layers are summed and which losses there are follow the
/// authors' code. Made by [`EgcfConfig`].
#[derive(Module, Debug)]
pub struct Egcf<B: Backend> {
    /// Layer 0, `[n_nodes, dim]`, users first: zeros for users, E_I for items.
    pub embedding: Param<Tensor<B, 2>>,
    layers: usize,
    alternating: bool,
    temperature: f64,
    contrast_weight: f64,
    #[module(skip)]
    nodes: NodeCounts,
}

impl<B: SparseBackend> Egcf<B> {
    /// The contrastive losses of final embeddings, `[1]`, over the pairs of a batch: [`info_nce`] of the
    /// users with themselves, of the items with themselves, and of the users with their items.
    ///
    /// # Panics
    ///
    /// If there are no pairs, not as many items as users, or an id is out of range.
    pub fn contrastive_loss(
        &self,
        embeddings: Tensor<B, 2>,
        users: &[u32],
        items: &[u32],
    ) -> Tensor<B, 1> {
        let (device, n_users) = (embeddings.device(), self.n_users() as u32);
        let items: Vec<u32> = items.iter().map(|item| n_users + item).collect();
        let rows = |ids: &[u32]| {
            let ids = RowIndices::from_slice(ids, self.n_nodes(), &device);
            gather_rows(embeddings.clone(), &ids)
        };
        let (users, items) = (rows(users), rows(&items));
        let pairs = [
            (users.clone(), users.clone()),
            (items.clone(), items.clone()),
            (users, items),
        ];
        let [of_users, of_items, between] =
            pairs.map(|(first, second)| info_nce(first, second, self.temperature));
        of_users + of_items + between
    }
}

impl<B: SparseBackend> EmbeddingModel<B> for Egcf<B> {
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
        let graph = assert_graph("Egcf", graphs, &self.nodes);
        let layer = |x: Tensor<B, 2>| sparse_dense(graph, x).tanh();
        let items = items_only(self.embedding.val(), self.n_users());
        // A product of a table with rows of zeros for one side is zero for the other: with items alone it
        // is R̃ E_I for users, with users alone R̃ᵀ U for items.
        let mut x = match self.alternating {
            true => items,
            false => layer(items.clone()) + items,
        };
        let mut outputs = Vec::with_capacity(2 * self.layers);
        for _ in 0..self.layers {
            if self.alternating {
                x = layer(x);
                outputs.push(x.clone());
            }
            x = layer(x);
            outputs.push(x.clone());
        }
        let sum = outputs.into_iter().reduce(|sum, output| sum + output);
        sum.expect("there is a layer, which the config checks")
    }

    fn training_pass(&self, graphs: &Graphs<B>, step: &TrainingStep<'_>) -> TrainingPass<B> {
        let embeddings = self.embeddings(graphs, ForwardMode::Training { seed: step.seed });
        let auxiliary_loss = (self.contrast_weight > 0.0).then(|| {
            let loss = self.contrastive_loss(embeddings.clone(), step.users, step.items);
            loss.mul_scalar(self.contrast_weight)
        });
        TrainingPass {
            embeddings: Some(embeddings),
            auxiliary_loss,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::MOST_LAYERS;
    use super::*;

    #[test]
    fn every_issue_is_listed() {
        let config = EgcfConfig {
            dimension: 0,
            layers: 9,
            temperature: 1e-3,
            contrast_weight: f64::INFINITY,
            initializer: EmbeddingInitializer::Normal { std: -1.0 },
            ..EgcfConfig::default()
        };
        let (layers, most) = (9, MOST_LAYERS);
        let value = f64::INFINITY;
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: "egcf",
                issues: vec![
                    ConfigIssue::ZeroDimension,
                    ConfigIssue::TooManyLayers { layers, most },
                    ConfigIssue::ContrastWeight { value },
                    ConfigIssue::Temperature { value: 1e-3 },
                    ConfigIssue::StandardDeviation { value: -1.0 },
                ]
            })
        );
        let none = EgcfConfig::default().with_layers(0).unwrap();
        let issues = vec![ConfigIssue::NoLayers];
        let config = "egcf";
        assert_eq!(none.check(), Err(NnError::Config { config, issues }));
        assert_eq!(EgcfConfig::default().check(), Ok(()));
    }

    #[test]
    fn the_iteration_has_a_name_in_files() {
        let read = |text: &str| serde_json::from_str::<EgcfConfig>(text);
        let config = read(r#"{"iteration": "alternating"}"#).unwrap();
        assert_eq!(config.iteration, Iteration::Alternating);
        assert!(read(r#"{"iteration": "both"}"#).is_err());
    }
}
