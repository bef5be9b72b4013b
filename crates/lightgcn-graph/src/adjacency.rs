//! The square adjacency matrix that graph convolutions multiply with.

use crate::train_graph::row;
use crate::{Normalization, TrainGraph};
use sprs::CsMatI;

/// The scaled adjacency matrix of the whole graph, `[n_nodes, n_nodes]`, as compressed sparse rows.
///
/// Nodes are the users (rows `0..n_users`), then the items. Columns ascend within a row, and
/// isolated nodes have empty rows. Every undirected edge stands in it twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Adjacency {
    matrix: CsMatI<f32, u32, u64>,
    normalization: Normalization,
}

impl Adjacency {
    /// Lays the two triangles of `graph` out in one matrix. O(nodes + edges).
    pub(crate) fn new(graph: &TrainGraph, normalization: Normalization) -> Self {
        let n_users = graph.n_users() as u32;
        let n_entries = 2 * graph.n_edges();
        let mut offsets = Vec::with_capacity(graph.n_nodes() + 1);
        let mut columns = Vec::with_capacity(n_entries);
        let mut values = Vec::with_capacity(n_entries);
        offsets.push(0);
        let halves = [
            (
                graph.by_user(),
                graph.user_degrees(),
                graph.item_degrees(),
                n_users,
            ),
            (
                graph.by_item(),
                graph.item_degrees(),
                graph.user_degrees(),
                0,
            ),
        ];
        for (matrix, row_degrees, column_degrees, first_column) in halves {
            for (n, &row_degree) in row_degrees.iter().enumerate() {
                let (neighbors, weights) = row(matrix, n);
                for (&c, &weight) in neighbors.iter().zip(weights) {
                    let column_degree = column_degrees[c as usize];
                    let value = normalization.scale(f64::from(weight), row_degree, column_degree);
                    columns.push(first_column + c);
                    values.push(value as f32);
                }
                offsets.push(columns.len() as u64);
            }
        }
        let shape = (graph.n_nodes(), graph.n_nodes());
        Self {
            matrix: CsMatI::new(shape, offsets, columns, values),
            normalization,
        }
    }

    /// How many nodes there are: users and items.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.matrix.rows()
    }

    /// How many entries are stored: twice the number of undirected edges.
    #[must_use]
    pub fn n_entries(&self) -> usize {
        self.matrix.nnz()
    }

    /// Where each row's entries begin: `[n_nodes + 1]`, from 0 to the number of entries.
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

    /// Whether the matrix equals its own transpose, to the bit, because its normalization
    /// guarantees it.
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        self.normalization.is_symmetric()
    }

    /// The matrix itself, for the operations of `sprs`.
    #[must_use]
    pub fn as_sprs(&self) -> &CsMatI<f32, u32, u64> {
        &self.matrix
    }

    /// Gives the matrix away.
    #[must_use]
    pub fn into_sprs(self) -> CsMatI<f32, u32, u64> {
        self.matrix
    }
}

#[cfg(test)]
mod tests;
