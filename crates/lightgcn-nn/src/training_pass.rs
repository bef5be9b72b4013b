//! The forward pass of a training step.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// A training step as the model sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingStep<'a> {
    /// Drives whatever is random in the model: a function of the run's seed and the number of the
    /// step.
    pub seed: u64,
    /// The user of each pair of the batch.
    pub users: &'a [u32],
    /// The item of each pair, counted from 0.
    pub items: &'a [u32],
}

/// What a training step differentiates.
#[derive(Clone, Debug)]
pub struct TrainingPass<B: Backend> {
    /// The final embeddings, `[n_nodes, output_dimension]`, that the ranking loss compares; `None` if the
    /// model's own loss takes its place.
    pub embeddings: Option<Tensor<B, 2>>,
    /// A loss of the model's own, `[1]`, that is added to the ranking loss, if any, and L2: what else the
    /// parameters should satisfy, such as the facts of a knowledge graph.
    pub auxiliary_loss: Option<Tensor<B, 1>>,
}
