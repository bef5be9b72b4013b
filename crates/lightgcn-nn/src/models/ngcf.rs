//! Neural graph collaborative filtering.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_graph::{AdjacencyRequest, NodeCounts, Normalization};
use lightgcn_kernels::SparseBackend;
use serde::{Deserialize, Serialize};

use super::{assert_graph, layer_issue, pair_graph, side_by_side, total_width, width_issues};
use crate::config::{Footprint, GradientBackend, ModelConfig};
use crate::embedding_model::EmbeddingModel;
use crate::error::{ConfigIssue, NnError, no_issues};
use crate::graphs::Graphs;
use crate::init::{EmbeddingInitializer, check_nodes};
use crate::layers::{NgcfConv, NgcfConvConfig, activation_issues};
use crate::mode::ForwardMode;

/// Config of [`Ngcf`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NgcfConfig {
    /// Columns of the initial embeddings, positive. Default: 64.
    pub dimension: usize,
    /// Columns of each layer's output, all positive, at most 8 layers; with none it is matrix
    /// factorization. Default: three layers of 64.
    pub layer_widths: Vec<usize>,
    /// Probability that an element of a layer's output is dropped in training, in [0, 1).
    /// Default: 0.1.
    pub message_dropout: f64,
    /// Slope of LeakyReLU for negative inputs. Default: 0.2.
    pub negative_slope: f64,
    /// How the adjacency is normalized.
    pub normalization: Normalization,
    /// Whether edges carry their pairs' weights; otherwise every edge weighs 1. Default: true.
    pub edge_weights: bool,
    /// Where the initial embeddings come from; `init_std` in files. Default: Xavier, as in the
    /// paper.
    #[serde(rename = "init_std")]
    pub initializer: EmbeddingInitializer,
}

impl Default for NgcfConfig {
    fn default() -> Self {
        Self {
            dimension: 64,
            layer_widths: vec![64, 64, 64],
            message_dropout: 0.1,
            negative_slope: 0.2,
            normalization: Normalization::Symmetric,
            edge_weights: true,
            initializer: EmbeddingInitializer::XavierUniform,
        }
    }
}

impl NgcfConfig {
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
    ) -> Result<Ngcf<B>, NnError> {
        self.check()?;
        check_nodes(nodes, self.output_dimension())?;
        let inputs = std::iter::once(&self.dimension).chain(&self.layer_widths);
        let layers = inputs
            .zip(&self.layer_widths)
            .enumerate()
            .map(|(layer, (&d_input, &d_output))| {
                NgcfConvConfig::new(d_input, d_output)
                    .with_dropout(self.message_dropout)
                    .with_negative_slope(self.negative_slope)
                    .init_layer(seed, layer, device)
            })
            .collect();
        Ok(Ngcf {
            embedding: self
                .initializer
                .table(nodes, self.dimension, seed, device)?,
            layers,
            nodes: nodes.clone(),
        })
    }

    /// The table and all layers side by side.
    fn output_dimension(&self) -> usize {
        total_width(self.dimension, &self.layer_widths)
    }
}

impl ModelConfig for NgcfConfig {
    const NAME: &'static str = "ngcf";
    const SHAPE_FIELDS: &'static [&'static str] = &["dimension", "layer_widths"];
    type Module<B: GradientBackend> = Ngcf<B>;

    fn check(&self) -> Result<(), NnError> {
        let mut issues = Vec::from_iter(ConfigIssue::dimension(self.dimension));
        issues.extend(layer_issue(self.layer_widths.len(), 0));
        issues.extend(width_issues(&self.layer_widths));
        issues.extend(activation_issues(self.message_dropout, self.negative_slope));
        issues.extend(self.initializer.issue());
        no_issues(Self::NAME, issues)
    }

    fn graphs(&self) -> Vec<AdjacencyRequest> {
        pair_graph(self.normalization, self.edge_weights)
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            output_dimension: self.output_dimension(),
            layers: self.layer_widths.len(),
            keeps_layers: true,
        }
    }

    /// Layers as wide as the embeddings stay as wide.
    fn with_dimension(mut self, dimension: usize) -> Self {
        for width in &mut self.layer_widths {
            if *width == self.dimension {
                *width = dimension;
            }
        }
        Self { dimension, ..self }
    }

    /// All layers as wide as the embeddings.
    fn with_layers(self, layers: usize) -> Option<Self> {
        let layer_widths = vec![self.dimension; layers];
        Some(Self {
            layer_widths,
            ..self
        })
    }

    fn init<B: GradientBackend>(
        &self,
        nodes: &NodeCounts,
        seed: u64,
        device: &B::Device,
    ) -> Result<Ngcf<B>, NnError> {
        Self::init(self, nodes, seed, device)
    }
}

