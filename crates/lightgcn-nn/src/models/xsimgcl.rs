//! XSimGCL.

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use lightgcn_graph::{AdjacencyRequest, NodeCounts, Normalization};
use lightgcn_kernels::{RowIndices, SparseBackend, gather_rows, propagate, sparse_dense};
use serde::{Deserialize, Serialize};

use super::info_nce::{contrast_issues, info_nce};
use super::{assert_graph, layer_issue, pair_graph};
use crate::config::{Footprint, GradientBackend, ModelConfig};
use crate::embedding_model::EmbeddingModel;
use crate::error::{ConfigIssue, NnError, no_issues};
use crate::graphs::Graphs;
use crate::init::{EmbeddingInitializer, Stream, uniform};
use crate::mode::ForwardMode;
use crate::training_pass::{TrainingPass, TrainingStep};

/// Config of [`XSimGcl`]. The default is that of the authors' code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct XSimGclConfig {
    /// Columns of the embeddings, positive. Default: 64.
    pub dimension: usize,
    /// Number of layers, 1 to 8. Default: 2.
    pub layers: usize,
    /// The layer that the final embeddings are contrasted with, l* in the paper: 0, the table, to
    /// `layers`. Default: 1.
    pub contrast_layer: usize,
    /// Length ε of the noise that is added to each row of each layer in training, not negative.
    /// Default: 0.2.
    pub noise: f64,
    /// Temperature τ of the contrastive loss, 0.01 to 100. Default: 0.15.
    pub temperature: f64,
    /// Weight of the contrastive loss (λ in the paper), relative to the ranking loss; not negative. 0
    /// turns it off. Default: 0.2.
    pub contrast_weight: f64,
    /// Whether edges carry their pairs' weights; otherwise every edge weighs 1. Default: true.
    pub edge_weights: bool,
    /// Where the initial embeddings come from; `init_std` in files. Default: Xavier.
    #[serde(rename = "init_std")]
    pub initializer: EmbeddingInitializer,
}

impl Default for XSimGclConfig {
    fn default() -> Self {
        Self {
            dimension: 64,
            layers: 2,
            contrast_layer: 1,
            noise: 0.2,
            temperature: 0.15,
            contrast_weight: 0.2,
            edge_weights: true,
            initializer: EmbeddingInitializer::XavierUniform,
        }
    }
}

impl XSimGclConfig {
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
    ) -> Result<XSimGcl<B>, NnError> {
        self.check()?;
        Ok(XSimGcl {
            embedding: self
                .initializer
                .table(nodes, self.dimension, seed, device)?,
            layers: self.layers,
            contrast_layer: self.contrast_layer,
            noise: self.noise,
            temperature: self.temperature,
            contrast_weight: self.contrast_weight,
            nodes: nodes.clone(),
        })
    }
}

impl ModelConfig for XSimGclConfig {
    const NAME: &'static str = "xsimgcl";
    type Module<B: GradientBackend> = XSimGcl<B>;

    fn check(&self) -> Result<(), NnError> {
        let mut issues = Vec::from_iter(ConfigIssue::dimension(self.dimension));
        issues.extend(layer_issue(self.layers, 1));
        let (contrast_layer, layers) = (self.contrast_layer, self.layers);
        if contrast_layer > layers {
            issues.push(ConfigIssue::ContrastLayer {
                contrast_layer,
                layers,
            });
        }
        let value = self.noise;
        if !(value.is_finite() && value >= 0.0) {
            issues.push(ConfigIssue::Noise { value });
        }
        issues.extend(contrast_issues(self.contrast_weight, self.temperature));
        issues.extend(self.initializer.issue());
        no_issues(Self::NAME, issues)
    }

    fn graphs(&self) -> Vec<AdjacencyRequest> {
        pair_graph(Normalization::Symmetric, self.edge_weights)
    }

    fn footprint(&self) -> Footprint {
        Footprint::autodiff(self.dimension, self.layers)
    }

    fn with_dimension(self, dimension: usize) -> Self {
        Self { dimension, ..self }
    }

    /// The layer to contrast with stays where it is, or becomes the last one.
    fn with_layers(self, layers: usize) -> Option<Self> {
        let contrast_layer = self.contrast_layer.min(layers);
        Some(Self {
            layers,
            contrast_layer,
            ..self
        })
    }

    fn init<B: GradientBackend>(
        &self,
        nodes: &NodeCounts,
        seed: u64,
        device: &B::Device,
    ) -> Result<XSimGcl<B>, NnError> {
        Self::init(self, nodes, seed, device)
    }
}

