//! The bi-interaction aggregator of KGAT.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::leaky_relu;
use burn::tensor::backend::Backend;
use lightgcn_kernels::{SparseBackend, SparseMatrix, sparse_dense};

use crate::init::{Stream, xavier_linear};
use crate::mode::ForwardMode;

/// The aggregator that lets a node and its neighborhood meet by their sum and by their product:
///
/// ```text
/// E' = dropout( LeakyReLU((E + A E) W₁ + b₁) + LeakyReLU((E ⊙ A E) W₂ + b₂) )
/// ```
///
/// The biases, the slope 0.2 and the place of dropout are those of the authors' code.
///
/// Source: Wang et al., *KGAT: Knowledge Graph Attention Network for Recommendation*, KDD 2019,
/// equation 8. Made by [`KgatConfig`](crate::KgatConfig).
#[derive(Module, Debug)]
pub struct BiInteraction<B: Backend> {
    /// `W₁` `[d_input, d_output]` and `b₁` `[d_output]`.
    pub sum: Linear<B>,
    /// `W₂` `[d_input, d_output]` and `b₂` `[d_output]`.
    pub product: Linear<B>,
    /// Probability that an element of the output is dropped while training.
    pub dropout: f64,
    /// Slope of LeakyReLU for negative inputs.
    pub negative_slope: f64,
    /// Place in its model, which gives layers that share a dropout seed draws of their own.
    layer: u64,
}

impl<B: Backend> BiInteraction<B> {
    /// Layer `layer` of a model, drawn by Xavier's uniform rule.
    pub(crate) fn new(
        [d_input, d_output]: [usize; 2],
        (dropout, negative_slope): (f64, f64),
        seed: u64,
        layer: usize,
        device: &B::Device,
    ) -> Self {
        let stream = Stream::layer(seed, layer as u64);
        let linear = |first| xavier_linear([d_input, d_output], stream, first, device);
        Self {
            sum: linear(0),
            product: linear(2),
            dropout,
            negative_slope,
            layer: layer as u64,
        }
    }
}

impl<B: SparseBackend> BiInteraction<B> {
    /// The aggregation. O(edges · d_input + n_nodes · d_input · d_output).
    ///
    /// # Shapes
    ///
    /// - matrix: `[n_nodes, n_nodes]`, what each node takes of its neighbors
    /// - x: `[n_nodes, d_input]`
    /// - output: `[n_nodes, d_output]`
    ///
    /// # Panics
    ///
    /// If the shapes do not fit.
    pub fn forward(
        &self,
        matrix: &SparseMatrix<B>,
        x: Tensor<B, 2>,
        mode: ForwardMode,
    ) -> Tensor<B, 2> {
        let neighbors = sparse_dense(matrix, x.clone());
        let sum = self.sum.forward(neighbors.clone() + x.clone());
        let product = self.product.forward(neighbors * x);
        let slope = self.negative_slope;
        let output = leaky_relu(sum, slope) + leaky_relu(product, slope);
        mode.dropout(output, self.dropout, self.layer)
    }
}
