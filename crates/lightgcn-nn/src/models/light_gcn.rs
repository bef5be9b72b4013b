//! LightGCN.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use burn::tensor::backend::Backend;
use lightgcn_graph::{AdjacencyRequest, EdgeType, ItemAttribute, NodeCounts, Normalization};
use lightgcn_kernels::{SparseBackend, SparseMatrix, propagate, sparse_dense};
use serde::{Deserialize, Serialize};

use super::{assert_graph, layer_issue, pair_graph, repeated, resolve_all};
use crate::config::{Footprint, GradientBackend, ModelConfig};
use crate::embedding_model::EmbeddingModel;
use crate::error::{ConfigIssue, NnError, no_issues};
use crate::graphs::Graphs;
use crate::init::{EmbeddingInitializer, parameter};
use crate::mode::ForwardMode;

/// The weight of each layer in the final embeddings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerWeights {
    /// `1 / (layers + 1)` each, layer 0 included (He et al. 2020, section 3.1.2).
    #[default]
    Uniform,
    /// Given weights, one for layer 0 and one for each layer: finite numbers, not all 0.
    Given(Vec<f32>),
    /// Learned with the embeddings: the softmax of a parameter `[layers + 1]` that starts at zero,
    /// so training starts from uniform weights, and weights stay positive and sum to 1. Costs more
    /// than constant weights: all layers are kept for the gradient, `layers + 1` tables instead of
    /// one.
    Learned,
}

/// Config of [`LightGcn`]. The default has one layer and Xavier's initial embeddings, which the
/// softmax loss trains best on Gowalla's validation pairs; [`ModelConfig::published`] is the paper's.
///
/// ```
/// use lightgcn_nn::{LayerWeights, LightGcnConfig, ModelConfig};
///
/// let config = LightGcnConfig {
///     layers: 2,
///     layer_weights: LayerWeights::Given(vec![0.5, 0.3, 0.2]),
///     ..LightGcnConfig::default()
/// };
/// assert!(config.check().is_ok());
///
/// let error = LightGcnConfig { layers: 3, dimension: 0, ..config }.check().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "lightgcn: dimension is 0; usual dimensions are 32 to 256; \
///      3 layer weights for 3 layers; 4 are needed, the first for layer 0"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightGcnConfig {
    /// Columns of the embeddings, positive. Default: 64.
    pub dimension: usize,
    /// Number of layers K, 0 to 8; with 0 it is matrix factorization. Default: 1.
    pub layers: usize,
    /// Number of layers while training, at most `layers`: the rest are applied once, afterwards.
    /// With 0 the table is trained as matrix factorization, whose steps cost only as much as their
    /// batch, and is propagated at the end; most of the gain of propagation remains (Ju et al.,
    /// *How Does Message Passing Improve Collaborative Filtering?*, NeurIPS 2024, section 4). Layer
    /// weights must not be learned. Default: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub training_layers: Option<usize>,
    /// The weight of each layer.
    pub layer_weights: LayerWeights,
    /// How the adjacency is normalized.
    pub normalization: Normalization,
    /// Whether edges carry their pairs' weights; otherwise every edge weighs 1. Default: true.
    pub edge_weights: bool,
    /// Attributes of items whose values become nodes of the graph, each linked to the items that
    /// have it by an edge of weight 1: in files `"category:1"`, `"brand"`, `"price:10"` and the
    /// like. Answers of such a model are explained with the learned ranking and with evidence, not
    /// with sums over paths. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<ItemAttribute>,
    /// Relations of the dataset's knowledge graph whose edges count too, each weighing 1, or `["all"]` of
    /// them: items and entities are linked by them. Explained as with attributes. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub relations: Vec<String>,
    /// Where the initial embeddings come from; `init_std` in files. Default: Xavier.
    #[serde(rename = "init_std")]
    pub initializer: EmbeddingInitializer,
}

impl Default for LightGcnConfig {
    fn default() -> Self {
        Self {
            dimension: 64,
            layers: 1,
            training_layers: None,
            layer_weights: LayerWeights::Uniform,
            normalization: Normalization::Symmetric,
            edge_weights: true,
            attributes: Vec::new(),
            relations: Vec::new(),
            initializer: EmbeddingInitializer::XavierUniform,
        }
    }
}

impl LightGcnConfig {
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
    ) -> Result<LightGcn<B>, NnError> {
        self.check()?;
        let n_weights = self.layers + 1;
        let weight_logits = match self.layer_weights {
            LayerWeights::Learned => Some(parameter(vec![0.0; n_weights], [n_weights], device)),
            _ => None,
        };
        let training_layers = self.training_layers.unwrap_or(self.layers);
        Ok(LightGcn {
            embedding: self
                .initializer
                .table(nodes, self.dimension, seed, device)?,
            weight_logits,
            constant_weights: self.constant_weights(self.layers),
            training_weights: self.constant_weights(training_layers),
            nodes: nodes.clone(),
        })
    }

    /// The weights of the first `layers` layers and of layer 0; `None` if they are learned.
    fn constant_weights(&self, layers: usize) -> Vec<f32> {
        match &self.layer_weights {
            LayerWeights::Uniform => vec![1.0 / (layers + 1) as f32; layers + 1],
            LayerWeights::Given(weights) => weights[..=layers].to_vec(),
            LayerWeights::Learned => Vec::new(),
        }
    }
}

