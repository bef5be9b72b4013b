//! Common parts of models over one graph per behavior.

use burn::tensor::backend::Backend;
use lightgcn_graph::{AdjacencyRequest, EdgeType, EdgeWeights, NodeCounts};
use lightgcn_kernels::SparseMatrix;
use serde::{Deserialize, Serialize};

use super::layer_issue;
use crate::error::{ConfigIssue, NnError, no_issues};
use crate::graphs::Graphs;
use crate::init::EmbeddingInitializer;

/// The settings of a model over one graph per behavior: [`CrgcnConfig`](super::CrgcnConfig),
/// [`MbCgcnConfig`](super::MbCgcnConfig) and [`MbgcnConfig`](super::MbgcnConfig).
///
/// Every edge of a behavior's graph weighs 1, and its normalization is symmetric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BehaviorGraphsConfig {
    /// Columns of the embeddings, positive. Default: 64.
    pub dimension: usize,
    /// The behaviors, in the order of the cascade. Default: the log's behaviors with positive
    /// weight, by ascending weight, the target last.
    pub behaviors: Vec<String>,
    /// Number of layers of each behavior, 1 to 8. Default: 1.
    pub layers: usize,
    /// Where the initial embeddings come from; `init_std` in files. Default: Xavier.
    #[serde(rename = "init_std")]
    pub initializer: EmbeddingInitializer,
}

impl Default for BehaviorGraphsConfig {
    fn default() -> Self {
        Self {
            dimension: 64,
            behaviors: Vec::new(),
            layers: 1,
            initializer: EmbeddingInitializer::XavierUniform,
        }
    }
}

impl BehaviorGraphsConfig {
    /// Checks the config of the `model`.
    pub(super) fn check(&self, model: &'static str) -> Result<(), NnError> {
        let mut issues = Vec::from_iter(ConfigIssue::dimension(self.dimension));
        let names = self.behaviors.iter().enumerate();
        let repeated = names.filter(|&(n, name)| self.behaviors[..n].contains(name));
        issues.extend(repeated.map(|(_, name)| ConfigIssue::ListedTwice { name: name.clone() }));
        issues.extend(layer_issue(self.layers, 1));
        issues.extend(self.initializer.issue());
        no_issues(model, issues)
    }

    /// One graph for each behavior, or the graph of all pairs if none is named.
    pub(super) fn graphs(&self) -> Vec<AdjacencyRequest> {
        let request = |edges| AdjacencyRequest {
            edges: vec![edges],
            weights: EdgeWeights::One,
            ..AdjacencyRequest::default()
        };
        match &self.behaviors[..] {
            [] => vec![request(EdgeType::Behaviors)],
            names => {
                let edges = names.iter().cloned().map(EdgeType::Behavior);
                edges.map(request).collect()
            }
        }
    }

    /// The same with the behaviors of a log, unless it names its own.
    pub(super) fn with_behaviors(mut self, behaviors: &[String]) -> Self {
        if self.behaviors.is_empty() {
            self.behaviors = behaviors.to_vec();
        }
        self
    }
}

/// Implements `ModelConfig` for a config that is nothing but a [`BehaviorGraphsConfig`].
macro_rules! behavior_model {
    ($config:ident, $name:literal, $module:ident) => {
        impl $crate::config::ModelConfig for $config {
            const NAME: &'static str = $name;
            const SHAPE_FIELDS: &'static [&'static str] = &["dimension", "behaviors", "layers"];
            type Module<B: $crate::config::GradientBackend> = $module<B>;

            fn check(&self) -> Result<(), $crate::error::NnError> {
                self.0.check($name)
            }

            fn graphs(&self) -> Vec<lightgcn_graph::AdjacencyRequest> {
                self.0.graphs()
            }

            fn footprint(&self) -> $crate::config::Footprint {
                let layers = self.0.layers.saturating_mul(self.0.graphs().len());
                $crate::config::Footprint::autodiff(self.0.dimension, layers)
            }

            fn with_dimension(mut self, dimension: usize) -> Self {
                self.0.dimension = dimension;
                self
            }

            fn with_layers(mut self, layers: usize) -> Option<Self> {
                self.0.layers = layers;
                Some(self)
            }

            fn with_behaviors(self, behaviors: &[String]) -> Self {
                Self(self.0.with_behaviors(behaviors))
            }

            fn init<B: $crate::config::GradientBackend>(
                &self,
                nodes: &lightgcn_graph::NodeCounts,
                seed: u64,
                device: &B::Device,
            ) -> Result<$module<B>, $crate::error::NnError> {
                Self::init(self, nodes, seed, device)
            }
        }
    };
}

pub(super) use behavior_model;

/// The graphs, of which there must be `count`, with a row and a column for each node.
pub(super) fn assert_graphs<'a, B: Backend>(
    model: &str,
    graphs: &'a Graphs<B>,
    count: usize,
    nodes: &NodeCounts,
) -> &'a [SparseMatrix<B>] {
    let (graphs, n_nodes) = (graphs.all(), nodes.total());
    let fit = |graph: &SparseMatrix<B>| graph.n_rows() == n_nodes && graph.n_columns() == n_nodes;
    assert!(
        graphs.len() == count && graphs.iter().all(fit),
        "{model}: {count} square graphs of {n_nodes} nodes are needed"
    );
    graphs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_issue_is_listed() {
        let config = BehaviorGraphsConfig {
            dimension: 0,
            behaviors: ["view", "buy", "view"].map(String::from).to_vec(),
            layers: 0,
            initializer: EmbeddingInitializer::Normal { std: 0.0 },
        };
        let name = "view".to_owned();
        assert_eq!(
            config.check("crgcn"),
            Err(NnError::Config {
                config: "crgcn",
                issues: vec![
                    ConfigIssue::ZeroDimension,
                    ConfigIssue::ListedTwice { name },
                    ConfigIssue::NoLayers,
                    ConfigIssue::StandardDeviation { value: 0.0 },
                ]
            })
        );
        assert_eq!(BehaviorGraphsConfig::default().check("crgcn"), Ok(()));
    }

    #[test]
    fn the_log_names_the_behaviors_unless_the_config_does() {
        let log = ["view", "cart", "buy"].map(String::from);
        let config = BehaviorGraphsConfig::default();
        assert_eq!(config.graphs()[0].edges, [EdgeType::Behaviors]);
        let config = config.with_behaviors(&log);
        assert_eq!(config.behaviors, log);
        let edges: Vec<_> = config.graphs().into_iter().map(|g| g.edges).collect();
        let of = |name: &str| vec![EdgeType::Behavior(name.to_owned())];
        assert_eq!(edges, [of("view"), of("cart"), of("buy")]);
        assert_eq!(config.with_behaviors(&log[2..]).behaviors, log);
    }
}
