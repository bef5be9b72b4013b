//! The product in plain tensor operations, on any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{DType, IndexingUpdateOp, Int, Tensor};

use crate::sparse_matrix::SparseMatrix;
use crate::upload::upload_ints;

/// Elements of the largest intermediate tensor: 16 MiB of `f32`.
///
/// All edges at once would be `[n_edges, dim]`, which some GPUs cannot allocate, and they only
/// report that when a result is read.
const CHUNK_ELEMENTS: usize = 4 << 20;

/// The product `A x` by selecting, weighting and adding up one row per edge: `[n_columns, dim]` to
/// `[n_rows, dim]`. Edges are taken in chunks, so that no tensor of shape `[n_edges, dim]` exists.
/// Slow; tests compare other implementations with it.
///
/// On an autodiff backend it differentiates through burn's own operations.
///
/// # Panics
///
/// If `dense` does not have as many rows as the matrix has columns.
pub fn sparse_dense<B: Backend>(matrix: &SparseMatrix<B>, dense: Tensor<B, 2>) -> Tensor<B, 2> {
    check_shapes(matrix, &dense);
    let edges = EdgeChunks::new(matrix, dense.dims()[1], dense.dtype());
    edges.product(dense)
}

pub(crate) fn check_shapes<B: Backend>(matrix: &SparseMatrix<B>, dense: &Tensor<B, 2>) {
    let [rows, dim] = dense.dims();
    assert!(
        rows == matrix.n_columns(),
        "sparse_dense: the matrix is [{}, {}], so the dense factor must have {} rows, but it is [{rows}, {dim}]",
        matrix.n_rows(),
        matrix.n_columns(),
        matrix.n_columns(),
    );
}

/// The edges of a matrix in chunks, ready for any number of products of one width.
pub(crate) struct EdgeChunks<B: Backend> {
    n_rows: usize,
    chunks: Vec<Chunk<B>>,
}

struct Chunk<B: Backend> {
    /// `[edges of the chunk]`
    rows: Tensor<B, 1, Int>,
    /// `[edges of the chunk]`
    columns: Tensor<B, 1, Int>,
    /// `[edges of the chunk, 1]`
    values: Tensor<B, 2>,
}

impl<B: Backend> EdgeChunks<B> {
    pub(crate) fn new(matrix: &SparseMatrix<B>, dim: usize, dtype: DType) -> Self {
        Self::with_chunk_elements(matrix, dim, dtype, CHUNK_ELEMENTS)
    }

    fn with_chunk_elements(
        matrix: &SparseMatrix<B>,
        dim: usize,
        dtype: DType,
        chunk_elements: usize,
    ) -> Self {
        let n_edges = matrix.n_edges();
        let chunk_len = (chunk_elements / dim.max(1)).max(1);
        let device = matrix.device();
        let edge_rows = if n_edges == 0 || dim == 0 {
            Vec::new()
        } else {
            edge_rows(matrix)
        };
        let chunks = edge_rows
            .chunks(chunk_len)
            .enumerate()
            .map(|(chunk, rows)| {
                let start = chunk * chunk_len;
                let edges = start..start + rows.len();
                let values = matrix.values().slice([edges.clone()]);
                Chunk {
                    rows: upload_ints(rows.to_vec(), &device),
                    columns: matrix.columns().slice([edges]),
                    values: values.cast(dtype).reshape([rows.len(), 1]),
                }
            })
            .collect();
        Self {
            n_rows: matrix.n_rows(),
            chunks,
        }
    }

    pub(crate) fn product(&self, dense: Tensor<B, 2>) -> Tensor<B, 2> {
        let dim = dense.dims()[1];
        let mut product = Tensor::zeros([self.n_rows, dim], (&dense.device(), dense.dtype()));
        for chunk in &self.chunks {
            let messages = dense.clone().select(0, chunk.columns.clone()) * chunk.values.clone();
            product = product.select_assign(0, chunk.rows.clone(), messages, IndexingUpdateOp::Add);
        }
        product
    }
}

/// The row of each edge, read back from the row offsets.
fn edge_rows<B: Backend>(matrix: &SparseMatrix<B>) -> Vec<i32> {
    let offsets = matrix.row_offsets().into_data();
    let mut rows = Vec::with_capacity(matrix.n_edges());
    for (row, end) in offsets.iter::<i64>().skip(1).enumerate() {
        rows.resize(end as usize, row as i32);
    }
    rows
}

#[cfg(test)]
mod tests;
