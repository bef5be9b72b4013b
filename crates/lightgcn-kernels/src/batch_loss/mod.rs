//! The losses of a batch with their gradients, without autodiff.

pub(crate) mod batch;
#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "flex")]
pub(crate) mod flex;
pub(crate) mod reference;

use burn::tensor::Tensor;

use crate::backend::TrainingBackend;

pub use batch::{BprBatch, LossGradient, SoftmaxBatch, SoftmaxOptions};

/// The BPR loss `Σ_p w_p Σ_n −ln σ(e_u · e_i − e_u · e_n)` (Rendle et al., UAI 2009) and its gradient
/// by `embeddings`, `[n_rows, dim]`. O(batch · negatives · dim).
///
/// # Panics
///
/// If the parts of the batch differ in length, or name rows outside the embeddings.
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
/// exists as a whole.
///
/// # Panics
///
/// If the parts of the batch differ in length, or name rows outside the embeddings.
pub fn softmax_loss_gradient<B: TrainingBackend>(
    embeddings: Tensor<B, 2>,
    batch: &SoftmaxBatch,
    options: &SoftmaxOptions,
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
    B::softmax_loss_gradient(embeddings, batch, options)
}
