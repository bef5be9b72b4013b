//! SASRec.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use lightgcn_graph::{AdjacencyRequest, NodeCounts, Normalization};
use lightgcn_kernels::{RowIndices, SparseBackend, concatenate, gather_rows};
use serde::{Deserialize, Serialize};

use super::info_nce::temperature_issue;
use super::{items_only, layer_issue, log_sum_exp, pair_graph};
use crate::config::{Footprint, GradientBackend, ModelConfig};
use crate::embedding_model::EmbeddingModel;
use crate::error::{ConfigIssue, NnError, no_issues};
use crate::graphs::Graphs;
use crate::init::{EmbeddingInitializer, Stream, xavier_parameter};
use crate::layers::{CausalBlock, activation_issues};
use crate::mode::ForwardMode;
use crate::sequences::Sequences;
use crate::training_pass::{TrainingPass, TrainingStep};

/// Config of [`SasRec`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SasRecConfig {
    /// Columns of the embeddings, positive. Default: 64.
    pub dimension: usize,
    /// Number of blocks, 1 to 8. Default: 2.
    pub layers: usize,
    /// How many of a user's latest items count, 2 to 1,000. Default: 50.
    pub sequence_length: usize,
    /// Probability that an element is dropped in training, of the inputs and after both parts of each
    /// block, in [0, 1). Default: 0.2.
    pub dropout: f64,
    /// How many of a batch's users a training step takes, positive. Default: 64.
    pub users_per_step: usize,
    /// How many items a training step draws uniformly as negatives, in addition to the next items of its
    /// other places. Default: 256.
    pub negatives: usize,
    /// Temperature τ of the loss, 0.01 to 100. Default: 1.
    pub temperature: f64,
    /// Where the initial embeddings of items come from; `init_std` in files. Default: Xavier.
    #[serde(rename = "init_std")]
    pub initializer: EmbeddingInitializer,
}

impl Default for SasRecConfig {
    fn default() -> Self {
        Self {
            dimension: 64,
            layers: 2,
            sequence_length: 50,
            dropout: 0.2,
            users_per_step: 64,
            negatives: 256,
            temperature: 1.0,
            initializer: EmbeddingInitializer::XavierUniform,
        }
    }
}

/// The longest sequences: attention takes the square of their length.
const LONGEST: usize = 1000;

/// How many users are propagated at once for the final embeddings.
const USERS_AT_ONCE: usize = 256;

impl SasRecConfig {
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
    ) -> Result<SasRec<B>, NnError> {
        self.check()?;
        let (dimension, length) = (self.dimension, self.sequence_length);
        let table = self.initializer.table(nodes, dimension, seed, device)?;
        let blocks = (0..self.layers)
            .map(|layer| CausalBlock::new(dimension, self.dropout, seed, layer, device));
        let places = Stream::layer(seed, self.layers as u64).tensor(0);
        let shape = [length, dimension];
        Ok(SasRec {
            embedding: table.map(|table| {
                let items = items_only(table.clone(), nodes.users()).detach();
                items.set_require_grad(table.is_require_grad())
            }),
            places: xavier_parameter(shape, shape, places, device),
            blocks: blocks.collect(),
            norm: LayerNormConfig::new(dimension).init(device),
            dropout: self.dropout,
            users_per_step: self.users_per_step,
            negatives: self.negatives,
            temperature: self.temperature,
            nodes: nodes.clone(),
        })
    }
}

