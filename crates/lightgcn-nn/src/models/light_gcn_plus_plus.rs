//! LightGCN++.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_graph::{AdjacencyRequest, Exponent, NodeCounts, Normalization};
use lightgcn_kernels::{SparseBackend, sparse_dense};
use serde::{Deserialize, Serialize};

use super::{assert_graph, layer_issue, pair_graph, to_unit_length};
use crate::config::{Footprint, GradientBackend, ModelConfig};
use crate::embedding_model::EmbeddingModel;
use crate::error::{ConfigIssue, NnError, no_issues};
use crate::graphs::Graphs;
use crate::init::EmbeddingInitializer;
use crate::mode::ForwardMode;

/// Config of [`LightGcnPlusPlus`]. The default is what the authors recommend if nothing is known
/// about the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightGcnPlusPlusConfig {
    /// Columns of the embeddings, positive. Default: 64.
    pub dimension: usize,
    /// Number of layers K, 1 to 8. Default: 2.
    pub layers: usize,
    /// Share γ of layer 0 in the final embeddings, 0 to 1. The authors use 0.2 for LastFM, Gowalla
    /// and Amazon-Book, 0.1 for Yelp2018, 0 for MovieLens-1M. Default: 0.2.
    pub gamma: f64,
    /// The exponent α of the degree of the node that receives, −2 to 2. Default: 0.6.
    pub alpha: Exponent,
    /// The exponent β of the degree of the neighbor that sends, −2 to 2. Default: −0.1.
    pub beta: Exponent,
    /// Whether edges carry their pairs' weights; otherwise every edge weighs 1. Default: true.
    pub edge_weights: bool,
    /// Where the initial embeddings come from; `init_std` in files. Default: normal, 0.1.
    #[serde(rename = "init_std")]
    pub initializer: EmbeddingInitializer,
}

impl Default for LightGcnPlusPlusConfig {
    fn default() -> Self {
        Self {
            dimension: 64,
            layers: 2,
            gamma: 0.2,
            alpha: Exponent::PLUS_PLUS_ALPHA,
            beta: Exponent::PLUS_PLUS_BETA,
            edge_weights: true,
            initializer: EmbeddingInitializer::PUBLISHED,
        }
    }
}

impl LightGcnPlusPlusConfig {
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
    ) -> Result<LightGcnPlusPlus<B>, NnError> {
        self.check()?;
        Ok(LightGcnPlusPlus {
            embedding: self
                .initializer
                .table(nodes, self.dimension, seed, device)?,
            layers: self.layers,
            gamma: self.gamma,
            nodes: nodes.clone(),
        })
    }
}

impl ModelConfig for LightGcnPlusPlusConfig {
    const NAME: &'static str = "lightgcn++";
    type Module<B: GradientBackend> = LightGcnPlusPlus<B>;

    fn check(&self) -> Result<(), NnError> {
        let mut issues = Vec::from_iter(ConfigIssue::dimension(self.dimension));
        issues.extend(layer_issue(self.layers, 1));
        if !(0.0..=1.0).contains(&self.gamma) {
            issues.push(ConfigIssue::Layer0Share { value: self.gamma });
        }
        issues.extend(self.initializer.issue());
        no_issues(Self::NAME, issues)
    }

    fn graphs(&self) -> Vec<AdjacencyRequest> {
        let normalization = Normalization::Powers {
            row: self.alpha,
            column: self.beta,
        };
        pair_graph(normalization, self.edge_weights)
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            output_dimension: self.dimension,
            layers: self.layers,
            keeps_layers: true,
        }
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
    ) -> Result<LightGcnPlusPlus<B>, NnError> {
        Self::init(self, nodes, seed, device)
    }
}

