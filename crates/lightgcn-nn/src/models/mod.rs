//! Models, and what a training loop needs to know of them.

mod light_gcn;
mod light_gcn_plus_plus;
mod matrix_factorization;
mod ngcf;

pub use light_gcn::{LayerWeights, LightGcn, LightGcnConfig};
pub use light_gcn_plus_plus::{LightGcnPlusPlus, LightGcnPlusPlusConfig};
pub use matrix_factorization::{MatrixFactorization, MatrixFactorizationConfig};
pub use ngcf::{Ngcf, NgcfConfig};

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_kernels::{RowIndices, SparseBackend, SparseMatrix, gather_rows};

use crate::mode::ForwardMode;

/// The most layers that a model takes.
const MOST_LAYERS: usize = 8;

/// What a training loop needs of a model whose final embeddings rank by dot product.
///
/// A loop that differentiates asks in addition for `M: AutodiffModule<B>` with
/// `M::InnerModule: EmbeddingModel<B::InnerBackend>`, which all models here fulfil.
pub trait EmbeddingModel<B: SparseBackend>: Module<B> {
    /// Number of users.
    fn n_users(&self) -> usize;

    /// Number of items.
    fn n_items(&self) -> usize;

    /// Width of the final embeddings.
    fn output_dimension(&self) -> usize;

    /// The parameter table that everything starts from, `[n_users + n_items, dim]`, users first.
    /// Copies nothing.
    fn layer0(&self) -> Tensor<B, 2>;

    /// The same model with another layer-0 table, such as one that was trained outside of it. The
    /// parameter keeps its id, its device and whether it asks for a gradient, so that optimizer
    /// states and records still fit; the history of the table's own gradient is cut off. Copies
    /// nothing.
    ///
    /// # Shapes
    ///
    /// - table: `[n_users + n_items, dim]`, users first, as [`layer0`](Self::layer0)
    ///
    /// # Panics
    ///
    /// If the table has another shape than [`layer0`](Self::layer0).
    #[must_use]
    fn with_layer0(self, table: Tensor<B, 2>) -> Self;

    /// The final embeddings.
    ///
    /// # Shapes
    ///
    /// - graph: `[n_users + n_items, n_users + n_items]`, normalized, users first
    /// - output: `[n_users + n_items, output_dimension]`, users first
    ///
    /// # Panics
    ///
    /// If the graph has another number of nodes than the model.
    fn embeddings(&self, graph: &SparseMatrix<B>, mode: ForwardMode) -> Tensor<B, 2>;

    /// The weights α if the final embeddings are `Σ_k α_k Âᵏ E` with weights that training does
    /// not change (`[1.0]` for matrix factorization); `None` otherwise. Where there are any, a
    /// score can be explained exactly as a sum over paths, and the gradient of layer 0 is
    /// `Σ_k α_k (Âᵀ)ᵏ` times that of the final embeddings.
    fn linear_layer_weights(&self) -> Option<Vec<f32>>;

    /// Number of users and items together.
    fn n_nodes(&self) -> usize {
        self.n_users() + self.n_items()
    }

    /// Scores of pairs, from final embeddings that were computed once.
    ///
    /// # Shapes
    ///
    /// - embeddings: `[n_users + n_items, output_dimension]`
    /// - users and items: one id each a pair, both counted from 0
    /// - output: `[n_pairs]`
    ///
    /// # Panics
    ///
    /// If there are not as many users as items, if an id is out of range, or if the embeddings
    /// have another number of rows than the model has nodes.
    fn score(&self, embeddings: Tensor<B, 2>, users: &[u32], items: &[u32]) -> Tensor<B, 1> {
        let n_pairs = users.len();
        assert!(
            items.len() == n_pairs,
            "score: {n_pairs} users but {} items",
            items.len()
        );
        let (n_users, n_items) = (self.n_users(), self.n_items());
        assert_ids("user", users, n_users);
        assert_ids("item", items, n_items);
        let item_rows: Vec<u32> = items.iter().map(|item| n_users as u32 + item).collect();
        let device = embeddings.device();
        let users = RowIndices::from_slice(users, n_users + n_items, &device);
        let items = RowIndices::from_slice(&item_rows, n_users + n_items, &device);
        let users = gather_rows(embeddings.clone(), &users);
        let items = gather_rows(embeddings, &items);
        (users * items).sum_dim(1).reshape([n_pairs])
    }
}

/// The embeddings of users and those of items.
///
/// # Shapes
///
/// - embeddings: `[n_users + n_items, dim]`, users first
/// - output: `[n_users, dim]` and `[n_items, dim]`
///
/// # Panics
///
/// If there are not more rows than users.
pub fn split_embeddings<B: Backend>(
    embeddings: Tensor<B, 2>,
    n_users: usize,
) -> (Tensor<B, 2>, Tensor<B, 2>) {
    let [n_nodes, _] = embeddings.dims();
    assert!(
        n_users > 0 && n_users < n_nodes,
        "split_embeddings: {n_nodes} rows cannot hold {n_users} users and at least one item"
    );
    (
        embeddings.clone().narrow(0, 0, n_users),
        embeddings.narrow(0, n_users, n_nodes - n_users),
    )
}

fn assert_ids(what: &str, ids: &[u32], count: usize) {
    if let Some(position) = ids.iter().position(|&id| id as usize >= count) {
        panic!(
            "score: {what} {} at position {position} is outside 0..{count}",
            ids[position]
        );
    }
}

/// The parameter with other values: see [`EmbeddingModel::with_layer0`].
fn with_table<B: Backend>(
    model: &str,
    parameter: Param<Tensor<B, 2>>,
    table: Tensor<B, 2>,
) -> Param<Tensor<B, 2>> {
    let (found, needed) = (table.dims(), parameter.dims());
    assert!(
        found == needed,
        "{model}: a layer-0 table of {found:?}; the model needs {needed:?}"
    );
    parameter.map(|old| {
        let table = table.detach().to_device(&old.device());
        table.set_require_grad(old.is_require_grad())
    })
}

/// Each row divided by its length. The squared length is held at `least_squared_length` or more, so
/// that a row of zeros gives zeros and a finite gradient.
fn to_unit_length<B: Backend>(rows: Tensor<B, 2>, least_squared_length: f64) -> Tensor<B, 2> {
    let squared_lengths = (rows.clone() * rows.clone()).sum_dim(1);
    rows / squared_lengths.clamp_min(least_squared_length).sqrt()
}

fn assert_graph<B: Backend>(model: &str, graph: &SparseMatrix<B>, n_nodes: usize) {
    let (n_rows, n_columns) = (graph.n_rows(), graph.n_columns());
    assert!(
        n_rows == n_nodes && n_columns == n_nodes,
        "{model}: a graph of [{n_rows}, {n_columns}] for {n_nodes} users and items"
    );
}
