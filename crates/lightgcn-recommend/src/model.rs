//! A trained model with what follows from its artifact.

use crate::explain::messages::{Messages, entry};
use crate::{EmbeddingRanker, RecommendError};
use lightgcn_core::{BehaviorWeights, UserId};
use lightgcn_graph::TrainGraph;
use lightgcn_store::Artifact;
use std::sync::OnceLock;

/// A checked artifact, its graph, its behavior weights and its layer sums.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) artifact: Artifact,
    pub(crate) graph: TrainGraph,
    pub(crate) weights: BehaviorWeights,
    messages: OnceLock<Messages>,
}

impl Model {
    pub(crate) fn new(artifact: Artifact) -> Result<Self, RecommendError> {
        let weights = artifact.behaviors.clone().check();
        Ok(Self {
            graph: artifact.graph()?,
            weights: weights.map_err(|error| RecommendError::Options {
                faults: vec![error.to_string()],
            })?,
            messages: OnceLock::new(),
            artifact,
        })
    }

    /// The sums over layers, computed at the first call.
    pub(crate) fn messages(&self) -> &Messages {
        self.messages
            .get_or_init(|| Messages::new(&self.artifact, &self.graph))
    }

    pub(crate) fn n_users(&self) -> usize {
        self.artifact.train.n_users()
    }

    /// Whether the user has training pairs.
    pub(crate) fn has_history(&self, user: UserId) -> bool {
        !self.artifact.train.pairs_of(user).is_empty()
    }

    /// The length of a history vector: layer 0's dimension where scores are path sums, else the
    /// final one.
    pub(crate) fn history_dimension(&self) -> usize {
        match self.messages().are_exact() {
            true => self.artifact.layer0.dimension(),
            false => self.artifact.embeddings.dimension(),
        }
    }

    /// α_0, the weight of a node's own row of layer 0.
    pub(crate) fn self_weight(&self) -> f32 {
        let weights = self.artifact.model.layer_weights.as_deref();
        weights.and_then(|w| w.first().copied()).unwrap_or(0.0)
    }

    /// The entry of Â for an edge of this weight between nodes of these degrees.
    pub(crate) fn entry(&self, weight: f64, row_degree: f64, column_degree: f64) -> f64 {
        let normalization = self.artifact.model.normalization();
        entry(normalization, weight, row_degree, column_degree)
    }

    /// Ranks the items of training by the final embeddings.
    pub(crate) fn ranker(&self) -> EmbeddingRanker<'_> {
        let table = &self.artifact.embeddings;
        let name = &self.artifact.model.name;
        EmbeddingRanker::from_checked_nodes(name, table.data(), self.n_users(), table.dimension())
    }
}
