//! The interface of step engines, and their inputs.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_sample::EpochBatches;
use std::ops::Range;

/// The position of a run, for error messages and for steps that depend on it.
#[derive(Clone, Copy, Default)]
pub(crate) struct StepContext<'a> {
    /// Name of the device.
    pub(crate) device: &'a str,
    /// The epoch, from 1; 0 before the first.
    pub(crate) epoch: u32,
    /// The batch of the epoch, from 1; 0 before the first.
    pub(crate) batch: usize,
    /// Number of steps that the run has completed.
    pub(crate) steps: u64,
    /// Each user's threshold of SL@K, `[n_users]`; empty unless the loss needs them.
    pub(crate) thresholds: &'a [f32],
}

impl<'a> StepContext<'a> {
    /// Before the first batch.
    pub(crate) fn at_start(device: &'a str) -> Self {
        Self {
            device,
            ..Self::default()
        }
    }
}

/// The pairs that a step computes, or the part of them that a worker or a rank takes.
pub(crate) struct Shard<'a> {
    /// The batches of the epoch.
    pub(crate) batches: &'a EpochBatches<'a>,
    /// The places of the pairs in the epoch's order.
    pub(crate) places: Range<usize>,
    /// The number in the epoch, from 0, of the shard's first batch; shared negatives depend on it.
    pub(crate) number: usize,
    /// Where the run is.
    pub(crate) context: StepContext<'a>,
}

impl<'a> Shard<'a> {
    /// A whole step, that of the context, of `batches_per_step` batches.
    pub(crate) fn whole(
        batches: &'a EpochBatches<'a>,
        batches_per_step: usize,
        context: StepContext<'a>,
    ) -> Self {
        let step = context.batch - 1;
        Self {
            batches,
            places: batches.places(step),
            number: step * batches_per_step,
            context,
        }
    }
}

/// The loss of a step and its gradient.
pub(crate) struct StepResult<B: Backend, G> {
    /// `[1]`, L2 included.
    pub(crate) loss: Tensor<B, 1>,
    pub(crate) gradient: G,
}

/// A way to compute steps. `P` is what is differentiated and `G` its gradient: a model and all its
/// gradients, or the layer-0 table of a linear model and a table of the same shape.
pub(crate) trait StepEngine<B: Backend, P, G>: Send {
    /// Uploads what the steps of an epoch read to the devices.
    fn begin_epoch(&mut self, _batches: &EpochBatches<'_>, _thresholds: &[f32]) {}

    /// The loss of a shard's pairs and its gradient at `parameters`.
    fn step(&mut self, parameters: &P, shard: &Shard<'_>) -> StepResult<B, G>;
}

/// A way to compute the steps of a linear model from its layer-0 table, `[n_nodes, dim]`.
pub(crate) type TableEngine<B> = dyn StepEngine<B, Tensor<B, 2>, Tensor<B, 2>>;
