//! The inputs from which step engines are built.

use crate::ValidTrainConfig;
use crate::engine::linear::Linear;
use crate::ranks::Shards;
use burn::tensor::backend::Backend;
use lightgcn_graph::Adjacency;
use lightgcn_loss::LossConfig;
use lightgcn_nn::Graphs;
use lightgcn_sample::BatchSampler;
use std::sync::Arc;

/// What a run trains with.
pub(crate) struct EngineSetup<'a, B: Backend, L> {
    pub(crate) config: &'a ValidTrainConfig,
    pub(crate) loss: &'a L,
    pub(crate) sampler: &'a Arc<BatchSampler>,
    /// The graphs that the model asked for.
    pub(crate) adjacencies: &'a [Adjacency],
    /// The same on the first device.
    pub(crate) graphs: &'a Graphs<B>,
    /// If the table is split among ranks by user.
    pub(crate) shards: Option<&'a Arc<Shards>>,
}

/// The inputs for a linear model's steps without autodiff.
pub(crate) struct LinearSetup<'a> {
    pub(crate) linear: Linear,
    pub(crate) loss: LossConfig,
    pub(crate) config: &'a ValidTrainConfig,
    pub(crate) sampler: &'a Arc<BatchSampler>,
    pub(crate) shards: Option<&'a Arc<Shards>>,
}
