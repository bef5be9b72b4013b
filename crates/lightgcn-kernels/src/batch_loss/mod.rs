//! The losses of a batch with their gradients, without autodiff.

#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "flex")]
pub(crate) mod flex;
pub(crate) mod reference;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::backend::TrainingBackend;

/// A loss and its gradient.
#[derive(Clone, Debug)]
pub struct LossGradient<B: Backend> {
    /// The loss, `[1]`.
    pub loss: Tensor<B, 1>,
    /// Its gradient with respect to the batch's embeddings, of their shape.
    pub gradient: Tensor<B, 2>,
}

/// Triples of a batch as rows of its embeddings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BprBatch {
    /// The user of each positive, `[batch]`.
    pub users: Vec<u32>,
    /// Its product, `[batch]`.
    pub positives: Vec<u32>,
    /// Its negatives, `[batch * n_negatives]`, those of a pair side by side.
    pub negatives: Vec<u32>,
    /// The factor of each positive's loss, `[batch]`: its weight, over batch and negatives where a
    /// mean is wanted.
    pub weights: Vec<f32>,
}

/// Positive pairs of a batch among its distinct users, whose embeddings come first, and its
/// distinct candidate items.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SoftmaxBatch {
    /// How many distinct users there are: the first rows of the embeddings.
    pub n_users: usize,
    /// The user of each pair, `[batch]`, ascending.
    pub users: Vec<u32>,
    /// The item of each pair as its place among the candidates, `[batch]`.
    pub items: Vec<u32>,
    /// The factor of each pair's loss, `[batch]`.
    pub weights: Vec<f32>,
    /// How much each candidate counts as a negative, `[n_candidates]`, positive and finite.
    pub candidate_weights: Vec<f32>,
    /// For each user the candidates that are never his negatives, ascending; or none at all.
    pub excluded: Option<Vec<Vec<u32>>>,
}

/// Settings of [`softmax_loss_gradient`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxSettings {
    /// Temperature τ, at least 0.005.
    pub temperature: f32,
    /// Weight t₂ of the logarithm over negatives; 1 is the sampled softmax.
    pub negative_weight: f32,
}

/// The BPR loss `Σ_p w_p Σ_n −ln σ(e_u · e_i − e_u · e_n)` (Rendle et al., UAI 2009) and its gradient
/// by `embeddings`, `[n_rows, dim]`. O(batch · negatives · dim).
///
/// # Panics
///
/// If the parts of the batch do not fit each other or the embeddings.
pub fn bpr_loss_gradient<B: TrainingBackend>(
    embeddings: Tensor<B, 2>,
    batch: &BprBatch,
) -> LossGradient<B> {
    let n_rows = embeddings.dims()[0];
    let pairs = batch.users.len();
    assert!(
        pairs > 0
            && batch.positives.len() == pairs
            && batch.weights.len() == pairs
            && !batch.negatives.is_empty()
            && batch.negatives.len().is_multiple_of(pairs),
        "bpr_loss_gradient: {pairs} users, {} positives, {} negatives and {} weights",
        batch.positives.len(),
        batch.negatives.len(),
        batch.weights.len()
    );
    let rows = [&batch.users, &batch.positives, &batch.negatives];
    assert!(
        rows.into_iter()
            .flatten()
            .all(|&row| (row as usize) < n_rows),
        "bpr_loss_gradient: a row of the batch is outside the {n_rows} embeddings"
    );
    B::bpr_loss_gradient(embeddings, batch)
}

/// The softmax loss with in-batch negatives and its gradient by `embeddings`,
/// `[n_users + n_candidates, dim]`:
///
/// ```text
/// L = Σ_p w_p · ( −s_pp / τ + t₂ · ln Σ_{j ≠ i_p} m_j · exp(s_pj / τ) )
/// ```
///
/// with `s` the cosine of a pair's user and a candidate, and `m` the candidates' weights (Wu et
/// al., *BSL*, ICDE 2024). O(n_users · n_candidates · dim); on the CPU the matrix of scores never
/// exists whole.
///
/// # Panics
///
/// If the parts of the batch do not fit each other or the embeddings.
pub fn softmax_loss_gradient<B: TrainingBackend>(
    embeddings: Tensor<B, 2>,
    batch: &SoftmaxBatch,
    settings: &SoftmaxSettings,
) -> LossGradient<B> {
    let (n_rows, pairs) = (embeddings.dims()[0], batch.users.len());
    let n_candidates = batch.candidate_weights.len();
    assert!(
        pairs > 0 && batch.items.len() == pairs && batch.weights.len() == pairs,
        "softmax_loss_gradient: {pairs} users, {} items and {} weights",
        batch.items.len(),
        batch.weights.len()
    );
    assert!(
        batch.n_users + n_candidates == n_rows,
        "softmax_loss_gradient: {} users and {n_candidates} candidates, but {n_rows} embeddings",
        batch.n_users
    );
    assert!(
        batch.users.is_sorted()
            && batch
                .users
                .iter()
                .all(|&user| (user as usize) < batch.n_users)
            && batch
                .items
                .iter()
                .all(|&item| (item as usize) < n_candidates),
        "softmax_loss_gradient: the pairs must ascend by user and lie within the batch"
    );
    B::softmax_loss_gradient(embeddings, batch, settings)
}