impl ModelConfig for SasRecConfig {
    const NAME: &'static str = "sasrec";
    const SHAPE_FIELDS: &'static [&'static str] = &["dimension", "layers", "sequence_length"];
    type Module<B: GradientBackend> = SasRec<B>;

    fn check(&self) -> Result<(), NnError> {
        let mut issues = Vec::from_iter(ConfigIssue::dimension(self.dimension));
        issues.extend(layer_issue(self.layers, 1));
        let value = self.sequence_length;
        if !(2..=LONGEST).contains(&value) {
            let most = LONGEST;
            issues.push(ConfigIssue::SequenceLength { value, most });
        }
        issues.extend(activation_issues(self.dropout, 0.0));
        if self.users_per_step == 0 {
            issues.push(ConfigIssue::NoUsersPerStep);
        }
        issues.extend(temperature_issue(self.temperature));
        issues.extend(self.initializer.issue());
        no_issues(Self::NAME, issues)
    }

    /// The graph of all pairs, which explanations follow; the model does not propagate over it.
    fn graphs(&self) -> Vec<AdjacencyRequest> {
        pair_graph(Normalization::Symmetric, true)
    }

    fn footprint(&self) -> Footprint {
        Footprint::autodiff(self.dimension, self.layers)
    }

    fn with_dimension(self, dimension: usize) -> Self {
        Self { dimension, ..self }
    }

    fn with_layers(self, layers: usize) -> Option<Self> {
        Some(Self { layers, ..self })
    }

    fn sequence_length(&self) -> Option<usize> {
        Some(self.sequence_length)
    }

    fn init<B: GradientBackend>(
        &self,
        nodes: &NodeCounts,
        seed: u64,
        device: &B::Device,
    ) -> Result<SasRec<B>, NnError> {
        Self::init(self, nodes, seed, device)
    }
}

/// SASRec: a transformer over each user's latest items in order of time, which predicts the next one. A
/// user's final embedding is its output at the latest item, an item's is its row of the table:
///
/// ```text
/// X_0 = dropout( √d · E_{i_1}, ..., √d · E_{i_n} + P )     X_k = CausalBlock_k(X_{k-1})
/// e_u = LayerNorm(X_K) at place n                          e_i = E_i
/// ```
///
/// Places P are counted from the latest item. A training step takes some of the batch's users, and for
/// every place but the last of each the loss is the softmax over the items that come next in any of them
/// and some drawn uniformly, each counted once:
///
/// ```text
/// L = mean −ln( exp(x · E_next / τ) / Σ_j exp(x · E_j / τ) )
/// ```
///
/// This is the only loss: that of the training config is not used. The paper has a binary cross-entropy
/// with one negative a place, which the softmax over many was found to beat (Klenitskiy and Vasilev,
/// *Turning Dross Into Gold Loss: is BERT4Rec really better than SASRec?*, RecSys 2023). The table has
/// rows of zeros for users: they are not read and have no gradient. Users without items have embeddings
/// of zeros.
///
/// Source: Kang and McAuley, *Self-Attentive Sequential Recommendation*, ICDM 2018; the scale √d and the
/// last norm are those of the authors' code. Made by [`SasRecConfig`].
#[derive(Module, Debug)]
pub struct SasRec<B: Backend> {
    /// Layer 0, `[n_nodes, dim]`, users first: zeros for users, E for items.
    pub embedding: Param<Tensor<B, 2>>,
    /// P, `[sequence_length, dim]`, the latest place last.
    pub places: Param<Tensor<B, 2>>,
    /// The blocks, in order.
    pub blocks: Vec<CausalBlock<B>>,
    /// The last norm.
    pub norm: LayerNorm<B>,
    dropout: f64,
    users_per_step: usize,
    negatives: usize,
    temperature: f64,
    #[module(skip)]
    nodes: NodeCounts,
}

