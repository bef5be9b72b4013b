//! The loss of a batch through burn's autodiff, for models and losses of any kind.

use crate::ValidTrainConfig;
use crate::engine::steps::Here;
use burn::tensor::{Bool, Tensor, TensorData};
use lightgcn_core::{ItemId, UserId};
use lightgcn_kernels::SparseBackend;
use lightgcn_loss::{Batch, BatchIds, Loss, LossNeeds, TableRows, Tables};
use lightgcn_sample::{BatchSampler, PositiveSet, Positives, TripleBatch, shared_negatives};
use std::sync::Arc;

/// Computes the loss of batches, L2 included.
pub(crate) struct Differentiated<L> {
    loss: L,
    needs: LossNeeds,
    l2: f64,
    seed: u64,
    weighted: bool,
    sampler: Arc<BatchSampler>,
    /// Each item's share of the positives; empty unless the loss reads it.
    popularity: Vec<f32>,
}

impl<L: Loss> Differentiated<L> {
    pub(crate) fn new(loss: &L, config: &ValidTrainConfig, sampler: &Arc<BatchSampler>) -> Self {
        let needs = loss.needs();
        Self {
            loss: loss.clone(),
            needs,
            l2: config.l2,
            seed: config.seed,
            weighted: config.positives == PositiveSet::AllPairs,
            sampler: Arc::clone(sampler),
            popularity: match needs.popularity {
                true => popularity(sampler.positives()),
                false => Vec::new(),
            },
        }
    }

    /// The loss of a batch with L2 on its layer-0 rows, `[1]`.
    pub(crate) fn loss<B: SparseBackend>(
        &self,
        tables: Tables<B>,
        batch: &TripleBatch,
        here: Here<'_>,
    ) -> Tensor<B, 1> {
        let batch = self.batch(&tables.embeddings, batch, here);
        let layer0 = tables.layer0.clone();
        let ranking = self.loss.forward(tables, &batch);
        ranking + batch.l2(layer0).mul_scalar(self.l2)
    }

    /// The batch on the device of the `embeddings`, with all that the loss needs.
    fn batch<B: SparseBackend>(
        &self,
        embeddings: &Tensor<B, 2>,
        triples: &TripleBatch,
        here: Here<'_>,
    ) -> Batch<B> {
        let device = embeddings.device();
        let positives = self.sampler.positives();
        let (n_items, count) = (positives.n_items(), self.needs.shared_negatives);
        let shared = shared_negatives(self.seed, here.epoch, here.batch, count, n_items as u32);
        let ids = BatchIds {
            users: &triples.users,
            positives: &triples.positives,
            negatives: match self.needs.negatives {
                true => &triples.negatives,
                false => &[],
            },
            shared: &shared,
        };
        let table = TableRows {
            n_users: positives.n_users(),
            n_items,
            n_nodes: embeddings.dims()[0],
        };
        let mut batch = Batch::new(&ids, table, &device);
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
            let users = ids.users.iter();
            let thresholds = users.map(|&user| here.thresholds[user as usize]);
            batch = batch.with_top_k_thresholds(&thresholds.collect::<Vec<f32>>());
        }
        batch
    }
}

/// Each item's share of the positives; an item without any counts as if it had one.
fn popularity(positives: &Positives) -> Vec<f32> {
    let all = positives.n_pairs() as f32;
    let counts = positives.popularity().into_iter();
    counts.map(|count| count.max(1) as f32 / all).collect()
}

/// The candidates that each pair's user took, `[batch, n_candidates]`.
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
