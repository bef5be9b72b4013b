//! KGAT.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::log_sigmoid;
use burn::tensor::backend::Backend;
use lightgcn_graph::{
    AdjacencyRequest, AdjacencyShape, EdgeType, EdgeWeights, ItemAttribute, NodeCounts,
    Normalization,
};
use lightgcn_kernels::{
    CsrSlices, RowIndices, SparseBackend, SparseMatrix, concatenate, gather_rows, pair_dots,
};
use serde::{Deserialize, Serialize};

use super::{layer_issue, repeated, resolve_all, side_by_side, total_width, width_issues};
use crate::config::{Footprint, GradientBackend, ModelConfig};
use crate::edge_attention::EdgeAttention;
use crate::embedding_model::EmbeddingModel;
use crate::error::{ConfigIssue, NnError, no_issues};
use crate::facts::{Fact, draw};
use crate::graphs::Graphs;
use crate::init::{EmbeddingInitializer, Stream, check_nodes, xavier_parameter};
use crate::layers::{BiInteraction, activation_issues};
use crate::mode::ForwardMode;
use crate::relations::{Relations, softmax};
use crate::training_pass::{TrainingPass, TrainingStep};

/// Config of [`Kgat`]. The default is that of the authors' code but for what its fields say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KgatConfig {
    /// Columns of the initial embeddings, positive. Default: 64.
    pub dimension: usize,
    /// Columns of the spaces in which relations are translations, positive. Default: 64.
    pub relation_dimension: usize,
    /// Columns of each layer's output, all positive, at most 8 layers. Default: 64, 32 and 16.
    pub layer_widths: Vec<usize>,
    /// Probability that an element of a layer's output is dropped in training, in [0, 1).
    /// Default: 0.1.
    pub message_dropout: f64,
    /// Slope of LeakyReLU for negative inputs. Default: 0.2.
    pub negative_slope: f64,
    /// The relations of the dataset's knowledge graph that count. Default: all of them.
    pub relations: Vec<String>,
    /// Attributes of items that count as relations too, as in
    /// [`LightGcnConfig`](super::LightGcnConfig). Default: none.
    pub attributes: Vec<ItemAttribute>,
    /// How many facts a training step draws for the loss of translations; with 0 there is no such loss.
    /// Default: 1024.
    pub facts_per_step: usize,
    /// Weight of the translation loss, relative to the ranking loss; not negative. Default: 1, as in the
    /// paper's equation 13.
    pub translation_weight: f64,
    /// Where the initial embeddings come from; `init_std` in files. Default: Xavier.
    #[serde(rename = "init_std")]
    pub initializer: EmbeddingInitializer,
}

impl Default for KgatConfig {
    fn default() -> Self {
        Self {
            dimension: 64,
            relation_dimension: 64,
            layer_widths: vec![64, 32, 16],
            message_dropout: 0.1,
            negative_slope: 0.2,
            relations: Vec::new(),
            attributes: Vec::new(),
            facts_per_step: 1024,
            translation_weight: 1.0,
            initializer: EmbeddingInitializer::XavierUniform,
        }
    }
}

impl KgatConfig {
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
    ) -> Result<Kgat<B>, NnError> {
        self.check()?;
        check_nodes(nodes, self.output_dimension())?;
        let activation = (self.message_dropout, self.negative_slope);
        let inputs = std::iter::once(&self.dimension).chain(&self.layer_widths);
        let layers = inputs.zip(&self.layer_widths).enumerate();
        let layers = layers.map(|(layer, (&d_input, &d_output))| {
            BiInteraction::new([d_input, d_output], activation, seed, layer, device)
        });
        let (dim, width) = (self.dimension, self.relation_dimension);
        let n_layers = self.layer_widths.len();
        let relations = (0..2 * self.graphs().len()).map(|relation| {
            let stream = Stream::layer(seed, (n_layers + relation) as u64);
            Relation {
                map: xavier_parameter([dim, width], [dim, width], stream.tensor(0), device),
                translation: xavier_parameter([1, width], [1, width], stream.tensor(1), device),
            }
        });
        Ok(Kgat {
            embedding: self.initializer.table(nodes, dim, seed, device)?,
            layers: layers.collect(),
            relations: relations.collect(),
            facts_per_step: self.facts_per_step,
            translation_weight: self.translation_weight,
            attention: None,
            nodes: nodes.clone(),
        })
    }

    /// The table and all layers side by side.
    fn output_dimension(&self) -> usize {
        total_width(self.dimension, &self.layer_widths)
    }
}

