//! The positive pairs of training on a device, and the order in which an epoch visits them.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};
use lightgcn_simd::CsrError;

use crate::error::KernelError;
use crate::negatives::positive_table::PositiveTable;
use crate::upload::{upload_floats, upload_ints};

/// The positive pairs of training on a device, from which batches are cut. Clones copy nothing.
#[derive(Clone, Debug)]
pub struct PairTable<B: Backend> {
    pub(crate) positives: PositiveTable<B>,
    /// The user of each pair, `[n_pairs]`, `i32`.
    pub(crate) users: Tensor<B, 1, Int>,
    /// The weight of each pair, `[n_pairs]`, `f32`.
    pub(crate) weights: Tensor<B, 1>,
}

impl<B: Backend> PairTable<B> {
    /// Checks each user's positives, ascending, and puts them on `device`: those of user `u`
    /// are `items[offsets[u]..offsets[u + 1]]`, each below `n_items`, with one weight per pair.
    ///
    /// # Errors
    ///
    /// [`KernelError`] if the offsets are invalid, if items are out of range or do not ascend, if
    /// there are more positives or items than 32-bit indices address, or if there is not one weight
    /// per pair.
    pub fn from_slices(
        offsets: &[u64],
        items: &[u32],
        weights: &[f32],
        n_items: usize,
        device: &B::Device,
    ) -> Result<Self, KernelError> {
        if items.len() != weights.len() {
            return Err(KernelError::Csr(CsrError::LengthMismatch {
                columns: items.len(),
                values: weights.len(),
            }));
        }
        let positives = PositiveTable::from_slices(offsets, items, n_items, device)?;
        let mut users = Vec::with_capacity(items.len());
        for (user, bounds) in (0i32..).zip(offsets.windows(2)) {
            users.extend((bounds[0]..bounds[1]).map(|_| user));
        }
        Ok(Self {
            positives,
            users: upload_ints(users, device),
            weights: upload_floats(weights.to_vec(), device),
        })
    }

    /// Number of pairs.
    pub fn n_pairs(&self) -> usize {
        self.users.dims()[0]
    }

    /// Number of users and items together.
    pub fn n_nodes(&self) -> usize {
        self.positives.n_users() + self.positives.n_items()
    }

    /// Puts the order in which an epoch visits the pairs on the device.
    ///
    /// # Panics
    ///
    /// If a pair's number is not below [`n_pairs`](Self::n_pairs).
    pub fn order(&self, pairs: &[u32]) -> PairOrder<B> {
        let n_pairs = self.n_pairs();
        if let Some(position) = pairs.iter().position(|&pair| pair as usize >= n_pairs) {
            panic!(
                "PairTable: pair {} at position {position} is outside a table of {n_pairs} pairs",
                pairs[position]
            );
        }
        let pairs = pairs.iter().map(|&pair| pair as i32).collect();
        PairOrder {
            pairs: upload_ints(pairs, &self.users.device()),
            n_pairs,
        }
    }
}

/// The order in which an epoch visits the pairs of a [`PairTable`], on its device.
#[derive(Clone, Debug)]
pub struct PairOrder<B: Backend> {
    /// `[len]`, `i32`.
    pub(crate) pairs: Tensor<B, 1, Int>,
    /// The number of pairs in the table that it was checked against.
    pub(super) n_pairs: usize,
}

impl<B: Backend> PairOrder<B> {
    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.pairs.dims()[0]
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
