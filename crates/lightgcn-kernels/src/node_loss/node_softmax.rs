//! What the softmax loss of a batch on a device needs in addition to the batch.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::batch_loss::batch::SoftmaxOptions;

/// What [`softmax_slot_gradient`](crate::softmax_slot_gradient()) needs in addition to the batch.
#[derive(Clone, Debug)]
pub struct NodeSoftmax<B: Backend> {
    /// Temperature and weight of the negatives.
    pub options: SoftmaxOptions,
    /// Whether a user's known positives are excluded from their negatives.
    pub mask_positives: bool,
    /// The weight of each item of the batch as a negative, `[n_items]`, positive.
    pub item_weights: Tensor<B, 1>,
    /// The weight of a shared item as a negative, positive.
    pub shared_weight: f32,
    /// For SL@K: each user's threshold, `[n_users]`, and the temperature that weighs pairs against it.
    pub top_k: Option<(Tensor<B, 1>, f32)>,
}
