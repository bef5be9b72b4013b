//! Batches that are cut, and get their negatives, where they are used.

#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use burn::tensor::backend::Backend;
use burn::tensor::{DType, Int, Tensor, TensorData};

use crate::backend::TrainingBackend;
use crate::error::KernelError;
use crate::negatives::PositiveTable;
use crate::sparse_matrix::upload_ints;

/// The positive pairs of training on a device, from which batches are cut. Clones copy nothing.
#[derive(Clone, Debug)]
pub struct PairTable<B: Backend> {
    pub(crate) positives: PositiveTable<B>,
    /// The user of each pair, `[n_pairs]`, `i32`.
    pub(crate) users: Tensor<B, 1, Int>,
    /// The weight of each pair, `[n_pairs]`, `f32`.
    pub(crate) weights: Tensor<B, 1>,
}

impl<B: Backend> PairTable<B> {
    /// Checks each user's positives, ascending, and puts them on `device`: those of user `u`
    /// are `items[offsets[u]..offsets[u + 1]]`, each below `n_items`, with one weight a pair.
    ///
    /// # Errors
    ///
    /// As [`PositiveTable::from_slices`], and [`KernelError::ValuesLength`] where weights and pairs
    /// differ in number.
    pub fn from_slices(
        offsets: &[u64],
        items: &[u32],
        weights: &[f32],
        n_items: usize,
        device: &B::Device,
    ) -> Result<Self, KernelError> {
        if items.len() != weights.len() {
            return Err(KernelError::ValuesLength {
                columns: items.len(),
                values: weights.len(),
            });
        }
        let positives = PositiveTable::from_slices(offsets, items, n_items, device)?;
        let mut users = Vec::with_capacity(items.len());
        for (user, bounds) in (0i32..).zip(offsets.windows(2)) {
            users.extend((bounds[0]..bounds[1]).map(|_| user));
        }
        let weights = TensorData::new(weights.to_vec(), [weights.len()]);
        Ok(Self {
            positives,
            users: upload_ints(users, device),
            weights: Tensor::from_data(weights, (device, DType::F32)),
        })
    }

    /// Number of pairs.
    pub fn n_pairs(&self) -> usize {
        self.users.dims()[0]
    }

    /// Number of users and items together.
    pub fn n_nodes(&self) -> usize {
        self.positives.n_users() + self.positives.n_items()
    }

    /// Puts the order on the device in which an epoch goes through the pairs.
    ///
    /// # Panics
    ///
    /// If a pair's number is not below [`n_pairs`](Self::n_pairs).
    pub fn order(&self, pairs: &[u32]) -> PairOrder<B> {
        let n_pairs = self.n_pairs();
        if let Some(place) = pairs.iter().position(|&pair| pair as usize >= n_pairs) {
            panic!(
                "PairTable: pair {} at place {place} is outside {n_pairs} pairs",
                pairs[place]
            );
        }
        let pairs = pairs.iter().map(|&pair| pair as i32).collect();
        PairOrder {
            pairs: upload_ints(pairs, &self.users.device()),
            n_pairs,
        }
    }
}

/// The order in which an epoch goes through the pairs of a [`PairTable`], on its device.
#[derive(Clone, Debug)]
pub struct PairOrder<B: Backend> {
    /// `[n_places]`, `i32`.
    pub(crate) pairs: Tensor<B, 1, Int>,
    /// Pairs of the table that it was checked against.
    n_pairs: usize,
}

impl<B: Backend> PairOrder<B> {
    /// Number of places.
    pub fn len(&self) -> usize {
        self.pairs.dims()[0]
    }

    /// Whether there is no place.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Which batch of an epoch is cut, and what it is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchCut {
    /// The first place of the order.
    pub first_place: usize,
    /// How many places, at least 1.
    pub n_pairs: usize,
    /// The seed of the run.
    pub seed: u64,
    /// The epoch.
    pub epoch: u32,
    /// Negatives of each pair; none for losses whose negatives are the batch's other items.
    pub n_negatives: usize,
    /// Items drawn for all pairs together.
    pub n_shared: usize,
    /// The first position of their draws.
    pub first_shared: u64,
    /// What the pairs' weights are divided by, positive.
    pub divisor: f32,
}

/// A batch on a device: rows of the table of nodes, users first.
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

    /// Number of rows that the batch reads, repeats included: its places.
    pub fn n_places(&self) -> usize {
        self.n_pairs * (2 + self.n_negatives) + self.n_shared
    }

    /// How many places are not shared items: the first ones.
    pub fn n_own_places(&self) -> usize {
        self.n_pairs * (2 + self.n_negatives)
    }

    /// The row of the table that each place reads, `[n_places]`, `i32`: the users, their
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
            "{what}: the batch is of {} nodes, but the table is {dims:?}",
            self.n_nodes
        );
    }
}

/// Cuts a batch from an epoch's order and draws its negatives, all on the device: those of
/// [`sample_negatives`](crate::sample_negatives()), the CPU's bit for bit, and the shared ones
/// likewise, uniformly of all items. O(batch · negatives · log of a user's positives).
///
/// A user who took every item cannot have a negative; the first item stands in.
///
/// # Panics
///
/// If the cut is empty or reaches past the order, or the order is of another table.
pub fn cut_batch<B: TrainingBackend>(
    table: &PairTable<B>,
    order: &PairOrder<B>,
    cut: &BatchCut,
) -> NodeBatch<B> {
    assert!(
        order.n_pairs == table.n_pairs(),
        "cut_batch: the order is of {} pairs, the table of {}",
        order.n_pairs,
        table.n_pairs()
    );
    let end = cut.first_place.saturating_add(cut.n_pairs);
    assert!(
        cut.n_pairs > 0 && end <= order.len(),
        "cut_batch: places {}..{end} of {}",
        cut.first_place,
        order.len()
    );
    B::cut_batch(table, order, cut)
}
