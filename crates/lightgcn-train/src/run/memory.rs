//! Estimates a run's memory before anything is allocated.

use crate::run::job::FitJob;
use crate::{Observer, TrainConfig, TrainError, TrainEvent};
use lightgcn_kernels::{SparseBackend, TrainingSize};
use lightgcn_loss::{Loss, LossNeeds};
use lightgcn_nn::{Footprint, ModelConfig, ModelVisitor, VisitModel};

/// Tables that autodiff holds per layer: saved inputs and gradients.
const AUTODIFF_TABLES_A_LAYER: u64 = 6;

/// Reports how much memory the run needs, and fails if it does not fit the device or exceeds the
/// limit on the CPU.
pub(crate) fn check<B: SparseBackend, L: Loss>(
    model: &Footprint,
    job: &FitJob<'_, L>,
    device: &B::Device,
    observer: &mut dyn Observer,
) -> Result<(), TrainError> {
    let size = size(model, job);
    if let Some(memory) = B::device_memory(device) {
        observer.on_event(&TrainEvent::Memory {
            needed: size.peak(),
            device: memory,
        });
        return Ok(size.check(&memory)?);
    }
    // With one layer, there is no earlier layer to store.
    let spare = u64::from(!model.keeps_layers && model.layers <= 1);
    let size = TrainingSize {
        tables: size.tables - spare,
        ..size
    };
    let in_use = in_use().unwrap_or(0);
    observer.on_event(&TrainEvent::HostMemory {
        needed: in_use.saturating_add(size.peak()),
        limit: job.run.memory,
    });
    match job.run.memory {
        Some(limit) => Ok(size.check_host(in_use, limit)?),
        None => Ok(()),
    }
}

/// Bytes of memory that this program uses; `None` if the operating system does not report it.
fn in_use() -> Option<u64> {
    status("VmRSS:")
}

/// The peak memory of this program in bytes since it started or since [`reset_peak_memory`]; `None`
/// if the operating system does not report it.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    status("VmHWM:")
}

/// Makes [`peak_memory`] count from now on. Only has an effect on Linux.
pub fn reset_peak_memory() {
    // If this fails, the peak is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A value from Linux about this process, in bytes.
fn status(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The memory that training a model would take, estimated without building the graph: users, items
/// and their pairs as one symmetric graph, every pair a positive. The size on a device is checked
/// again when training starts.
#[must_use]
pub fn training_size<M: VisitModel>(
    model: &M,
    config: &TrainConfig,
    n_nodes: u64,
    n_pairs: u64,
) -> TrainingSize {
    let graph = Graph {
        n_nodes,
        n_edges: n_pairs.saturating_mul(2),
        symmetric: true,
        n_pairs,
    };
    let model = model.visit(FootprintOf);
    graph.size(&model, config, &config.loss.needs())
}

/// Visits a model to get its cost.
struct FootprintOf;

impl ModelVisitor for FootprintOf {
    type Output = Footprint;

    fn visit<M: ModelConfig>(self, config: &M) -> Footprint {
        config.footprint()
    }
}

/// The size of a run on a device.
fn size<L: Loss>(model: &Footprint, job: &FitJob<'_, L>) -> TrainingSize {
    let edges = job.adjacencies.iter().map(|a| a.columns().len() as u64);
    let graph = Graph {
        n_nodes: job.nodes.total() as u64,
        n_edges: edges.sum(),
        symmetric: job.adjacencies.iter().all(|a| a.is_symmetric()),
        n_pairs: job.dataset.split.train.interactions().n_pairs() as u64,
    };
    graph.size(model, job.config, &job.loss.needs())
}

/// The graph of a run.
struct Graph {
    n_nodes: u64,
    n_edges: u64,
    symmetric: bool,
    n_pairs: u64,
}

impl Graph {
    fn size(&self, model: &Footprint, config: &TrainConfig, needs: &LossNeeds) -> TrainingSize {
        let batch = (config.batch_size as u64).min(self.n_pairs);
        let candidates = batch + needs.shared_negatives as u64;
        let (batch_rows, batch_scores) = match needs.negatives {
            true => (batch + candidates + batch * config.negatives as u64, 0),
            false => (batch + candidates, batch * candidates),
        };
        let layers = model.layers as u64;
        TrainingSize {
            n_nodes: self.n_nodes,
            n_edges: self.n_edges,
            symmetric: self.symmetric,
            dim: model.output_dimension as u64,
            tables: match config.fused && !model.keeps_layers {
                true => TrainingSize::FUSED_TABLES,
                false => TrainingSize::FUSED_TABLES + AUTODIFF_TABLES_A_LAYER * (layers + 1),
            },
            n_pairs: self.n_pairs,
            batch_rows,
            batch_scores,
        }
    }
}
