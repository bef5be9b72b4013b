//! Propagation of a linear model, by this process alone or by ranks that each have a part of the users.
//!
//! With parts, a rank's graph has the edges of its own users. A product with it is whole at the rows of
//! these users; at the rows of items it is this rank's share of a sum over all users. The shares are
//! added after each product, in the order of the ranks.

use crate::engine::host::host;
use crate::ranks::Shards;
use burn::tensor::{Tensor, TensorData};
use lightgcn_kernels::{
    RowIndices, SparseMatrix, TrainingBackend, add_rows, gather_rows, propagate, propagate_rows,
    propagate_rows_transposed, segment_sum_rows,
};
use std::sync::Arc;

/// The graph and the weights of its layers: the final embeddings are `Σ_k alphas[k] Âᵏ table`.
pub(crate) struct Propagation<B: TrainingBackend> {
    pub(crate) graph: SparseMatrix<B>,
    /// At least one.
    pub(crate) alphas: Vec<f32>,
    /// If the table is split among ranks by user; all methods are collective then.
    pub(crate) shards: Option<Arc<Shards>>,
}

impl<B: TrainingBackend> Propagation<B> {
    /// The final embeddings of all nodes, `[n_nodes, dim]`.
    pub(crate) fn all(&self, table: Tensor<B, 2>) -> Tensor<B, 2> {
        match &self.shards {
            Some(shards) => self.horner(shards, &table, &self.alphas),
            None => propagate(&self.graph, table, &self.alphas),
        }
    }

    /// The final embeddings of some nodes, of which the first `n_users` are users, `[n_indices, dim]`.
    /// All ranks have the same items.
    pub(crate) fn rows(
        &self,
        table: &Tensor<B, 2>,
        nodes: &RowIndices<B>,
        n_users: usize,
    ) -> Tensor<B, 2> {
        let Some(shards) = &self.shards else {
            return propagate_rows(&self.graph, table.clone(), &self.alphas, nodes);
        };
        let base = gather_rows(table.clone(), nodes).mul_scalar(self.alphas[0]);
        let Some((inner, scale)) = self.inner(shards, table, &self.alphas) else {
            return base;
        };
        let product = propagate_rows(&self.graph, inner, &[0.0, scale], nodes);
        completed(shards, product, n_users) + base
    }

    /// The gradient at the table, `[n_nodes, dim]`, given that of this rank's pairs at the final
    /// embeddings of some nodes, of which the first `n_users` are users.
    pub(crate) fn transposed_rows(
        &self,
        gradient: Tensor<B, 2>,
        nodes: &RowIndices<B>,
        n_users: usize,
    ) -> Tensor<B, 2> {
        let Some(shards) = &self.shards else {
            return propagate_rows_transposed(&self.graph, gradient, &self.alphas, nodes);
        };
        let gradient = completed(shards, gradient, n_users);
        self.transposed_horner(shards, gradient, nodes, &self.alphas)
    }

    /// `Σ_k alphas[k] Aᵏ x`.
    fn horner(&self, shards: &Shards, x: &Tensor<B, 2>, alphas: &[f32]) -> Tensor<B, 2> {
        let base = x.clone().mul_scalar(alphas[0]);
        let Some((inner, scale)) = self.inner(shards, x, alphas) else {
            return base;
        };
        let product = propagate(&self.graph, inner, &[0.0, scale]);
        completed(shards, product, shards.users().len()) + base
    }

    /// What the outermost product of that sum multiplies, and its factor; `None` if there is none.
    fn inner(
        &self,
        shards: &Shards,
        x: &Tensor<B, 2>,
        alphas: &[f32],
    ) -> Option<(Tensor<B, 2>, f32)> {
        match &alphas[1..] {
            [] => None,
            [last] => Some((x.clone(), *last)),
            others => Some((self.horner(shards, x, others), 1.0)),
        }
    }

    /// `Σ_k alphas[k] (Aᵀ)ᵏ G`, where `G` has the gradient in the rows of the nodes.
    fn transposed_horner(
        &self,
        shards: &Shards,
        gradient: Tensor<B, 2>,
        nodes: &RowIndices<B>,
        alphas: &[f32],
    ) -> Tensor<B, 2> {
        let base = gradient.clone().mul_scalar(alphas[0]);
        let product = match &alphas[1..] {
            [] => return segment_sum_rows(base, nodes),
            // The innermost product is computed only from the nodes.
            [last] => propagate_rows_transposed(&self.graph, gradient, &[0.0, *last], nodes),
            others => {
                let inner = self.transposed_horner(shards, gradient, nodes, others);
                propagate(&self.graph.transpose(), inner, &[0.0, 1.0])
            }
        };
        add_rows(
            completed(shards, product, shards.users().len()),
            base,
            nodes,
        )
    }
}

/// Rows of which those after the first `n_users` are shares of sums over the ranks, added up.
fn completed<B: TrainingBackend>(
    shards: &Shards,
    rows: Tensor<B, 2>,
    n_users: usize,
) -> Tensor<B, 2> {
    let (shape, device) = (rows.dims(), rows.device());
    let mut rows = host(rows);
    shards.sum(&mut rows[n_users * shape[1]..], shape[1]);
    Tensor::from_data(TensorData::new(rows, shape), &device)
}
