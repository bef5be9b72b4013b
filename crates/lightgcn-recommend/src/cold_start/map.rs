//! Turns a history into a vector.

use crate::cold_start::ridge::solve_ridge;
use serde::{Deserialize, Serialize};

/// How the events of a new user or item become a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoldIn {
    /// One row of propagation over the frozen layers, then a linear map to trained users, fitted by
    /// ridge regression: it approximates what the newcomer's own layer-0 row would have learned.
    /// Models whose scores are not path sums use only the map.
    #[default]
    Mapped,
    /// Only the row of propagation, as if the newcomer's own layer-0 row were 0. (Models whose
    /// scores are not path sums use the map regardless.)
    Propagated,
}

/// The ridge, as a share of the mean variance of the histories.
const RIDGE: f64 = 1e-3;

/// A matrix from histories to embeddings, `[dimension, history dimension]`; `None` is the identity.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map(Option<Vec<f64>>);

impl Map {
    /// The ridge map from `histories` (`[n, n_history]`) to `vectors` (`[n, dimension]`).
    pub(crate) fn fit(
        histories: &[f64],
        n_history: usize,
        vectors: &[f64],
        dimension: usize,
    ) -> Self {
        Self(Some(solve_ridge(
            histories, n_history, vectors, dimension, RIDGE,
        )))
    }

    pub(crate) fn apply(&self, history: &[f64]) -> Vec<f64> {
        let Some(matrix) = &self.0 else {
            return history.to_vec();
        };
        let rows = matrix.chunks_exact(history.len());
        rows.map(|row| row.iter().zip(history).map(|(a, b)| a * b).sum())
            .collect()
    }

    /// The transposed matrix times an embedding, `[n_history]`.
    pub(crate) fn pull_back(&self, vector: &[f64], n_history: usize) -> Vec<f64> {
        let Some(matrix) = &self.0 else {
            return vector.to_vec();
        };
        let mut out = vec![0.0; n_history];
        for (row, &x) in matrix.chunks_exact(n_history).zip(vector) {
            for (out, &m) in out.iter_mut().zip(row) {
                *out += m * x;
            }
        }
        out
    }
}