impl<B: SparseBackend> SasRec<B> {
    /// What the model makes of each place of some histories, oldest items first: `[n, longest, dim]`.
    /// What is beyond the end of a shorter one means nothing.
    ///
    /// # Panics
    ///
    /// If there is none, all are empty, one is longer than `sequence_length`, or an item is out of range.
    pub fn outputs(&self, histories: &[&[u32]], mode: ForwardMode) -> Tensor<B, 3> {
        let table = self.embedding.val();
        let (device, first_item) = (table.device(), self.n_users() as u32);
        let [most, dimension] = self.places.dims();
        let lengths = histories.iter().map(|history| history.len());
        let longest = lengths.max().unwrap_or(0);
        assert!(
            0 < longest && longest <= most,
            "SasRec: the longest history has {longest} items; it must have 1 to {most}"
        );
        let (mut items, mut places) = (Vec::new(), Vec::new());
        for history in histories {
            // Later places than the last do not matter, since no place sees a later one.
            let end = longest - history.len();
            items.extend(history.iter().map(|item| first_item + item));
            items.extend(std::iter::repeat_n(first_item, end));
            let first = (most - history.len()) as u32;
            places.extend(first..most as u32);
            places.extend(std::iter::repeat_n(0, end));
        }
        let items = gather_rows(
            table,
            &RowIndices::from_slice(&items, self.n_nodes(), &device),
        );
        let places = RowIndices::from_slice(&places, most, &device);
        let places = gather_rows(self.places.val(), &places);
        let x = items.mul_scalar((dimension as f64).sqrt()) + places;
        let x = mode.dropout(x, self.dropout, 2 * self.blocks.len() as u64);
        let x = x.reshape([histories.len(), longest, dimension]);
        let x = self
            .blocks
            .iter()
            .fold(x, |x, block| block.forward(x, mode));
        self.norm.forward(x)
    }

    /// The loss of histories, `[1]`: how well each item is told from others by those before it. `others`
    /// are further items that do not come next. 0 if no history has two items.
    ///
    /// # Panics
    ///
    /// As [`outputs`](Self::outputs), except that histories may be longer by one item.
    pub fn next_item_loss(
        &self,
        histories: &[&[u32]],
        others: &[u32],
        mode: ForwardMode,
    ) -> Tensor<B, 1> {
        let histories = histories.iter().filter(|history| history.len() > 1);
        let histories: Vec<&[u32]> = histories.copied().collect();
        let table = self.embedding.val();
        if histories.is_empty() {
            return table.sum().mul_scalar(0.0);
        }
        let device = table.device();
        let before: Vec<&[u32]> = histories.iter().map(|h| &h[..h.len() - 1]).collect();
        let next: Vec<u32> = histories.iter().flat_map(|h| &h[1..]).copied().collect();
        let outputs = self.outputs(&before, mode);
        let [n, longest, dimension] = outputs.dims();
        let known = before.iter().enumerate().flat_map(|(number, history)| {
            let first = number * longest;
            (first..first + history.len()).map(|row| row as u32)
        });
        let known = RowIndices::from_slice(&known.collect::<Vec<_>>(), n * longest, &device);
        let outputs = gather_rows(outputs.reshape([n * longest, dimension]), &known);
        let items = |items: &[u32]| {
            let rows: Vec<u32> = items
                .iter()
                .map(|item| self.n_users() as u32 + item)
                .collect();
            let rows = RowIndices::from_slice(&rows, self.n_nodes(), &device);
            gather_rows(table.clone(), &rows)
        };
        let mut candidates = [&next, others].concat();
        candidates.sort_unstable();
        candidates.dedup();
        let scale = |scores: Tensor<B, 2>| scores.div_scalar(self.temperature);
        let right = scale((outputs.clone() * items(&next)).sum_dim(1));
        let all = scale(outputs.matmul(items(&candidates).transpose()));
        (log_sum_exp(all) - right).mean()
    }

    /// The final embeddings of users, `[n_users, dim]`.
    fn user_embeddings(&self, sequences: &Sequences, mode: ForwardMode) -> Tensor<B, 2> {
        let users: Vec<usize> = (0..self.n_users()).collect();
        let some = users.chunks(USERS_AT_ONCE).map(|users| {
            let histories = users.iter().map(|&user| sequences.items_of(user));
            self.last_outputs(&histories.collect::<Vec<_>>(), mode)
        });
        concatenate(some.collect(), 0)
    }

