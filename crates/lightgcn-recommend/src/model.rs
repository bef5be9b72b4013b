//! A trained model with data derived from its artifact.

use crate::explain::messages::{Messages, entry};
use crate::{EmbeddingRanker, RecommendError};
use lightgcn_core::{BehaviorId, BehaviorWeights, UserId};
use lightgcn_graph::TrainGraph;
use lightgcn_store::Artifact;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The prefixes of lineage options that rename or ignore labels of the log.
const RENAMED: &str = "format.rename_behaviors.";
const IGNORED: &str = "format.ignore_behaviors.";

/// A checked artifact, its graph, its behavior weights and its layer sums.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) artifact: Artifact,
    pub(crate) graph: TrainGraph,
    pub(crate) weights: BehaviorWeights,
    /// The labels of the log that preparation renamed, or ignored.
    labels: BTreeMap<String, Option<BehaviorId>>,
    messages: OnceLock<Messages>,
}

impl Model {
    pub(crate) fn new(artifact: Artifact) -> Result<Self, RecommendError> {
        let weights = artifact.behaviors.clone().check();
        let weights = weights.map_err(|error| RecommendError::Options {
            issues: vec![error.to_string()],
        })?;
        Ok(Self {
            graph: artifact.graph()?,
            labels: labels(&artifact.lineage.options, &weights),
            weights,
            messages: OnceLock::new(),
            artifact,
        })
    }

    /// The behavior of a label, as the log or the table of weights writes it: `Some(None)` for one
    /// that preparation ignores, `None` for an unknown one.
    pub(crate) fn behavior(&self, label: &str) -> Option<Option<BehaviorId>> {
        let known = self.labels.get(label).copied();
        known.or_else(|| self.weights.get(label).map(Some))
    }

    /// Every label that [`Model::behavior`] knows.
    pub(crate) fn behavior_labels(&self) -> Vec<&str> {
        let names = self.weights.behaviors().iter().map(|b| b.name.as_str());
        let renamed = self.labels.keys().map(String::as_str);
        let mut labels: Vec<&str> = names.collect();
        labels.extend(renamed.filter(|label| self.weights.get(label).is_none()));
        labels
    }

    /// Whether a behavior is negative for the item.
    pub(crate) fn is_negative(&self, behavior: BehaviorId) -> bool {
        self.weights.behaviors()[behavior.index()].weight < 0.0
    }

    pub(crate) fn has_negative(&self) -> bool {
        let mut behaviors = self.weights.behaviors().iter();
        behaviors.any(|behavior| behavior.weight < 0.0)
    }

    /// Whether a pair with these counts has events, all of them negative for the item.
    pub(crate) fn is_rejection(&self, counts: &[u32]) -> bool {
        let behaviors = self.weights.behaviors().iter();
        let mut done = behaviors.zip(counts).filter(|&(_, &n)| n > 0).peekable();
        done.peek().is_some() && done.all(|(behavior, _)| behavior.weight < 0.0)
    }

    /// Whether what was done with an item speaks against it on the whole, before any floor: a view and a removal from
    /// the cart, for example.
    pub(crate) fn is_net_negative(&self, counts: &[f64]) -> bool {
        let behaviors = self.weights.behaviors().iter().zip(counts);
        let parts = behaviors.map(|(behavior, &n)| {
            let part = behavior.weight * n;
            behavior.cap.map_or(part, |cap| part.clamp(-cap, cap))
        });
        // What cancels out to rounding is no rejection.
        parts.sum::<f64>() < -1e-9
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

    /// The length of a history vector: layer 0's dimension if scores are path sums, else the final
    /// one.
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

    /// Ranks the training items by their final embeddings.
    pub(crate) fn ranker(&self) -> EmbeddingRanker<'_> {
        let table = &self.artifact.embeddings;
        let name = &self.artifact.model.name;
        EmbeddingRanker::from_checked_nodes(name, table.data(), self.n_users(), table.dimension())
    }
}

/// The labels that the log of this lineage had renamed or ignored.
fn labels(
    options: &BTreeMap<String, String>,
    weights: &BehaviorWeights,
) -> BTreeMap<String, Option<BehaviorId>> {
    let mut labels = BTreeMap::new();
    for (option, name) in options {
        if let Some(label) = option.strip_prefix(RENAMED) {
            // A table of weights set only for training may use a different name for it.
            if let Some(behavior) = weights.get(name) {
                labels.insert(label.to_owned(), Some(behavior));
            }
        } else if let Some(label) = option.strip_prefix(IGNORED) {
            labels.insert(label.to_owned(), None);
        }
    }
    labels
}
