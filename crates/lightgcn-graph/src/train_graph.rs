//! The weighted bipartite graph of users and items.

use crate::{Adjacency, EdgeIndex, GraphError, Normalization};
use lightgcn_core::{Interactions, Train};
use serde::{Deserialize, Serialize};
use sprs::CsMatI;

/// How a graph is made of the training pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GraphOptions {
    /// Whether edges carry the pairs' weights; otherwise every edge weighs 1.
    pub edge_weights: bool,
}

impl Default for GraphOptions {
    /// Edges carry the pairs' weights.
    fn default() -> Self {
        Self { edge_weights: true }
    }
}

/// The graph that messages flow along: one weighted, undirected edge per training pair, of
/// whatever behavior. It is stored as compressed sparse rows from both sides.
///
/// Nodes without an edge are part of it. Its targets (purchases) are another thing: samplers and
/// evaluations take them from [`Interactions::targets`].
#[derive(Debug, Clone, PartialEq)]
pub struct TrainGraph {
    by_user: CsMatI<f32, u32, u64>,
    by_item: CsMatI<f32, u32, u64>,
    user_degrees: Vec<f64>,
    item_degrees: Vec<f64>,
    options: GraphOptions,
}

impl TrainGraph {
    /// The graph of a split's training part. O(nodes + pairs).
    ///
    /// # Errors
    /// [`GraphError::Empty`] if there is no pair, [`GraphError::TooManyNodes`] if users and
    /// items together are more than 2^32 − 2.
    pub fn new(train: &Train, options: &GraphOptions) -> Result<Self, GraphError> {
        Self::from_interactions(train.interactions(), options)
    }

    /// The graph of training pairs that are known to be such, as an artifact holds them. Pairs that
    /// have yet to be split belong in [`TrainGraph::new`], so that no held-out pair can slip in.
    ///
    /// # Errors
    /// As [`TrainGraph::new`].
    pub fn from_interactions(
        pairs: &Interactions,
        options: &GraphOptions,
    ) -> Result<Self, GraphError> {
        let (n_users, n_items) = (pairs.n_users(), pairs.n_items());
        let limit = u32::MAX as usize - 1;
        if n_users.checked_add(n_items).is_none_or(|n| n > limit) {
            return Err(GraphError::TooManyNodes {
                n_users,
                n_items,
                limit,
            });
        }
        if pairs.n_pairs() == 0 {
            return Err(GraphError::Empty { n_users, n_items });
        }
        let by_user = CsMatI::new(
            (n_users, n_items),
            pairs.offsets().to_vec(),
            pairs.items().iter().map(|item| item.0).collect(),
            if options.edge_weights {
                pairs.weights().to_vec()
            } else {
                vec![1.0; pairs.n_pairs()]
            },
        );
        let by_item = transpose(&by_user);
        Ok(Self {
            user_degrees: degrees(&by_user),
            item_degrees: degrees(&by_item),
            by_user,
            by_item,
            options: *options,
        })
    }

    /// How many users there are.
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.by_user.rows()
    }

    /// How many items there are.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.by_user.cols()
    }

    /// How many nodes there are: users and items.
    #[must_use]
    pub fn n_nodes(&self) -> usize {
        self.n_users() + self.n_items()
    }

    /// How many undirected edges there are: one a pair.
    #[must_use]
    pub fn n_edges(&self) -> usize {
        self.by_user.nnz()
    }

    /// The options that it was made with.
    #[must_use]
    pub fn options(&self) -> &GraphOptions {
        &self.options
    }

    /// The weights, `[n_users, n_items]`, before any normalization; columns ascend within a row.
    #[must_use]
    pub fn by_user(&self) -> &CsMatI<f32, u32, u64> {
        &self.by_user
    }

    /// The weights seen from the items, `[n_items, n_users]`: the transpose of
    /// [`TrainGraph::by_user`].
    #[must_use]
    pub fn by_item(&self) -> &CsMatI<f32, u32, u64> {
        &self.by_item
    }

    /// The sum of each user's edge weights, `[n_users]`; 0 for isolated ones.
    #[must_use]
    pub fn user_degrees(&self) -> &[f64] {
        &self.user_degrees
    }

    /// The sum of each item's edge weights, `[n_items]`; 0 for isolated ones.
    #[must_use]
    pub fn item_degrees(&self) -> &[f64] {
        &self.item_degrees
    }

    /// The adjacency matrix of all nodes, `[n_nodes, n_nodes]`. O(nodes + edges).
    #[must_use]
    pub fn adjacency(&self, normalization: Normalization) -> Adjacency {
        Adjacency::new(self, normalization)
    }

    /// The edges in both directions as lists of nodes. O(nodes + edges).
    #[must_use]
    pub fn edge_index(&self) -> EdgeIndex {
        EdgeIndex::new(self)
    }
}

/// The columns and the values of one row.
pub(crate) fn row(matrix: &CsMatI<f32, u32, u64>, n: usize) -> (&[u32], &[f32]) {
    let range = matrix.indptr().outer_inds_sz(n);
    (&matrix.indices()[range.clone()], &matrix.data()[range])
}

/// The sums of the rows, added in the order of the columns.
fn degrees(matrix: &CsMatI<f32, u32, u64>) -> Vec<f64> {
    (0..matrix.rows())
        .map(|n| row(matrix, n).1.iter().map(|&w| f64::from(w)).sum())
        .collect()
}

/// The transpose as compressed sparse rows, by counting.
fn transpose(matrix: &CsMatI<f32, u32, u64>) -> CsMatI<f32, u32, u64> {
    let mut offsets = vec![0u64; matrix.cols() + 1];
    for &column in matrix.indices() {
        offsets[column as usize + 1] += 1;
    }
    for n in 0..matrix.cols() {
        offsets[n + 1] += offsets[n];
    }
    let mut next = offsets.clone();
    let mut rows = vec![0u32; matrix.nnz()];
    let mut values = vec![0f32; matrix.nnz()];
    for n in 0..matrix.rows() {
        let (columns, weights) = row(matrix, n);
        for (&column, &weight) in columns.iter().zip(weights) {
            let position = next[column as usize] as usize;
            next[column as usize] += 1;
            rows[position] = n as u32;
            values[position] = weight;
        }
    }
    CsMatI::new((matrix.cols(), matrix.rows()), offsets, rows, values)
}

#[cfg(test)]
pub(crate) mod tests;