impl ModelConfig for KgatConfig {
    const NAME: &'static str = "kgat";
    const SHAPE_FIELDS: &'static [&'static str] = &[
        "dimension",
        "relation_dimension",
        "layer_widths",
        "relations",
        "attributes",
    ];
    type Module<B: GradientBackend> = Kgat<B>;

    fn check(&self) -> Result<(), NnError> {
        let mut issues = Vec::from_iter(ConfigIssue::dimension(self.dimension));
        if self.relation_dimension == 0 {
            issues.push(ConfigIssue::ZeroRelationDimension);
        }
        issues.extend(layer_issue(self.layer_widths.len(), 1));
        issues.extend(width_issues(&self.layer_widths));
        issues.extend(activation_issues(self.message_dropout, self.negative_slope));
        issues.extend(repeated(&self.attributes));
        issues.extend(repeated(&self.relations));
        let value = self.translation_weight;
        if !(value.is_finite() && value >= 0.0) {
            issues.push(ConfigIssue::TranslationWeight { value });
        }
        issues.extend(self.initializer.issue());
        no_issues(Self::NAME, issues)
    }

    /// One directed graph for the pairs of users and items, for each attribute and for each relation.
    fn graphs(&self) -> Vec<AdjacencyRequest> {
        let attributes = self.attributes.iter().copied().map(EdgeType::Attribute);
        let relations = self.relations.iter().cloned().map(EdgeType::Relation);
        let types = std::iter::once(EdgeType::Behaviors);
        let request = |edge_type| AdjacencyRequest {
            edges: vec![edge_type],
            weights: EdgeWeights::One,
            normalization: Normalization::None,
            shape: AdjacencyShape::Directed,
        };
        types
            .chain(attributes)
            .chain(relations)
            .map(request)
            .collect()
    }

    fn footprint(&self) -> Footprint {
        Footprint::autodiff(self.output_dimension(), self.layer_widths.len())
    }

    /// Layers and relations as wide as the embeddings stay so.
    fn with_dimension(mut self, dimension: usize) -> Self {
        let widths = self.layer_widths.iter_mut();
        for width in widths.chain([&mut self.relation_dimension]) {
            if *width == self.dimension {
                *width = dimension;
            }
        }
        Self { dimension, ..self }
    }

    /// Each layer half as wide as the one before, the first as wide as the embeddings.
    fn with_layers(self, layers: usize) -> Option<Self> {
        let widths = (0..layers as u32).map(|n| self.dimension.checked_shr(n).unwrap_or(0).max(1));
        Some(Self {
            layer_widths: widths.collect(),
            ..self
        })
    }

    fn with_relations(self, relations: &[String]) -> Self {
        let relations = match self.relations.is_empty() {
            true => relations.to_vec(),
            false => resolve_all(self.relations, relations),
        };
        Self { relations, ..self }
    }

    fn init<B: GradientBackend>(
        &self,
        nodes: &NodeCounts,
        seed: u64,
        device: &B::Device,
    ) -> Result<Kgat<B>, NnError> {
        Self::init(self, nodes, seed, device)
    }
}

/// A relation, in the space of which it is a translation from heads to tails.
#[derive(Module, Debug)]
pub struct Relation<B: Backend> {
    /// `W_r`, `[dim, relation_dim]`.
    pub map: Param<Tensor<B, 2>>,
    /// `e_r`, `[1, relation_dim]`.
    pub translation: Param<Tensor<B, 2>>,
}

/// KGAT: layers of [`BiInteraction`] over one graph of users, items and entities, in which every node
/// attends to its neighbors by how well the relation between them translates one to the other:
///
/// ```text
/// π(h, r, t) = (W_r e_t)ᵀ tanh(W_r e_h + e_r)      A_ht = Σ_r softmax of π over all (r, t) at h
/// E_final = [ E ‖ E₁ / ‖E₁‖ ‖ E₂ / ‖E₂‖ ‖ ... ]    E_k = BiInteraction_k(A, E_{k-1})
/// ```
///
/// The relations are the pairs of users and items, attributes and the relations of the knowledge graph,
/// and the inverse of each. To the ranking loss of every step the model adds that of translations
/// ([`training_pass`](EmbeddingModel::training_pass)), on edges drawn uniformly, each with a node drawn
/// uniformly in place of its tail:
///
/// ```text
/// L = mean −ln σ(g(h, r, t') − g(h, r, t))         g(h, r, t) = ‖W_r e_h + e_r − W_r e_t‖²
/// ```
///
/// As in the authors' code, attention is not differentiated. They compute it once an epoch and train the
/// two losses in turns; here it follows the parameters at every step, so that a step depends on nothing but
/// the parameters and a resumed run repeats an uninterrupted one, and the losses are added up, which is the
/// paper's equation 13.
///
/// Source: Wang et al., *KGAT: Knowledge Graph Attention Network for Recommendation*, KDD 2019,
/// equations 1 to 13. Made by [`KgatConfig`].
#[derive(Module, Debug)]
pub struct Kgat<B: Backend> {
    /// Layer 0, `[n_nodes, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    /// The layers, in order.
    pub layers: Vec<BiInteraction<B>>,
    /// The relations: two for each graph, along its edges and against them.
    pub relations: Vec<Relation<B>>,
    facts_per_step: usize,
    translation_weight: f64,
    /// The attention, where it is held.
    attention: Option<SparseMatrix<B>>,
    #[module(skip)]
    nodes: NodeCounts,
}