impl ModelConfig for LightGcnConfig {
    const NAME: &'static str = "lightgcn";
    const SHAPE_FIELDS: &'static [&'static str] = &[
        "dimension",
        "layers",
        "layer_weights",
        "attributes",
        "relations",
    ];
    type Module<B: GradientBackend> = LightGcn<B>;

    fn check(&self) -> Result<(), NnError> {
        let mut issues = Vec::from_iter(ConfigIssue::dimension(self.dimension));
        issues.extend(layer_issue(self.layers, 0));
        if let LayerWeights::Given(weights) = &self.layer_weights {
            issues.extend(weight_issues(weights, self.layers));
        }
        if let Some(training_layers) = self.training_layers {
            let learned = self.layer_weights == LayerWeights::Learned;
            if learned || training_layers > self.layers {
                issues.push(ConfigIssue::TrainingLayers {
                    training_layers,
                    layers: self.layers,
                });
            }
        }
        issues.extend(repeated(&self.attributes));
        issues.extend(repeated(&self.relations));
        issues.extend(self.initializer.issue());
        no_issues(Self::NAME, issues)
    }

    fn graphs(&self) -> Vec<AdjacencyRequest> {
        let mut graphs = pair_graph(self.normalization, self.edge_weights);
        let attributes = self.attributes.iter().copied().map(EdgeType::Attribute);
        graphs[0].edges.extend(attributes);
        let relations = self.relations.iter().cloned().map(EdgeType::Relation);
        graphs[0].edges.extend(relations);
        graphs
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            output_dimension: self.dimension,
            layers: self.layers,
            keeps_layers: self.layer_weights == LayerWeights::Learned,
        }
    }

    fn with_dimension(self, dimension: usize) -> Self {
        Self { dimension, ..self }
    }

    fn with_layers(self, layers: usize) -> Option<Self> {
        let training_layers = self.training_layers.map(|n| n.min(layers));
        Some(Self {
            layers,
            training_layers,
            ..self
        })
    }

    fn with_relations(self, relations: &[String]) -> Self {
        Self {
            relations: resolve_all(self.relations, relations),
            ..self
        }
    }

    /// Three layers and normal initial embeddings (He et al. 2020, section 4.1.2).
    fn published() -> Self {
        Self {
            layers: 3,
            initializer: EmbeddingInitializer::PUBLISHED,
            ..Self::default()
        }
    }

    fn init<B: GradientBackend>(
        &self,
        nodes: &NodeCounts,
        seed: u64,
        device: &B::Device,
    ) -> Result<LightGcn<B>, NnError> {
        Self::init(self, nodes, seed, device)
    }
}

fn weight_issues(weights: &[f32], layers: usize) -> Vec<ConfigIssue> {
    let mut issues = Vec::new();
    let found = weights.len();
    if found != layers + 1 {
        issues.push(ConfigIssue::LayerWeightCount { layers, found });
    }
    issues.extend(
        weights
            .iter()
            .enumerate()
            .filter(|(_, value)| !value.is_finite())
            .map(|(layer, &value)| ConfigIssue::LayerWeightNotFinite { layer, value }),
    );
    if found > 0 && weights.iter().all(|weight| *weight == 0.0) {
        issues.push(ConfigIssue::LayerWeightsAllZero);
    }
    issues
}

/// LightGCN: one table of embeddings, smoothed over the graph only by its normalized adjacency, and
/// mixed over the layers:
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
    /// Layer 0, `[n_nodes, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    /// Layer weights before softmax, `[layers + 1]`, if they are learned.
    pub weight_logits: Option<Param<Tensor<B, 1>>>,
    /// Layer weights if they are constant, else empty.
    #[module(skip)]
    constant_weights: Vec<f32>,
    /// The same while training, where fewer layers may count.
    #[module(skip)]
    training_weights: Vec<f32>,
    #[module(skip)]
    nodes: NodeCounts,
}

impl<B: Backend> LightGcn<B> {
    /// The current weights of the layers, one for layer 0 and one for each layer; read back from
    /// the device if they are learned.
    pub fn layer_weights(&self) -> Vec<f32> {
        match &self.weight_logits {
            None => self.constant_weights.clone(),
            Some(logits) => softmax(logits.val(), 0).into_data().iter().collect(),
        }
    }
}

