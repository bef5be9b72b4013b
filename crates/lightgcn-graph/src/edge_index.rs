//! The graph as a list of directed edges.

use crate::TrainGraph;
use crate::train_graph::row;

/// The graph as two parallel lists of nodes, `[2, 2 * n_edges]`, as PyTorch Geometric writes it.
///
/// Nodes are the users (`0..n_users`), then the items. First stand all edges from users
/// to items, by user, then item; then the same edges in the same order from items to
/// users: edge `e` and edge `n_edges + e` are the two directions of one pair.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeIndex {
    sources: Vec<u32>,
    targets: Vec<u32>,
    weights: Vec<f32>,
}

impl EdgeIndex {
    /// Lists the edges of `graph`. O(nodes + edges).
    pub(crate) fn new(graph: &TrainGraph) -> Self {
        let n_users = graph.n_users() as u32;
        let n_edges = graph.n_edges();
        let mut users = Vec::with_capacity(2 * n_edges);
        let mut items = Vec::with_capacity(2 * n_edges);
        for user in 0..n_users {
            let (neighbors, _) = row(graph.by_user(), user as usize);
            users.extend(std::iter::repeat_n(user, neighbors.len()));
            items.extend(neighbors.iter().map(|&item| n_users + item));
        }
        let mut weights = Vec::with_capacity(2 * n_edges);
        weights.extend_from_slice(graph.by_user().data());
        weights.extend_from_within(..);
        let backward = items.clone();
        items.extend_from_slice(&users);
        users.extend(backward);
        Self {
            sources: users,
            targets: items,
            weights,
        }
    }

    /// How many directed edges there are: twice the number of pairs.
    #[must_use]
    pub fn n_directed(&self) -> usize {
        self.sources.len()
    }

    /// The node from which each edge leads, `[n_directed]`.
    #[must_use]
    pub fn sources(&self) -> &[u32] {
        &self.sources
    }

    /// The node to which each edge leads, `[n_directed]`.
    #[must_use]
    pub fn targets(&self) -> &[u32] {
        &self.targets
    }

    /// The weight of each edge before normalization, `[n_directed]`: positive and finite.
    #[must_use]
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }
}

#[cfg(test)]
mod tests {
    use crate::train_graph::tests::graph;

    #[test]
    fn both_directions_in_the_same_order() {
        let graph = graph(3, 2, &[(0, 1, 0.5), (2, 0, 1.0), (2, 1, 0.25)]);
        let edges = graph.edge_index();
        assert_eq!(edges.n_directed(), 6);
        assert_eq!(edges.sources(), [0, 2, 2, 4, 3, 4]);
        assert_eq!(edges.targets(), [4, 3, 4, 0, 2, 2]);
        assert_eq!(edges.weights(), [0.5, 1.0, 0.25, 0.5, 1.0, 0.25]);
    }
}
