//! The transformer block of SASRec.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig, Linear};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::backend::Backend;
use burn::tensor::{Tensor, TensorData};

use crate::init::{Stream, xavier_linear, xavier_parameter};
use crate::mode::ForwardMode;

/// Added to the scores of later places: far below any score, and finite in 32 bits.
const LATER: f32 = -1e9;

/// A block of self-attention that sees no later place, and a feed-forward network, each on normalized
/// input and added to it:
///
/// ```text
/// F  = X + dropout( softmax( Q Kᵀ / √d over this place and earlier ones ) V )
///                                              Q, K, V = N W_Q, N W_K, N W_V        N = LayerNorm(X)
/// X' = F + dropout( ReLU(LayerNorm(F) W₁ + b₁) W₂ + b₂ )
/// ```
///
/// One head, as in the paper.
///
/// Source: Kang and McAuley, *Self-Attentive Sequential Recommendation*, ICDM 2018, section III-B.
/// Made by [`SasRecConfig`](crate::SasRecConfig).
#[derive(Module, Debug)]
pub struct CausalBlock<B: Backend> {
    /// The norm before attention.
    pub attention_norm: LayerNorm<B>,
    /// `W_Q`, `[dim, dim]`.
    pub query: Param<Tensor<B, 2>>,
    /// `W_K`, `[dim, dim]`.
    pub key: Param<Tensor<B, 2>>,
    /// `W_V`, `[dim, dim]`.
    pub value: Param<Tensor<B, 2>>,
    /// The norm before the feed-forward network.
    pub forward_norm: LayerNorm<B>,
    /// `W₁` `[dim, dim]` and `b₁` `[dim]`.
    pub inner: Linear<B>,
    /// `W₂` `[dim, dim]` and `b₂` `[dim]`.
    pub outer: Linear<B>,
    /// Probability that an element is dropped in training.
    pub dropout: f64,
    /// Place in its model, which gives blocks that share a seed draws of their own.
    layer: u64,
}

impl<B: Backend> CausalBlock<B> {
    /// Block `layer` of a model, drawn by Xavier's uniform rule.
    pub(crate) fn new(
        dimension: usize,
        dropout: f64,
        seed: u64,
        layer: usize,
        device: &B::Device,
    ) -> Self {
        let stream = Stream::layer(seed, layer as u64);
        let shape = [dimension, dimension];
        let map = |n| xavier_parameter(shape, shape, stream.tensor(n), device);
        let norm = || LayerNormConfig::new(dimension).init(device);
        Self {
            attention_norm: norm(),
            query: map(0),
            key: map(1),
            value: map(2),
            forward_norm: norm(),
            inner: xavier_linear(shape, stream, 3, device),
            outer: xavier_linear(shape, stream, 5, device),
            dropout,
            layer: layer as u64,
        }
    }

    /// The block's output for sequences of equal length. O(n · (length · dim² + length² · dim)).
    ///
    /// # Shapes
    ///
    /// - x: `[n, length, dim]`
    /// - output: the same
    ///
    /// # Panics
    ///
    /// If the dimension is another one.
    pub fn forward(&self, x: Tensor<B, 3>, mode: ForwardMode) -> Tensor<B, 3> {
        let [n, length, dimension] = x.dims();
        let rows = |x: Tensor<B, 3>| x.reshape([n * length, dimension]);
        let sequences = |x: Tensor<B, 2>| x.reshape([n, length, dimension]);
        let x = rows(x);
        let normed = self.attention_norm.forward(x.clone());
        let mapped = |map: &Param<Tensor<B, 2>>| sequences(normed.clone().matmul(map.val()));
        let scores = mapped(&self.query).matmul(mapped(&self.key).swap_dims(1, 2));
        let scores = scores.div_scalar((dimension as f64).sqrt());
        let weights = softmax(scores + later_places(length, &x.device()), 2);
        let attended = rows(weights.matmul(mapped(&self.value)));
        let x = x + mode.dropout(attended, self.dropout, 2 * self.layer);
        let inner = self.inner.forward(self.forward_norm.forward(x.clone()));
        let outer = self.outer.forward(relu(inner));
        sequences(x + mode.dropout(outer, self.dropout, 2 * self.layer + 1))
    }
}

/// What scores lose by looking at later places, `[1, length, length]`.
fn later_places<B: Backend>(length: usize, device: &B::Device) -> Tensor<B, 3> {
    let place = |n: usize| match n % length > n / length {
        true => LATER,
        false => 0.0,
    };
    let elements: Vec<f32> = (0..length * length).map(place).collect();
    Tensor::from_data(TensorData::new(elements, [1, length, length]), device)
}
