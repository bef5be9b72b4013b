//! Losses that have not been read back from the device yet.

use crate::engine::step::StepContext;
use crate::ranks::Shards;
use crate::{TrainError, ValidTrainConfig};
use burn::tensor::Tensor;
use lightgcn_kernels::TrainingBackend;

/// Number of batches after which losses are read back: small enough to stop soon after a failure, large
/// enough not to stall a GPU.
const READ_EVERY: usize = 16;

/// The losses of consecutive batches, each with its number of pairs.
pub(crate) struct PendingLosses<B: TrainingBackend> {
    losses: Vec<(Tensor<B, 1>, usize)>,
}

/// The losses of the batches that were read.
pub(crate) struct ReadLosses {
    /// Sum of the losses, each times its number of pairs.
    pub(crate) sum: f64,
    /// Number of pairs.
    pub(crate) pairs: u64,
}

impl<B: TrainingBackend> PendingLosses<B> {
    pub(crate) fn new() -> Self {
        Self { losses: Vec::new() }
    }

    /// Records the loss of a batch.
    pub(crate) fn push(&mut self, loss: Tensor<B, 1>, pairs: usize) {
        self.losses.push((loss, pairs));
    }

    /// Whether enough losses are pending to be read.
    pub(crate) fn is_due(&self) -> bool {
        self.losses.len() >= READ_EVERY
    }

    /// Reads all pending losses, which also surfaces the device's errors. `context` is that of the last
    /// batch. With `shards` they are the ranks' shares, which are added up; collective.
    pub(crate) fn read(
        &mut self,
        context: StepContext<'_>,
        config: &ValidTrainConfig,
        shards: Option<&Shards>,
    ) -> Result<ReadLosses, TrainError> {
        let mut read = ReadLosses { sum: 0.0, pairs: 0 };
        let (losses, pairs): (Vec<_>, Vec<_>) = self.losses.drain(..).unzip();
        if losses.is_empty() {
            return Ok(read);
        }
        let first = context.batch + 1 - losses.len();
        let losses = context.guard::<B, _>(|| Tensor::cat(losses, 0))?;
        let mut losses = context.read(losses)?;
        if let Some(shards) = shards {
            shards.sum(&mut losses, 1);
        }
        for (n, (loss, pairs)) in losses.into_iter().zip(pairs).enumerate() {
            let loss = f64::from(loss);
            if !loss.is_finite() {
                return Err(TrainError::NonFiniteLoss {
                    loss,
                    epoch: context.epoch,
                    batch: first + n,
                    learning_rate: config.learning_rate,
                });
            }
            read.sum += loss * pairs as f64;
            read.pairs += pairs as u64;
        }
        Ok(read)
    }
}
