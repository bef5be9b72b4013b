//! Models by name, as configurations and artifacts hold them.

mod initial;
mod light_gcn;
mod light_gcn_plus_plus;
mod matrix_factorization;
mod ngcf;

pub use light_gcn::{LayerWeightChoice, LightGcnSpec};
pub use light_gcn_plus_plus::LightGcnPlusPlusSpec;
pub use matrix_factorization::MatrixFactorizationSpec;
pub use ngcf::NgcfSpec;

use burn::tensor::backend::Backend;
use lightgcn_graph::Normalization;
use lightgcn_nn::{EmbeddingInitializer, NnError};
use serde::{Deserialize, Serialize};

/// A model by name, with its options.
///
/// ```
/// use lightgcn_train::ModelSpec;
///
/// let spec: ModelSpec = serde_json::from_str(r#"{"name": "lightgcn", "layers": 2}"#)?;
/// assert_eq!(spec.name(), "lightgcn");
/// assert!(serde_json::from_str::<ModelSpec>(r#"{"name": "lightgcn", "layerz": 2}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name")]
#[non_exhaustive]
pub enum ModelSpec {
    /// LightGCN.
    #[serde(rename = "lightgcn")]
    LightGcn(LightGcnSpec),
    /// LightGCN++.
    #[serde(rename = "lightgcn++")]
    LightGcnPlusPlus(LightGcnPlusPlusSpec),
    /// NGCF.
    #[serde(rename = "ngcf")]
    Ngcf(NgcfSpec),
    /// Matrix factorization.
    #[serde(rename = "mf")]
    MatrixFactorization(MatrixFactorizationSpec),
}

impl Default for ModelSpec {
    fn default() -> Self {
        Self::LightGcn(LightGcnSpec::default())
    }
}

impl ModelSpec {
    /// The names of all models.
    pub const NAMES: [&str; 4] = ["lightgcn", "lightgcn++", "ngcf", "mf"];

    /// The default options of the model of that name, or none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "lightgcn" => Some(Self::LightGcn(LightGcnSpec::default())),
            "lightgcn++" => Some(Self::LightGcnPlusPlus(LightGcnPlusPlusSpec::default())),
            "ngcf" => Some(Self::Ngcf(NgcfSpec::default())),
            "mf" => Some(Self::MatrixFactorization(MatrixFactorizationSpec::default())),
            _ => None,
        }
    }

    /// LightGCN with its default options.
    #[must_use]
    pub fn lightgcn() -> Self {
        Self::default()
    }

    /// Matrix factorization with its default options.
    #[must_use]
    pub fn mf() -> Self {
        Self::MatrixFactorization(MatrixFactorizationSpec::default())
    }

    /// The model's name: one of [`NAMES`](Self::NAMES).
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::LightGcn(_) => "lightgcn",
            Self::LightGcnPlusPlus(_) => "lightgcn++",
            Self::Ngcf(_) => "ngcf",
            Self::MatrixFactorization(_) => "mf",
        }
    }

    /// How the model's adjacency is normalized; matrix factorization has none to normalize.
    #[must_use]
    pub fn normalization(&self) -> Normalization {
        match self {
            Self::LightGcn(spec) => spec.normalization,
            Self::LightGcnPlusPlus(spec) => spec.normalization(),
            Self::Ngcf(spec) => spec.normalization,
            Self::MatrixFactorization(_) => Normalization::None,
        }
    }

    /// Whether the model's edges carry their pairs' weights.
    #[must_use]
    pub fn edge_weights(&self) -> bool {
        match self {
            Self::LightGcn(spec) => spec.edge_weights,
            Self::LightGcnPlusPlus(spec) => spec.edge_weights,
            Self::Ngcf(spec) => spec.edge_weights,
            Self::MatrixFactorization(_) => true,
        }
    }

    /// How many propagation layers the model has.
    #[must_use]
    pub fn n_layers(&self) -> usize {
        match self {
            Self::LightGcn(spec) => spec.layers,
            Self::LightGcnPlusPlus(spec) => spec.layers,
            Self::Ngcf(spec) => spec.layer_widths.len(),
            Self::MatrixFactorization(_) => 0,
        }
    }
}

fn initializer(std: Option<f64>) -> EmbeddingInitializer {
    std.map_or(EmbeddingInitializer::XavierUniform, |std| {
        EmbeddingInitializer::Normal { std }
    })
}

/// Makes the burn module of a description.
pub(crate) trait Build<B: Backend> {
    /// The module.
    type Module;

    /// The module with fresh embeddings drawn from `seed`.
    fn build(
        &self,
        n_users: usize,
        n_items: usize,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self::Module, NnError>;
}
