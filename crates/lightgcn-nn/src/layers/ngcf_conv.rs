//! The convolution of NGCF.

use burn::config::Config;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::leaky_relu;
use burn::tensor::backend::Backend;
use lightgcn_kernels::{SparseBackend, SparseMatrix, sparse_dense};

use crate::error::{ConfigIssue, NnError, no_issues};
use crate::init::{Stream, xavier_linear};
use crate::mode::ForwardMode;

/// Config of [`NgcfConv`].
#[derive(Config, Debug)]
pub struct NgcfConvConfig {
    /// Width of the input, positive.
    pub d_input: usize,
    /// Width of the output, positive.
    pub d_output: usize,
    /// Probability that an element of the output is dropped while training, in [0, 1).
    #[config(default = 0.1)]
    pub dropout: f64,
    /// Slope of LeakyReLU for negative inputs.
    #[config(default = 0.2)]
    pub negative_slope: f64,
}

impl NgcfConvConfig {
    /// Checks the config.
    ///
    /// # Errors
    ///
    /// [`NnError::Config`] with every issue.
    pub fn check(&self) -> Result<(), NnError> {
        let mut issues = Vec::new();
        if self.d_input == 0 {
            issues.push(ConfigIssue::ZeroDimension);
        }
        if self.d_output == 0 {
            issues.push(ConfigIssue::ZeroWidth { layer: 1 });
        }
        issues.extend(activation_issues(self.dropout, self.negative_slope));
        no_issues("NgcfConvConfig", issues)
    }

    /// Builds the layer. Matrices and biases are drawn by Xavier's uniform rule, as in the authors'
    /// code, as a function of only the seed.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn init<B: Backend>(&self, seed: u64, device: &B::Device) -> Result<NgcfConv<B>, NnError> {
        self.check()?;
        Ok(self.init_layer(seed, 0, device))
    }

    /// Builds layer `layer` of a model, from a checked config.
    pub(crate) fn init_layer<B: Backend>(
        &self,
        seed: u64,
        layer: usize,
        device: &B::Device,
    ) -> NgcfConv<B> {
        let stream = Stream::layer(seed, layer as u64);
        let (d_input, d_output) = (self.d_input, self.d_output);
        let linear = |first| xavier_linear([d_input, d_output], stream, first, device);
        NgcfConv {
            sum: linear(0),
            interaction: linear(2),
            dropout: self.dropout,
            negative_slope: self.negative_slope,
            layer: layer as u64,
        }
    }
}

/// The issues of dropout and LeakyReLU.
pub(crate) fn activation_issues(dropout: f64, negative_slope: f64) -> Vec<ConfigIssue> {
    let mut issues = Vec::new();
    if !(0.0..1.0).contains(&dropout) {
        issues.push(ConfigIssue::Dropout { value: dropout });
    }
    if !negative_slope.is_finite() {
        issues.push(ConfigIssue::NegativeSlope {
            value: negative_slope,
        });
    }
    issues
}

/// The convolution of neural graph collaborative filtering:
///
/// ```text
/// E' = dropout( LeakyReLU( (Â E + E) W₁ + b₁ + (Â E ⊙ E) W₂ + b₂ ) )
/// ```
///
/// The first term sums a node and its neighbors, the second lets a node and its neighbors
/// interact element by element. The biases, the slope 0.2 and the place of message dropout (the
/// layer's output) are those of the authors' code. That code differs from the paper in two ways
/// that are not followed here: it applies LeakyReLU to each of the two terms, and by default it
/// normalizes the graph with self-loops by rows; the formula here is the paper's.
///
/// Source: Wang et al., *Neural Graph Collaborative Filtering*, SIGIR 2019, equation 7. Made by
/// [`NgcfConvConfig`].
///
/// # Example
///
/// ```
/// use burn::backend::Flex;
/// use burn::tensor::Tensor;
/// use lightgcn_kernels::{CsrSlices, SparseMatrix};
/// use lightgcn_nn::{ForwardMode, NgcfConvConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Default::default();
/// let graph =
///     SparseMatrix::<Flex>::from_csr(
///         CsrSlices {
///             n_columns: 2,
///             row_offsets: &[0, 1, 2],
///             columns: &[1, 0],
///             values: &[1.0, 1.0],
///         },
///         true,
///         &device,
///     )?;
/// let layer = NgcfConvConfig::new(4, 3).init::<Flex>(42, &device)?;
/// let output = layer.forward(&graph, Tensor::ones([2, 4], &device), ForwardMode::Inference);
/// assert_eq!(output.dims(), [2, 3]);
/// # Ok(())
/// # }
/// ```
#[derive(Module, Debug)]
pub struct NgcfConv<B: Backend> {
    /// `W₁` `[d_input, d_output]` and `b₁` `[d_output]`.
    pub sum: Linear<B>,
    /// `W₂` `[d_input, d_output]` and `b₂` `[d_output]`.
    pub interaction: Linear<B>,
    /// Probability that an element of the output is dropped while training.
    pub dropout: f64,
    /// Slope of LeakyReLU for negative inputs.
    pub negative_slope: f64,
    /// Position in its model, which gives layers that share a dropout seed independent draws.
    layer: u64,
}

impl<B: SparseBackend> NgcfConv<B> {
    /// The convolution. O(edges · d_input + n_nodes · d_input · d_output).
    ///
    /// # Shapes
    ///
    /// - matrix: `[n_nodes, n_nodes]`, normalized
    /// - x: `[n_nodes, d_input]`
    /// - output: `[n_nodes, d_output]`
    ///
    /// # Panics
    ///
    /// If the shapes do not match.
    pub fn forward(
        &self,
        matrix: &SparseMatrix<B>,
        x: Tensor<B, 2>,
        mode: ForwardMode,
    ) -> Tensor<B, 2> {
        let neighbors = sparse_dense(matrix, x.clone());
        let sum = self.sum.forward(neighbors.clone() + x.clone());
        let interaction = self.interaction.forward(neighbors * x);
        let output = leaky_relu(sum + interaction, self.negative_slope);
        mode.dropout(output, self.dropout, self.layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_issue_is_listed() {
        let config = NgcfConvConfig::new(0, 0)
            .with_dropout(1.0)
            .with_negative_slope(f64::INFINITY);
        let issues = vec![
            ConfigIssue::ZeroDimension,
            ConfigIssue::ZeroWidth { layer: 1 },
            ConfigIssue::Dropout { value: 1.0 },
            ConfigIssue::NegativeSlope {
                value: f64::INFINITY,
            },
        ];
        let config_name = "NgcfConvConfig";
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: config_name,
                issues
            })
        );
        assert_eq!(NgcfConvConfig::new(4, 3).check(), Ok(()));
        assert!(!activation_issues(f64::NAN, 0.2).is_empty());
        assert!(!activation_issues(-0.1, 0.2).is_empty());
        assert!(activation_issues(0.0, 0.2).is_empty());
    }
}
