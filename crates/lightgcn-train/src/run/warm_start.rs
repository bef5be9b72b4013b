//! Starting from an earlier model: what it learned of the ids that it knew goes on.

use crate::run::checkpoint::{Checkpoint, EPOCHS, LIMITS};
use crate::run::fit::{AdamRecord, FitJob};
use crate::{Candidate, TrainError};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::Optimizer;
use burn::optim::record::AdaptorRecord;
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use lightgcn_core::{Dataset, Lineage, NodeId, Vocabulary};
use lightgcn_kernels::TrainingBackend;
use lightgcn_kernels::optim::{FusedAdam, FusedAdamConfig, FusedAdamState};
use lightgcn_nn::{EmbeddingModel, GradientBackend, ModelConfig, NodeCounts};
use lightgcn_store::Artifact;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PREVIOUS: &str = "warm_start.previous";
const ADAM: &str = "warm_start.adam";

/// A module, and Adam's state where there is any.
type WithAdam<B, M> = (M, Option<AdamRecord<B, M>>);

/// An earlier model that a run starts from: its embeddings, and where its run's checkpoint is at hand
/// the state of Adam and every other parameter.
///
/// Embeddings are those of the artifact, which is of the best validated epoch; Adam's moments are those
/// of the last epoch, a mean over recent steps. Ids are matched by the shop's own names.
#[derive(Debug, Clone)]
pub struct WarmStart {
    artifact: Arc<Artifact>,
    run: Option<PathBuf>,
}

impl WarmStart {
    /// A start from an artifact alone: Adam begins anew. Models with further parameters (NGCF, learned
    /// layer weights) need the checkpoint too.
    #[must_use]
    pub fn new(artifact: Arc<Artifact>) -> Self {
        Self {
            artifact,
            run: None,
        }
    }

    /// The same with the checkpoint in the folder of the run that made the artifact.
    ///
    /// # Errors
    /// [`TrainError::NoCheckpoint`] if there is none, [`TrainError::CheckpointMismatch`] if another run
    /// wrote it, [`TrainError::CheckpointDamaged`] if it cannot be read.
    pub fn with_run(mut self, folder: &Path) -> Result<Self, TrainError> {
        let checkpoint = Checkpoint::of_any_run(folder);
        if !checkpoint.exists() {
            return Err(TrainError::NoCheckpoint {
                path: checkpoint.path().to_owned(),
            });
        }
        if !checkpoint_is_of(folder, &self.artifact)? {
            return Err(TrainError::CheckpointMismatch {
                path: checkpoint.path().to_owned(),
                what: "model",
            });
        }
        self.run = Some(folder.to_owned());
        Ok(self)
    }

    /// The earlier model.
    #[must_use]
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Whether Adam's state is carried over.
    #[must_use]
    pub fn has_checkpoint(&self) -> bool {
        self.run.is_some()
    }

    /// The model and the training options of the earlier model, as its artifact tells them.
    ///
    /// # Errors
    /// [`TrainError::WarmStart`] if the artifact does not tell them.
    pub fn candidate(&self) -> Result<Candidate, TrainError> {
        let fault = |error: serde_json::Error| TrainError::WarmStart {
            detail: format!(
                "its options are not understood ({error}); it was not made by `train` of this version"
            ),
        };
        let model = serde_json::from_value(self.artifact.model.config.clone()).map_err(fault)?;
        let mut options = Map::new();
        for (name, text) in &self.artifact.lineage.options {
            if let Some(name) = name.strip_prefix("train.") {
                // Texts stand bare in a lineage.
                let value = serde_json::from_str(text);
                let value = value.unwrap_or_else(|_| Value::String(text.clone()));
                options.insert(name.to_owned(), value);
            }
        }
        let train = serde_json::from_value(Value::Object(options)).map_err(fault)?;
        Ok(Candidate { model, train })
    }

