//! A batch on a device.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

/// Which pairs of an epoch make the batch, and which negatives are drawn for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchCut {
    /// Position of the first pair in the epoch's order.
    pub first_pair: usize,
    /// Number of pairs, at least 1.
    pub n_pairs: usize,
    /// The seed of the run.
    pub seed: u64,
    /// The epoch.
    pub epoch: u32,
    /// Negatives per pair; 0 for losses whose negatives are the batch's other items.
    pub n_negatives: usize,
    /// Items drawn once for all pairs.
    pub n_shared: usize,
    /// Position of their first draw.
    pub first_shared: u64,
    /// The divisor of the pairs' weights, positive.
    pub divisor: f32,
}

impl BatchCut {
    /// Position of the first draw of the pairs' negatives in the epoch. It does not depend on how batches are
    /// cut, so neither the batch size nor the number of workers changes a pair's negatives.
    pub(crate) fn first_negative(&self) -> u64 {
        (self.first_pair as u64).wrapping_mul(self.n_negatives as u64)
    }
}

/// A batch on a device, as rows of the table of nodes (users first, then items).
#[derive(Clone, Debug)]
pub struct NodeBatch<B: Backend> {
    pub(crate) n_pairs: usize,
    pub(crate) n_negatives: usize,
    pub(crate) n_shared: usize,
    pub(crate) n_nodes: usize,
    /// `[n_pairs * (2 + n_negatives) + n_shared]`, `i32`: the users, their items, the
    /// negatives of each pair side by side, and the shared items.
    pub(crate) nodes: Tensor<B, 1, Int>,
    /// `[n_pairs]`, `f32`.
    pub(crate) weights: Tensor<B, 1>,
}

impl<B: Backend> NodeBatch<B> {
    /// Number of pairs.
    pub fn n_pairs(&self) -> usize {
        self.n_pairs
    }

    /// Number of slots: rows that the batch reads, with repeats.
    pub fn n_slots(&self) -> usize {
        self.n_pairs * (2 + self.n_negatives) + self.n_shared
    }

    /// Number of slots before the shared items.
    pub fn n_own_slots(&self) -> usize {
        self.n_pairs * (2 + self.n_negatives)
    }

    /// The row of the table that each slot reads, `[n_slots]`, `i32`: the users, their
    /// items, the negatives of each pair side by side, and the shared items.
    pub fn nodes(&self) -> Tensor<B, 1, Int> {
        self.nodes.clone()
    }

    /// The factor of each pair's loss, `[n_pairs]`.
    pub fn weights(&self) -> Tensor<B, 1> {
        self.weights.clone()
    }

    pub(crate) fn check_embeddings(&self, what: &str, dims: [usize; 2]) {
        assert!(
            dims[0] == self.n_nodes && dims[1] > 0,
            "{what}: the batch needs a table of {} rows, but the table is {dims:?}",
            self.n_nodes
        );
    }
}
