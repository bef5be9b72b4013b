//! Errors of matrices that come from data.

use lightgcn_simd::CsrError;
use thiserror::Error;

/// Why a sparse matrix could not be built.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The arrays do not form a matrix in compressed sparse rows.
    #[error(transparent)]
    Csr(#[from] CsrError),
    /// A value is NaN or infinite.
    #[error("row {row}, column {column}: the value is {value}; every value must be finite")]
    ValueNotFinite {
        /// Row of the edge.
        row: usize,
        /// Column of the edge.
        column: u32,
        /// Value given.
        value: f32,
    },
    /// A user's positives are not in ascending order.
    #[error("the positives of row {row} must be distinct and in ascending order; sort them")]
    NotAscending {
        /// The row.
        row: usize,
    },
    /// The matrix is larger than device indices can address.
    #[error(
        "{count} {what}, but a device addresses at most {limit} (32-bit indices); split the graph"
    )]
    TooLarge {
        /// What there is too much of: rows, columns or edges.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A matrix declared symmetric is not square.
    #[error("declared symmetric, but it has {n_rows} rows and {n_columns} columns")]
    SymmetricNotSquare {
        /// Rows of the matrix.
        n_rows: usize,
        /// Columns of the matrix.
        n_columns: usize,
    },
    /// A matrix declared symmetric differs from its transpose.
    #[error(
        "declared symmetric, but the edges of row {row} differ from those of column {row} (same \
        ids, values equal to 1 part in 10,000); pass symmetric = false or fix the weights"
    )]
    NotSymmetric {
        /// First row that differs from the column of the same number.
        row: usize,
    },
}
