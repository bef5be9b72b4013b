//! A batch of positive pairs with the negatives that a loss compares them to.

use burn::tensor::backend::Backend;
use burn::tensor::{BasicOps, Bool, Tensor, TensorData, TensorKind};
use lightgcn_kernels::{RowIndices, SparseBackend, concatenate, gather_rows};

use crate::l2::l2_regularization;

/// The ids of a batch. Users count from 0, and so do items.
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchIds<'a> {
    /// The user of each pair, `[batch]`.
    pub users: &'a [u32],
    /// The item of each pair, `[batch]`.
    pub positives: &'a [u32],
    /// The negatives of each pair side by side, `[batch * n_negatives]`; may be empty.
    pub negatives: &'a [u32],
    /// Items drawn uniformly for all pairs; may be empty, and may repeat items.
    pub shared: &'a [u32],
}

/// The rows of the tables that a batch reads: users, then items, then any further nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableRows {
    /// Number of users.
    pub n_users: usize,
    /// Number of items.
    pub n_items: usize,
    /// Number of all rows.
    pub n_nodes: usize,
}

impl TableRows {
    /// The rows of tables with users and items only.
    pub fn new(n_users: usize, n_items: usize) -> Self {
        Self {
            n_users,
            n_items,
            n_nodes: n_users + n_items,
        }
    }
}

/// A batch of pairs (user, positive item) on a device, with negatives of each pair, items that all
/// pairs share, or both.
///
/// The **candidates** of a batch are the item of each pair, in the order of the pairs and an item as
/// often as it has pairs, then the shared items: `n_candidates = batch + n_shared`. Losses with
/// in-batch negatives compare a pair to all candidates that are not [`excluded`](Self::excluded).
///
/// All rows of a table are read by one gather, since the gradient of a gather is as large as the
/// table.
#[derive(Clone, Debug)]
pub struct Batch<B: Backend> {
    rows: RowIndices<B>,
    batch_size: usize,
    n_negatives: usize,
    n_shared: usize,
    n_items: usize,
    weights: Option<Tensor<B, 1>>,
    log_popularity: Option<Tensor<B, 1>>,
    known_positives: Option<Tensor<B, 2, Bool>>,
    top_k_thresholds: Option<Tensor<B, 1>>,
}

impl<B: Backend> Batch<B> {
    /// Puts a batch on `device`.
    ///
    /// # Panics
    ///
    /// If the batch is empty, if there is not one positive and the same number of negatives for each
    /// user, or if an id is out of range.
    pub fn new(ids: &BatchIds<'_>, table: TableRows, device: &B::Device) -> Self {
        let batch_size = ids.users.len();
        assert!(batch_size > 0, "Batch: there are no pairs");
        assert!(
            ids.positives.len() == batch_size,
            "Batch: {} positives for {batch_size} users",
            ids.positives.len()
        );
        assert!(
            ids.negatives.len().is_multiple_of(batch_size),
            "Batch: {} negatives do not divide evenly over {batch_size} users",
            ids.negatives.len()
        );
        assert!(
            table.n_nodes <= i32::MAX as usize,
            "Batch: {} rows exceed 32-bit ids",
            table.n_nodes
        );
        assert_ids("user", ids.users, table.n_users);
        assert_ids("positive item", ids.positives, table.n_items);
        assert_ids("negative item", ids.negatives, table.n_items);
        assert_ids("shared item", ids.shared, table.n_items);
        let items = ids.positives.iter().chain(ids.negatives).chain(ids.shared);
        let first_item = table.n_users as u32;
        let users = ids.users.iter().copied();
        let rows: Vec<u32> = users.chain(items.map(|item| first_item + item)).collect();
        Self {
            rows: RowIndices::from_slice(&rows, table.n_nodes, device),
            batch_size,
            n_negatives: ids.negatives.len() / batch_size,
            n_shared: ids.shared.len(),
            n_items: table.n_items,
            weights: None,
            log_popularity: None,
            known_positives: None,
            top_k_thresholds: None,
        }
    }

    /// Sets a weight for each pair, `[batch]`, such as the confidence in it.
    ///
    /// # Panics
    ///
    /// If there is not one weight per pair.
    #[must_use]
    pub fn with_weights(mut self, weights: &[f32]) -> Self {
        self.weights = Some(self.one_per_pair("weights", weights));
        self
    }

