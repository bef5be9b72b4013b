//! LightGCN++.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_kernels::{SparseBackend, SparseMatrix, sparse_dense};

use super::{EmbeddingModel, MOST_LAYERS, assert_graph, to_unit_length, with_table};
use crate::error::{Fault, NnError, no_faults, table_faults};
use crate::init::{EmbeddingInitializer, check_table, parameter};
use crate::mode::ForwardMode;

/// How to make a [`LightGcnPlusPlus`]. The exponents α and β of the degrees belong to the graph: see
/// there.
#[derive(Config, Debug)]
pub struct LightGcnPlusPlusConfig {
    /// Number of users, positive.
    pub n_users: usize,
    /// Number of items, positive.
    pub n_items: usize,
    /// Width of the embeddings, positive.
    #[config(default = 64)]
    pub dimension: usize,
    /// Number of layers K, 1 to 8. The authors use 2.
    #[config(default = 2)]
    pub layers: usize,
    /// Share γ of layer 0 in the final embeddings, 0 to 1. The authors recommend 0.2, and use 0.2
    /// for LastFM, Gowalla and Amazon-Book, 0.1 for Yelp2018, 0 for MovieLens-1M.
    #[config(default = 0.2)]
    pub gamma: f64,
    /// Where the initial embeddings come from.
    #[config(default = "EmbeddingInitializer::Normal { std: 0.1 }")]
    pub initializer: EmbeddingInitializer,
}

impl LightGcnPlusPlusConfig {
    /// Checks the config.
    ///
    /// # Errors
    ///
    /// [`NnError::Config`] with every fault.
    pub fn check(&self) -> Result<(), NnError> {
        let mut faults = table_faults(self.n_users, self.n_items, self.dimension);
        let layers = self.layers;
        if layers == 0 {
            faults.push(Fault::NoLayers);
        }
        if layers > MOST_LAYERS {
            let most = MOST_LAYERS;
            faults.push(Fault::TooManyLayers { layers, most });
        }
        if !(0.0..=1.0).contains(&self.gamma) {
            faults.push(Fault::Layer0Share { value: self.gamma });
        }
        faults.extend(self.initializer.faults());
        no_faults("LightGcnPlusPlusConfig", faults)
    }

    /// Makes a model whose initial embeddings are a function of the seed alone.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn init<B: Backend>(
        &self,
        seed: u64,
        device: &B::Device,
    ) -> Result<LightGcnPlusPlus<B>, NnError> {
        self.check()?;
        let table = self
            .initializer
            .table(self.n_users, self.n_items, self.dimension, seed);
        Ok(self.init_unchecked(table, device))
    }

    /// Makes a model that starts from a given table, `[n_users + n_items, dimension]` row by row,
    /// users first.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`NnError::TableLength`] and [`NnError::TableNotFinite`].
    pub fn init_with<B: Backend>(
        &self,
        table: &[f32],
        device: &B::Device,
    ) -> Result<LightGcnPlusPlus<B>, NnError> {
        self.check()?;
        check_table(table, self.n_users + self.n_items, self.dimension)?;
        Ok(self.init_unchecked(table.to_vec(), device))
    }

    fn init_unchecked<B: Backend>(
        &self,
        table: Vec<f32>,
        device: &B::Device,
    ) -> LightGcnPlusPlus<B> {
        let n_nodes = self.n_users + self.n_items;
        LightGcnPlusPlus {
            embedding: parameter(table, [n_nodes, self.dimension], device),
            layers: self.layers,
            gamma: self.gamma,
            n_users: self.n_users,
            n_items: self.n_items,
        }
    }
}

