//! Neural graph collaborative filtering.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_kernels::{SparseBackend, SparseMatrix};

use super::{EmbeddingModel, MOST_LAYERS, assert_graph, to_unit_length, with_table};
use crate::error::{Fault, NnError, no_faults, table_faults};
use crate::init::{EmbeddingInitializer, check_table, parameter};
use crate::layers::{NgcfConv, NgcfConvConfig, activation_faults};
use crate::mode::ForwardMode;

/// How to make a [`Ngcf`].
#[derive(Config, Debug)]
pub struct NgcfConfig {
    /// Number of users, positive.
    pub n_users: usize,
    /// Number of items, positive.
    pub n_items: usize,
    /// Width of the initial embeddings, positive.
    #[config(default = 64)]
    pub dimension: usize,
    /// Width of each layer, all positive, at most 8 layers. With none it is matrix factorization.
    #[config(default = "vec![64, 64, 64]")]
    pub layer_widths: Vec<usize>,
    /// Probability that an element of a layer's output is dropped while training, in [0, 1).
    #[config(default = 0.1)]
    pub message_dropout: f64,
    /// Slope of LeakyReLU for negative inputs.
    #[config(default = 0.2)]
    pub negative_slope: f64,
    /// Where the initial embeddings come from. The paper uses Xavier's rule.
    #[config(default = "EmbeddingInitializer::XavierUniform")]
    pub initializer: EmbeddingInitializer,
}

impl NgcfConfig {
    /// Checks the config.
    ///
    /// # Errors
    ///
    /// [`NnError::Config`] with every fault.
    pub fn check(&self) -> Result<(), NnError> {
        let output_dimension = self
            .layer_widths
            .iter()
            .fold(self.dimension, |sum, width| sum.saturating_add(*width));
        let mut faults = table_faults(self.n_users, self.n_items, output_dimension);
        if self.dimension == 0 && output_dimension > 0 {
            faults.push(Fault::ZeroDimension);
        }
        let layers = self.layer_widths.len();
        if layers > MOST_LAYERS {
            let most = MOST_LAYERS;
            faults.push(Fault::TooManyLayers { layers, most });
        }
        faults.extend(
            self.layer_widths
                .iter()
                .enumerate()
                .filter(|(_, width)| **width == 0)
                .map(|(index, _)| Fault::ZeroWidth { layer: index + 1 }),
        );
        faults.extend(activation_faults(self.message_dropout, self.negative_slope));
        faults.extend(self.initializer.faults());
        no_faults("NgcfConfig", faults)
    }

    /// Makes a model whose parameters are a function of the seed alone.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn init<B: Backend>(&self, seed: u64, device: &B::Device) -> Result<Ngcf<B>, NnError> {
        self.check()?;
        let table = self
            .initializer
            .table(self.n_users, self.n_items, self.dimension, seed);
        Ok(self.init_unchecked(table, seed, device))
    }

    /// Makes a model that starts from a given table, `[n_users + n_items, dimension]` row by row,
    /// users first; the layers are drawn as in [`init`](Self::init).
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`NnError::TableLength`] and [`NnError::TableNotFinite`].
    pub fn init_with<B: Backend>(
        &self,
        table: &[f32],
        seed: u64,
        device: &B::Device,
    ) -> Result<Ngcf<B>, NnError> {
        self.check()?;
        check_table(table, self.n_users + self.n_items, self.dimension)?;
        Ok(self.init_unchecked(table.to_vec(), seed, device))
    }

    fn init_unchecked<B: Backend>(
        &self,
        table: Vec<f32>,
        seed: u64,
        device: &B::Device,
    ) -> Ngcf<B> {
        let inputs = std::iter::once(&self.dimension).chain(&self.layer_widths);
        let layers = inputs
            .zip(&self.layer_widths)
            .enumerate()
            .map(|(layer, (&d_input, &d_output))| {
                NgcfConvConfig::new(d_input, d_output)
                    .with_dropout(self.message_dropout)
                    .with_negative_slope(self.negative_slope)
                    .init_layer(seed, layer, device)
            })
            .collect();
        let n_nodes = self.n_users + self.n_items;
        Ngcf {
            embedding: parameter(table, [n_nodes, self.dimension], device),
            layers,
            n_users: self.n_users,
            n_items: self.n_items,
        }
    }
}

/// Neural graph collaborative filtering: one [`NgcfConv`] after the other, the final embedding
/// being the table and the output of each layer, scaled to length 1, side by side:
///
/// ```text
/// E_final = [ E ‖ E₁ / ‖E₁‖ ‖ E₂ / ‖E₂‖ ‖ ... ]        E_k = NgcfConv_k(Â, E_{k-1})
/// ```
///
/// Rows are scaled as in the authors' code; a layer hands its output on unscaled. A row of zeros
/// stays zero.
///
/// Source: Wang et al., *Neural Graph Collaborative Filtering*, SIGIR 2019, equations 7 and 9. Made
/// by [`NgcfConfig`].
#[derive(Module, Debug)]
pub struct Ngcf<B: Backend> {
    /// Layer 0, `[n_users + n_items, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    /// The layers, in order.
    pub layers: Vec<NgcfConv<B>>,
    n_users: usize,
    n_items: usize,
}

/// The least squared length that a row is divided by the root of, as in the authors' code.
const LEAST_SQUARED_LENGTH: f64 = 1e-12;

impl<B: SparseBackend> EmbeddingModel<B> for Ngcf<B> {
    fn n_users(&self) -> usize {
        self.n_users
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn output_dimension(&self) -> usize {
        let widths = self.layers.iter().map(|layer| layer.sum.weight.dims()[1]);
        self.embedding.dims()[1] + widths.sum::<usize>()
    }

    fn layer0(&self) -> Tensor<B, 2> {
        self.embedding.val()
    }

    fn with_layer0(self, table: Tensor<B, 2>) -> Self {
        Self {
            embedding: with_table("Ngcf", self.embedding, table),
            ..self
        }
    }

    fn embeddings(&self, graph: &SparseMatrix<B>, mode: ForwardMode) -> Tensor<B, 2> {
        assert_graph("Ngcf", graph, self.n_users + self.n_items);
        let mut x = self.embedding.val();
        let mut outputs = vec![x.clone()];
        for layer in &self.layers {
            x = layer.forward(graph, x, mode);
            outputs.push(to_unit_length(x.clone(), LEAST_SQUARED_LENGTH));
        }
        Tensor::cat(outputs, 1)
    }

    fn linear_layer_weights(&self) -> Option<Vec<f32>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_listed() {
        let config = NgcfConfig::new(3, 0)
            .with_dimension(0)
            .with_layer_widths(vec![4, 0, 4, 4, 4, 4, 4, 4, 0])
            .with_message_dropout(-0.5);
        let (layers, most) = (9, MOST_LAYERS);
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: "NgcfConfig",
                faults: vec![
                    Fault::NoItems,
                    Fault::ZeroDimension,
                    Fault::TooManyLayers { layers, most },
                    Fault::ZeroWidth { layer: 2 },
                    Fault::ZeroWidth { layer: 9 },
                    Fault::Dropout { value: -0.5 },
                ]
            })
        );
        assert_eq!(NgcfConfig::new(3, 4).check(), Ok(()));
        let widest = NgcfConfig::new(1, 2).with_layer_widths(vec![usize::MAX]);
        assert!(matches!(
            widest.check(),
            Err(NnError::Config { faults, .. })
                if matches!(faults[..], [Fault::TableTooLarge { n_nodes: 3, .. }])
        ));
    }
}
