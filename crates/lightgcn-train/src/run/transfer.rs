//! Transfers the parameters of an earlier model to a new one.

use crate::engine::host::host;
use crate::run::checkpoint::Checkpoint;
use crate::run::job::FitJob;
use crate::run::parts::{AdamRecord, Moments, change_moments};
use crate::{TrainError, WarmStart};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::Optimizer;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use lightgcn_core::{Dataset, NodeId, Vocabulary};
use lightgcn_kernels::optim::FusedAdamConfig;
use lightgcn_nn::{EmbeddingModel, GradientBackend, ModelConfig, NodeCounts};
use lightgcn_store::Artifact;

/// A module, and Adam's state if there is any.
type WithAdam<B, M> = (M, Option<AdamRecord<B, M>>);

/// The module of a run, with Adam's state if it starts from an earlier model, which is dropped.
pub(crate) fn build<B: GradientBackend, M: ModelConfig, L>(
    model: &M,
    start: Option<WarmStart>,
    job: &FitJob<'_, L>,
    device: &B::Device,
) -> Result<WithAdam<B, M::Module<B>>, TrainError> {
    let module = model.init::<B>(job.nodes, job.config.seed, device)?;
    match start {
        Some(start) if !job.run.resume => apply::<B, M, L>(&start, module, model, job, device),
        _ => Ok((module, None)),
    }
}

/// Copies the parameters of the earlier model into a new `module`.
fn apply<B: GradientBackend, M: ModelConfig, L>(
    start: &WarmStart,
    module: M::Module<B>,
    model: &M,
    job: &FitJob<'_, L>,
    device: &B::Device,
) -> Result<WithAdam<B, M::Module<B>>, TrainError> {
    let rows = Rows::new(start.artifact(), job.dataset, job.nodes);
    let (old, adam) = earlier::<B, M>(start, model, (job.nodes, job.config.seed), device)?;
    let mut parameters = Parameters(Vec::new());
    old.visit(&mut parameters);
    let mut transfer = Transfer {
        old: parameters.0.into_iter(),
        table: start.artifact().layer0.data(),
        rows: &rows,
        table_id: None,
    };
    let module = module.map(&mut transfer);
    let table = transfer.table_id;
    let adam = adam.map(|mut adam| {
        if let Some(id) = table
            && let Some(record) = adam.remove(&id)
        {
            adam.extend(
                rows.moments::<B>(record, device)
                    .map(|moments| (id, moments)),
            );
        }
        adam
    });
    Ok((module, adam))
}

/// The earlier model in its own shapes, and its Adam state.
fn earlier<B: GradientBackend, M: ModelConfig>(
    start: &WarmStart,
    model: &M,
    (new, seed): (&NodeCounts, u64),
    device: &B::Device,
) -> Result<WithAdam<B, M::Module<B>>, TrainError> {
    let artifact = start.artifact();
    let mut nodes = NodeCounts::new(artifact.users.len(), artifact.items.len())?;
    // A checkpoint has the rows of all kinds of nodes, an artifact those of users and items.
    if start.run.is_some() {
        let graphs = model.graphs();
        if graphs.iter().any(|g| g.attributes().next().is_some()) {
            nodes = artifact.graph()?.nodes().clone();
        }
        if let Some(entities) = new.rows(NodeCounts::ENTITY) {
            nodes = nodes.with(NodeCounts::ENTITY, entities.len())?;
        }
    }
    let module = model.init::<B>(&nodes, seed, device)?;
    let table = artifact.layer0.data();
    let Some(folder) = &start.run else {
        let mut parameters = Parameters(Vec::new());
        module.visit(&mut parameters);
        if parameters.0.len() > 1 {
            return Err(TrainError::WarmStart {
                detail: "it has parameters other than its embeddings, which are only in the \
                    checkpoint of its run; give that run's folder"
                    .to_owned(),
            });
        }
        let shape = [nodes.total(), artifact.layer0.dimension()];
        let table = Tensor::from_data(TensorData::new(table.to_vec(), shape), device);
        return Ok((module.with_layer0(table), None));
    };
    let checkpoint = Checkpoint::of_any_run(folder);
    let optimizer = FusedAdamConfig::new().init::<B, M::Module<B>>();
    let restored = checkpoint.load::<B, _>(module, optimizer, device)?;
    let model = restored.best.unwrap_or(restored.model);
    let found = host(model.layer0());
    if !begins_with(&found, table) {
        return Err(TrainError::CheckpointMismatch {
            path: checkpoint.path().to_owned(),
            what: "table of embeddings",
        });
    }
    Ok((model, Some(restored.optimizer.to_record())))
}

