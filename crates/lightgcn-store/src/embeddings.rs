//! Tables of embeddings.

use crate::tensors::{Column, Table, tensor_error};
use crate::{Storage, StoreError};
use half::bf16;
use std::path::Path;

/// A table of finite numbers, `[rows, dimension]`, row by row.
///
/// The numbers are in memory as `f32`. A table stored in 16 bits on disk contains only numbers that
/// fit 16 bits, so what is evaluated is what is saved.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingTable {
    rows: usize,
    dimension: usize,
    data: Vec<f32>,
    storage: Storage,
}

impl EmbeddingTable {
    /// A table of `rows` rows of `dimension` numbers each, one row after the other in `data`.
    ///
    /// # Errors
    /// [`StoreError::EmbeddingTable`] if the dimension is 0, `data` does not have
    /// `rows * dimension` numbers, or a number is not finite.
    pub fn new(rows: usize, dimension: usize, data: Vec<f32>) -> Result<Self, StoreError> {
        let invalid = |detail| StoreError::EmbeddingTable { detail };
        if dimension == 0 {
            return Err(invalid("its dimension is 0".to_owned()));
        }
        if rows.checked_mul(dimension) != Some(data.len()) {
            return Err(invalid(format!(
                "{rows} rows of {dimension} numbers are needed, but {} numbers are given",
                data.len()
            )));
        }
        if let Some(n) = data.iter().position(|x| !x.is_finite()) {
            return Err(invalid(format!(
                "row {}, column {} is {}; training has diverged: lower the learning rate",
                n / dimension,
                n % dimension,
                data[n]
            )));
        }
        Ok(Self {
            rows,
            dimension,
            data,
            storage: Storage::F32,
        })
    }

    /// The same table, to be stored as `storage`. For [`Storage::Bf16`] every number is rounded to
    /// the nearest of 16 bits (ties to even), which changes a normal number by at most 2⁻⁸ of its
    /// magnitude; for [`Storage::F32`] nothing is changed.
    ///
    /// # Errors
    /// [`StoreError::EmbeddingTable`] if a number exceeds the largest of 16 bits (3.39e38).
    pub fn into_storage(mut self, storage: Storage) -> Result<Self, StoreError> {
        if storage == Storage::Bf16 {
            for n in 0..self.data.len() {
                let rounded = bf16::from_f32(self.data[n]);
                if rounded.is_infinite() {
                    return Err(StoreError::EmbeddingTable {
                        detail: format!(
                            "row {}, column {} is {}, which 16 bits cannot hold; keep the table in \
                             32 bits",
                            n / self.dimension,
                            n % self.dimension,
                            self.data[n]
                        ),
                    });
                }
                self.data[n] = rounded.to_f32();
            }
        }
        self.storage = storage;
        Ok(self)
    }

    /// How its numbers are stored on disk.
    #[must_use]
    pub fn storage(&self) -> Storage {
        self.storage
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of elements per row.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// All numbers, `[rows * dimension]`, row by row.
    #[must_use]
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// One row, `[dimension]`.
    ///
    /// # Panics
    /// If the row is out of range.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.dimension..(row + 1) * self.dimension]
    }

    /// The same table without one row; those after it move up.
    ///
    /// # Panics
    /// If the row is out of range.
    #[must_use]
    pub fn without_row(&self, row: usize) -> Self {
        let mut data = self.data.clone();
        data.drain(row * self.dimension..(row + 1) * self.dimension);
        Self {
            rows: self.rows - 1,
            data,
            ..*self
        }
    }

    /// Returns the numbers.
    #[must_use]
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    pub(crate) fn column(&self, name: &str) -> Column {
        let column = match self.storage {
            Storage::F32 => Column::new(name, self.data.iter().copied()),
            Storage::Bf16 => Column::new(name, self.data.iter().map(|&x| bf16::from_f32(x))),
        };
        column.with_shape(self.rows, self.dimension)
    }

    /// A table read from disk.
    pub(crate) fn from_read(path: &Path, name: &str, table: Table) -> Result<Self, StoreError> {
        let storage = table.storage;
        let table =
            Self::new(table.rows, table.width, table.data).map_err(|error| match error {
                StoreError::EmbeddingTable { detail } => tensor_error(path, name, detail),
                other => other,
            })?;
        Ok(Self { storage, ..table })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_slices() {
        let table = EmbeddingTable::new(2, 3, vec![0., 1., 2., 3., 4., 5.]).unwrap();
        assert_eq!(table.row(1), [3., 4., 5.]);
        assert_eq!((table.rows(), table.dimension()), (2, 3));
    }

    #[test]
    fn a_row_is_left_out() {
        let table = EmbeddingTable::new(3, 2, vec![0., 1., 2., 3., 4., 5.]).unwrap();
        let rest = table.into_storage(Storage::Bf16).unwrap().without_row(1);
        assert_eq!(rest.data(), [0., 1., 4., 5.]);
        assert_eq!((rest.rows(), rest.storage()), (2, Storage::Bf16));
    }

    #[test]
    fn sixteen_bits_round_to_the_nearest_even() {
        // Above 1 the numbers of 16 bits are 1/128 apart, above 256 they are 2 apart.
        let data = vec![1.0, -0.0, 1.0 + 1.0 / 256.0, 1.0 + 3.0 / 256.0, 257.0, 0.1];
        let table = EmbeddingTable::new(3, 2, data.clone()).unwrap();
        assert_eq!(table.storage(), Storage::F32);
        let rounded = table.clone().into_storage(Storage::Bf16).unwrap();
        assert_eq!(rounded.storage(), Storage::Bf16);
        assert_eq!(
            rounded.data(),
            [1.0, -0.0, 1.0, 1.015625, 256.0, 0.100_097_656]
        );
        assert!(rounded.data()[1].is_sign_negative());
        // Rounding again changes nothing, nor does asking for 32 bits again.
        assert_eq!(
            rounded.clone().into_storage(Storage::Bf16).unwrap(),
            rounded
        );
        let wide = rounded.clone().into_storage(Storage::F32).unwrap();
        assert_eq!(wide.data(), rounded.data());
        assert_ne!(wide, rounded);
        assert_eq!(table.clone().into_storage(Storage::F32).unwrap(), table);
    }

    #[test]
    fn what_sixteen_bits_cannot_hold_is_named() {
        let largest = f32::from_bits(0x7f7f_7fff);
        let keep = |x| {
            EmbeddingTable::new(2, 2, vec![0.0, 0.0, 0.0, x])
                .unwrap()
                .into_storage(Storage::Bf16)
        };
        assert!(keep(largest).is_ok());
        let mut messages = Vec::new();
        for bad in [f32::MAX, -f32::MAX, largest.next_up()] {
            let error = keep(bad).unwrap_err();
            assert!(
                matches!(error, StoreError::EmbeddingTable { .. }),
                "{error}"
            );
            messages.push(error.to_string());
        }
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn issues_name_their_place() {
        let mut messages = Vec::new();
        let message = |rows, dimension, data| {
            EmbeddingTable::new(rows, dimension, data)
                .unwrap_err()
                .to_string()
        };
        messages.push(message(1, 0, vec![]));
        messages.push(message(2, 2, vec![0.; 3]));
        messages.push(message(usize::MAX, 2, vec![0.; 3]));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            messages.push(message(2, 2, vec![0., 0., 0., bad]));
        }
        insta::assert_snapshot!(messages.join("\n"));
    }
}
