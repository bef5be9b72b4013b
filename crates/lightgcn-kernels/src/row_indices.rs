//! Row numbers of a table, on the host and on a device.

use std::sync::{Arc, OnceLock};

use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Int, Tensor};

use crate::upload::upload_ints;

/// Numbers of the rows that a batch reads from a table of `n_rows` rows, as
/// [`gather_rows`](crate::gather_rows) takes them. Rows may repeat and come in any order.
///
/// The numbers are checked once and also kept on the host, where the backward pass plans its sums:
/// each row's gradients are added in the order of the batch, so that the same batch gives the same
/// bits. Cloning copies nothing.
#[derive(Clone, Debug)]
pub struct RowIndices<B: Backend> {
    host: Arc<[u32]>,
    device_indices: Tensor<B, 1, Int>,
    n_rows: usize,
    /// Created when a backend first requests it.
    segments: Arc<OnceLock<Segments<B>>>,
}

/// The positions of a batch sorted by the row they name, on the device.
#[cfg_attr(not(feature = "cube"), allow(dead_code))]
#[derive(Clone, Debug)]
pub(crate) struct Segments<B: Backend> {
    /// Positions in the batch, `[n_indices]`, `i32`; those of one row in the batch's order.
    pub(crate) order: Tensor<B, 1, Int>,
    /// The distinct rows, `[n_segments]`, `i32`, ascending.
    pub(crate) rows: Tensor<B, 1, Int>,
    /// The start of each row's positions in `order`, `[n_segments + 1]`, `i32`.
    pub(crate) offsets: Tensor<B, 1, Int>,
}

#[cfg_attr(not(feature = "cube"), allow(dead_code))]
impl<B: Backend> Segments<B> {
    /// O(n log n) for n indices.
    fn upload(indices: &[u32], device: &B::Device) -> Self {
        let mut order: Vec<i32> = (0..indices.len() as i32).collect();
        // Stable: the order of the batch within a row is the order of the sum.
        order.sort_by_key(|&position| indices[position as usize]);
        let (mut rows, mut offsets) = (Vec::new(), Vec::new());
        for (n, &position) in order.iter().enumerate() {
            let row = indices[position as usize] as i32;
            if rows.last() != Some(&row) {
                rows.push(row);
                offsets.push(n as i32);
            }
        }
        offsets.push(order.len() as i32);
        Self {
            order: upload_ints(order, device),
            rows: upload_ints(rows, device),
            offsets: upload_ints(offsets, device),
        }
    }

    /// Number of distinct rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.dims()[0]
    }
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
            segments: Arc::default(),
        }
    }

    /// Number of indices.
    pub fn len(&self) -> usize {
        self.host.len()
    }

    /// Whether there are no indices.
    pub fn is_empty(&self) -> bool {
        self.host.is_empty()
    }

    /// Number of rows of the table that the indices were made for.
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
            segments: Arc::default(),
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
            segments: Arc::default(),
        }
    }

    /// # Panics
    ///
    /// If the table does not have as many rows as the indices were made for.
    pub(crate) fn check_table(&self, table: &Tensor<B, 2>) {
        let [rows, dim] = table.dims();
        assert!(
            rows == self.n_rows,
            "gather_rows: the indices were made for {} rows, but the table is [{rows}, {dim}]",
            self.n_rows,
        );
    }

    /// # Panics
    ///
    /// If there is not one row per index.
    pub(crate) fn check_rows(&self, rows: &Tensor<B, 2>) {
        let [n_rows, dim] = rows.dims();
        assert!(
            n_rows == self.len(),
            "segment_sum_rows: there are {} indices, but the rows are [{n_rows}, {dim}]",
            self.len(),
        );
    }

    /// The batch's positions by row.
    #[cfg_attr(not(feature = "cube"), allow(dead_code))]
    pub(crate) fn segments(&self) -> &Segments<B> {
        let device = self.device_indices.device();
        self.segments
            .get_or_init(|| Segments::upload(&self.host, &device))
    }
}

#[cfg(test)]
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
    fn segments_keep_the_order_of_the_batch() {
        let indices = RowIndices::<Flex>::from_slice(&[4, 0, 4, 2], 5, &Default::default());
        let ints = |tensor: &Tensor<Flex, 1, Int>| {
            tensor.to_data().to_vec::<i32>().expect("indices are i32")
        };
        let segments = indices.segments();
        assert_eq!(ints(&segments.order), [1, 3, 0, 2]);
        assert_eq!(ints(&segments.rows), [0, 2, 4]);
        assert_eq!(ints(&segments.offsets), [0, 1, 2, 4]);
        assert_eq!(segments.len(), 3);
    }

    #[test]
    #[should_panic(expected = "index 5 at position 1 is outside a table of 5 rows")]
    fn an_index_outside_the_table_panics() {
        RowIndices::<Flex>::from_slice(&[4, 5], 5, &Default::default());
    }
}