/// Elements of the largest tensor with a row for each edge: 16 MiB of `f32`.
const CHUNK_ELEMENTS: usize = 4 << 20;

impl<B: SparseBackend> EmbeddingModel<B> for Kgat<B> {
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
        let attention = match &self.attention {
            Some(attention) => attention.clone(),
            None => self.attention(graphs),
        };
        side_by_side(self.embedding.val(), &self.layers, |layer, x| {
            layer.forward(&attention, x, mode)
        })
    }

    fn training_pass(&self, graphs: &Graphs<B>, step: &TrainingStep<'_>) -> TrainingPass<B> {
        let seed = step.seed;
        let embeddings = self.embeddings(graphs, ForwardMode::Training { seed });
        let auxiliary_loss =
            (self.facts_per_step > 0 && self.translation_weight > 0.0).then(|| {
                let facts = draw(
                    graphs.relations(),
                    self.n_nodes(),
                    self.facts_per_step,
                    seed,
                );
                let loss = self.translation_loss(&facts);
                loss.mul_scalar(self.translation_weight)
            });
        TrainingPass {
            embeddings: Some(embeddings),
            auxiliary_loss,
        }
    }

    fn edge_attention(&self, graphs: &Graphs<B>) -> Option<EdgeAttention> {
        let relations = graphs.relations();
        Some(EdgeAttention::new(relations, self.weights(relations)))
    }

    fn held(self, graphs: &Graphs<B>) -> Self {
        let attention = Some(self.attention(graphs));
        Self { attention, ..self }
    }
}

impl<B: SparseBackend> Kgat<B> {
    /// What each node takes of its neighbors, `[n_nodes, n_nodes]`: rows sum to 1, or are empty. A neighbor by
    /// several relations has an entry for each. It has no gradient.
    ///
    /// O(edges · relation_dim + Σ over graphs of their nodes · dim · relation_dim).
    ///
    /// # Panics
    ///
    /// If there are not half as many graphs as relations, or a graph has another number of nodes.
    #[must_use]
    pub fn attention(&self, graphs: &Graphs<B>) -> SparseMatrix<B> {
        let (n_graphs, n_nodes) = (graphs.all().len(), self.n_nodes());
        let fits = |g: &SparseMatrix<B>| g.n_rows() == n_nodes && g.n_columns() == n_nodes;
        assert!(
            2 * n_graphs == self.relations.len() && graphs.all().iter().all(fits),
            "Kgat: {} square graphs of {n_nodes} nodes are needed",
            self.relations.len() / 2
        );
        let relations = graphs.relations();
        let csr = CsrSlices {
            n_columns: n_nodes,
            row_offsets: &relations.offsets,
            columns: &relations.tails,
            values: &self.weights(relations),
        };
        let device = self.embedding.val().device();
        SparseMatrix::from_csr(csr, false, &device).unwrap_or_else(|error| {
            panic!("Kgat: the embeddings are not finite, or the graph is too large: {error}")
        })
    }

    /// The attention of every edge, by heads.
    fn weights(&self, relations: &Relations) -> Vec<f32> {
        let scores = self.scores(relations);
        let in_order = relations.numbers.iter();
        let mut weights: Vec<f32> = in_order.map(|&number| scores[number as usize]).collect();
        for range in relations.offsets.windows(2) {
            softmax(&mut weights[range[0] as usize..range[1] as usize]);
        }
        weights
    }

