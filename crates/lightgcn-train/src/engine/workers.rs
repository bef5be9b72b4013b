//! Shares the steps of linear models among several devices of one machine.
//!
//! Each worker has the graph and the positives on its own device. A step cuts its batch into one shard
//! per worker; the workers' gradients are added on the first device, each weighted by its share of the
//! pairs and in the workers' order, and all workers get the table that Adam made of the sum before the
//! next step. The order of the sum is fixed, so that the same seed gives the same bits
//! (burn-collective 0.21 adds in the order of a hash map, which changes with every run from three
//! workers on).

use crate::TrainError;
use crate::engine::step::{Shard, StepEngine, StepResult, TableEngine};
use burn::tensor::Tensor;
use lightgcn_graph::Adjacency;
use lightgcn_kernels::{SparseMatrix, TrainingBackend};
use lightgcn_sample::EpochBatches;
use rayon::prelude::*;
use std::ops::Range;

/// The workers of a run, at least one.
pub(crate) struct Workers<B: TrainingBackend> {
    workers: Vec<Worker<B>>,
}

struct Worker<B: TrainingBackend> {
    device: B::Device,
    engine: Box<TableEngine<B>>,
}

impl<B: TrainingBackend> Workers<B> {
    /// `n` workers with the steps that `make` makes of a graph. The `adjacency` is copied to all
    /// devices except the `graph`'s, which is the first worker's.
    pub(crate) fn new(
        n: usize,
        adjacency: &Adjacency,
        graph: SparseMatrix<B>,
        make: impl Fn(SparseMatrix<B>) -> Result<Box<TableEngine<B>>, TrainError>,
    ) -> Result<Self, TrainError> {
        let first = graph.device();
        let devices = B::peers(&first, n)?;
        let workers = devices.into_iter().map(|device| {
            let graph = if device == first {
                graph.clone()
            } else {
                let uploaded = SparseMatrix::from_graph(adjacency, &device)?;
                match graph.has_bf16_operands() {
                    true => uploaded.with_bf16_operands(),
                    false => uploaded,
                }
            };
            let engine = make(graph)?;
            Ok(Worker { device, engine })
        });
        Ok(Self {
            workers: workers.collect::<Result<_, TrainError>>()?,
        })
    }
}

impl<B: TrainingBackend> StepEngine<B, Tensor<B, 2>, Tensor<B, 2>> for Workers<B> {
    fn begin_epoch(&mut self, batches: &EpochBatches<'_>, thresholds: &[f32]) {
        for worker in &mut self.workers {
            worker.engine.begin_epoch(batches, thresholds);
        }
    }

    /// The loss of a batch and the gradient of the layer-0 `table`, on the first device.
    fn step(&mut self, table: &Tensor<B, 2>, batch: &Shard<'_>) -> StepResult<B, Tensor<B, 2>> {
        let n_workers = self.workers.len();
        let first = self.workers[0].device.clone();
        let parts = parts(&batch.places, n_workers);
        let step = |(n, (worker, places)): (usize, (&mut Worker<B>, &Range<usize>))| {
            let shard = Shard {
                batches: batch.batches,
                places: places.clone(),
                number: batch.number + n,
                context: batch.context,
            };
            let table = table.clone().to_device(&worker.device);
            worker.engine.step(&table, &shard)
        };
        // A device keeps working while the host moves on to the next; the CPU's workers run side by
        // side.
        let found: Vec<StepResult<B, Tensor<B, 2>>> = if B::runs_steps_on_device() {
            let work = self.workers.iter_mut().zip(&parts);
            work.enumerate().map(step).collect()
        } else {
            let work = self.workers.par_iter_mut().zip(&parts);
            work.enumerate().map(step).collect()
        };
        let n_pairs = batch.places.len() as f64;
        let shares = parts.iter().map(|places| places.len() as f64 / n_pairs);
        let weighted = found
            .into_iter()
            .zip(shares)
            .map(|(step, share)| StepResult {
                loss: step.loss.to_device(&first).mul_scalar(share),
                gradient: step.gradient.to_device(&first).mul_scalar(share),
            });
        let sum = weighted.reduce(|sum, part| StepResult {
            loss: sum.loss + part.loss,
            gradient: sum.gradient + part.gradient,
        });
        sum.unwrap_or_else(|| panic!("Workers: the batch has no pairs"))
    }
}

/// The places of each worker, split as evenly as possible; none is empty.
fn parts(places: &Range<usize>, n_workers: usize) -> Vec<Range<usize>> {
    let n_parts = n_workers.min(places.len());
    let start = |part: usize| places.start + places.len() * part / n_parts.max(1);
    (0..n_parts)
        .map(|part| start(part)..start(part + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_places_and_none_is_empty() {
        assert_eq!(parts(&(4..10), 2), [4..7, 7..10]);
        assert_eq!(parts(&(0..7), 3), [0..2, 2..4, 4..7]);
        assert_eq!(parts(&(0..9), 4), [0..2, 2..4, 4..6, 6..9]);
        assert_eq!(parts(&(5..7), 3), [5..6, 6..7]);
        let single = 0..1;
        assert_eq!(parts(&single, 3), std::slice::from_ref(&single));
    }
}
