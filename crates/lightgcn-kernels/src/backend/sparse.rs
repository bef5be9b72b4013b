//! Sparse operations.

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;

use crate::memory::{DeviceMemory, MemoryInUse};
use crate::propagate::reference::horner;
use crate::reference;
use crate::row_indices::RowIndices;
use crate::sparse_matrix::SparseMatrix;

/// A burn backend with the sparse operations that a model's forward pass and its gradient need.
///
/// Every method has a default body in plain tensor operations (see [`reference`](crate::reference)),
/// so an empty `impl SparseBackend for MyBackend {}` is enough to support another backend; this
/// crate overrides them for burn's own. Programs call the free functions
/// ([`sparse_dense`](crate::sparse_dense()), [`propagate`](crate::propagate()),
/// [`gather_rows`](crate::gather_rows()), ...), which check shapes, rather than these methods.
pub trait SparseBackend: Backend {
    /// `A x`, `[n_columns, dim]` to `[n_rows, dim]`.
    fn sparse_dense(matrix: &SparseMatrix<Self>, dense: Tensor<Self, 2>) -> Tensor<Self, 2> {
        reference::sparse_dense(matrix, dense)
    }

    /// `sum_k alphas[k] A^k x`, `[n_nodes, dim]` to `[n_nodes, dim]`. Default: Horner's rule over
    /// [`sparse_dense`](Self::sparse_dense).
    fn propagate(
        matrix: &SparseMatrix<Self>,
        x: Tensor<Self, 2>,
        alphas: &[f32],
    ) -> Tensor<Self, 2> {
        horner(x, alphas, |y| Self::sparse_dense(matrix, y))
    }

    /// `table[indices]`, `[n_rows, dim]` to `[n_indices, dim]`.
    fn gather_rows(table: Tensor<Self, 2>, indices: &RowIndices<Self>) -> Tensor<Self, 2> {
        reference::gather_rows(table, indices)
    }

    /// `result[indices[r]] += rows[r]`, `[n_indices, dim]` to `[n_rows, dim]`, added in the order
    /// of `r`.
    fn segment_sum_rows(rows: Tensor<Self, 2>, indices: &RowIndices<Self>) -> Tensor<Self, 2> {
        reference::segment_sum_rows(rows, indices)
    }

    /// `table[indices[r]] += rows[r]`, `[n_rows, dim]` and `[n_indices, dim]` to `[n_rows, dim]`.
    fn add_rows(
        table: Tensor<Self, 2>,
        rows: Tensor<Self, 2>,
        indices: &RowIndices<Self>,
    ) -> Tensor<Self, 2> {
        table + Self::segment_sum_rows(rows, indices)
    }

    /// Rows of [`propagate`](Self::propagate): `[n_nodes, dim]` to `[n_indices, dim]`. Default:
    /// propagates all rows and gathers these.
    fn propagate_rows(
        matrix: &SparseMatrix<Self>,
        x: Tensor<Self, 2>,
        alphas: &[f32],
        rows: &RowIndices<Self>,
    ) -> Tensor<Self, 2> {
        Self::gather_rows(Self::propagate(matrix, x, alphas), rows)
    }

    /// The gradient of [`propagate_rows`](Self::propagate_rows) by `x`: `[n_indices, dim]` to
    /// `[n_nodes, dim]`. Default: sums the rows into a table and propagates it back.
    fn propagate_rows_transposed(
        matrix: &SparseMatrix<Self>,
        gradients: Tensor<Self, 2>,
        alphas: &[f32],
        rows: &RowIndices<Self>,
    ) -> Tensor<Self, 2> {
        let table = Self::segment_sum_rows(gradients, rows);
        Self::propagate(&matrix.transpose(), table, alphas)
    }

    /// Dot products of rows of two tables, `[n, dim]` and `[m, dim]` to `[pairs]`, without a gradient.
    fn pair_dots(
        first: Tensor<Self, 2>,
        first_rows: &RowIndices<Self>,
        second: Tensor<Self, 2>,
        second_rows: &RowIndices<Self>,
    ) -> Tensor<Self, 1> {
        reference::pair_dots(first, first_rows, second, second_rows)
    }

    /// The memory of a device, if the backend knows it. Default: unknown.
    fn device_memory(_device: &Self::Device) -> Option<DeviceMemory> {
        None
    }

    /// The memory that the device's allocator holds now, if the backend knows it. Waits for queued
    /// work.
    fn memory_in_use(_device: &Self::Device) -> Option<MemoryInUse> {
        None
    }
}
