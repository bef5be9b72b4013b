//! Matrix factorization.

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_kernels::{SparseBackend, SparseMatrix};

use super::{EmbeddingModel, assert_graph, with_table};
use crate::error::{NnError, no_faults, table_faults};
use crate::init::{EmbeddingInitializer, check_table, parameter};
use crate::mode::ForwardMode;

/// How to make a [`MatrixFactorization`].
#[derive(Config, Debug)]
pub struct MatrixFactorizationConfig {
    /// Number of users, positive.
    pub n_users: usize,
    /// Number of items, positive.
    pub n_items: usize,
    /// Width of the embeddings, positive.
    #[config(default = 64)]
    pub dimension: usize,
    /// Where the initial embeddings come from.
    #[config(default = "EmbeddingInitializer::Normal { std: 0.1 }")]
    pub initializer: EmbeddingInitializer,
}

impl MatrixFactorizationConfig {
    /// Checks the config.
    ///
    /// # Errors
    ///
    /// [`NnError::Config`] with every fault.
    pub fn check(&self) -> Result<(), NnError> {
        let mut faults = table_faults(self.n_users, self.n_items, self.dimension);
        faults.extend(self.initializer.faults());
        no_faults("MatrixFactorizationConfig", faults)
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
    ) -> Result<MatrixFactorization<B>, NnError> {
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
    ) -> Result<MatrixFactorization<B>, NnError> {
        self.check()?;
        check_table(table, self.n_users + self.n_items, self.dimension)?;
        Ok(self.init_unchecked(table.to_vec(), device))
    }

    fn init_unchecked<B: Backend>(
        &self,
        table: Vec<f32>,
        device: &B::Device,
    ) -> MatrixFactorization<B> {
        let n_nodes = self.n_users + self.n_items;
        MatrixFactorization {
            embedding: parameter(table, [n_nodes, self.dimension], device),
            n_users: self.n_users,
            n_items: self.n_items,
        }
    }
}

/// Matrix factorization: the score of a user and an item is the dot product of their rows of one
/// table. The graph is not looked at, beyond its size.
///
/// Trained with BPR it is the baseline that graph models are compared with.
///
/// Source: Rendle et al., *BPR: Bayesian Personalized Ranking from Implicit Feedback*, UAI 2009,
/// section 4.3.1. Made by [`MatrixFactorizationConfig`].
#[derive(Module, Debug)]
pub struct MatrixFactorization<B: Backend> {
    /// The table, `[n_users + n_items, dim]`, users first.
    pub embedding: Param<Tensor<B, 2>>,
    n_users: usize,
    n_items: usize,
}

impl<B: SparseBackend> EmbeddingModel<B> for MatrixFactorization<B> {
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
            embedding: with_table("MatrixFactorization", self.embedding, table),
            ..self
        }
    }

    fn embeddings(&self, graph: &SparseMatrix<B>, _mode: ForwardMode) -> Tensor<B, 2> {
        assert_graph("MatrixFactorization", graph, self.n_users + self.n_items);
        self.embedding.val()
    }

    fn linear_layer_weights(&self) -> Option<Vec<f32>> {
        Some(vec![1.0])
    }
}