/// XSimGCL: LightGCN without layer 0 among its outputs, whose layers get noise in training, and a
/// contrastive loss between the final embeddings and those of one layer, from the same forward pass:
///
/// ```text
/// E_k     = Â E_{k-1} + sign(Â E_{k-1}) ⊙ Δ_k          in training; Δ_k ≥ 0, rows of length ε
/// E_final = 1/K · Σ_{k=1..K} E_k
/// L       = L_ranking + λ ( InfoNCE(E_final, E_l*) over the batch's users + the same over its items )
/// ```
///
/// The elements of Δ are drawn uniformly from 0 to 1 before its rows are scaled. A user or an item
/// counts once in a batch, however many pairs it has. Without noise the final embeddings are linear
/// in the table, so that scores are sums over paths, as LightGCN's.
///
/// O(n_nodes · dim) on the host for each layer's noise, and [`info_nce`] of the batch.
///
/// Source: Yu et al., *XSimGCL: Towards Extremely Simple Graph Contrastive Learning for
/// Recommendation*, TKDE 2023; layer 0 is left out, and users and items count once, as in the
/// authors' code. Made by [`XSimGclConfig`].
#[derive(Module, Debug)]
pub struct XSimGcl<B: Backend> {
    /// Layer 0, `[n_nodes, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    layers: usize,
    contrast_layer: usize,
    noise: f64,
    temperature: f64,
    contrast_weight: f64,
    #[module(skip)]
    nodes: NodeCounts,
}

impl<B: SparseBackend> XSimGcl<B> {
    /// The final embeddings and those to contrast them with, `[n_nodes, dim]` each, with given noise
    /// for each layer, from 1: not negative, `[n_nodes, dim]`, or none.
    ///
    /// # Panics
    ///
    /// If the graph or noise has another number of rows than the model.
    pub fn views(
        &self,
        graphs: &Graphs<B>,
        noise: impl Fn(usize) -> Option<Tensor<B, 2>>,
    ) -> [Tensor<B, 2>; 2] {
        let graph = assert_graph("XSimGcl", graphs, &self.nodes);
        let mut x = self.embedding.val();
        let mut contrasted = x.clone();
        let mut outputs = Vec::with_capacity(self.layers);
        for layer in 1..=self.layers {
            x = sparse_dense(graph, x);
            if let Some(noise) = noise(layer) {
                // The sign is a constant almost everywhere.
                x = x.clone() + x.detach().sign() * noise;
            }
            if layer == self.contrast_layer {
                contrasted = x.clone();
            }
            outputs.push(x.clone());
        }
        let sum = outputs.into_iter().reduce(|sum, output| sum + output);
        let sum = sum.expect("there is a layer, which the config checks");
        [sum.div_scalar(self.layers as f64), contrasted]
    }

    /// The contrastive loss of two [`views`](Self::views), `[1]`, over the distinct users and items of a
    /// batch: [`info_nce`] of the users plus that of the items.
    ///
    /// # Panics
    ///
    /// If there is no user or no item, or an id is out of range.
    pub fn contrastive_loss(
        &self,
        [first, second]: [Tensor<B, 2>; 2],
        users: &[u32],
        items: &[u32],
    ) -> Tensor<B, 1> {
        let (device, n_users) = (first.device(), self.n_users() as u32);
        let items: Vec<u32> = items.iter().map(|item| n_users + item).collect();
        let of = |rows: &[u32]| {
            let rows = RowIndices::from_slice(&distinct(rows), self.n_nodes(), &device);
            let view = |table: &Tensor<B, 2>| gather_rows(table.clone(), &rows);
            info_nce(view(&first), view(&second), self.temperature)
        };
        of(users) + of(&items)
    }

    /// The noise of a layer, by which rows of a training pass with this seed are moved.
    fn draw_noise(&self, seed: u64, layer: usize) -> Option<Tensor<B, 2>> {
        if self.noise == 0.0 {
            return None;
        }
        let table = self.embedding.val();
        let stream = Stream::noise(seed, layer as u64);
        let noise = noise_rows(table.dims(), self.noise, stream);
        Some(Tensor::from_data(noise, &table.device()))
    }

    /// The weights of the layers without noise.
    fn layer_weights(&self) -> Vec<f32> {
        let mut weights = vec![1.0 / self.layers as f32; self.layers + 1];
        weights[0] = 0.0;
        weights
    }
}

impl<B: SparseBackend> EmbeddingModel<B> for XSimGcl<B> {
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
        match mode {
            ForwardMode::Inference => {
                let graph = assert_graph("XSimGcl", graphs, &self.nodes);
                propagate(graph, self.embedding.val(), &self.layer_weights())
            }
            ForwardMode::Training { seed } => {
                let [embeddings, _] = self.views(graphs, |layer| self.draw_noise(seed, layer));
                embeddings
            }
        }
    }

    fn training_pass(&self, graphs: &Graphs<B>, step: &TrainingStep<'_>) -> TrainingPass<B> {
        let views = self.views(graphs, |layer| self.draw_noise(step.seed, layer));
        let embeddings = views[0].clone();
        let auxiliary_loss = (self.contrast_weight > 0.0).then(|| {
            let loss = self.contrastive_loss(views, step.users, step.items);
            loss.mul_scalar(self.contrast_weight)
        });
        TrainingPass {
            embeddings: Some(embeddings),
            auxiliary_loss,
        }
    }

    fn linear_layer_weights(&self) -> Option<Vec<f32>> {
        Some(self.layer_weights())
    }

    /// None: training has noise and a loss of its own.
    fn training_layer_weights(&self) -> Option<Vec<f32>> {
        None
    }
}