    /// Checks that the parameters of the earlier model fit a model with that description.
    pub(crate) fn check<M: ModelConfig>(&self, ours: &Value) -> Result<(), TrainError> {
        let theirs = &self.artifact.model.config;
        let shape_fields = ["name"].iter().chain(M::SHAPE_FIELDS);
        let differ = shape_fields
            .copied()
            .find(|key| ours.get(key) != theirs.get(key));
        match differ {
            None => Ok(()),
            Some(key) => Err(TrainError::WarmStart {
                detail: format!(
                    "its {key} is {}, that of the new model {}; keep it, or train from nothing",
                    theirs.get(key).unwrap_or(&Value::Null),
                    ours.get(key).unwrap_or(&Value::Null)
                ),
            }),
        }
    }

    /// Names the earlier model in the lineage of the new one.
    pub(crate) fn describe(&self, lineage: &mut Lineage) -> Result<(), TrainError> {
        let adam = if self.run.is_some() {
            "carried over"
        } else {
            "new"
        };
        let identity = self.artifact.identity()?;
        lineage.options.insert(PREVIOUS.to_owned(), identity);
        lineage.options.insert(ADAM.to_owned(), adam.to_owned());
        Ok(())
    }

    /// Puts what the earlier model learned into a fresh `module`.
    fn apply<B: GradientBackend<InnerBackend: TrainingBackend>, M: ModelConfig, L>(
        &self,
        module: M::Module<B>,
        model: &M,
        job: &FitJob<'_, L>,
        device: &B::Device,
    ) -> Result<WithAdam<B, M::Module<B>>, TrainError> {
        let rows = Rows::new(&self.artifact, job.dataset);
        let (old, adam) = self.earlier::<B, M>(model, job.config.seed, device)?;
        let mut parameters = Parameters(Vec::new());
        old.visit(&mut parameters);
        let mut transfer = Transfer {
            old: parameters.0.into_iter(),
            table: self.artifact.layer0.data(),
            rows: &rows,
            table_id: None,
        };
        let module = module.map(&mut transfer);
        let table = transfer.table_id;
        let adam = adam.map(|mut adam| {
            if let Some(id) = table
                && let Some(record) = adam.remove(&id)
            {
                adam.insert(id, rows.moments::<B>(record, device));
            }
            adam
        });
        Ok((module, adam))
    }

    /// The earlier model in its own shapes, and its state of Adam.
    fn earlier<B: GradientBackend<InnerBackend: TrainingBackend>, M: ModelConfig>(
        &self,
        model: &M,
        seed: u64,
        device: &B::Device,
    ) -> Result<WithAdam<B, M::Module<B>>, TrainError> {
        let nodes = NodeCounts::new(self.artifact.users.len(), self.artifact.items.len())?;
        let module = model.init::<B>(&nodes, seed, device)?;
        let table = self.artifact.layer0.data();
        let Some(folder) = &self.run else {
            let mut parameters = Parameters(Vec::new());
            module.visit(&mut parameters);
            if parameters.0.len() > 1 {
                return Err(TrainError::WarmStart {
                    detail:
                        "it has parameters beside its embeddings, which only the checkpoint of \
                             its run holds; name that run"
                            .to_owned(),
                });
            }
            let shape = [nodes.total(), self.artifact.layer0.dimension()];
            let table = Tensor::from_data(TensorData::new(table.to_vec(), shape), device);
            return Ok((module.with_layer0(table), None));
        };
        let checkpoint = Checkpoint::of_any_run(folder);
        let optimizer = FusedAdamConfig::new().init::<B, M::Module<B>>();
        let restored = checkpoint.load_any::<B, _, _>(module, optimizer, device)?;
        let model = restored.best.unwrap_or(restored.model);
        let found = host(model.layer0());
        if !same_bits(&found, table) {
            return Err(TrainError::CheckpointMismatch {
                path: checkpoint.path().to_owned(),
                what: "table of embeddings",
            });
        }
        Ok((model, Some(restored.optimizer.to_record())))
    }
}

