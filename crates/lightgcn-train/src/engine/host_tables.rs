//! Reading a model's tables back from its device.

use crate::TrainError;
use crate::engine::propagation::Propagation;
use crate::engine::step::StepContext;
use crate::ranks::Shards;
use lightgcn_kernels::TrainingBackend;
use lightgcn_nn::{EmbeddingModel, ForwardMode, Graphs};
use std::sync::Arc;

/// A model's two tables on the host: the rows of users, or of a rank's part of them, and of items. Rows
/// of other kinds of nodes, which come after them, are not part of evaluations and artifacts.
pub(crate) struct HostTables {
    /// `[n_users + n_items, dimension]`.
    pub(crate) layer0: Vec<f32>,
    /// `[n_users + n_items, output_dimension]`.
    pub(crate) embeddings: Vec<f32>,
}

/// Reads a model's layer-0 and final embeddings; numbers that are not finite are an error.
pub(crate) fn host_tables<B: TrainingBackend, M: EmbeddingModel<B>>(
    model: &M,
    graphs: &Graphs<B>,
    shards: Option<&Arc<Shards>>,
    context: StepContext<'_>,
) -> Result<HostTables, TrainError> {
    let embeddings = host_embeddings(model, graphs, shards, context)?;
    let layer0 = context.read(model.layer0())?;
    Ok(HostTables {
        layer0: of_users_and_items(model, layer0, context)?,
        embeddings,
    })
}

/// Reads a model's final embeddings; numbers that are not finite are an error. Collective if the model
/// is a part of one that is split among ranks by user.
pub(crate) fn host_embeddings<B: TrainingBackend, M: EmbeddingModel<B>>(
    model: &M,
    graphs: &Graphs<B>,
    shards: Option<&Arc<Shards>>,
    context: StepContext<'_>,
) -> Result<Vec<f32>, TrainError> {
    let embeddings = || match (shards, model.linear_layer_weights()) {
        (Some(shards), Some(alphas)) => {
            let propagation = Propagation {
                graph: graphs.first().clone(),
                alphas,
                shards: Some(Arc::clone(shards)),
            };
            propagation.all(model.layer0())
        }
        _ => model.embeddings(graphs, ForwardMode::Inference),
    };
    let embeddings = context.read(context.guard::<B, _>(embeddings)?)?;
    of_users_and_items(model, embeddings, context)
}

fn of_users_and_items<B: TrainingBackend, M: EmbeddingModel<B>>(
    model: &M,
    mut table: Vec<f32>,
    context: StepContext<'_>,
) -> Result<Vec<f32>, TrainError> {
    if table.iter().any(|x| !x.is_finite()) {
        return Err(TrainError::NonFiniteEmbedding {
            epoch: context.epoch,
        });
    }
    let n_rows = model.n_users() + model.n_items();
    table.truncate(table.len() / model.n_nodes() * n_rows);
    Ok(table)
}
