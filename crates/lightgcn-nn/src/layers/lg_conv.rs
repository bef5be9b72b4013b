//! The convolution of LightGCN.

use burn::module::Module;
use burn::tensor::Tensor;
use lightgcn_kernels::{SparseBackend, SparseMatrix, sparse_dense};

/// The light graph convolution: each node becomes the weighted sum of its neighbors,
///
/// ```text
/// e'_i = Σ_j Â_ij e_j        Â = D^-1/2 A D^-1/2
/// ```
///
/// without parameters. The caller normalizes the matrix; any matrix works, rectangular ones
/// included. A node without neighbors becomes zero.
///
/// To mix several layers, as [`LightGcn`](crate::LightGcn) does, one
/// [`propagate`](lightgcn_kernels::propagate) is faster than a chain of these, since it keeps no
/// layer for the gradient.
///
/// Source: He et al., *LightGCN: Simplifying and Powering Graph Convolution Network for
/// Recommendation*, SIGIR 2020, equation 3.
///
/// # Example
///
/// In your own burn model:
///
/// ```
/// use burn::backend::{Autodiff, Flex};
/// use burn::module::Module;
/// use burn::nn::{Linear, LinearConfig};
/// use burn::tensor::{Tensor, backend::Backend};
/// use lightgcn_kernels::{CsrSlices, SparseBackend, SparseMatrix};
/// use lightgcn_nn::LgConv;
///
/// /// Features of nodes, reduced and then smoothed over the graph.
/// #[derive(Module, Debug)]
/// struct Smoothed<B: Backend> {
///     reduce: Linear<B>,
///     conv: LgConv,
/// }
///
/// impl<B: SparseBackend> Smoothed<B> {
///     /// `[n_nodes, 4]` to `[n_nodes, 2]`
///     fn forward(&self, graph: &SparseMatrix<B>, features: Tensor<B, 2>) -> Tensor<B, 2> {
///         self.conv.forward(graph, self.reduce.forward(features))
///     }
/// }
///
/// # fn main() -> Result<(), lightgcn_kernels::KernelError> {
/// type B = Autodiff<Flex>;
/// let device = Default::default();
/// // One user who bought one item, and an item without an edge.
/// let graph = SparseMatrix::<B>::from_csr(
///     CsrSlices {
///         n_columns: 3,
///         row_offsets: &[0, 1, 2, 2],
///         columns: &[1, 0],
///         values: &[1.0, 1.0],
///     },
///     true,
///     &device,
/// )?;
/// let model = Smoothed { reduce: LinearConfig::new(4, 2).init(&device), conv: LgConv::new() };
/// let output = model.forward(&graph, Tensor::ones([3, 4], &device));
/// assert_eq!(output.dims(), [3, 2]);
/// let gradients = output.sum().backward();
/// assert!(model.reduce.weight.grad(&gradients).is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Module, Clone, Debug, Default)]
pub struct LgConv;

impl LgConv {
    /// Builds the layer.
    pub fn new() -> Self {
        Self
    }

    /// The matrix times the rows. O(edges · dim).
    ///
    /// # Shapes
    ///
    /// - matrix: `[n_rows, n_columns]`
    /// - x: `[n_columns, dim]`
    /// - output: `[n_rows, dim]`
    ///
    /// # Panics
    ///
    /// If the shapes do not match.
    pub fn forward<B: SparseBackend>(
        &self,
        matrix: &SparseMatrix<B>,
        x: Tensor<B, 2>,
    ) -> Tensor<B, 2> {
        sparse_dense(matrix, x)
    }
}
