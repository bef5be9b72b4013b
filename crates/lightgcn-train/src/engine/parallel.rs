//! Fused steps shared by several devices of one machine.
//!
//! Each worker has the graph and the positives on its own device. A step cuts its batch into one shard
//! a worker; the workers' gradients are added on the first device, each by its share of the pairs and
//! in the workers' order, and the table that Adam made is handed to all before the next step. The sum
//! has a fixed order, so that the same seed gives the same bits (burn-collective 0.21 adds in the order
//! of a hash map, which from three workers on is another one every run).

use crate::engine::fused::{FusedSteps, Linear, TableGradient};
use crate::engine::fused_on_device::{self, DeviceSteps};
use crate::engine::steps::Here;
use crate::{LossConfig, TrainError, ValidTrainConfig};
use burn::module::ParamId;
use burn::tensor::Tensor;
use lightgcn_graph::Adjacency;
use lightgcn_kernels::{SparseMatrix, TrainingBackend};
use lightgcn_sample::{BatchSampler, EpochBatches, TripleBatch};
use rayon::prelude::*;
use std::ops::Range;

/// How one worker differentiates its shards.
enum Shards<B: TrainingBackend> {
    Planned(Box<FusedSteps>),
    OnDevice(Box<DeviceSteps<B>>),
}

struct Worker<B: TrainingBackend> {
    device: B::Device,
    graph: SparseMatrix<B>,
    shards: Shards<B>,
}

/// The workers of a run.
pub(crate) struct ParallelSteps<B: TrainingBackend> {
    table: ParamId,
    workers: Vec<Worker<B>>,
}

impl<B: TrainingBackend> ParallelSteps<B> {
    /// Puts graph and positives on `config.workers` devices, of which `device` is the first.
    pub(crate) fn new(
        linear: &Linear,
        loss: LossConfig,
        config: &ValidTrainConfig,
        sampler: &BatchSampler,
        adjacency: &Adjacency,
        device: &B::Device,
    ) -> Result<Self, TrainError> {
        let devices = B::peers(device, config.workers)?;
        let workers = devices.into_iter().map(|device| {
            let graph = SparseMatrix::from_graph(adjacency, &device)?;
            let graph = match config.bf16_layers {
                true => graph.with_bf16_operands(),
                false => graph,
            };
            let linear = linear.clone();
            let shards = if fused_on_device::applies::<B>(config, loss) {
                let steps = DeviceSteps::new(linear, loss, config, sampler, &device)?;
                Shards::OnDevice(Box::new(steps))
            } else {
                Shards::Planned(Box::new(FusedSteps::new(linear, loss, config, sampler)))
            };
            Ok(Worker {
                device,
                graph,
                shards,
            })
        });
        Ok(Self {
            table: linear.table,
            workers: workers.collect::<Result<_, TrainError>>()?,
        })
    }

    /// The table's parameter.
    pub(crate) fn table(&self) -> ParamId {
        self.table
    }

    pub(crate) fn begin_epoch(&mut self, batches: &EpochBatches<'_>, thresholds: &[f32]) {
        // The order is the same for all, and made where one asks for it.
        let mut order = None;
        for worker in &mut self.workers {
            if let Shards::OnDevice(steps) = &mut worker.shards {
                let order = order.get_or_insert_with(|| batches.pair_numbers());
                steps.begin_epoch(order, thresholds);
            }
        }
    }

    /// The loss of a batch and the gradient of the layer-0 `table`, on the first device.
    pub(crate) fn step(
        &mut self,
        table: &Tensor<B, 2>,
        sampler: &BatchSampler,
        batches: &EpochBatches<'_>,
        here: Here<'_>,
    ) -> TableGradient<B> {
        let places = batches.places(here.batch);
        let n_pairs = places.len();
        let n_workers = self.workers.len();
        let shards = shards(&places, n_workers);
        let first = self.workers[0].device.clone();
        // A device works on while the host goes on to the next; the CPU's workers run side by side.
        let planned = match &self.workers[0].shards {
            Shards::Planned(_) => batches.batch(here.batch),
            Shards::OnDevice(_) => TripleBatch::default(),
        };
        let step = |(n, (worker, shard)): (usize, (&mut Worker<B>, &Range<usize>))| {
            let part = match &worker.shards {
                Shards::Planned(_) => part(
                    &planned,
                    shard.start - places.start..shard.end - places.start,
                ),
                Shards::OnDevice(_) => TripleBatch::default(),
            };
            // Numbered by workers and not by shards: a short batch has fewer, and no two draws are the same.
            worker.step(table, sampler, (shard, &part), here.shard(n, n_workers))
        };
        let found: Vec<TableGradient<B>> = if B::runs_steps_on_device() {
            let work = self.workers.iter_mut().zip(&shards);
            work.enumerate().map(step).collect()
        } else {
            let work = self.workers.par_iter_mut().zip(&shards);
            work.enumerate().map(step).collect()
        };
        let parts = shards
            .iter()
            .map(|shard| shard.len() as f64 / n_pairs as f64);
        let parts = found.into_iter().zip(parts).map(|(found, share)| {
            let (loss, gradient) = (found.loss, found.gradient);
            TableGradient {
                loss: loss.to_device(&first).mul_scalar(share),
                gradient: gradient.to_device(&first).mul_scalar(share),
            }
        });
        let sum = parts.reduce(|sum, part| TableGradient {
            loss: sum.loss + part.loss,
            gradient: sum.gradient + part.gradient,
        });
        sum.unwrap_or_else(|| panic!("a batch without a pair"))
    }
}

impl<B: TrainingBackend> Worker<B> {
    fn step(
        &mut self,
        table: &Tensor<B, 2>,
        sampler: &BatchSampler,
        (places, planned): (&Range<usize>, &TripleBatch),
        here: Here<'_>,
    ) -> TableGradient<B> {
        let table = table.clone().to_device(&self.device);
        match (&mut self.shards, planned) {
            (Shards::OnDevice(steps), _) => steps.shard(table, &self.graph, places.clone(), here),
            (Shards::Planned(steps), batch) => steps.step(table, &self.graph, sampler, batch, here),
        }
    }
}

/// The places of each worker: as even as can be, none empty.
fn shards(places: &Range<usize>, n_workers: usize) -> Vec<Range<usize>> {
    let n_shards = n_workers.min(places.len());
    let start = |shard: usize| places.start + places.len() * shard / n_shards.max(1);
    (0..n_shards)
        .map(|shard| start(shard)..start(shard + 1))
        .collect()
}

/// Some rows of a batch.
fn part(batch: &TripleBatch, rows: Range<usize>) -> TripleBatch {
    let n = batch.n_negatives;
    TripleBatch {
        users: batch.users[rows.clone()].to_vec(),
        positives: batch.positives[rows.clone()].to_vec(),
        negatives: batch.negatives[rows.start * n..rows.end * n].to_vec(),
        weights: batch.weights[rows].to_vec(),
        n_negatives: n,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_the_places_and_none_is_empty() {
        assert_eq!(shards(&(4..10), 2), [4..7, 7..10]);
        assert_eq!(shards(&(0..7), 3), [0..2, 2..4, 4..7]);
        assert_eq!(shards(&(0..9), 4), [0..2, 2..4, 4..6, 6..9]);
        assert_eq!(shards(&(5..7), 3), [5..6, 6..7]);
        let single = 0..1;
        assert_eq!(shards(&single, 3), std::slice::from_ref(&single));
    }
}
