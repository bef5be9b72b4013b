//! Models whose final embeddings are a linear function of their only parameter, the layer-0 table.

use crate::engine::step::{Shard, StepEngine, StepResult, TableEngine};
use burn::module::{AutodiffModule, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::backend::{AutodiffBackend, Backend};
use lightgcn_kernels::SparseBackend;
use lightgcn_nn::EmbeddingModel;
use lightgcn_sample::EpochBatches;

/// The table of a linear model and the fixed weights of its layers.
#[derive(Clone)]
pub(crate) struct Linear {
    /// The table's parameter.
    pub(crate) table: ParamId,
    /// While training, the embeddings are `Σ_k alphas[k] Âᵏ table`.
    pub(crate) alphas: Vec<f32>,
}

impl Linear {
    /// The table and layer weights of a model, if it is linear.
    pub(crate) fn of<B, M>(model: &M) -> Option<Self>
    where
        B: AutodiffBackend + SparseBackend,
        M: EmbeddingModel<B> + AutodiffModule<B>,
    {
        let alphas = model.training_layer_weights()?;
        let mut parameters = Parameters(Vec::new());
        model.visit(&mut parameters);
        match parameters.0[..] {
            [(table, 2)] => Some(Self { table, alphas }),
            _ => None,
        }
    }
}

/// Identity and rank of each float parameter.
struct Parameters(Vec<(ParamId, usize)>);

impl<B: Backend> ModuleVisitor<B> for Parameters {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<B, D>>) {
        self.0.push((parameter.id, D));
    }
}

/// The steps of a linear model, computed from its table without autodiff.
pub(crate) struct TableSteps<B: AutodiffBackend> {
    table: ParamId,
    engine: Box<TableEngine<B::InnerBackend>>,
}

impl<B: AutodiffBackend> TableSteps<B> {
    pub(crate) fn new(table: ParamId, engine: Box<TableEngine<B::InnerBackend>>) -> Self {
        Self { table, engine }
    }
}

impl<B, M> StepEngine<B::InnerBackend, M, GradientsParams> for TableSteps<B>
where
    B: AutodiffBackend + SparseBackend,
    M: EmbeddingModel<B>,
{
    fn begin_epoch(&mut self, batches: &EpochBatches<'_>, thresholds: &[f32]) {
        self.engine.begin_epoch(batches, thresholds);
    }

    fn step(
        &mut self,
        model: &M,
        shard: &Shard<'_>,
    ) -> StepResult<B::InnerBackend, GradientsParams> {
        let step = self.engine.step(&model.layer0().inner(), shard);
        let mut gradient = GradientsParams::new();
        gradient.register::<B::InnerBackend, 2>(self.table, step.gradient);
        StepResult {
            loss: step.loss,
            gradient,
        }
    }
}
