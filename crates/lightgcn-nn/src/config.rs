//! The interface of model configs, and how generic code works with any of them.

use std::fmt::Debug;

use burn::module::AutodiffModule;
use burn::tensor::backend::AutodiffBackend;
use lightgcn_graph::{AdjacencyRequest, NodeCounts};
use lightgcn_kernels::{SparseBackend, TrainingBackend};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::embedding_model::EmbeddingModel;
use crate::error::NnError;

/// A backend to train on: `Autodiff<B>` of any backend with graph and training operations.
pub trait GradientBackend: SparseBackend + AutodiffBackend<InnerBackend: TrainingBackend> {}

impl<B: SparseBackend + AutodiffBackend<InnerBackend: TrainingBackend>> GradientBackend for B {}

/// A model's config: what it needs from the data, and the module it builds.
///
/// Everything that trains, saves or describes a model goes through this trait, so a model needs
/// nothing but its own file. Models of this crate also have a line in the registry, which gives
/// them a name in files and on the command line: see [`AnyModelConfig`](crate::AnyModelConfig).
pub trait ModelConfig:
    Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The name in files, artifacts and on the command line.
    const NAME: &'static str;

    /// Fields that must be equal for the parameters of one config to fit another, as needed for a
    /// warm start.
    const SHAPE_FIELDS: &'static [&'static str] = &["dimension", "layers"];

    /// The module.
    type Module<B: GradientBackend>: EmbeddingModel<B>
        + AutodiffModule<B, InnerModule: EmbeddingModel<B::InnerBackend>>;

    /// Checks the config. Default: it is valid.
    ///
    /// # Errors
    ///
    /// [`NnError::Config`] with every issue.
    fn check(&self) -> Result<(), NnError> {
        Ok(())
    }

    /// The graphs that the model propagates over, at least one; the module gets them in this order.
    fn graphs(&self) -> Vec<AdjacencyRequest>;

    /// What the model costs.
    fn footprint(&self) -> Footprint;

    /// The same model with embeddings of another dimension. Default: the dimension is fixed.
    #[must_use]
    fn with_dimension(self, dimension: usize) -> Self {
        let _ = dimension;
        self
    }

    /// The same model with another number of layers; `None` if it has none.
    #[must_use]
    fn with_layers(self, layers: usize) -> Option<Self> {
        let _ = layers;
        None
    }

    /// The same model for a log with these behaviors: those that occur and have a positive weight,
    /// by ascending weight, the target last. Default: the model is the same for all logs.
    #[must_use]
    fn with_behaviors(self, behaviors: &[String]) -> Self {
        let _ = behaviors;
        self
    }

    /// The same model for a dataset with these relations between items and entities; empty if it has no
    /// knowledge graph. Default: the model does not depend on them.
    #[must_use]
    fn with_relations(self, relations: &[String]) -> Self {
        let _ = relations;
        self
    }

    /// How many of a user's latest items the model needs in order of time
    /// ([`Graphs::sequences`](crate::Graphs::sequences)). Data without times is then an error. Default:
    /// none, times do not matter.
    fn sequence_length(&self) -> Option<usize> {
        None
    }

    /// The published settings, if they differ from the default.
    #[must_use]
    fn published() -> Self {
        Self::default()
    }

    /// Builds the module. Its parameters are a function of only the seed.
    ///
    /// # Errors
    ///
    /// [`NnError::Config`] with every issue of the config or of the node counts.
    fn init<B: GradientBackend>(
        &self,
        nodes: &NodeCounts,
        seed: u64,
        device: &B::Device,
    ) -> Result<Self::Module<B>, NnError>;
}

/// What a model costs in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Columns of the final embeddings.
    pub output_dimension: usize,
    /// Layers of propagation.
    pub layers: usize,
    /// Whether autodiff keeps the layers for the gradient; false if the final embeddings are `Σ_k
    /// α_k Âᵏ E` with constant α over one graph.
    pub keeps_layers: bool,
}

impl Footprint {
    /// The cost of a model trained by autodiff, with all layers kept for the gradient.
    #[must_use]
    pub fn autodiff(output_dimension: usize, layers: usize) -> Self {
        Self {
            output_dimension,
            layers,
            keeps_layers: true,
        }
    }
}

/// Code that works with the config of any model: see [`VisitModel`].
pub trait ModelVisitor {
    /// The result type.
    type Output;

    /// Runs with a model's own config.
    fn visit<M: ModelConfig>(self, config: &M) -> Self::Output;
}

/// A [`ModelConfig`], or a choice among several, such as
/// [`AnyModelConfig`](crate::AnyModelConfig), that is one when it runs.
pub trait VisitModel: Clone + Debug + Send + Sync {
    /// Hands the model's own config to the visitor.
    fn visit<V: ModelVisitor>(&self, visitor: V) -> V::Output;
}

impl<M: ModelConfig> VisitModel for M {
    fn visit<V: ModelVisitor>(&self, visitor: V) -> V::Output {
        visitor.visit(self)
    }
}
