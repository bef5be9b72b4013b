//! Checks that a run fits the device's memory, before anything is allocated.

use crate::run::job::FitJob;
use crate::{Observer, TrainError, TrainEvent};
use lightgcn_kernels::{SparseBackend, TrainingSize};
use lightgcn_loss::Loss;
use lightgcn_nn::Footprint;

/// Tables that autodiff holds per layer: saved inputs and gradients.
const AUTODIFF_TABLES_A_LAYER: u64 = 6;

/// Reports how much memory the run needs, and fails if it does not fit. Does nothing if the backend reports no
/// limit, as on the CPU.
pub(crate) fn check<B: SparseBackend, L: Loss>(
    model: &Footprint,
    job: &FitJob<'_, L>,
    device: &B::Device,
    observer: &mut dyn Observer,
) -> Result<(), TrainError> {
    let Some(memory) = B::device_memory(device) else {
        return Ok(());
    };
    let size = size(model, job);
    observer.on_event(&TrainEvent::Memory {
        needed: size.peak(),
        device: memory,
    });
    Ok(size.check(&memory)?)
}

/// The size of a run on a device.
fn size<L: Loss>(model: &Footprint, job: &FitJob<'_, L>) -> TrainingSize {
    let n_pairs = job.dataset.split.train.interactions().n_pairs() as u64;
    let config = job.config;
    let batch = (config.batch_size as u64).min(n_pairs);
    let needs = job.loss.needs();
    let candidates = batch + needs.shared_negatives as u64;
    let (batch_rows, batch_scores) = match needs.negatives {
        true => (batch + candidates + batch * config.negatives as u64, 0),
        false => (batch + candidates, batch * candidates),
    };
    let layers = model.layers as u64;
    let edges = job.adjacencies.iter().map(|a| a.columns().len() as u64);
    TrainingSize {
        n_nodes: job.nodes.total() as u64,
        n_edges: edges.sum(),
        symmetric: job.adjacencies.iter().all(|a| a.is_symmetric()),
        dim: model.output_dimension as u64,
        tables: match config.fused && !model.keeps_layers {
            true => TrainingSize::FUSED_TABLES,
            false => TrainingSize::FUSED_TABLES + AUTODIFF_TABLES_A_LAYER * (layers + 1),
        },
        n_pairs,
        batch_rows,
        batch_scores,
    }
}