/// The module of a run, with the state of Adam if it starts from an earlier model.
pub(crate) fn build<B: GradientBackend<InnerBackend: TrainingBackend>, M: ModelConfig, L>(
    model: &M,
    job: &FitJob<'_, L>,
    device: &B::Device,
) -> Result<WithAdam<B, M::Module<B>>, TrainError> {
    let module = model.init::<B>(job.nodes, job.config.seed, device)?;
    match job.start {
        Some(start) if !job.run.resume => start.apply::<B, M, L>(module, model, job, device),
        _ => Ok((module, None)),
    }
}

/// Whether the checkpoint in a run's folder is of the run that made the artifact: the same data, model,
/// options and seed. False where there is no checkpoint.
///
/// # Errors
/// [`TrainError::CheckpointDamaged`] and [`TrainError::Io`] if it cannot be read.
pub fn checkpoint_is_of(folder: &Path, artifact: &Artifact) -> Result<bool, TrainError> {
    let checkpoint = Checkpoint::of_any_run(folder);
    if !checkpoint.exists() {
        return Ok(false);
    }
    let job = checkpoint.written_job()?;
    let lineage: Lineage =
        serde_json::from_str(&job).map_err(|error| TrainError::CheckpointDamaged {
            path: checkpoint.path().to_owned(),
            detail: format!("its job is not understood: {error}"),
        })?;
    let bare = |lineage: &Lineage| {
        let mut lineage = lineage.clone();
        lineage.figures.clear();
        for option in LIMITS.iter().chain([&EPOCHS]) {
            lineage.options.remove(*option);
        }
        lineage
    };
    Ok(bare(&lineage) == bare(&artifact.lineage))
}

/// Which row of an earlier table each row of the new one is, users first.
struct Rows(Vec<Option<u32>>);

impl Rows {
    fn new(old: &Artifact, new: &Dataset) -> Self {
        let shift = old.users.len() as u32;
        let users = matches(&new.users, &old.users);
        let items = matches(&new.items, &old.items).map(|row| row.map(|row| row + shift));
        Self(users.chain(items).collect())
    }

    /// The earlier rows in the place of those of `base`, where there are any.
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

    /// Adam's moments of the table: those of known rows, and nothing yet of new ones.
    fn moments<B: GradientBackend<InnerBackend: TrainingBackend>>(
        &self,
        record: AdaptorRecord<FusedAdam, B>,
        device: &B::Device,
    ) -> AdaptorRecord<FusedAdam, B> {
        let state: FusedAdamState<B::InnerBackend, 2> = record.into_state::<2>();
        let carry = |moment: Tensor<B::InnerBackend, 2>| {
            let [_, dimension] = moment.dims();
            let zeros = vec![0.0; self.0.len() * dimension];
            let rows = self.carry(&host(moment), zeros);
            Tensor::from_data(TensorData::new(rows, [self.0.len(), dimension]), device)
        };
        AdaptorRecord::from_state::<2>(FusedAdamState {
            time: state.time,
            first_moment: carry(state.first_moment),
            second_moment: carry(state.second_moment),
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

/// Puts the earlier parameters into the new module, in the order of its parts, under their own ids, so
/// that Adam's state is found again.
struct Transfer<'a> {
    old: std::vec::IntoIter<Earlier>,
    /// The earlier table of layer 0, by which its parameter is told.
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
        let is_table = D == 2 && self.table_id.is_none() && same_bits(&old.values, self.table);
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

fn host<B: Backend, const D: usize>(tensor: Tensor<B, D>) -> Vec<f32> {
    let data = tensor.into_data().convert::<f32>();
    data.into_vec::<f32>()
        .unwrap_or_else(|error| panic!("a float table is not f32: {error:?}"))
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

#[cfg(test)]
mod tests;
