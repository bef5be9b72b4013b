//! An adjacency matrix that graph convolutions multiply with.

use crate::Normalization;
use crate::sparse::{Csr, column_sums, row_sums};
use sprs::CsMatI;

/// A scaled adjacency matrix in compressed sparse rows, as requested by a model.
///
/// Columns ascend within a row, and isolated nodes have empty rows. In a square one every
/// undirected edge has two entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Adjacency {
    matrix: Csr,
    normalization: Normalization,
    is_symmetric: bool,
}

impl Adjacency {
    /// Scales weights, in place, by the sums of their rows and columns. Weights are `undirected` if
    /// they equal their transpose. O(rows + columns + entries).
    pub(crate) fn new(matrix: Csr, normalization: Normalization, undirected: bool) -> Self {
        let row_degrees = row_sums(&matrix);
        let column_degrees = match undirected {
            true => None,
            false => Some(column_sums(&matrix)),
        };
        let column_degrees = column_degrees.as_ref().unwrap_or(&row_degrees);
        let degrees = [&row_degrees[..], column_degrees];
        Self::scaled(matrix, normalization, undirected, degrees)
    }

    /// Scales weights, in place, by the degrees of their rows and columns.
    pub(crate) fn scaled(
        mut matrix: Csr,
        normalization: Normalization,
        undirected: bool,
        [row_degrees, column_degrees]: [&[f64]; 2],
    ) -> Self {
        for (mut row, &row_degree) in matrix.outer_iterator_mut().zip(row_degrees) {
            for (column, value) in row.iter_mut() {
                let column_degree = column_degrees[column];
                let scaled = normalization.scale(f64::from(*value), row_degree, column_degree);
                *value = scaled as f32;
            }
        }
        Self {
            matrix,
            normalization,
            is_symmetric: undirected && normalization.is_symmetric(),
        }
    }

    /// The number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.matrix.rows()
    }

    /// The number of columns.
    #[must_use]
    pub fn n_columns(&self) -> usize {
        self.matrix.cols()
    }

    /// The number of stored entries.
    #[must_use]
    pub fn n_entries(&self) -> usize {
        self.matrix.nnz()
    }

    /// The start of each row's entries: `[n_rows + 1]`, from 0 to the number of entries.
    #[must_use]
    pub fn row_offsets(&self) -> &[u64] {
        self.matrix.indptr().into_raw_storage()
    }

    /// The column of each entry, `[n_entries]`, ascending within a row.
    #[must_use]
    pub fn columns(&self) -> &[u32] {
        self.matrix.indices()
    }

    /// The scaled weight of each entry, `[n_entries]`: not negative, and finite. Only
    /// [`Normalization::Powers`] of degrees below 1e-12 or above 1e7 can leave the range of 32 bits.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        self.matrix.data()
    }

    /// How the weights were scaled.
    #[must_use]
    pub fn normalization(&self) -> Normalization {
        self.normalization
    }

    /// Whether the matrix equals its own transpose bit for bit, because its shape and its
    /// normalization guarantee it.
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        self.is_symmetric
    }

    /// The matrix itself, for the operations of `sprs`.
    #[must_use]
    pub fn as_sprs(&self) -> &CsMatI<f32, u32, u64> {
        &self.matrix
    }

    /// Returns the matrix.
    #[must_use]
    pub fn into_sprs(self) -> CsMatI<f32, u32, u64> {
        self.matrix
    }
}
