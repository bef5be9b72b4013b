//! Errors of matrices that come from data.

use thiserror::Error;

/// Why a sparse matrix could not be built.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum KernelError {
    /// There are no row offsets.
    #[error("row offsets: there are none; even a matrix without rows has one, 0")]
    NoOffsets,
    /// The first row offset is not zero.
    #[error("row offsets: the first entry is {found}; it must be 0")]
    OffsetsStart {
        /// First entry given.
        found: u64,
    },
    /// A row ends before it starts.
    #[error(
        "row offsets: row {row} starts at {start} and ends at {end}; offsets must not decrease"
    )]
    OffsetsDecrease {
        /// The row.
        row: usize,
        /// Its first edge.
        start: u64,
        /// Its end.
        end: u64,
    },
    /// The last row offset is not the number of edges.
    #[error("row offsets: the last entry is {found}, but there are {n_edges} edges")]
    OffsetsEnd {
        /// Last entry given.
        found: u64,
        /// Number of column ids.
        n_edges: usize,
    },
    /// Columns and values differ in length.
    #[error("{columns} column ids but {values} values; each edge needs one of each")]
    ValuesLength {
        /// Number of column ids.
        columns: usize,
        /// Number of values.
        values: usize,
    },
    /// A column id is outside the matrix.
    #[error("row {row}, edge {edge}: column {column} is outside a matrix of {n_columns} columns")]
    ColumnOutOfRange {
        /// Row of the edge.
        row: usize,
        /// Position of the edge.
        edge: usize,
        /// Column id given.
        column: u32,
        /// Columns of the matrix.
        n_columns: usize,
    },
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
    /// A user's positives do not ascend.
    #[error("the positives of row {row} must ascend, each given once; sort them")]
    NotAscending {
        /// The row.
        row: usize,
    },
    /// The matrix is larger than device indices can address.
    #[error(
        "{count} {what}, but a device addresses at most {limit} (32-bit indices); split the graph"
    )]
    TooLarge {
        /// What there are too many of: rows, columns or edges.
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
        "declared symmetric, but the edges of row {row} are not those of column {row} (same ids, values equal to 1 part in 10,000); pass symmetric = false or fix the weights"
    )]
    NotSymmetric {
        /// First row that differs from the column of the same number.
        row: usize,
    },
}
