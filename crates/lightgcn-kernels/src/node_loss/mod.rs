//! The losses of batches that lie on a device, with their gradients, slot by slot.

#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod node_softmax;
pub(crate) mod reference;
pub(crate) mod slot_gradient;

use burn::tensor::Tensor;

use crate::backend::TrainingBackend;
use crate::node_batch::{NodeBatch, PairTable};

pub use node_softmax::NodeSoftmax;
pub use slot_gradient::SlotGradient;

/// The BPR loss of a batch on final `embeddings`, `[n_nodes, dim]`, as
/// [`bpr_loss_gradient`](crate::bpr_loss_gradient()) computes it. O(batch · negatives · dim).
///
/// # Panics
///
/// If the embeddings do not have one row per node, or the batch has no negatives.
pub fn bpr_slot_gradient<B: TrainingBackend>(
    embeddings: Tensor<B, 2>,
    batch: &NodeBatch<B>,
) -> SlotGradient<B> {
    batch.check_embeddings("bpr_slot_gradient", embeddings.dims());
    assert!(
        batch.n_negatives > 0 && batch.n_shared == 0,
        "bpr_slot_gradient: the batch has {} negatives per pair and {} shared ones; BPR needs only \
        the former",
        batch.n_negatives,
        batch.n_shared
    );
    B::bpr_slot_gradient(embeddings, batch)
}

/// The softmax loss of a batch on final `embeddings`, `[n_nodes, dim]`, as
/// [`softmax_loss_gradient`](crate::softmax_loss_gradient()) computes it: each item of the batch
/// counts as often as it occurs there. O(batch · candidates · dim), and three matrices
/// `[batch, candidates]`.
///
/// # Panics
///
/// If the embeddings do not have one row per node, the batch has negatives per pair, or weights and
/// thresholds do not have one number per item and user of the pair table.
pub fn softmax_slot_gradient<B: TrainingBackend>(
    embeddings: Tensor<B, 2>,
    batch: &NodeBatch<B>,
    pairs: &PairTable<B>,
    softmax: &NodeSoftmax<B>,
) -> SlotGradient<B> {
    batch.check_embeddings("softmax_slot_gradient", embeddings.dims());
    assert!(
        batch.n_negatives == 0 && batch.n_nodes == pairs.n_nodes(),
        "softmax_slot_gradient: the batch is of {} nodes and has {} negatives per pair, the table is of \
         {} nodes",
        batch.n_nodes,
        batch.n_negatives,
        pairs.n_nodes()
    );
    let n_weights = softmax.item_weights.dims()[0];
    let n_thresholds = softmax.top_k.as_ref().map(|(t, _)| t.dims()[0]);
    let (n_users, n_items) = (pairs.positives.n_users(), pairs.positives.n_items());
    assert!(
        n_weights == n_items && n_thresholds.is_none_or(|n| n == n_users),
        "softmax_slot_gradient: {n_weights} weights for {n_items} items, {n_thresholds:?} \
         thresholds for {n_users} users"
    );
    B::softmax_slot_gradient(embeddings, batch, pairs, softmax)
}
