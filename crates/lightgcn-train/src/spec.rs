//! Models by name, as configurations and artifacts hold them.

use burn::tensor::backend::Backend;
use lightgcn_graph::Normalization;
use lightgcn_nn::{
    EmbeddingInitializer, LayerWeights, LightGcn, LightGcnConfig, MatrixFactorization,
    MatrixFactorizationConfig, Ngcf, NgcfConfig, NnError,
};
use serde::{Deserialize, Serialize};

/// How LightGCN weighs its layers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerWeightChoice {
    /// 1 / (layers + 1) each (He et al. 2020, section 3.1.2).
    #[default]
    Uniform,
    /// Given, one a layer from layer 0 on.
    Given(Vec<f32>),
    /// Learned with the embeddings.
    Learned,
}

/// LightGCN (He et al., SIGIR 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LightGcnSpec {
    /// Numbers in an embedding.
    pub dimension: usize,
    /// Propagation layers, 0 to 8.
    pub layers: usize,
    /// How layers are weighed.
    pub layer_weights: LayerWeightChoice,
    /// How the adjacency is normalized.
    pub normalization: Normalization,
    /// Whether edges carry their pairs' weights; else every edge weighs 1.
    pub edge_weights: bool,
    /// The standard deviation of normal initial embeddings; without it they are Xavier uniform.
    pub init_std: Option<f64>,
}

impl Default for LightGcnSpec {
    fn default() -> Self {
        Self {
            dimension: 64,
            layers: 3,
            layer_weights: LayerWeightChoice::Uniform,
            normalization: Normalization::Symmetric,
            edge_weights: true,
            init_std: Some(0.1),
        }
    }
}

/// NGCF (Wang et al., SIGIR 2019).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NgcfSpec {
    /// Numbers in a layer-0 embedding.
    pub dimension: usize,
    /// Numbers in each further layer's output; as many layers as entries.
    pub layer_widths: Vec<usize>,
    /// The share of messages dropped in training, 0 to below 1.
    pub message_dropout: f64,
    /// How the adjacency is normalized.
    pub normalization: Normalization,
    /// Whether edges carry their pairs' weights; else every edge weighs 1.
    pub edge_weights: bool,
    /// The standard deviation of normal initial embeddings; without it they are Xavier uniform.
    pub init_std: Option<f64>,
}

impl Default for NgcfSpec {
    fn default() -> Self {
        Self {
            dimension: 64,
            layer_widths: vec![64, 64, 64],
            message_dropout: 0.1,
            normalization: Normalization::Symmetric,
            edge_weights: true,
            init_std: None,
        }
    }
}

/// Matrix factorization (Koren et al. 2009; by BPR, Rendle et al., UAI 2009).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MatrixFactorizationSpec {
    /// Numbers in an embedding.
    pub dimension: usize,
    /// The standard deviation of normal initial embeddings; without it they are Xavier uniform.
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
    pub const NAMES: [&str; 3] = ["lightgcn", "ngcf", "mf"];

    /// The default options of the model of that name, or none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "lightgcn" => Some(Self::LightGcn(LightGcnSpec::default())),
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

    /// The model's name: `lightgcn`, `ngcf` or `mf`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::LightGcn(_) => "lightgcn",
            Self::Ngcf(_) => "ngcf",
            Self::MatrixFactorization(_) => "mf",
        }
    }

    /// How the model's adjacency is normalized; matrix factorization has none to normalize.
    #[must_use]
    pub fn normalization(&self) -> Normalization {
        match self {
            Self::LightGcn(spec) => spec.normalization,
            Self::Ngcf(spec) => spec.normalization,
            Self::MatrixFactorization(_) => Normalization::None,
        }
    }

    /// Whether the model's edges carry their pairs' weights.
    #[must_use]
    pub fn edge_weights(&self) -> bool {
        match self {
            Self::LightGcn(spec) => spec.edge_weights,
            Self::Ngcf(spec) => spec.edge_weights,
            Self::MatrixFactorization(_) => true,
        }
    }

    /// How many propagation layers the model has.
    #[must_use]
    pub fn n_layers(&self) -> usize {
        match self {
            Self::LightGcn(spec) => spec.layers,
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

impl<B: Backend> Build<B> for LightGcnSpec {
    type Module = LightGcn<B>;

    fn build(
        &self,
        n_users: usize,
        n_items: usize,
        seed: u64,
        device: &B::Device,
    ) -> Result<LightGcn<B>, NnError> {
        let layer_weights = match &self.layer_weights {
            LayerWeightChoice::Uniform => LayerWeights::Uniform,
            LayerWeightChoice::Given(weights) => LayerWeights::Given(weights.clone()),
            LayerWeightChoice::Learned => LayerWeights::Learned,
        };
        LightGcnConfig::new(n_users, n_items)
            .with_dimension(self.dimension)
            .with_layers(self.layers)
            .with_layer_weights(layer_weights)
            .with_initializer(initializer(self.init_std))
            .init(seed, device)
    }
}

impl<B: Backend> Build<B> for NgcfSpec {
    type Module = Ngcf<B>;

    fn build(
        &self,
        n_users: usize,
        n_items: usize,
        seed: u64,
        device: &B::Device,
    ) -> Result<Ngcf<B>, NnError> {
        NgcfConfig::new(n_users, n_items)
            .with_dimension(self.dimension)
            .with_layer_widths(self.layer_widths.clone())
            .with_message_dropout(self.message_dropout)
            .with_initializer(initializer(self.init_std))
            .init(seed, device)
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
