//! Whether a run fits a device, before anything is put on it.

use crate::run::fit::FitJob;
use crate::{LayerWeightChoice, ModelSpec, Observer, TrainError, TrainEvent};
use lightgcn_kernels::{SparseBackend, TrainingSize};
use lightgcn_loss::Loss;

/// Tables that autodiff holds a layer: what each operation keeps, and the gradients that pass by.
const AUTODIFF_TABLES_A_LAYER: u64 = 6;

/// Says what memory the run takes and refuses what does not fit. Nothing is said where the backend
/// does not know of limits, as on the CPU.
pub(crate) fn check<B: SparseBackend, L: Loss>(
    spec: &ModelSpec,
    job: &FitJob<'_, L>,
    device: &B::Device,
    observer: &mut dyn Observer,
) -> Result<(), TrainError> {
    let Some(memory) = B::device_memory(device) else {
        return Ok(());
    };
    let size = size(spec, job);
    observer.on_event(&TrainEvent::Memory {
        needed: size.peak(),
        device: memory,
    });
    Ok(size.check(&memory)?)
}

/// The size of a run on a device.
fn size<L: Loss>(spec: &ModelSpec, job: &FitJob<'_, L>) -> TrainingSize {
    let pairs = job.dataset.split.train.interactions();
    let config = job.config;
    let n_pairs = pairs.n_pairs() as u64;
    let batch = (config.batch_size as u64).min(n_pairs);
    let needs = job.loss.needs();
    let candidates = batch + needs.shared_negatives as u64;
    let (batch_rows, batch_scores) = match needs.negatives {
        true => (batch + candidates + batch * config.negatives as u64, 0),
        false => (batch + candidates, batch * candidates),
    };
    let layers = spec.n_layers() as u64;
    TrainingSize {
        n_nodes: (pairs.n_users() + pairs.n_items()) as u64,
        n_edges: job.adjacency.columns().len() as u64,
        symmetric: job.adjacency.is_symmetric(),
        dim: dimension(spec) as u64,
        tables: match config.fused && is_linear(spec) {
            true => TrainingSize::FUSED_TABLES,
            false => TrainingSize::FUSED_TABLES + AUTODIFF_TABLES_A_LAYER * (layers + 1),
        },
        n_pairs,
        batch_rows,
        batch_scores,
    }
}

/// The width of the widest table.
fn dimension(spec: &ModelSpec) -> usize {
    match spec {
        ModelSpec::LightGcn(spec) => spec.dimension,
        ModelSpec::LightGcnPlusPlus(spec) => spec.dimension,
        // The final embeddings are those of all layers side by side.
        ModelSpec::Ngcf(spec) => spec.dimension + spec.layer_widths.iter().sum::<usize>(),
        ModelSpec::MatrixFactorization(spec) => spec.dimension,
    }
}

fn is_linear(spec: &ModelSpec) -> bool {
    match spec {
        ModelSpec::LightGcn(spec) => spec.layer_weights != LayerWeightChoice::Learned,
        ModelSpec::MatrixFactorization(_) => true,
        ModelSpec::LightGcnPlusPlus(_) | ModelSpec::Ngcf(_) => false,
    }
}
