//! The messages that each node passes to its neighbors, summed over all layers.

use lightgcn_graph::{Normalization, TrainGraph};
use lightgcn_simd::{CsrView, propagate};
use lightgcn_store::Artifact;

/// The table Σ_{k≥1} α_k Â^{k−1} E, `[n_nodes, dimension]`: a node's final embedding is α_0 times
/// its own row of layer 0 plus the sum of its neighbors' messages, weighted by the entries of Â. So
/// a score splits exactly over a user's history, and a newcomer without a layer-0 row still has a
/// history.
///
/// For models whose final embeddings are not such a sum, an item's final embedding serves as its
/// message, and a history needs a fitted map to become a user vector.
#[derive(Debug)]
pub(crate) enum Messages {
    /// α_1 · E: one layer needs no table.
    Scaled(f32),
    /// Two layers or more, after K − 1 products with Â.
    Table(Vec<f32>),
    /// No sum over paths.
    Final,
}

impl Messages {
    /// O((K − 1) · edges · dimension), once.
    pub(crate) fn new(artifact: &Artifact, graph: &TrainGraph) -> Self {
        match artifact.model.layer_weights.as_deref() {
            None | Some([] | [_]) => Self::Final,
            Some([_, one]) => Self::Scaled(*one),
            Some([_, others @ ..]) => {
                // A graph always has edges, and an adjacency matrix is valid by construction.
                let Ok(a) = graph.adjacency(&artifact.model.normalization().into()) else {
                    return Self::Final;
                };
                match CsrView::new(a.row_offsets(), a.columns(), a.values(), a.n_columns()) {
                    Ok(view) => Self::Table(propagate(
                        view,
                        artifact.layer0.data(),
                        artifact.layer0.dimension(),
                        others,
                    )),
                    Err(_) => Self::Final,
                }
            }
        }
    }

    /// Whether final embeddings are sums of messages.
    pub(crate) fn are_exact(&self) -> bool {
        !matches!(self, Self::Final)
    }

    /// Adds `factor` times a node's message to `sum`.
    pub(crate) fn add(&self, artifact: &Artifact, node: usize, factor: f64, sum: &mut [f64]) {
        let (row, own) = self.row(artifact, node);
        let factor = factor * own;
        for (sum, &x) in sum.iter_mut().zip(row) {
            *sum += factor * f64::from(x);
        }
    }

    /// The dot product of a node's message and `vector`.
    pub(crate) fn dot(&self, artifact: &Artifact, node: usize, vector: &[f64]) -> f64 {
        let (row, factor) = self.row(artifact, node);
        factor * dot(row, vector)
    }

    /// A row and the factor that makes it the node's message.
    fn row<'a>(&'a self, artifact: &'a Artifact, node: usize) -> (&'a [f32], f64) {
        match self {
            Self::Scaled(one) => (artifact.layer0.row(node), f64::from(*one)),
            Self::Table(table) => {
                let dimension = artifact.layer0.dimension();
                (&table[node * dimension..(node + 1) * dimension], 1.0)
            }
            Self::Final => (artifact.embeddings.row(node), 1.0),
        }
    }
}

pub(crate) fn dot(row: &[f32], vector: &[f64]) -> f64 {
    row.iter().zip(vector).map(|(&a, b)| f64::from(a) * b).sum()
}

/// The entry of Â at a row of degree `row_degree`, rounded to f32 as in the model.
pub(crate) fn entry(n: Normalization, weight: f64, row_degree: f64, column_degree: f64) -> f64 {
    f64::from(n.scale(weight, row_degree, column_degree) as f32)
}
