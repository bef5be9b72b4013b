//! Negative samples, drawn where the batch is.

#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use crate::backend::TrainingBackend;
use crate::error::KernelError;
use crate::sparse_matrix::upload_ints;

/// How many candidates are rejected for being positives before one exact draw among the rest.
pub(crate) const MAX_REJECTIONS: u32 = 16;

/// Each user's positives on a device, against which negatives are drawn.
#[derive(Clone, Debug)]
pub struct PositiveTable<B: Backend> {
    n_users: usize,
    n_items: u32,
    /// `[n_users + 1]`, `i32`.
    pub(crate) offsets: Tensor<B, 1, Int>,
    /// `[n_pairs]`, `i32`, ascending within a user.
    pub(crate) items: Tensor<B, 1, Int>,
}

impl<B: Backend> PositiveTable<B> {
    /// Checks each user's positives, ascending, and puts them on `device`: those of user `u`
    /// are `items[offsets[u]..offsets[u + 1]]`, each below `n_items`.
    ///
    /// # Errors
    ///
    /// [`KernelError`] for offsets that do not fit, items out of range or not ascending, and more
    /// positives or items than 32-bit indices address.
    pub fn from_slices(
        offsets: &[u64],
        items: &[u32],
        n_items: usize,
        device: &B::Device,
    ) -> Result<Self, KernelError> {
        let n_users = offsets.len().saturating_sub(1);
        let ones = vec![1.0; items.len()];
        let host = crate::csr::HostCsr::new(n_users, n_items, offsets, items, &ones)?;
        for (row, bounds) in offsets.windows(2).enumerate() {
            let positives = &items[bounds[0] as usize..bounds[1] as usize];
            if !positives.is_sorted_by(|a, b| a < b) {
                return Err(KernelError::NotAscending { row });
            }
        }
        Ok(Self {
            n_users,
            n_items: n_items as u32,
            offsets: upload_ints(host.row_offsets, device),
            items: upload_ints(host.columns, device),
        })
    }

    /// Number of users.
    pub fn n_users(&self) -> usize {
        self.n_users
    }

    /// Number of items.
    pub fn n_items(&self) -> usize {
        self.n_items as usize
    }
}

/// Which draws of a seed a batch takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegativeDraws {
    /// The seed of the run.
    pub seed: u64,
    /// The epoch.
    pub epoch: u32,
    /// The place of the batch's first pair in the epoch's order.
    pub first_place: u64,
    /// Negatives of each pair, at least 1.
    pub n_negatives: usize,
}

/// For each of `users` (`[n_pairs]`, `i32`, rows of the table) `n_negatives` items that the
/// user did not take, uniformly: `[n_pairs * n_negatives]`, `i32`, those of a pair side by side.
/// A user who took everything, or who is not in the table, gets −1.
///
/// The draws are those of `lightgcn_sample::UniformNegatives` on the stream of negatives (counter
/// based, Philox4x32-10), bit for bit on every backend: the same seed gives the same triples wherever
/// they are drawn. O(log of the user's positives) a candidate.
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
        "sample_negatives: n_negatives is 0; a pair needs at least one"
    );
    B::sample_negatives(positives, users, draws)
}
