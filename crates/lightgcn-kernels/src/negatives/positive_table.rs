//! The users' positives on a device.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use crate::csr::{CsrSlices, HostCsr};
use crate::error::KernelError;
use crate::upload::upload_ints;

/// Each user's positives on a device, against which negatives are drawn.
#[derive(Clone, Debug)]
pub(crate) struct PositiveTable<B: Backend> {
    pub(super) n_users: usize,
    pub(super) n_items: u32,
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
    /// [`KernelError`] if the offsets are invalid, if items are out of range or do not ascend, or
    /// if there are more positives or items than 32-bit indices address.
    pub(crate) fn from_slices(
        offsets: &[u64],
        items: &[u32],
        n_items: usize,
        device: &B::Device,
    ) -> Result<Self, KernelError> {
        let ones = vec![1.0; items.len()];
        let host = HostCsr::new(CsrSlices {
            n_columns: n_items,
            row_offsets: offsets,
            columns: items,
            values: &ones,
        })?;
        for (row, bounds) in offsets.windows(2).enumerate() {
            let positives = &items[bounds[0] as usize..bounds[1] as usize];
            if !positives.is_sorted_by(|a, b| a < b) {
                return Err(KernelError::NotAscending { row });
            }
        }
        Ok(Self {
            n_users: host.n_rows,
            n_items: n_items as u32,
            offsets: upload_ints(host.row_offsets, device),
            items: upload_ints(host.columns, device),
        })
    }

    /// Number of users.
    pub(crate) fn n_users(&self) -> usize {
        self.n_users
    }

    /// Number of items.
    pub(crate) fn n_items(&self) -> usize {
        self.n_items as usize
    }
}