/// Neural graph collaborative filtering: one [`NgcfConv`] after the other. The final embedding is
/// the concatenation of the table and each layer's output, scaled to length 1:
///
/// ```text
/// E_final = [ E ‖ E₁ / ‖E₁‖ ‖ E₂ / ‖E₂‖ ‖ ... ]        E_k = NgcfConv_k(Â, E_{k-1})
/// ```
///
/// Rows are scaled as in the authors' code; a layer passes its output on unscaled. A row of zeros
/// stays zero.
///
/// Source: Wang et al., *Neural Graph Collaborative Filtering*, SIGIR 2019, equations 7 and 9. Made
/// by [`NgcfConfig`].
#[derive(Module, Debug)]
pub struct Ngcf<B: Backend> {
    /// Layer 0, `[n_nodes, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    /// The layers, in order.
    pub layers: Vec<NgcfConv<B>>,
    #[module(skip)]
    nodes: NodeCounts,
}

impl<B: SparseBackend> EmbeddingModel<B> for Ngcf<B> {
    fn nodes(&self) -> &NodeCounts {
        &self.nodes
    }

    fn table(&self) -> &Param<Tensor<B, 2>> {
        &self.embedding
    }

    fn table_mut(&mut self) -> &mut Param<Tensor<B, 2>> {
        &mut self.embedding
    }

    fn output_dimension(&self) -> usize {
        let widths = self.layers.iter().map(|layer| layer.sum.weight.dims()[1]);
        self.embedding.dims()[1] + widths.sum::<usize>()
    }

    fn embeddings(&self, graphs: &Graphs<B>, mode: ForwardMode) -> Tensor<B, 2> {
        let graph = assert_graph("Ngcf", graphs, &self.nodes);
        side_by_side(self.embedding.val(), &self.layers, |layer, x| {
            layer.forward(graph, x, mode)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::MOST_LAYERS;
    use super::*;

    #[test]
    fn every_issue_is_listed() {
        let config = NgcfConfig {
            dimension: 0,
            layer_widths: vec![4, 0, 4, 4, 4, 4, 4, 4, 0],
            message_dropout: -0.5,
            ..NgcfConfig::default()
        };
        let (layers, most) = (9, MOST_LAYERS);
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: "ngcf",
                issues: vec![
                    ConfigIssue::ZeroDimension,
                    ConfigIssue::TooManyLayers { layers, most },
                    ConfigIssue::ZeroWidth { layer: 2 },
                    ConfigIssue::ZeroWidth { layer: 9 },
                    ConfigIssue::Dropout { value: -0.5 },
                ]
            })
        );
        assert_eq!(NgcfConfig::default().check(), Ok(()));
    }

    #[cfg(feature = "flex")]
    #[test]
    fn outputs_that_cannot_be_addressed_are_an_issue() {
        let widest = NgcfConfig {
            layer_widths: vec![usize::MAX],
            ..NgcfConfig::default()
        };
        let nodes = NodeCounts::new(1, 2).unwrap();
        let error = widest.init::<burn::backend::Flex>(&nodes, 1, &Default::default());
        assert!(matches!(
            error.map(|_| ()),
            Err(NnError::Config { issues, .. })
                if matches!(issues[..], [ConfigIssue::TableTooLarge { n_nodes: 3, .. }])
        ));
    }

    #[test]
    fn layers_follow_the_dimension() {
        let config = NgcfConfig {
            layer_widths: vec![64, 32],
            ..NgcfConfig::default()
        };
        let config = config.with_dimension(16);
        assert_eq!(
            (config.dimension, &config.layer_widths[..]),
            (16, &[16, 32][..])
        );
        assert_eq!(config.with_layers(1).unwrap().layer_widths, [16]);
    }
}
