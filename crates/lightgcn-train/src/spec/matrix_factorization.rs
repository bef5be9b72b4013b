//! Matrix factorization by its options.

use super::{Build, initializer};
use burn::tensor::backend::Backend;
use lightgcn_nn::{MatrixFactorization, MatrixFactorizationConfig, NnError};
use serde::{Deserialize, Serialize};

/// Matrix factorization (Koren et al. 2009; by BPR, Rendle et al., UAI 2009).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatrixFactorizationSpec {
    /// Numbers in an embedding.
    pub dimension: usize,
    /// The standard deviation of normal initial embeddings; without it, `"xavier"` in files, they are
    /// Xavier uniform.
    #[serde(with = "super::initial")]
    pub init_std: Option<f64>,
}

impl Default for MatrixFactorizationSpec {
    fn default() -> Self {
        Self {
            dimension: 64,
            init_std: Some(0.1),
        }
    }
}

impl<B: Backend> Build<B> for MatrixFactorizationSpec {
    type Module = MatrixFactorization<B>;

    fn build(
        &self,
        n_users: usize,
        n_items: usize,
        seed: u64,
        device: &B::Device,
    ) -> Result<MatrixFactorization<B>, NnError> {
        MatrixFactorizationConfig::new(n_users, n_items)
            .with_dimension(self.dimension)
            .with_initializer(initializer(self.init_std))
            .init(seed, device)
    }
}
