//! The losses of batches that lie on a device, with their gradients, place by place.

#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::backend::TrainingBackend;
use crate::batch_loss::SoftmaxSettings;
use crate::node_batch::{NodeBatch, PairTable};

/// The losses of a batch and their gradient by what each place reads.
#[derive(Clone, Debug)]
pub struct PlaceGradient<B: Backend> {
    /// Parts of the loss, which is their sum: `[n]`.
    pub losses: Tensor<B, 1>,
    /// `[n_places, dim]`, to be summed by [`sum_places`](crate::sum_places()).
    pub gradient: Tensor<B, 2>,
}

/// What [`softmax_place_gradient`] needs beside the batch.
#[derive(Clone, Debug)]
pub struct NodeSoftmax<B: Backend> {
    /// Temperature and weight of the negatives.
    pub settings: SoftmaxSettings,
    /// Whether a user's known positives are left out of his negatives.
    pub mask_positives: bool,
    /// How much an item of the batch counts as a negative, `[n_items]`, positive.
    pub item_weights: Tensor<B, 1>,
    /// How much a shared item counts, positive.
    pub shared_weight: f32,
    /// Where pairs are weighed by SL@K: each user's threshold, `[n_users]`, and the temperature.
    pub top_k: Option<(Tensor<B, 1>, f32)>,
}

/// The BPR loss of a batch on final `embeddings`, `[n_nodes, dim]`, as
/// [`bpr_loss_gradient`](crate::bpr_loss_gradient()) computes it. O(batch · negatives · dim).
///
/// # Panics
///
/// If the embeddings do not have a row a node, or the batch has no negatives.
pub fn bpr_place_gradient<B: TrainingBackend>(
    embeddings: Tensor<B, 2>,
    batch: &NodeBatch<B>,
) -> PlaceGradient<B> {
    batch.check_embeddings("bpr_place_gradient", embeddings.dims());
    assert!(
        batch.n_negatives > 0 && batch.n_shared == 0,
        "bpr_place_gradient: a batch of {} negatives a pair and {} shared ones; BPR takes the \
         former",
        batch.n_negatives,
        batch.n_shared
    );
    B::bpr_place_gradient(embeddings, batch)
}

/// The softmax loss of a batch on final `embeddings`, `[n_nodes, dim]`, as
/// [`softmax_loss_gradient`](crate::softmax_loss_gradient()) computes it: each item of the batch
/// counts as often as it is in it. O(batch · candidates · dim), and three matrices
/// `[batch, candidates]`.
///
/// # Panics
///
/// If the embeddings do not have a row a node, the batch has negatives of its pairs, or the weights
/// and thresholds are not those of the pairs' table.
pub fn softmax_place_gradient<B: TrainingBackend>(
    embeddings: Tensor<B, 2>,
    batch: &NodeBatch<B>,
    pairs: &PairTable<B>,
    softmax: &NodeSoftmax<B>,
) -> PlaceGradient<B> {
    batch.check_embeddings("softmax_place_gradient", embeddings.dims());
    assert!(
        batch.n_negatives == 0 && batch.n_nodes == pairs.n_nodes(),
        "softmax_place_gradient: a batch of {} nodes with {} negatives a pair, of a table of {} nodes",
        batch.n_nodes,
        batch.n_negatives,
        pairs.n_nodes()
    );
    let n_weights = softmax.item_weights.dims()[0];
    let n_thresholds = softmax.top_k.as_ref().map(|(t, _)| t.dims()[0]);
    let (n_users, n_items) = (pairs.positives.n_users(), pairs.positives.n_items());
    assert!(
        n_weights == n_items && n_thresholds.is_none_or(|n| n == n_users),
        "softmax_place_gradient: {n_weights} weights for {n_items} products, {n_thresholds:?} \
         thresholds for {n_users} users"
    );
    B::softmax_place_gradient(embeddings, batch, pairs, softmax)
}
