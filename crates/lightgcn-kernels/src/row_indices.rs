//! Row numbers of a table, on the host and on a device.

use std::sync::Arc;

use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Int, Tensor};

use crate::sparse_matrix::upload_ints;

/// Numbers of the rows that a batch reads from a table of `n_rows` rows, as
/// [`gather_rows`](crate::gather_rows) takes them. Rows may repeat and come in any order.
///
/// The numbers are checked once and kept on the host as well, where the backward pass plans its
/// sums: each row's gradients are added in the order of the batch, so that the same batch gives
/// the same bits. Cloning copies nothing.
#[derive(Clone, Debug)]
pub struct RowIndices<B: Backend> {
    host: Arc<[u32]>,
    device_indices: Tensor<B, 1, Int>,
    n_rows: usize,
}

impl<B: Backend> RowIndices<B> {
    /// Puts the row numbers on `device`.
    ///
    /// # Panics
    ///
    /// If an index is `n_rows` or more, or if `n_rows` exceeds `i32::MAX`.
    pub fn from_slice(indices: &[u32], n_rows: usize, device: &B::Device) -> Self {
        assert!(
            n_rows <= i32::MAX as usize,
            "RowIndices: a table of {n_rows} rows exceeds 32-bit indices"
        );
        if let Some(position) = indices.iter().position(|&index| index as usize >= n_rows) {
            panic!(
                "RowIndices: index {} at position {position} is outside a table of {n_rows} rows",
                indices[position]
            );
        }
        let ints = indices.iter().map(|&index| index as i32).collect();
        Self {
            host: indices.into(),
            device_indices: upload_ints(ints, device),
            n_rows,
        }
    }

    /// Number of indices.
    pub fn len(&self) -> usize {
        self.host.len()
    }

    /// Whether there is no index.
    pub fn is_empty(&self) -> bool {
        self.host.is_empty()
    }

    /// Number of rows of the table that the indices are meant for.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The indices on the host.
    pub fn as_slice(&self) -> &[u32] {
        &self.host
    }

    /// The indices on the device, `[n_indices]`, `i32`.
    pub fn tensor(&self) -> Tensor<B, 1, Int> {
        self.device_indices.clone()
    }

    /// The same indices on another device.
    pub fn to_device(self, device: &B::Device) -> Self {
        Self {
            device_indices: self.device_indices.to_device(device),
            ..self
        }
    }

    /// The same indices for the backend without autodiff.
    pub fn inner(&self) -> RowIndices<B::InnerBackend>
    where
        B: AutodiffBackend,
    {
        RowIndices {
            host: self.host.clone(),
            device_indices: self.device_indices.clone().inner(),
            n_rows: self.n_rows,
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use burn::backend::{Autodiff, Flex};

    #[test]
    fn keeps_order_and_repeats_on_both_sides() {
        let device = Default::default();
        let indices = RowIndices::<Autodiff<Flex>>::from_slice(&[4, 0, 4], 5, &device);
        assert_eq!((indices.len(), indices.n_rows()), (3, 5));
        assert_eq!(indices.as_slice(), [4, 0, 4]);
        let on_device = indices.inner().tensor().into_data();
        assert_eq!(on_device.as_slice::<i32>().unwrap(), [4, 0, 4]);
    }

    #[test]
    #[should_panic(expected = "index 5 at position 1 is outside a table of 5 rows")]
    fn an_index_outside_the_table_panics() {
        RowIndices::<Flex>::from_slice(&[4, 5], 5, &Default::default());
    }
}