/// LightGCN++: LightGCN whose messages have length 1 before they are weighed, with degrees to the
/// powers α and β instead of 1/2, and with a share of its own for layer 0:
///
/// ```text
/// E_k     = Â · rows of E_{k-1} / ‖row‖          Â_rc = w_rc / (d_r^α · d_c^β),  E_0 = E
/// E_final = γ · E + (1 − γ) · 1/K · Σ_{k=1..K} E_k
/// ```
///
/// Lengths are floored at 1e-12, so that a row of zeros stays zero. A node without neighbors has
/// γ times its layer 0. The matrix is given normalized: `Normalization::powers(0.6, -0.1)` of
/// `lightgcn-graph` for the α and β that the authors recommend. It equals its own transpose only
/// where α = β; else its transpose is kept too, for the gradient.
///
/// Unlike LightGCN it is not linear in layer 0: it costs K items with the matrix, as LightGCN,
/// but its layers are kept for the gradient, `2 K` tables.
///
/// Source: Lee, Kim and Shin, *Revisiting LightGCN: Unexpected Inflexibility, Inconsistency, and A
/// Remedy Towards Improved Recommendation*, RecSys 2024, and the authors' code. Made by
/// [`LightGcnPlusPlusConfig`].
///
/// # Example
///
/// ```
/// use burn::backend::Flex;
/// use lightgcn_core::{InteractionsBuilder, ItemId, UserId};
/// use lightgcn_graph::{GraphOptions, Normalization, TrainGraph};
/// use lightgcn_kernels::SparseMatrix;
/// use lightgcn_nn::{EmbeddingModel, ForwardMode, LightGcnPlusPlusConfig};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Default::default();
/// let mut pairs = InteractionsBuilder::from_names(&["purchase"], &["purchase"])?;
/// for (user, item) in [(0, 0), (1, 0), (1, 1)] {
///     pairs.push(UserId(user), ItemId(item), 1.0, &[1], None)?;
/// }
/// let graph = TrainGraph::from_interactions(&pairs.build(2, 2)?, &GraphOptions::default())?;
/// let adjacency = graph.adjacency(&Normalization::powers(0.6, -0.1)?.into())?;
/// let matrix = SparseMatrix::<Flex>::from_graph(&adjacency, &device)?;
///
/// let model = LightGcnPlusPlusConfig::new(2, 2).with_dimension(8).init::<Flex>(42, &device)?;
/// let embeddings = model.embeddings(&matrix, ForwardMode::Inference);
/// assert_eq!(embeddings.dims(), [4, 8]);
/// # Ok(())
/// # }
/// ```
#[derive(Module, Debug)]
pub struct LightGcnPlusPlus<B: Backend> {
    /// Layer 0, `[n_users + n_items, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    layers: usize,
    gamma: f64,
    n_users: usize,
    n_items: usize,
}

/// The least squared length that a row is divided by the root of.
const LEAST_SQUARED_LENGTH: f64 = 1e-24;

impl<B: SparseBackend> EmbeddingModel<B> for LightGcnPlusPlus<B> {
    fn n_users(&self) -> usize {
        self.n_users
    }

    fn n_items(&self) -> usize {
        self.n_items
    }

    fn output_dimension(&self) -> usize {
        self.embedding.dims()[1]
    }

    fn layer0(&self) -> Tensor<B, 2> {
        self.embedding.val()
    }

    fn with_layer0(self, table: Tensor<B, 2>) -> Self {
        Self {
            embedding: with_table("LightGcnPlusPlus", self.embedding, table),
            ..self
        }
    }

    fn embeddings(&self, graph: &SparseMatrix<B>, _mode: ForwardMode) -> Tensor<B, 2> {
        assert_graph("LightGcnPlusPlus", graph, self.n_users + self.n_items);
        let layer0 = self.embedding.val();
        let layer = |x| sparse_dense(graph, to_unit_length(x, LEAST_SQUARED_LENGTH));
        let mut x = layer(layer0.clone());
        let mut sum = x.clone();
        for _ in 1..self.layers {
            x = layer(x);
            sum = sum + x.clone();
        }
        layer0.mul_scalar(self.gamma) + sum.mul_scalar((1.0 - self.gamma) / self.layers as f64)
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
        let config = LightGcnPlusPlusConfig::new(3, 0)
            .with_dimension(0)
            .with_layers(0)
            .with_gamma(1.5)
            .with_initializer(EmbeddingInitializer::Normal { std: -1.0 });
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: "LightGcnPlusPlusConfig",
                faults: vec![
                    Fault::NoItems,
                    Fault::ZeroDimension,
                    Fault::NoLayers,
                    Fault::Layer0Share { value: 1.5 },
                    Fault::StandardDeviation { value: -1.0 },
                ]
            })
        );
        let (layers, most) = (9, MOST_LAYERS);
        let config = LightGcnPlusPlusConfig::new(3, 4).with_layers(layers);
        let faults = vec![Fault::TooManyLayers { layers, most }];
        let config_name = "LightGcnPlusPlusConfig";
        assert_eq!(
            config.check(),
            Err(NnError::Config {
                config: config_name,
                faults
            })
        );
        assert!(config.with_layers(2).with_gamma(f64::NAN).check().is_err());
        assert_eq!(LightGcnPlusPlusConfig::new(3, 4).check(), Ok(()));
    }

    #[test]
    fn config_survives_json() {
        let config = LightGcnPlusPlusConfig::new(5, 6).with_gamma(0.1);
        let json = serde_json::to_string(&config).unwrap();
        let read: LightGcnPlusPlusConfig = serde_json::from_str(&json).unwrap();
        assert_eq!((read.layers, read.gamma), (2, 0.1));
        assert_eq!(json, serde_json::to_string(&read).unwrap());
    }
}