/// The ids, each once, ascending.
fn distinct(ids: &[u32]) -> Vec<u32> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Rows of this length whose elements are drawn uniformly from 0 to 1 and then scaled.
fn noise_rows([n_rows, n_columns]: [usize; 2], length: f64, stream: Stream) -> TensorData {
    let mut elements = Vec::with_capacity(n_rows * n_columns);
    for row in 0..n_rows {
        let row_stream = stream.row(row);
        let draw = |column| uniform(row_stream.draw(column));
        let squares: f64 = (0..n_columns).map(|column| draw(column).powi(2)).sum();
        let scale = length / squares.sqrt().max(f64::MIN_POSITIVE);
        elements.extend((0..n_columns).map(|column| (scale * draw(column)) as f32));
    }
    TensorData::new(elements, [n_rows, n_columns])
}

#[cfg(test)]
mod tests {
    use super::super::MOST_LAYERS;
    use super::*;

    #[test]
    fn every_issue_is_listed() {
        let config = XSimGclConfig {
            dimension: 0,
            layers: 9,
            contrast_layer: 10,
            noise: f64::INFINITY,
            temperature: 0.0,
            contrast_weight: -0.5,
            initializer: EmbeddingInitializer::Normal { std: 0.0 },
            ..XSimGclConfig::default()
        };
        let (layers, most, contrast_layer) = (9, MOST_LAYERS, 10);
        let value = f64::INFINITY;
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: "xsimgcl",
                issues: vec![
                    ConfigIssue::ZeroDimension,
                    ConfigIssue::TooManyLayers { layers, most },
                    ConfigIssue::ContrastLayer {
                        contrast_layer,
                        layers
                    },
                    ConfigIssue::Noise { value },
                    ConfigIssue::ContrastWeight { value: -0.5 },
                    ConfigIssue::Temperature { value: 0.0 },
                    ConfigIssue::StandardDeviation { value: 0.0 },
                ]
            })
        );
        let none = XSimGclConfig::default().with_layers(0).unwrap();
        let issues = vec![ConfigIssue::NoLayers];
        let config = "xsimgcl";
        assert_eq!(none.check(), Err(NnError::Config { config, issues }));
        assert_eq!(XSimGclConfig::default().check(), Ok(()));
    }

    #[test]
    fn fewer_layers_move_the_contrast_to_the_last() {
        let config = XSimGclConfig {
            layers: 3,
            contrast_layer: 3,
            ..XSimGclConfig::default()
        };
        let fewer = config.clone().with_layers(2).unwrap();
        assert_eq!((fewer.layers, fewer.contrast_layer), (2, 2));
        let more = config.with_layers(4).unwrap();
        assert_eq!((more.layers, more.contrast_layer), (4, 3));
    }

    #[test]
    fn noise_has_the_length_asked_for_and_fills_its_range() {
        let (n_rows, n_columns) = (400, 50);
        let stream = |seed, layer| Stream::noise(seed, layer);
        let rows = |stream| -> Vec<f32> {
            let data = noise_rows([n_rows, n_columns], 0.5, stream);
            data.iter::<f32>().collect()
        };
        let noise = rows(stream(7, 1));
        for row in noise.chunks(n_columns) {
            let length = row.iter().map(|e| e * e).sum::<f32>().sqrt();
            assert!((length - 0.5).abs() < 1e-6, "{length}");
            assert!(row.iter().all(|e| *e >= 0.0));
        }
        // Elements of a row are uniform up to its scale: about half are above the middle of its range.
        let above = noise.chunks(n_columns).map(|row| {
            let most = row.iter().fold(0.0_f32, |most, e| most.max(*e));
            row.iter().filter(|e| **e > most / 2.0).count()
        });
        let share = above.sum::<usize>() as f64 / noise.len() as f64;
        // The largest of 50 is 0.98 on average; the standard deviation of the share is 0.0035.
        assert!((share - 0.51).abs() < 0.02, "{share}");

        assert_eq!(noise, rows(stream(7, 1)));
        assert_ne!(noise, rows(stream(8, 1)));
        assert_ne!(noise, rows(stream(7, 2)));
        let fewer = noise_rows([3, n_columns], 0.5, stream(7, 1));
        let fewer: Vec<f32> = fewer.iter::<f32>().collect();
        assert_eq!(fewer, noise[..3 * n_columns]);
    }
}
