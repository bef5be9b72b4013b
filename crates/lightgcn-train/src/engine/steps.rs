//! How the steps of a run are differentiated.

use crate::TrainError;
use crate::engine::fused::{FusedSteps, Linear, TableGradient};
use crate::engine::fused_on_device::{self, DeviceSteps};
use crate::engine::parallel::ParallelSteps;
use crate::run::checkpoint::LoopState;
use crate::run::fit::FitJob;
use burn::module::ParamId;
use burn::tensor::Tensor;
use lightgcn_kernels::{SparseMatrix, TrainingBackend};
use lightgcn_loss::Loss;
use lightgcn_sample::{BatchSampler, EpochBatches};

/// Where a step stands in its run, as losses need to know.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    /// The epoch, from 0.
    pub(crate) epoch: u32,
    /// The batch of the epoch, from 0.
    pub(crate) batch: usize,
    /// Each user's threshold of SL@K; empty with every other loss.
    pub(crate) thresholds: &'a [f32],
}

impl<'a> Here<'a> {
    /// The same place for one shard of at most `n` a batch, whose shared draws are its own.
    pub(crate) fn shard(self, shard: usize, n: usize) -> Self {
        Self {
            batch: self.batch * n + shard,
            ..self
        }
    }

    /// Where the run's state stands.
    pub(crate) fn of(state: &LoopState, thresholds: &'a [f32]) -> Self {
        Self {
            epoch: state.epoch,
            batch: state.next_batch,
            thresholds,
        }
    }
}

/// How a batch's loss is differentiated.
pub(crate) enum Steps<B: TrainingBackend> {
    /// Any model.
    Autodiff,
    /// A linear one, planned on the host.
    Fused(Box<FusedSteps>),
    /// A linear one, wholly on its device.
    OnDevice(Box<DeviceSteps<B>>),
    /// A linear one, on several devices.
    Parallel(ParallelSteps<B>),
}

impl<B: TrainingBackend> Steps<B> {
    /// The fastest way for a model that is linear, if it is, and whose steps are to be fused.
    pub(crate) fn new<L: Loss>(
        linear: Option<Linear>,
        job: &FitJob<'_, L>,
        sampler: &BatchSampler,
        device: &B::Device,
    ) -> Result<Self, TrainError> {
        let config = job.config;
        let fused = linear.zip(job.loss.fused());
        Ok(match fused {
            Some((linear, loss)) if config.workers > 1 => {
                let adjacency = &job.adjacencies[0];
                Self::Parallel(ParallelSteps::new(
                    &linear, loss, config, sampler, adjacency, device,
                )?)
            }
            Some((linear, loss)) if fused_on_device::applies::<B>(config, loss) => Self::OnDevice(
                Box::new(DeviceSteps::new(linear, loss, config, sampler, device)?),
            ),
            Some((linear, loss)) => {
                Self::Fused(Box::new(FusedSteps::new(linear, loss, config, sampler)))
            }
            None if config.workers > 1 => {
                let fault = "more than one worker needs fused steps, which this model or loss \
                             does not have; leave workers out";
                return Err(TrainError::Config {
                    faults: vec![fault.to_owned()],
                });
            }
            None => Self::Autodiff,
        })
    }

    /// Puts on devices what an epoch's steps read there.
    pub(crate) fn begin_epoch(&mut self, batches: &EpochBatches<'_>, thresholds: &[f32]) {
        match self {
            Self::OnDevice(steps) => steps.begin_epoch(&batches.pair_numbers(), thresholds),
            Self::Parallel(steps) => steps.begin_epoch(batches, thresholds),
            Self::Autodiff | Self::Fused(_) => {}
        }
    }

    /// The loss of a batch and the gradient of the model's only parameter; none where autodiff must
    /// find them.
    pub(crate) fn step(
        &mut self,
        table: impl FnOnce() -> Tensor<B, 2>,
        graph: &SparseMatrix<B>,
        sampler: &BatchSampler,
        batches: &EpochBatches<'_>,
        here: Here<'_>,
    ) -> Option<(TableGradient<B>, ParamId)> {
        Some(match self {
            Self::Autodiff => return None,
            Self::Fused(steps) => {
                let batch = batches.batch(here.batch);
                let step = steps.step(table(), graph, sampler, &batch, here);
                (step, steps.table())
            }
            Self::OnDevice(steps) => (steps.step(table(), graph, batches, here), steps.table()),
            Self::Parallel(steps) => {
                let step = steps.step(&table(), sampler, batches, here);
                (step, steps.table())
            }
        })
    }
}