    /// Sets the popularity of each pair's item, `[batch]`: its share of all training pairs, above 0
    /// and at most 1, which is its probability of being the item of a pair in the batch. That of a
    /// shared item is `1 / n_items`.
    ///
    /// # Panics
    ///
    /// If there is not one share per pair, or if a share is not above 0 and at most 1.
    #[must_use]
    pub fn with_popularity(mut self, shares: &[f32]) -> Self {
        if let Some(position) = shares.iter().position(|q| !(*q > 0.0 && *q <= 1.0)) {
            panic!(
                "Batch: the popularity at position {position} is {}; it must be above 0 and at most 1",
                shares[position]
            );
        }
        let mut logarithms: Vec<f32> = shares.iter().map(|q| f64::from(*q).ln() as f32).collect();
        // Checks their number before the shared items join.
        self.one_per_pair("shares of popularity", &logarithms);
        let uniform = -(self.n_items as f64).ln();
        logarithms.resize(self.n_candidates(), uniform as f32);
        self.log_popularity = Some(self.upload(logarithms));
        self
    }

    /// Excludes more candidates than each pair's own item: `true` where a candidate is a known
    /// positive of the pair's user.
    ///
    /// # Panics
    ///
    /// If the mask is not `[batch, n_candidates]`.
    #[must_use]
    pub fn with_known_positives(mut self, mask: Tensor<B, 2, Bool>) -> Self {
        let (found, needed) = (mask.dims(), [self.batch_size, self.n_candidates()]);
        assert!(
            found == needed,
            "Batch: a mask of {found:?} for pairs and candidates {needed:?}"
        );
        self.known_positives = Some(mask);
        self
    }

    /// Sets the threshold β of each pair's user, `[batch]`: the user's K-th largest cosine over all
    /// items, from −1 to 1. The weights of SL@K read them.
    ///
    /// # Panics
    ///
    /// If there is not one threshold per pair.
    #[must_use]
    pub fn with_top_k_thresholds(mut self, thresholds: &[f32]) -> Self {
        self.top_k_thresholds = Some(self.one_per_pair("top-K thresholds", thresholds));
        self
    }

    fn one_per_pair(&self, what: &str, numbers: &[f32]) -> Tensor<B, 1> {
        assert!(
            numbers.len() == self.batch_size,
            "Batch: {} {what} for {} pairs",
            numbers.len(),
            self.batch_size
        );
        self.upload(numbers.to_vec())
    }

    fn upload(&self, numbers: Vec<f32>) -> Tensor<B, 1> {
        let shape = [numbers.len()];
        let device = self.rows.tensor().device();
        Tensor::from_data(TensorData::new(numbers, shape), &device)
    }

    /// Number of pairs.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Number of negatives of each pair.
    pub fn n_negatives(&self) -> usize {
        self.n_negatives
    }

    /// Number of candidates: the pairs and the shared items.
    pub fn n_candidates(&self) -> usize {
        self.batch_size + self.n_shared
    }

    /// The row numbers, as [`gather_rows`] takes them: the users, then the positives, then the
    /// negatives, then the shared items.
    pub fn rows(&self) -> &RowIndices<B> {
        &self.rows
    }

    /// The weights of the pairs, `[batch]`, if they were set.
    pub fn weights(&self) -> Option<&Tensor<B, 1>> {
        self.weights.as_ref()
    }

    /// The logarithms of the candidates' popularity, `[n_candidates]`, if it was set.
    pub fn log_popularity(&self) -> Option<&Tensor<B, 1>> {
        self.log_popularity.as_ref()
    }

    /// The top-K thresholds of the pairs' users, `[batch]`, if they were set.
    pub fn top_k_thresholds(&self) -> Option<&Tensor<B, 1>> {
        self.top_k_thresholds.as_ref()
    }

    /// The candidates that are not negatives of a pair, `[batch, n_candidates]`: those of its own
    /// item, and the known positives of its user. O(batch · n_candidates).
    pub fn excluded(&self) -> Tensor<B, 2, Bool> {
        let (batch, n_candidates) = (self.batch_size, self.n_candidates());
        let shape = [batch, n_candidates];
        let candidates = self.candidates_of(self.rows.tensor());
        let own = candidates.clone().narrow(0, 0, batch);
        let own = own.reshape([batch, 1]).expand(shape);
        let same = own.equal(candidates.reshape([1, n_candidates]).expand(shape));
        match &self.known_positives {
            None => same,
            Some(known) => same.bool_or(known.clone()),
        }
    }

