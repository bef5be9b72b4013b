//! Negative samples, drawn where the batch is.

#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod draws;
pub(crate) mod positive_table;
pub(crate) mod reference;

use burn::tensor::{Int, Tensor};

use crate::backend::TrainingBackend;

pub use draws::NegativeDraws;
pub use positive_table::PositiveTable;

/// For each of `users` (`[n_pairs]`, `i32`, rows of the table) `n_negatives` items that the
/// user did not take, uniformly: `[n_pairs * n_negatives]`, `i32`, those of a pair side by side.
/// A user who took everything, or who is not in the table, gets −1.
///
/// The draws are those of `lightgcn_sample::UniformNegatives` on the stream of negatives (counter
/// based, Philox4x32-10), bit for bit on every backend: the same seed gives the same triples wherever
/// they are drawn. O(log of the user's positives) per candidate.
///
/// # Panics
///
/// If `n_negatives` is 0.
pub fn sample_negatives<B: TrainingBackend>(
    positives: &PositiveTable<B>,
    users: Tensor<B, 1, Int>,
    draws: &NegativeDraws,
) -> Tensor<B, 1, Int> {
    assert!(
        draws.n_negatives > 0,
        "sample_negatives: n_negatives is 0; it must be at least 1"
    );
    B::sample_negatives(positives, users, draws)
}
