//! Tables of embeddings.

use crate::StoreError;
use crate::tensors::{Column, TensorFile};

/// A table of finite numbers, `[rows, dimension]`, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingTable {
    rows: usize,
    dimension: usize,
    data: Vec<f32>,
}

impl EmbeddingTable {
    /// A table of `rows` rows of `dimension` numbers each, one row after the other in `data`.
    ///
    /// # Errors
    /// [`StoreError::EmbeddingTable`] if the dimension is 0, `data` does not have
    /// `rows * dimension` numbers, or a number is not finite.
    pub fn new(rows: usize, dimension: usize, data: Vec<f32>) -> Result<Self, StoreError> {
        let fault = |detail| StoreError::EmbeddingTable { detail };
        if dimension == 0 {
            return Err(fault("its dimension is 0".to_owned()));
        }
        if rows.checked_mul(dimension) != Some(data.len()) {
            return Err(fault(format!(
                "{rows} rows of {dimension} numbers are wanted, {} numbers are given",
                data.len()
            )));
        }
        if let Some(n) = data.iter().position(|x| !x.is_finite()) {
            return Err(fault(format!(
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
        })
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many numbers a row has.
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

    /// Gives the numbers away.
    #[must_use]
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    pub(crate) fn column(&self, name: &str) -> Column {
        Column::new(name, self.data.iter().copied()).with_shape(self.rows, self.dimension)
    }

    pub(crate) fn read(file: &TensorFile<'_>, name: &str) -> Result<Self, StoreError> {
        let (rows, dimension, data) = file.matrix(name)?;
        Self::new(rows, dimension, data).map_err(|error| match error {
            StoreError::EmbeddingTable { detail } => file.fault(name, detail),
            other => other,
        })
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
    fn faults_name_their_place() {
        let message = |rows, dimension, data| {
            EmbeddingTable::new(rows, dimension, data)
                .unwrap_err()
                .to_string()
        };
        assert!(message(1, 0, vec![]).contains("dimension is 0"));
        assert!(message(2, 2, vec![0.; 3]).contains("3 numbers are given"));
        assert!(message(usize::MAX, 2, vec![0.; 3]).contains("3 numbers are given"));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(message(2, 2, vec![0., 0., 0., bad]).contains("row 1, column 1"));
        }
    }
}
