//! Batches planned on the host, and what their losses return.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
pub use lightgcn_simd::SoftmaxOptions;

/// A loss and its gradient.
#[derive(Clone, Debug)]
pub struct LossGradient<B: Backend> {
    /// The loss, `[1]`.
    pub loss: Tensor<B, 1>,
    /// Its gradient with respect to the batch's embeddings, of their shape.
    pub gradient: Tensor<B, 2>,
}

/// A batch of triples, as rows of the batch's embeddings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BprBatch {
    /// The user of each positive, `[batch]`.
    pub users: Vec<u32>,
    /// Its item, `[batch]`.
    pub positives: Vec<u32>,
    /// Its negatives, `[batch * n_negatives]`, those of a pair side by side.
    pub negatives: Vec<u32>,
    /// The factor of each positive's loss, `[batch]`: its weight, divided by batch and negatives for a
    /// mean.
    pub weights: Vec<f32>,
}

/// Positive pairs of a batch among its distinct users, whose embeddings come first, and its
/// distinct candidate items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SoftmaxBatch {
    /// The number of distinct users: the first rows of the embeddings.
    pub n_users: usize,
    /// The user of each pair, `[batch]`, ascending.
    pub users: Vec<u32>,
    /// The item of each pair, as its row among the candidates, `[batch]`.
    pub items: Vec<u32>,
    /// The factor of each pair's loss, `[batch]`.
    pub weights: Vec<f32>,
    /// The weight of each candidate as a negative, `[n_candidates]`, positive and finite.
    pub candidate_weights: Vec<f32>,
    /// For each user, the candidates that are never their negatives, ascending. `None` excludes
    /// nothing.
    pub excluded: Option<Vec<Vec<u32>>>,
}