    /// The output at the last place of each history, `[n, dim]`; zeros for those that are empty.
    fn last_outputs(&self, histories: &[&[u32]], mode: ForwardMode) -> Tensor<B, 2> {
        let device = self.embedding.val().device();
        let dimension = self.output_dimension();
        let n = histories.len();
        if histories.iter().all(|history| history.is_empty()) {
            return Tensor::zeros([n, dimension], &device);
        }
        let outputs = self.outputs(histories, mode);
        let [_, longest, _] = outputs.dims();
        let last = |(number, history): (usize, &&[u32])| {
            (number * longest + history.len().saturating_sub(1)) as u32
        };
        let last: Vec<u32> = histories.iter().enumerate().map(last).collect();
        let last = RowIndices::from_slice(&last, n * longest, &device);
        let last = gather_rows(outputs.reshape([n * longest, dimension]), &last);
        let known = histories
            .iter()
            .map(|history| f32::from(!history.is_empty()));
        let known = TensorData::new(known.collect::<Vec<f32>>(), [n, 1]);
        last * Tensor::from_data(known, &device)
    }
}

impl<B: SparseBackend> EmbeddingModel<B> for SasRec<B> {
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
        let users = self.user_embeddings(self.sequences(graphs), mode);
        let n_users = self.n_users();
        let items = self.embedding.val();
        let items = items.narrow(0, n_users, self.n_nodes() - n_users);
        concatenate(vec![users, items], 0)
    }

    fn training_pass(&self, graphs: &Graphs<B>, step: &TrainingStep<'_>) -> TrainingPass<B> {
        let sequences = self.sequences(graphs);
        let mut users: Vec<u32> = Vec::with_capacity(self.users_per_step);
        for user in step.users {
            if users.len() < self.users_per_step && !users.contains(user) {
                users.push(*user);
            }
        }
        let histories = users.iter().map(|&user| sequences.items_of(user as usize));
        let stream = Stream::negatives(step.seed);
        let n_items = self.n_items() as u64;
        // The high half of a draw times n is below n · 2^32.
        let below = |draw: u64| (((draw >> 32) * n_items) >> 32) as u32;
        let others = (0..self.negatives).map(|n| below(stream.draw(n)));
        let mode = ForwardMode::Training { seed: step.seed };
        let histories: Vec<&[u32]> = histories.collect();
        let loss = self.next_item_loss(&histories, &others.collect::<Vec<_>>(), mode);
        TrainingPass {
            embeddings: None,
            auxiliary_loss: Some(loss),
        }
    }
}

impl<B: SparseBackend> SasRec<B> {
    fn sequences<'a>(&self, graphs: &'a Graphs<B>) -> &'a Sequences {
        let Some(sequences) = graphs.sequences() else {
            panic!("SasRec: there are no sequences; give the graphs with_sequences");
        };
        let (found, needed) = (sequences.n_users(), self.n_users());
        assert!(
            found == needed,
            "SasRec: sequences of {found} users for {needed}"
        );
        sequences
    }
}

#[cfg(test)]
mod tests {
    use super::super::MOST_LAYERS;
    use super::*;

    #[test]
    fn every_issue_is_listed() {
        let config = SasRecConfig {
            dimension: 0,
            layers: 9,
            sequence_length: 1,
            dropout: 1.0,
            users_per_step: 0,
            temperature: 0.0,
            initializer: EmbeddingInitializer::Normal { std: 0.0 },
            ..SasRecConfig::default()
        };
        let (layers, most) = (9, MOST_LAYERS);
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: "sasrec",
                issues: vec![
                    ConfigIssue::ZeroDimension,
                    ConfigIssue::TooManyLayers { layers, most },
                    ConfigIssue::SequenceLength {
                        value: 1,
                        most: LONGEST
                    },
                    ConfigIssue::Dropout { value: 1.0 },
                    ConfigIssue::NoUsersPerStep,
                    ConfigIssue::Temperature { value: 0.0 },
                    ConfigIssue::StandardDeviation { value: 0.0 },
                ]
            })
        );
        assert_eq!(SasRecConfig::default().check(), Ok(()));
    }
}
