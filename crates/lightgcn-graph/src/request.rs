//! Requests of models to a graph.

use crate::{GraphError, ItemAttribute, Normalization};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A type of edges.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeType {
    /// Every training pair, whatever the user did.
    Behaviors,
    /// The training pairs with at least one event of this behavior.
    Behavior(String),
    /// From each item to the value that it has of an attribute.
    Attribute(ItemAttribute),
    /// The edges of a relation.
    Relation(String),
}

impl fmt::Display for EdgeType {
    /// The name by which [`EdgeWeights::PerType`] knows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behaviors => f.pad("behaviors"),
            Self::Behavior(name) | Self::Relation(name) => f.pad(name),
            Self::Attribute(attribute) => attribute.fmt(f),
        }
    }
}

/// The weight of each selected edge before normalization.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeWeights {
    /// A training pair has its weight in the graph, whichever of its behaviors are selected; edges
    /// of attributes and relations weigh 1.
    #[default]
    Pair,
    /// Every edge weighs 1.
    One,
    /// Every edge has the weight of its type; a pair with several of the selected behaviors has the
    /// sum of their weights. Each selected type has a weight: positive, finite. With
    /// [`EdgeType::Behaviors`] these are the weights of all behaviors, by name.
    PerType(BTreeMap<String, f32>),
}

/// Which nodes the rows and columns of an adjacency matrix are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AdjacencyShape {
    /// All nodes by all nodes, every edge in both directions.
    #[default]
    Square,
    /// All nodes by all nodes, every edge in the one direction that it was given in: from users to
    /// items, from items to the values of an attribute, from the heads of a relation to its tails.
    Directed,
    /// The nodes of one kind by those of another kind, or of the same: that block of the square
    /// matrix, with the degrees that nodes have within the block.
    Rectangular {
        /// The kind of the rows, such as `user`.
        rows: String,
        /// The kind of the columns, such as `item`.
        columns: String,
    },
    /// The nodes of one kind by themselves, linked if they share neighbors: `B Bᵀ` without its
    /// diagonal, where `B` is the rectangular matrix of `of` by `through`. With weights of 1 an
    /// entry counts the shared neighbors.
    CoOccurrence {
        /// The kind of the rows and columns, such as `item`.
        of: String,
        /// The kind of the shared neighbors, such as `user`.
        through: String,
        /// Keeps only links that are among this many heaviest of either end; ties are broken by the
        /// lower row. Default: all links, which may be many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        neighbors: Option<usize>,
    },
}

/// A request for one adjacency matrix: its edges, their weights, its normalization, and its nodes.
/// The default is LightGCN's: the square matrix of all training pairs with their weights, scaled by
/// [`Normalization::Symmetric`].
///
/// ```
/// use lightgcn_graph::{AdjacencyRequest, AdjacencyShape, EdgeType, EdgeWeights};
///
/// let bought = AdjacencyRequest {
///     edges: vec![EdgeType::Behavior("purchase".to_owned())],
///     weights: EdgeWeights::One,
///     shape: AdjacencyShape::Rectangular {
///         rows: "user".to_owned(),
///         columns: "item".to_owned(),
///     },
///     ..AdjacencyRequest::default()
/// };
/// bought.check()?;
/// # Ok::<(), lightgcn_graph::GraphError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdjacencyRequest {
    /// The types of edges, at least one. Default: all behaviors.
    pub edges: Vec<EdgeType>,
    /// The weight of each edge. Default: the weight of its pair.
    pub weights: EdgeWeights,
    /// How weights are scaled by degrees. Default: symmetric.
    pub normalization: Normalization,
    /// Which nodes the rows and columns are. Default: square.
    pub shape: AdjacencyShape,
}

impl Default for AdjacencyRequest {
    fn default() -> Self {
        Self::from(Normalization::default())
    }
}

impl From<Normalization> for AdjacencyRequest {
    /// The default request with another normalization.
    fn from(normalization: Normalization) -> Self {
        Self {
            edges: vec![EdgeType::Behaviors],
            weights: EdgeWeights::default(),
            normalization,
            shape: AdjacencyShape::default(),
        }
    }
}

impl AdjacencyRequest {
    /// Whether it is the square matrix of all pairs, with their weights or weight 1, as needed for
    /// exact sums over paths.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.edges == [EdgeType::Behaviors]
            && self.shape == AdjacencyShape::Square
            && matches!(self.weights, EdgeWeights::Pair | EdgeWeights::One)
    }

    /// The attributes that it selects, which the graph must have.
    pub fn attributes(&self) -> impl Iterator<Item = ItemAttribute> {
        self.edges.iter().filter_map(|edge| match edge {
            EdgeType::Attribute(attribute) => Some(*attribute),
            _ => None,
        })
    }

    /// The relations that it selects, which the graph must have.
    pub fn relations(&self) -> impl Iterator<Item = &str> {
        self.edges.iter().filter_map(|edge| match edge {
            EdgeType::Relation(name) => Some(&**name),
            _ => None,
        })
    }

    /// Checks what can be checked without a graph.
    ///
    /// # Errors
    /// [`GraphError::NothingSelected`] without an edge type, [`GraphError::DuplicateName`] if a
    /// type is listed twice, [`GraphError::EdgeWeight`] for a weight that is not positive and
    /// finite, [`GraphError::NoNeighbors`] if co-occurrence keeps no links.
    pub fn check(&self) -> Result<(), GraphError> {
        if self.edges.is_empty() {
            return Err(GraphError::NothingSelected);
        }
        for (n, edge) in self.edges.iter().enumerate() {
            if self.edges[..n].contains(edge) {
                return Err(GraphError::DuplicateName {
                    name: edge.to_string(),
                });
            }
        }
        if let EdgeWeights::PerType(weights) = &self.weights {
            let bad = |weight: f32| !(weight.is_finite() && weight > 0.0);
            if let Some((name, &weight)) = weights.iter().find(|(_, weight)| bad(**weight)) {
                return Err(GraphError::EdgeWeight {
                    name: name.clone(),
                    given: weight.to_string(),
                });
            }
        }
        match self.shape {
            AdjacencyShape::CoOccurrence {
                neighbors: Some(0), ..
            } => Err(GraphError::NoNeighbors),
            _ => Ok(()),
        }
    }
}
