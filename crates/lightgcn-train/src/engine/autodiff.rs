//! Steps through burn's autodiff, for models and losses of any kind.

use crate::engine::host_steps::HostSteps;
use crate::engine::setup::EngineSetup;
use crate::engine::step::{Shard, StepEngine, StepResult, TableEngine};
use burn::module::AutodiffModule;
use burn::optim::GradientsParams;
use burn::tensor::backend::AutodiffBackend;
use burn::tensor::{Bool, Tensor, TensorData};
use lightgcn_core::{ItemId, UserId};
use lightgcn_kernels::{SparseBackend, TrainingBackend};
use lightgcn_loss::{Batch, BatchIds, Loss, LossNeeds, TableRows, Tables};
use lightgcn_nn::{EmbeddingModel, GradientBackend, Graphs, TrainingPass, TrainingStep};
use lightgcn_sample::{BatchSampler, PositiveSet, Positives, TripleBatch, shared_negatives};
use std::sync::Arc;

/// Differentiates the loss by all parameters of a model.
pub(crate) struct Autodiff<B: AutodiffBackend, L> {
    graphs: Graphs<B>,
    loss: L,
    /// The loss and its gradient without autodiff, if the host's kernels know it: only the model is
    /// differentiated by autodiff then.
    kernels: Option<Box<TableEngine<B::InnerBackend>>>,
    needs: LossNeeds,
    l2: f64,
    seed: u64,
    weighted: bool,
    sampler: Arc<BatchSampler>,
    /// Each item's share of the positives; empty unless the loss reads it.
    popularity: Vec<f32>,
}

impl<B: GradientBackend, L: Loss> Autodiff<B, L> {
    pub(crate) fn new(setup: &EngineSetup<'_, B, L>) -> Self {
        let (config, sampler) = (setup.config, setup.sampler);
        let on_host = !<B::InnerBackend as TrainingBackend>::runs_steps_on_device();
        let known = setup.loss.fused().filter(|_| config.fused && on_host);
        let kernels = known.map(|loss| {
            let steps = HostSteps::of_embeddings(loss, config, sampler);
            Box::new(steps) as Box<TableEngine<B::InnerBackend>>
        });
        let mut needs = setup.loss.needs();
        if kernels.is_some() {
            // The batch is for L2 alone.
            needs = LossNeeds {
                negatives: needs.negatives,
                ..LossNeeds::default()
            };
        }
        Self {
            graphs: setup.graphs.clone(),
            loss: setup.loss.clone(),
            kernels,
            needs,
            l2: setup.config.l2,
            seed: setup.config.seed,
            weighted: setup.config.positives == PositiveSet::AllPairs,
            sampler: Arc::clone(setup.sampler),
            popularity: match needs.popularity {
                true => popularity(setup.sampler.positives()),
                false => Vec::new(),
            },
        }
    }

    /// Whether a step may have more than one batch, each with its own negatives.
    pub(crate) fn takes_many_batches(&self) -> bool {
        self.kernels.is_some()
    }
}

impl<B, M, L> StepEngine<B::InnerBackend, M, GradientsParams> for Autodiff<B, L>
where
    B: AutodiffBackend + SparseBackend,
    M: EmbeddingModel<B> + AutodiffModule<B>,
    L: Loss,
{
    fn step(
        &mut self,
        model: &M,
        shard: &Shard<'_>,
    ) -> StepResult<B::InnerBackend, GradientsParams> {
        let places = shard.places.clone();
        let triples = match self.needs.negatives {
            true => shard.batches.triples(places),
            false => shard.batches.pairs(places),
        };
        // What is random in a step is a function of its number, so that a resumed run repeats it.
        let step = TrainingStep {
            seed: self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ shard.context.steps,
            users: &triples.users,
            items: &triples.positives,
        };
        let TrainingPass {
            embeddings,
            auxiliary_loss,
        } = model.training_pass(&self.graphs, &step);
        let layer0 = model.layer0();
        let batch = self.batch(shard, &triples, &layer0);
        let mut loss = batch.l2(layer0.clone()).mul_scalar(self.l2);
        if let Some(embeddings) = embeddings {
            let of_batch = match &mut self.kernels {
                Some(kernels) => attached(embeddings, |embeddings| kernels.step(embeddings, shard)),
                None => self.loss.forward(Tables { embeddings, layer0 }, &batch),
            };
            loss = of_batch + loss;
        }
        if let Some(auxiliary) = auxiliary_loss {
            loss = loss + auxiliary;
        }
        StepResult {
            gradient: GradientsParams::from_grads(loss.backward(), model),
            loss: loss.inner(),
        }
    }
}