    /// The candidates' part of numbers or rows in the order of [`rows`](Self::rows).
    fn candidates_of<const D: usize, K>(&self, all: Tensor<B, D, K>) -> Tensor<B, D, K>
    where
        K: TensorKind<B> + BasicOps<B>,
    {
        let batch = self.batch_size;
        if self.n_negatives == 0 {
            return all.narrow(0, batch, self.n_candidates());
        }
        let positives = all.clone().narrow(0, batch, batch);
        if self.n_shared == 0 {
            return positives;
        }
        let shared = all.narrow(0, (2 + self.n_negatives) * batch, self.n_shared);
        concatenate(vec![positives, shared], 0)
    }
}

impl<B: SparseBackend> Batch<B> {
    /// The scores of the positives and of each pair's negatives by dot product.
    ///
    /// # Shapes
    ///
    /// - embeddings: `[n_nodes, dim]`
    /// - output: positive scores `[batch]`, negative scores `[batch, n_negatives]`
    ///
    /// # Panics
    ///
    /// If the table's number of rows differs from the one the batch was made for, or if the pairs
    /// have no negatives.
    pub fn scores(&self, embeddings: Tensor<B, 2>) -> (Tensor<B, 1>, Tensor<B, 2>) {
        let (batch, n_negatives) = (self.batch_size, self.n_negatives);
        assert!(n_negatives > 0, "Batch: the pairs have no negatives");
        let rows = gather_rows(embeddings, &self.rows);
        let [_, dim] = rows.dims();
        let users = rows.clone().narrow(0, 0, batch);
        let positives = rows.clone().narrow(0, batch, batch);
        let negatives = rows.narrow(0, 2 * batch, batch * n_negatives);
        let positive_scores = (users.clone() * positives).sum_dim(1).reshape([batch]);
        let negative_scores = if n_negatives == 1 {
            (users * negatives).sum_dim(1)
        } else {
            let users = users.reshape([batch, 1, dim]);
            let negatives = negatives.reshape([batch, n_negatives, dim]);
            let scores = (users * negatives).sum_dim(2);
            scores.reshape([batch, n_negatives])
        };
        (positive_scores, negative_scores)
    }

    /// The embeddings of users and candidates scaled to length 1, whose dot products are cosines.
    /// Lengths are floored at 1e-12, so that the cosine with a row of zeros is 0.
    ///
    /// # Shapes
    ///
    /// - embeddings: `[n_nodes, dim]`
    /// - output: users `[batch, dim]`, candidates `[n_candidates, dim]`
    ///
    /// # Panics
    ///
    /// If the table's number of rows differs from the one the batch was made for.
    pub fn unit_rows(&self, embeddings: Tensor<B, 2>) -> (Tensor<B, 2>, Tensor<B, 2>) {
        let rows = gather_rows(embeddings, &self.rows);
        let squared_lengths = (rows.clone() * rows.clone()).sum_dim(1);
        let rows = rows / squared_lengths.clamp_min(1e-24).sqrt();
        let users = rows.clone().narrow(0, 0, self.batch_size);
        (users, self.candidates_of(rows))
    }

    /// [`l2_regularization`] of the layer-0 rows of users, positives and each pair's negatives,
    /// `[1]`. Shared items are not regularized: they are unrelated to the pairs.
    ///
    /// # Panics
    ///
    /// If the table's number of rows differs from the one the batch was made for.
    pub fn l2(&self, layer0: Tensor<B, 2>) -> Tensor<B, 1> {
        let rows = gather_rows(layer0, &self.rows);
        let n_own = (2 + self.n_negatives) * self.batch_size;
        l2_regularization([rows.narrow(0, 0, n_own)], self.batch_size)
    }
}

/// Panics unless each id is below `count`.
fn assert_ids(what: &str, ids: &[u32], count: usize) {
    if let Some(position) = ids.iter().position(|&id| id as usize >= count) {
        panic!(
            "Batch: {what} {} at position {position} is outside 0..{count}",
            ids[position]
        );
    }
}

#[cfg(test)]
mod tests;
