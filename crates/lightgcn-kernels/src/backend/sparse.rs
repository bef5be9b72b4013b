//! Sparse operations.

use burn::tensor::backend::Backend;
use burn::tensor::ops::FloatTensor;

use crate::memory::{DeviceMemory, MemoryInUse};
use crate::primitive::{float_primitive, float_tensor};
use crate::propagate::reference::horner;
use crate::reference;
use crate::row_indices::RowIndices;
use crate::sparse_matrix::SparseMatrix;

/// A burn backend with sparse operations: what a model's forward pass and its gradient need.
///
/// Every method has a default body in plain tensor operations (see [`reference`](crate::reference)),
/// so an empty `impl SparseBackend for MyBackend {}` is enough to support another backend; this
/// crate overrides them for burn's own. Programs call the free functions
/// ([`sparse_dense`](crate::sparse_dense()), [`propagate`](crate::propagate()),
/// [`gather_rows`](crate::gather_rows()), ...), which check shapes, rather than these methods.
pub trait SparseBackend: Backend {
    /// `A x`, `[n_columns, dim]` to `[n_rows, dim]`.
    fn sparse_dense(matrix: &SparseMatrix<Self>, dense: FloatTensor<Self>) -> FloatTensor<Self> {
        float_primitive(reference::sparse_dense(matrix, float_tensor(dense)))
    }

    /// `sum_k alphas[k] A^k x`, `[n_nodes, dim]` to `[n_nodes, dim]`. Default: Horner's rule over
    /// [`sparse_dense`](Self::sparse_dense).
    fn propagate(
        matrix: &SparseMatrix<Self>,
        x: FloatTensor<Self>,
        alphas: &[f32],
    ) -> FloatTensor<Self> {
        float_primitive(horner::<Self>(float_tensor(x), alphas, |y| {
            float_tensor(Self::sparse_dense(matrix, float_primitive(y)))
        }))
    }

    /// `table[indices]`, `[n_rows, dim]` to `[n_indices, dim]`.
    fn gather_rows(table: FloatTensor<Self>, indices: &RowIndices<Self>) -> FloatTensor<Self> {
        float_primitive(reference::gather_rows(float_tensor(table), indices))
    }

    /// `result[indices[r]] += rows[r]`, `[n_indices, dim]` to `[n_rows, dim]`, added in the order
    /// of `r`.
    fn segment_sum_rows(rows: FloatTensor<Self>, indices: &RowIndices<Self>) -> FloatTensor<Self> {
        float_primitive(reference::segment_sum_rows(float_tensor(rows), indices))
    }

    /// `table[indices[r]] += rows[r]`, `[n_rows, dim]` and `[n_indices, dim]` to `[n_rows, dim]`.
    fn add_rows(
        table: FloatTensor<Self>,
        rows: FloatTensor<Self>,
        indices: &RowIndices<Self>,
    ) -> FloatTensor<Self> {
        let sums = float_tensor::<Self, 2>(Self::segment_sum_rows(rows, indices));
        float_primitive(float_tensor::<Self, 2>(table) + sums)
    }

    /// Rows of [`propagate`](Self::propagate): `[n_nodes, dim]` to `[n_indices, dim]`. Default:
    /// propagates all rows and gathers these.
    fn propagate_rows(
        matrix: &SparseMatrix<Self>,
        x: FloatTensor<Self>,
        alphas: &[f32],
        rows: &RowIndices<Self>,
    ) -> FloatTensor<Self> {
        Self::gather_rows(Self::propagate(matrix, x, alphas), rows)
    }

    /// The gradient of [`propagate_rows`](Self::propagate_rows) by `x`: `[n_indices, dim]` to
    /// `[n_nodes, dim]`. Default: sums the rows into a table and propagates it back.
    fn propagate_rows_transposed(
        matrix: &SparseMatrix<Self>,
        gradients: FloatTensor<Self>,
        alphas: &[f32],
        rows: &RowIndices<Self>,
    ) -> FloatTensor<Self> {
        let table = Self::segment_sum_rows(gradients, rows);
        Self::propagate(&matrix.transpose(), table, alphas)
    }

    /// The memory of a device, if the backend knows it. Default: unknown.
    fn device_memory(_device: &Self::Device) -> Option<DeviceMemory> {
        None
    }

    /// What the device's allocator holds now, if the backend knows it. Waits for queued work.
    fn memory_in_use(_device: &Self::Device) -> Option<MemoryInUse> {
        None
    }
}