impl<B: SparseBackend> EmbeddingModel<B> for LightGcn<B> {
    fn nodes(&self) -> &NodeCounts {
        &self.nodes
    }

    fn table(&self) -> &Param<Tensor<B, 2>> {
        &self.embedding
    }

    fn table_mut(&mut self) -> &mut Param<Tensor<B, 2>> {
        &mut self.embedding
    }

    fn embeddings(&self, graphs: &Graphs<B>, mode: ForwardMode) -> Tensor<B, 2> {
        let graph = assert_graph("LightGcn", graphs, &self.nodes);
        let constant_weights = match mode {
            ForwardMode::Inference => &self.constant_weights,
            ForwardMode::Training { .. } => &self.training_weights,
        };
        match &self.weight_logits {
            None => propagate(graph, self.embedding.val(), constant_weights),
            Some(logits) => mix_layers(graph, self.embedding.val(), logits.val()),
        }
    }

    fn linear_layer_weights(&self) -> Option<Vec<f32>> {
        match self.weight_logits {
            None => Some(self.constant_weights.clone()),
            Some(_) => None,
        }
    }

    fn training_layer_weights(&self) -> Option<Vec<f32>> {
        match self.weight_logits {
            None => Some(self.training_weights.clone()),
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
    use super::super::MOST_LAYERS;
    use super::*;

    #[test]
    fn every_issue_is_listed() {
        let config = LightGcnConfig {
            dimension: 0,
            layers: 9,
            layer_weights: LayerWeights::Given(vec![0.0, f32::INFINITY]),
            initializer: EmbeddingInitializer::Normal { std: 0.0 },
            ..LightGcnConfig::default()
        };
        let (layers, most) = (9, MOST_LAYERS);
        let value = f32::INFINITY;
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: "lightgcn",
                issues: vec![
                    ConfigIssue::ZeroDimension,
                    ConfigIssue::TooManyLayers { layers, most },
                    ConfigIssue::LayerWeightCount { layers, found: 2 },
                    ConfigIssue::LayerWeightNotFinite { layer: 1, value },
                    ConfigIssue::StandardDeviation { value: 0.0 },
                ]
            })
        );
    }

    #[test]
    fn attributes_are_nodes_of_the_one_graph() {
        let json = r#"{"attributes": ["brand", "price:5"]}"#;
        let mut config: LightGcnConfig = serde_json::from_str(json).unwrap();
        let graphs = config.graphs();
        let edges = graphs[0].edges.iter().map(ToString::to_string);
        assert_eq!(edges.collect::<Vec<_>>(), ["behaviors", "brand", "price:5"]);
        assert_eq!(graphs.len(), 1);

        config.attributes.push(config.attributes[0]);
        let name = "brand".to_owned();
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: "lightgcn",
                issues: vec![ConfigIssue::ListedTwice { name }],
            })
        );
    }

    #[test]
    fn relations_are_edges_of_the_one_graph() {
        let known = ["genre", "actor"].map(str::to_owned);
        let edges = |relations: &str| {
            let json = format!(r#"{{"relations": {relations}}}"#);
            let config: LightGcnConfig = serde_json::from_str(&json).unwrap();
            let graphs = config.with_relations(&known).graphs();
            let edges = graphs[0].edges.iter().map(ToString::to_string);
            edges.collect::<Vec<_>>()
        };
        assert_eq!(edges(r#"["actor"]"#), ["behaviors", "actor"]);
        assert_eq!(edges(r#"["all"]"#), ["behaviors", "genre", "actor"]);
        assert_eq!(edges("[]"), ["behaviors"]);

        let relations = ["genre", "genre"].map(str::to_owned).to_vec();
        let config = LightGcnConfig {
            relations,
            ..LightGcnConfig::default()
        };
        assert!(config.check().is_err());
    }

    #[test]
    fn weights_that_are_all_zero_or_missing_are_issues() {
        assert_eq!(
            weight_issues(&[0.0; 3], 2),
            [ConfigIssue::LayerWeightsAllZero]
        );
        let found = 0;
        assert_eq!(
            weight_issues(&[], 2),
            [ConfigIssue::LayerWeightCount { layers: 2, found }]
        );
        assert_eq!(weight_issues(&[0.5, 0.0, -0.5], 2), []);
    }

    #[test]
    fn files_name_the_layer_weights_and_the_initializer() {
        let json = r#"{"layer_weights": {"given": [1.0]}, "layers": 0, "init_std": 0.1}"#;
        let config: LightGcnConfig = serde_json::from_str(json).unwrap();
        assert_eq!(config.layer_weights, LayerWeights::Given(vec![1.0]));
        assert_eq!(config.initializer, EmbeddingInitializer::PUBLISHED);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<LightGcnConfig>(&json).unwrap(),
            config
        );
        assert!(serde_json::from_str::<LightGcnConfig>(r#"{"layerz": 2}"#).is_err());
    }
}
