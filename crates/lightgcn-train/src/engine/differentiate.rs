//! The losses of a batch through burn's autodiff, for models of any kind.

use crate::engine::steps::Here;
use crate::{SoftmaxSpec, ValidTrainConfig};
use burn::tensor::{Tensor, TensorData};
use lightgcn_core::{ItemId, UserId};
use lightgcn_kernels::SparseBackend;
use lightgcn_loss::{
    PairRows, RecommendationLossConfig, SoftmaxLossConfig, SoftmaxRecommendationLossConfig,
    TopKWeighting, TripleRows,
};
use lightgcn_sample::{PositiveSet, Positives, TripleBatch, shared_negatives};

/// The tables that a loss reads.
pub(crate) struct Tables<B: SparseBackend> {
    /// Final embeddings, `[n_nodes, output_dim]`.
    pub(crate) embeddings: Tensor<B, 2>,
    /// The table they come from, `[n_nodes, dim]`.
    pub(crate) layer0: Tensor<B, 2>,
}

/// BPR with L2 on the batch's layer-0 rows.
pub(crate) fn bpr<B: SparseBackend>(
    config: &ValidTrainConfig,
    positives: &Positives,
    tables: Tables<B>,
    batch: &TripleBatch,
) -> Tensor<B, 1> {
    let mut rows = TripleRows::<B>::from_slices(
        &batch.users,
        &batch.positives,
        &batch.negatives,
        positives.n_users(),
        positives.n_items(),
        &tables.embeddings.device(),
    );
    if config.positives == PositiveSet::AllPairs {
        rows = rows.with_weights(&batch.weights);
    }
    let loss = RecommendationLossConfig::new()
        .with_regularization(config.l2)
        .init();
    loss.forward(tables.embeddings, tables.layer0, &rows).total
}

/// A softmax loss with L2 on the batch's layer-0 rows. `here.thresholds` holds a number for each
/// user where the loss weighs pairs by SL@K.
pub(crate) fn softmax<B: SparseBackend>(
    config: &ValidTrainConfig,
    spec: &SoftmaxSpec,
    positives: &Positives,
    tables: Tables<B>,
    batch: &TripleBatch,
    here: Here<'_>,
) -> Tensor<B, 1> {
    let device = tables.embeddings.device();
    let (n_users, n_items) = (positives.n_users(), positives.n_items());
    let count = spec.shared_negatives;
    let extra = shared_negatives(config.seed, here.epoch, here.batch, count, n_items as u32);
    let (users, items) = (&batch.users, &batch.positives);
    let mut rows = PairRows::<B>::from_slices(users, items, &extra, n_users, n_items, &device);
    if config.positives == PositiveSet::AllPairs {
        rows = rows.with_weights(&batch.weights);
    }
    if spec.popularity_correction > 0.0 {
        let popularity = positives.popularity();
        let all = positives.n_pairs() as f32;
        let share = |&item: &u32| popularity[item as usize].max(1) as f32 / all;
        rows = rows.with_popularity(&items.iter().map(share).collect::<Vec<f32>>());
    }
    if spec.mask_positives {
        let known: Vec<bool> = users
            .iter()
            .flat_map(|&user| {
                let known = positives.items_of(UserId(user));
                let candidates = items.iter().chain(&extra);
                candidates.map(move |&item| known.binary_search(&ItemId(item)).is_ok())
            })
            .collect();
        let shape = [users.len(), items.len() + extra.len()];
        let known = TensorData::new(known, shape);
        rows = rows.with_known_positives(Tensor::from_data(known, &device));
    }
    if spec.top_k.is_some() {
        let thresholds = users.iter().map(|&user| here.thresholds[user as usize]);
        rows = rows.with_top_k_thresholds(&thresholds.collect::<Vec<f32>>());
    }
    let softmax = SoftmaxLossConfig::new()
        .with_temperature(spec.temperature)
        .with_negative_weight(spec.negative_weight)
        .with_popularity_correction(spec.popularity_correction)
        .with_top_k(spec.top_k.map(|top_k| TopKWeighting {
            k: top_k.k,
            temperature: top_k.temperature,
        }));
    let loss = SoftmaxRecommendationLossConfig::new(softmax).with_regularization(config.l2);
    let loss = loss.init().unwrap_or_else(|error| {
        // `TrainConfig::check` has refused every setting that is out of range.
        panic!("a checked configuration of the loss is refused: {error}")
    });
    loss.forward(tables.embeddings, tables.layer0, &rows).total
}