/// LightGCN++: LightGCN whose messages are scaled to length 1 before they are weighted, with degrees
/// to the powers α and β instead of 1/2, and with a separate share for layer 0:
///
/// ```text
/// E_k     = Â · rows of E_{k-1} / ‖row‖          Â_rc = w_rc / (d_r^α · d_c^β),  E_0 = E
/// E_final = γ · E + (1 − γ) · 1/K · Σ_{k=1..K} E_k
/// ```
///
/// Lengths are floored at 1e-12, so that a row of zeros stays zero. A node without neighbors has γ
/// times its layer 0. The matrix equals its own transpose only if α = β; otherwise its transpose is
/// also stored, for the gradient.
///
/// Unlike LightGCN it is not linear in layer 0: it costs K products with the matrix, as LightGCN
/// does, but its layers are kept for the gradient, `2 K` tables.
///
/// Source: Lee, Kim and Shin, *Revisiting LightGCN: Unexpected Inflexibility, Inconsistency, and A
/// Remedy Towards Improved Recommendation*, RecSys 2024, and the authors' code. Made by
/// [`LightGcnPlusPlusConfig`].
///
/// # Example
///
/// ```
/// use burn::backend::Flex;
/// use lightgcn_core::{InteractionsBuilder, ItemId, UserId};
/// use lightgcn_graph::{GraphOptions, TrainGraph};
/// use lightgcn_kernels::SparseMatrix;
/// use lightgcn_nn::{EmbeddingModel, ForwardMode, LightGcnPlusPlusConfig, ModelConfig, NodeCounts};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Default::default();
/// let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
/// for (user, item) in [(0, 0), (1, 0), (1, 1)] {
///     pairs.push(UserId(user), ItemId(item), 1.0, &[1], None)?;
/// }
/// let graph = TrainGraph::from_interactions(&pairs.build(2, 2)?, &GraphOptions::default())?;
/// let config = LightGcnPlusPlusConfig::default().with_dimension(8);
/// let adjacency = graph.adjacency(&config.graphs()[0])?;
/// let matrix = SparseMatrix::<Flex>::from_graph(&adjacency, &device)?;
///
/// let model = config.init::<Flex>(&NodeCounts::new(2, 2)?, 42, &device)?;
/// let embeddings = model.embeddings(&matrix.into(), ForwardMode::Inference);
/// assert_eq!(embeddings.dims(), [4, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Module, Debug)]
pub struct LightGcnPlusPlus<B: Backend> {
    /// Layer 0, `[n_nodes, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    layers: usize,
    gamma: f64,
    #[module(skip)]
    nodes: NodeCounts,
}

/// Rows are divided by the root of their squared length, or of this if it is larger.
const LEAST_SQUARED_LENGTH: f64 = 1e-24;

impl<B: SparseBackend> EmbeddingModel<B> for LightGcnPlusPlus<B> {
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
        let graph = assert_graph("LightGcnPlusPlus", graphs, &self.nodes);
        let layer0 = self.embedding.val();
        let layer = |x| sparse_dense(graph, to_unit_length(x, LEAST_SQUARED_LENGTH));
        let mut x = layer(layer0.clone());
        let mut sum = x.clone();
        for _ in 1..self.layers {
            x = layer(x);
            sum = sum + x.clone();
        }
        layer0.mul_scalar(self.gamma) + sum.mul_scalar((1.0 - self.gamma) / self.layers as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_issue_is_listed() {
        let config = LightGcnPlusPlusConfig {
            dimension: 0,
            layers: 0,
            gamma: 1.5,
            initializer: EmbeddingInitializer::Normal { std: -1.0 },
            ..LightGcnPlusPlusConfig::default()
        };
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: "lightgcn++",
                issues: vec![
                    ConfigIssue::ZeroDimension,
                    ConfigIssue::NoLayers,
                    ConfigIssue::Layer0Share { value: 1.5 },
                    ConfigIssue::StandardDeviation { value: -1.0 },
                ]
            })
        );
        let gamma = f64::NAN;
        let default = LightGcnPlusPlusConfig::default();
        assert!(LightGcnPlusPlusConfig { gamma, ..default }.check().is_err());
        assert_eq!(LightGcnPlusPlusConfig::default().check(), Ok(()));
    }

    #[test]
    fn exponents_become_the_normalization() {
        let normalization =
            |config: &LightGcnPlusPlusConfig| config.graphs()[0].normalization.to_string();
        assert_eq!(
            normalization(&LightGcnPlusPlusConfig::default()),
            "powers:0.6:-0.1"
        );
        let json = r#"{"alpha": 0.5, "beta": -0.25, "gamma": 0}"#;
        let config: LightGcnPlusPlusConfig = serde_json::from_str(json).unwrap();
        assert_eq!(normalization(&config), "powers:0.5:-0.25");
        let json = serde_json::to_string(&config).unwrap();
        assert!(json.contains(r#""alpha":0.5"#), "{json}");
        assert_eq!(
            serde_json::from_str::<LightGcnPlusPlusConfig>(&json).unwrap(),
            config
        );
        for bad in [r#"{"alpha": 2.5}"#, r#"{"beta": "x"}"#, r#"{"delta": 1}"#] {
            assert!(
                serde_json::from_str::<LightGcnPlusPlusConfig>(bad).is_err(),
                "{bad}"
            );
        }
    }
}