/// For each row of the new table, the row of the earlier one, users first; `None` for new ids and
/// for other kinds of nodes, which start fresh.
struct Rows(Vec<Option<u32>>);

impl Rows {
    fn new(old: &Artifact, new: &Dataset, nodes: &NodeCounts) -> Self {
        let shift = old.users.len() as u32;
        let users = matches(&new.users, &old.users)
            .skip(nodes.user_range().start)
            .take(nodes.users());
        let items = matches(&new.items, &old.items).map(|row| row.map(|row| row + shift));
        let mut rows: Vec<_> = users.chain(items).collect();
        rows.resize(nodes.total(), None);
        Self(rows)
    }

    /// `base` with the rows of known ids replaced by the earlier ones.
    fn carry(&self, old: &[f32], mut base: Vec<f32>) -> Vec<f32> {
        let dimension = base.len() / self.0.len();
        for (row, from) in base.chunks_exact_mut(dimension).zip(&self.0) {
            if let Some(from) = from {
                let start = *from as usize * dimension;
                row.copy_from_slice(&old[start..start + dimension]);
            }
        }
        base
    }

    /// Adam's moments of the table, zero for new rows.
    fn moments<B: GradientBackend>(
        &self,
        moments: Moments<B>,
        device: &B::Device,
    ) -> Option<Moments<B>> {
        change_moments(moments, |moment| {
            let [_, dimension] = moment.dims();
            let zeros = vec![0.0; self.0.len() * dimension];
            let rows = self.carry(&host(moment), zeros);
            let rows = TensorData::new(rows, [self.0.len(), dimension]);
            Some(Tensor::from_data(rows, device))
        })
    }
}

fn matches<'a, I: NodeId>(
    new: &'a Vocabulary<I>,
    old: &'a Vocabulary<I>,
) -> impl Iterator<Item = Option<u32>> + 'a {
    new.iter()
        .map(|name| old.get(name).map(|id| id.index() as u32))
}

/// One float parameter of the earlier model.
struct Earlier {
    id: ParamId,
    shape: Vec<usize>,
    values: Vec<f32>,
}

struct Parameters(Vec<Earlier>);

impl<B: Backend> ModuleVisitor<B> for Parameters {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<B, D>>) {
        let tensor = parameter.val();
        self.0.push(Earlier {
            id: parameter.id,
            shape: tensor.dims().to_vec(),
            values: host(tensor),
        });
    }
}

/// Puts the earlier parameters into the new module, in order, under their own ids, which Adam's state refers to.
struct Transfer<'a> {
    old: std::vec::IntoIter<Earlier>,
    /// The earlier layer-0 table, which identifies its parameter.
    table: &'a [f32],
    rows: &'a Rows,
    table_id: Option<ParamId>,
}

impl<B: Backend> ModuleMapper<B> for Transfer<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let (id, tensor, mapper) = param.consume();
        let Some(old) = self.old.next() else {
            return Param::from_mapped_value(id, tensor, mapper);
        };
        let shape = tensor.dims();
        let is_table = D == 2 && self.table_id.is_none() && begins_with(&old.values, self.table);
        let values = if is_table {
            self.table_id = Some(old.id);
            self.rows.carry(&old.values, host(tensor.clone()))
        } else {
            assert!(
                shape[..] == old.shape[..],
                "a parameter of shape {:?} cannot be {shape:?}: the config was checked",
                old.shape
            );
            old.values
        };
        let requires = tensor.is_require_grad();
        let new = Tensor::<B, D>::from_data(TensorData::new(values, shape), &tensor.device());
        Param::from_mapped_value(old.id, new.set_require_grad(requires), mapper)
    }
}

/// Whether a table starts with exactly these rows, bit for bit.
fn begins_with(table: &[f32], rows: &[f32]) -> bool {
    table.len() >= rows.len()
        && table
            .iter()
            .zip(rows)
            .all(|(a, b)| a.to_bits() == b.to_bits())
}

#[cfg(test)]
mod tests;
