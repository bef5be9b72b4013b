//! Cosines of a batch's pairs.

#[cfg(feature = "flex")]
pub(crate) mod flex;
pub(crate) mod reference;

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::backend::TrainingBackend;
use crate::row_indices::RowIndices;

/// The cosine of the rows `first[p]` and `second[p]` of a batch's embeddings, for each pair p:
/// `[n_rows, dim]` to `[pairs]`. Lengths are floored at 1e-12, so that the cosine with a row of zeros
/// is 0. O(pairs · dim).
///
/// Used for SL@K's weights; not meant to be differentiated: on an autodiff backend it has the
/// gradient of the plain tensor operations.
///
/// # Panics
///
/// If there are not as many first rows as second ones, or if they were made for another number of
/// rows than the embeddings have.
pub fn pair_cosines<B: TrainingBackend>(
    embeddings: Tensor<B, 2>,
    first: &RowIndices<B>,
    second: &RowIndices<B>,
) -> Tensor<B, 1> {
    check(&embeddings, first, second);
    B::pair_cosines(embeddings, first, second)
}

fn check<B: Backend>(embeddings: &Tensor<B, 2>, first: &RowIndices<B>, second: &RowIndices<B>) {
    let [rows, dim] = embeddings.dims();
    assert!(
        first.len() == second.len(),
        "pair_cosines: {} first rows and {} second ones",
        first.len(),
        second.len()
    );
    assert!(
        first.n_rows() == rows && second.n_rows() == rows,
        "pair_cosines: the rows were made for {} and {} rows, but the embeddings are [{rows}, {dim}]",
        first.n_rows(),
        second.n_rows()
    );
}