    /// π of every edge, relation after relation.
    fn scores(&self, relations: &Relations) -> Vec<f32> {
        let table = self.embedding.val().detach();
        let device = table.device();
        let n_nodes = self.n_nodes();
        let mut scores = Vec::with_capacity(relations.n_edges());
        for (ends, pair) in relations.graphs.iter().zip(self.relations.chunks(2)) {
            let nodes = RowIndices::from_slice(&ends.nodes, n_nodes, &device);
            let nodes = gather_rows(table.clone(), &nodes);
            for (against, relation) in [false, true].into_iter().zip(pair) {
                let mapped = nodes.clone().matmul(relation.map.val().detach());
                let moved = (mapped.clone() + relation.translation.val().detach()).tanh();
                let chunk = (CHUNK_ELEMENTS / mapped.dims()[1]).max(1);
                let (heads, tails) = ends.places(against);
                for (heads, tails) in heads.chunks(chunk).zip(tails.chunks(chunk)) {
                    let rows = |places| RowIndices::from_slice(places, ends.nodes.len(), &device);
                    let (heads, tails) = (rows(heads), rows(tails));
                    let dots = pair_dots(moved.clone(), &heads, mapped.clone(), &tails);
                    scores.extend(dots.into_data().convert::<f32>().iter::<f32>());
                }
            }
        }
        scores
    }

    /// The loss of translations of some facts, `[1]`: `mean −ln σ(g(h, r, t') − g(h, r, t))`.
    ///
    /// # Panics
    ///
    /// If there is none, or if one names a node or a relation that the model does not have.
    pub fn translation_loss(&self, facts: &[Fact]) -> Tensor<B, 1> {
        let mut facts: Vec<&Fact> = facts.iter().collect();
        facts.sort_by_key(|fact| fact.relation);
        // Looked up at once: the gradient of every lookup is a table of all nodes.
        let ends: [fn(&Fact) -> u32; 3] = [|f| f.head, |f| f.tail, |f| f.other];
        let ids = ends
            .iter()
            .flat_map(|end| facts.iter().map(move |fact| end(fact)));
        let table = self.embedding.val();
        let ids = RowIndices::from_slice(&Vec::from_iter(ids), self.n_nodes(), &table.device());
        let rows = gather_rows(table, &ids);
        let mut first = 0;
        let differences = facts
            .chunk_by(|a, b| a.relation == b.relation)
            .map(|known| {
                let relation = &self.relations[known[0].relation];
                let start = first;
                first += known.len();
                let map = |end: usize| {
                    let rows = rows.clone();
                    let rows = rows.narrow(0, end * facts.len() + start, known.len());
                    rows.matmul(relation.map.val())
                };
                let moved = map(0) + relation.translation.val();
                let distance = |end: usize| {
                    let difference = moved.clone() - map(end);
                    (difference.clone() * difference).sum_dim(1)
                };
                distance(2) - distance(1)
            });
        let differences: Tensor<B, 2> = concatenate(differences.collect(), 0);
        let [n, _] = differences.dims();
        log_sigmoid(differences).reshape([n]).mean().neg()
    }
}

#[cfg(test)]
mod tests {
    use super::super::MOST_LAYERS;
    use super::*;

    #[test]
    fn every_issue_is_listed() {
        let config = KgatConfig {
            dimension: 0,
            relation_dimension: 0,
            layer_widths: vec![4, 0, 4, 4, 4, 4, 4, 4, 4],
            message_dropout: 1.0,
            relations: ["a", "a"].map(str::to_owned).to_vec(),
            translation_weight: -1.0,
            ..KgatConfig::default()
        };
        let (layers, most) = (9, MOST_LAYERS);
        let name = "a".to_owned();
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: "kgat",
                issues: vec![
                    ConfigIssue::ZeroDimension,
                    ConfigIssue::ZeroRelationDimension,
                    ConfigIssue::TooManyLayers { layers, most },
                    ConfigIssue::ZeroWidth { layer: 2 },
                    ConfigIssue::Dropout { value: 1.0 },
                    ConfigIssue::ListedTwice { name },
                    ConfigIssue::TranslationWeight { value: -1.0 },
                ]
            })
        );
        assert_eq!(KgatConfig::default().check(), Ok(()));
    }

    #[test]
    fn the_dataset_names_the_relations_unless_the_config_does() {
        let known = ["genre", "actor"].map(str::to_owned);
        let edges = |config: KgatConfig| -> Vec<String> {
            let graphs = config.with_relations(&known).graphs();
            graphs
                .iter()
                .map(|graph| graph.edges[0].to_string())
                .collect()
        };
        assert_eq!(
            edges(KgatConfig::default()),
            ["behaviors", "genre", "actor"]
        );
        let config = KgatConfig {
            relations: vec!["actor".to_owned()],
            attributes: vec!["brand".parse().unwrap()],
            ..KgatConfig::default()
        };
        assert_eq!(edges(config), ["behaviors", "brand", "actor"]);
    }

    #[test]
    fn layers_narrow_and_follow_the_dimension() {
        let config = KgatConfig::default().with_dimension(32);
        assert_eq!(config.layer_widths, [32, 32, 16]);
        assert_eq!(config.relation_dimension, 32);
        assert_eq!(config.with_layers(2).unwrap().layer_widths, [32, 16]);
    }
}
