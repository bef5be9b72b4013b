//! What a training loop needs from a model.

use burn::module::{Module, Param};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};
use lightgcn_graph::NodeCounts;
use lightgcn_kernels::{RowIndices, SparseBackend, gather_rows};

use crate::edge_attention::EdgeAttention;
use crate::error::NnError;
use crate::graphs::Graphs;
use crate::init::check_table;
use crate::mode::ForwardMode;
use crate::training_pass::{TrainingPass, TrainingStep};

/// A model with one table of node embeddings, whose final embeddings rank by dot product.
///
/// A loop that differentiates also needs `M: AutodiffModule<B>` with
/// `M::InnerModule: EmbeddingModel<B::InnerBackend>`, which the modules of every
/// [`ModelConfig`](crate::ModelConfig) implement.
pub trait EmbeddingModel<B: SparseBackend>: Module<B> {
    /// Number of nodes of each kind.
    fn nodes(&self) -> &NodeCounts;

    /// The layer-0 parameter, `[n_nodes, dim]`: users first, then items, then other kinds.
    fn table(&self) -> &Param<Tensor<B, 2>>;

    /// Mutable access to the layer-0 parameter, to replace it.
    fn table_mut(&mut self) -> &mut Param<Tensor<B, 2>>;

    /// The final embeddings.
    ///
    /// # Shapes
    ///
    /// - graphs: those of [`ModelConfig::graphs`](crate::ModelConfig::graphs), in that order;
    ///   usually one, `[n_nodes, n_nodes]` and normalized
    /// - output: `[n_nodes, output_dimension]`, rows as in [`table`](Self::table)
    ///
    /// # Panics
    ///
    /// If a graph's number of nodes differs from the model's.
    fn embeddings(&self, graphs: &Graphs<B>, mode: ForwardMode) -> Tensor<B, 2>;

    /// The final embeddings of a training step, and the loss of the model's own that the step adds
    /// to the ranking loss and L2, if there is one. Whatever is random is a function of the step's
    /// seed. Only steps through autodiff ask for it. Default: [`embeddings`](Self::embeddings)
    /// alone.
    fn training_pass(&self, graphs: &Graphs<B>, step: &TrainingStep<'_>) -> TrainingPass<B> {
        TrainingPass {
            embeddings: Some(self.embeddings(graphs, ForwardMode::Training { seed: step.seed })),
            auxiliary_loss: None,
        }
    }

    /// The same model with what [`embeddings`](Self::embeddings) computes from the parameters but does not
    /// differentiate, such as attention, computed now and held: finite differences of such a model equal its
    /// gradients. Default: the same, since everything is differentiated.
    #[must_use]
    fn held(self, graphs: &Graphs<B>) -> Self {
        let _ = graphs;
        self
    }

    /// What each node takes of its neighbors, if the model attends to them by weights that are the same in all
    /// layers; explanations show it. Default: `None`.
    fn edge_attention(&self, graphs: &Graphs<B>) -> Option<EdgeAttention> {
        let _ = graphs;
        None
    }

    /// The weights α if the final embeddings are `Σ_k α_k Âᵏ E` over the one graph, with weights
    /// that training does not change (`[1.0]` for matrix factorization); `None` otherwise. With
    /// them a score is an exact sum over paths, and the gradient of layer 0 is `Σ_k α_k (Âᵀ)ᵏ`
    /// times that of the final embeddings. Default: `None`.
    fn linear_layer_weights(&self) -> Option<Vec<f32>> {
        None
    }

    /// The same for training, which may use fewer layers. Default: those of the final embeddings.
    fn training_layer_weights(&self) -> Option<Vec<f32>> {
        self.linear_layer_weights()
    }

    /// Columns of the final embeddings. Default: those of the table.
    fn output_dimension(&self) -> usize {
        self.table().dims()[1]
    }

    /// Number of users.
    fn n_users(&self) -> usize {
        self.nodes().users()
    }

    /// Number of items.
    fn n_items(&self) -> usize {
        self.nodes().items()
    }

    /// Number of nodes of all kinds.
    fn n_nodes(&self) -> usize {
        self.nodes().total()
    }

    /// The values of the layer-0 parameter, `[n_nodes, dim]`. Copies nothing.
    fn layer0(&self) -> Tensor<B, 2> {
        self.table().val()
    }

    /// The same model with another layer-0 table. The parameter keeps its id, its device and
    /// whether it requires a gradient, so that optimizer states and records still fit; the new
    /// table's own autodiff history is cut off. Copies nothing.
    ///
    /// # Shapes
    ///
    /// - table: `[n_nodes, dim]`
    ///
    /// # Panics
    ///
    /// If the table's shape differs from [`layer0`](Self::layer0).
    #[must_use]
    fn with_layer0(mut self, table: Tensor<B, 2>) -> Self {
        let parameter = self.table_mut();
        let (found, needed) = (table.dims(), parameter.dims());
        assert!(
            found == needed,
            "with_layer0: the table is {found:?}; the model needs {needed:?}"
        );
        *parameter = parameter.clone().map(|old| {
            let table = table.detach().to_device(&old.device());
            table.set_require_grad(old.is_require_grad())
        });
        self
    }

    /// [`with_layer0`](Self::with_layer0) from elements in row order.
    ///
    /// # Errors
    ///
    /// [`NnError::TableLength`] and [`NnError::TableNotFinite`].
    fn with_table(self, elements: &[f32]) -> Result<Self, NnError> {
        let shape = self.table().dims();
        check_table(elements, shape[0], shape[1])?;
        let device = self.layer0().device();
        let table = Tensor::from_data(TensorData::new(elements.to_vec(), shape), &device);
        Ok(self.with_layer0(table))
    }

    /// Scores of pairs, from final embeddings that were computed once.
    ///
    /// # Shapes
    ///
    /// - embeddings: `[n_nodes, output_dimension]`
    /// - users and items: one id per pair, both counted from 0
    /// - output: `[n_pairs]`
    ///
    /// # Panics
    ///
    /// If there are not as many users as items, if an id is out of range, or if the embeddings'
    /// number of rows differs from the model's number of nodes.
    fn score(&self, embeddings: Tensor<B, 2>, users: &[u32], items: &[u32]) -> Tensor<B, 1> {
        let n_pairs = users.len();
        assert!(
            items.len() == n_pairs,
            "score: {n_pairs} users but {} items",
            items.len()
        );
        let (n_users, n_nodes) = (self.n_users(), self.n_nodes());
        assert_ids("user", users, n_users);
        assert_ids("item", items, self.n_items());
        let item_rows: Vec<u32> = items.iter().map(|item| n_users as u32 + item).collect();
        let device = embeddings.device();
        let users = RowIndices::from_slice(users, n_nodes, &device);
        let items = RowIndices::from_slice(&item_rows, n_nodes, &device);
        let users = gather_rows(embeddings.clone(), &users);
        let items = gather_rows(embeddings, &items);
        (users * items).sum_dim(1).reshape([n_pairs])
    }
}

fn assert_ids(what: &str, ids: &[u32], count: usize) {
    if let Some(position) = ids.iter().position(|&id| id as usize >= count) {
        panic!(
            "score: {what} {} at position {position} is outside 0..{count}",
            ids[position]
        );
    }
}

/// The embeddings of users and those of all other nodes.
///
/// # Shapes
///
/// - embeddings: `[n_nodes, dim]`, users first
/// - output: `[n_users, dim]` and `[n_nodes - n_users, dim]`
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
