//! What the losses of a batch on a device return.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

/// The loss of a batch in parts, and its gradient with respect to the row that each slot reads.
#[derive(Clone, Debug)]
pub struct SlotGradient<B: Backend> {
    /// Terms of the loss, which is their sum: `[n]`.
    pub losses: Tensor<B, 1>,
    /// `[n_slots, dim]`, to be summed by [`sum_slots`](crate::sum_slots()).
    pub gradient: Tensor<B, 2>,
}