impl<B, L> Autodiff<B, L>
where
    B: AutodiffBackend + SparseBackend,
    L: Loss,
{
    /// The batch on the device of the table, with everything that the loss needs.
    fn batch(&self, shard: &Shard<'_>, triples: &TripleBatch, table: &Tensor<B, 2>) -> Batch<B> {
        let device = table.device();
        let (epoch, number) = (shard.batches.epoch(), shard.number);
        let positives = self.sampler.positives();
        let (n_items, count) = (positives.n_items(), self.needs.shared_negatives);
        let shared = shared_negatives(self.seed, epoch, number, count, n_items as u32);
        let ids = BatchIds {
            users: &triples.users,
            positives: &triples.positives,
            negatives: match self.needs.negatives {
                true => &triples.negatives,
                false => &[],
            },
            shared: &shared,
        };
        let rows = TableRows {
            n_users: positives.n_users(),
            n_items,
            n_nodes: table.dims()[0],
        };
        let mut batch = Batch::new(&ids, rows, &device);
        if self.weighted {
            batch = batch.with_weights(&triples.weights);
        }
        if self.needs.popularity {
            let shares = ids.positives.iter();
            let shares = shares.map(|&item| self.popularity[item as usize]);
            batch = batch.with_popularity(&shares.collect::<Vec<f32>>());
        }
        if self.needs.known_positives {
            batch = batch.with_known_positives(known_positives(positives, &ids, &device));
        }
        if self.needs.top_k.is_some() {
            let of_user = |&user: &u32| shard.context.thresholds[user as usize];
            let thresholds: Vec<f32> = ids.users.iter().map(of_user).collect();
            batch = batch.with_top_k_thresholds(&thresholds);
        }
        batch
    }
}

/// A loss that is computed with its gradient, as a node of autodiff.
fn attached<B: AutodiffBackend>(
    embeddings: Tensor<B, 2>,
    step: impl FnOnce(
        &Tensor<B::InnerBackend, 2>,
    ) -> StepResult<B::InnerBackend, Tensor<B::InnerBackend, 2>>,
) -> Tensor<B, 1> {
    let StepResult { loss, gradient } = step(&embeddings.clone().inner());
    // Its gradient at the embeddings is `gradient`. Rows first: sums of long vectors have no fixed order.
    let product = (embeddings * Tensor::from_inner(gradient)).sum_dim(1).sum();
    product.clone() - product.detach() + Tensor::from_inner(loss)
}

/// Each item's share of the positives; an item without any is treated as if it had one.
fn popularity(positives: &Positives) -> Vec<f32> {
    let all = positives.n_pairs() as f32;
    let counts = positives.popularity().into_iter();
    counts.map(|count| count.max(1) as f32 / all).collect()
}

/// The candidates that are positives of each pair's user, `[batch, n_candidates]`.
fn known_positives<B: SparseBackend>(
    positives: &Positives,
    ids: &BatchIds<'_>,
    device: &B::Device,
) -> Tensor<B, 2, Bool> {
    let known: Vec<bool> = ids
        .users
        .iter()
        .flat_map(|&user| {
            let known = positives.items_of(UserId(user));
            let candidates = ids.positives.iter().chain(ids.shared);
            candidates.map(move |&item| known.binary_search(&ItemId(item)).is_ok())
        })
        .collect();
    let shape = [ids.users.len(), ids.positives.len() + ids.shared.len()];
    Tensor::from_data(TensorData::new(known, shape), device)
}
