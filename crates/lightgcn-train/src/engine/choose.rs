//! Chooses how to compute the steps of a run.

use crate::TrainError;
use crate::engine::autodiff::Autodiff;
use crate::engine::host_steps::HostSteps;
use crate::engine::linear::{Linear, TableSteps};
use crate::engine::on_device::DeviceSteps;
use crate::engine::setup::{EngineSetup, LinearSetup};
use crate::engine::step::{StepEngine, TableEngine};
use crate::engine::workers::Workers;
use burn::module::AutodiffModule;
use burn::optim::GradientsParams;
use burn::tensor::backend::AutodiffBackend;
use lightgcn_graph::Adjacency;
use lightgcn_kernels::{SparseMatrix, TrainingBackend};
use lightgcn_loss::{Loss, LossConfig};
use lightgcn_nn::{EmbeddingModel, GradientBackend};
use lightgcn_sample::NegativeSampling;

/// A way to compute the steps of a model.
pub(crate) type ModelEngine<B, M> =
    dyn StepEngine<<B as AutodiffBackend>::InnerBackend, M, GradientsParams>;

/// The fastest way for a model: without autodiff if the model is linear, its loss is one that the
/// kernels know, and the configuration allows it.
pub(crate) fn engine<B, M, L>(
    model: &M,
    setup: &EngineSetup<'_, B, L>,
) -> Result<Box<ModelEngine<B, M>>, TrainError>
where
    B: GradientBackend,
    M: EmbeddingModel<B> + AutodiffModule<B>,
    L: Loss,
{
    let config = setup.config;
    let fusable = match config.fused {
        true => Linear::of::<B, M>(model).zip(square_graph(setup)),
        false => None,
    };
    let Some(((linear, (adjacency, graph)), loss)) = fusable.zip(setup.loss.fused()) else {
        if setup.shards.is_some() {
            return Err(TrainError::config(
                "the model is not linear, but its footprint says that it keeps no layers; correct \
                the footprint",
            ));
        }
        let autodiff = Autodiff::new(setup);
        if config.workers > 1 || config.batches_per_step() > 1 && !autodiff.takes_many_batches() {
            return Err(TrainError::config(
                "more than one worker or batch per step needs fused steps, which this model or \
                loss does not support; remove workers and accumulate",
            ));
        }
        return Ok(Box::new(autodiff));
    };
    let graph = match config.bf16_layers {
        true => graph.with_bf16_operands(),
        false => graph,
    };
    let table = linear.table;
    let linear = LinearSetup {
        linear,
        loss,
        config,
        sampler: setup.sampler,
        shards: setup.shards,
    };
    let engine = match config.workers {
        1 => table_engine(&linear, graph)?,
        n => {
            let make = |graph| table_engine(&linear, graph);
            Box::new(Workers::new(n, adjacency, graph, make)?)
        }
    };
    Ok(Box::new(TableSteps::<B>::new(table, engine)))
}

/// The model's only graph, if it is over all nodes: the kind that the kernels can propagate over.
fn square_graph<'a, B: GradientBackend, L>(
    setup: &EngineSetup<'a, B, L>,
) -> Option<(&'a Adjacency, SparseMatrix<B::InnerBackend>)> {
    match (setup.adjacencies, setup.graphs.all()) {
        ([adjacency], [graph]) if graph.n_rows() == graph.n_columns() => {
            Some((adjacency, graph.valid()))
        }
        _ => None,
    }
}

/// The steps of a linear model on the device of the `graph`.
fn table_engine<B: TrainingBackend>(
    setup: &LinearSetup<'_>,
    graph: SparseMatrix<B>,
) -> Result<Box<TableEngine<B>>, TrainError> {
    let positives = setup.sampler.positives();
    // The device's batches only have rows of users and items.
    let further_nodes = graph.n_rows() > positives.n_users() + positives.n_items();
    let draws_there = match setup.loss {
        LossConfig::Bpr => setup.config.negative_sampling == NegativeSampling::Uniform,
        // Its negatives are the batch's own items.
        LossConfig::Softmax(_) => true,
    };
    Ok(
        if B::runs_steps_on_device()
            && draws_there
            && !further_nodes
            && setup.config.batches_per_step() == 1
        {
            Box::new(DeviceSteps::new(setup, graph)?)
        } else {
            Box::new(HostSteps::new(setup, graph))
        },
    )
}
