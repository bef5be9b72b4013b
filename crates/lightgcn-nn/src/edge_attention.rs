//! What nodes take of their neighbors.

use crate::relations::Relations;

/// What each node of a model with attention takes of its neighbors, edge by edge: compressed sparse
/// rows. Each edge of a graph is seen from both of its ends.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeAttention {
    /// Where the edges of each node begin, `[n_nodes + 1]`.
    pub offsets: Vec<u64>,
    /// The other end of each edge, by the node's relations, then ascending: `[n_edges]`.
    pub tails: Vec<u32>,
    /// 2 · g along an edge of the model's graph g, 2 · g + 1 against it: `[n_edges]`.
    pub relations: Vec<u32>,
    /// The weights, `[n_edges]`; those of a node sum to 1.
    pub weights: Vec<f32>,
}

impl EdgeAttention {
    /// The attention with these weights, in the order of the edges' heads.
    pub(crate) fn new(relations: &Relations, weights: Vec<f32>) -> Self {
        let in_order = relations.numbers.iter();
        let of_edge = |&number: &u32| relations.edge(number as usize).0 as u32;
        Self {
            offsets: relations.offsets.clone(),
            tails: relations.tails.clone(),
            relations: in_order.map(of_edge).collect(),
            weights,
        }
    }
}
