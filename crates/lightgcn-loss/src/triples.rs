//! A batch of (user, positive item, negative items).

use burn::tensor::Tensor;
use burn::tensor::backend::Backend;
use lightgcn_kernels::{RowIndices, SparseBackend, gather_rows};

/// The rows of an embedding table `[n_users + n_items, dim]` (users first) that a batch of triples
/// reads: for each pair a user, a positive item and one or several negative items.
///
/// All rows are read by one gather, since the gradient of a gather is as large as the table.
#[derive(Clone, Debug)]
pub struct TripleRows<B: Backend> {
    rows: RowIndices<B>,
    batch_size: usize,
    n_negatives: usize,
    weights: Option<Tensor<B, 1>>,
}

impl<B: Backend> TripleRows<B> {
    /// Puts a batch on `device`. Ids count users from 0 and items from 0; the negatives of pair
    /// `i` are `negatives[i * n..(i + 1) * n]`, where `n = negatives.len() / users.len()`.
    ///
    /// # Panics
    ///
    /// If the batch is empty, if there is not one positive and the same number of negatives (at
    /// least one) for each user, or if an id is out of range.
    pub fn from_slices(
        users: &[u32],
        positives: &[u32],
        negatives: &[u32],
        n_users: usize,
        n_items: usize,
        device: &B::Device,
    ) -> Self {
        let batch_size = users.len();
        assert!(batch_size > 0, "TripleRows: the batch is empty");
        assert!(
            positives.len() == batch_size,
            "TripleRows: {} positives for {batch_size} users",
            positives.len()
        );
        assert!(
            !negatives.is_empty() && negatives.len().is_multiple_of(batch_size),
            "TripleRows: {} negatives do not divide evenly over {batch_size} users",
            negatives.len()
        );
        assert_ids("TripleRows", "user", users, n_users);
        assert_ids("TripleRows", "positive item", positives, n_items);
        assert_ids("TripleRows", "negative item", negatives, n_items);
        let n_nodes = n_users + n_items;
        assert!(
            n_nodes <= i32::MAX as usize,
            "TripleRows: {n_nodes} rows exceed 32-bit ids"
        );
        let first_item = n_users as u32;
        let items = positives.iter().chain(negatives);
        let rows: Vec<u32> = users
            .iter()
            .copied()
            .chain(items.map(|item| first_item + item))
            .collect();
        Self {
            rows: RowIndices::from_slice(&rows, n_nodes, device),
            batch_size,
            n_negatives: negatives.len() / batch_size,
            weights: None,
        }
    }

    /// Gives each pair a weight: see [`bpr_loss_weighted`](crate::bpr_loss_weighted).
    ///
    /// # Panics
    ///
    /// If there is not one weight a pair.
    #[must_use]
    pub fn with_weights(mut self, weights: &[f32]) -> Self {
        assert!(
            weights.len() == self.batch_size,
            "TripleRows: {} weights for {} pairs",
            weights.len(),
            self.batch_size
        );
        let device = self.rows.tensor().device();
        self.weights = Some(Tensor::from_floats(weights, &device));
        self
    }

    /// Number of pairs.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Number of negatives of each pair.
    pub fn n_negatives(&self) -> usize {
        self.n_negatives
    }

    /// The row numbers: the users, then the positives, then the negatives, as
    /// [`gather_rows`] takes them.
    pub fn rows(&self) -> &RowIndices<B> {
        &self.rows
    }

    /// The weights of the pairs, `[batch]`, if any were given.
    pub fn weights(&self) -> Option<&Tensor<B, 1>> {
        self.weights.as_ref()
    }
}

impl<B: SparseBackend> TripleRows<B> {
    /// The scores of the batch by dot product of final embeddings.
    ///
    /// # Shapes
    ///
    /// - embeddings: `[n_users + n_items, dim]`
    /// - output: positive scores `[batch]`, negative scores `[batch, n_negatives]`
    ///
    /// # Panics
    ///
    /// If the table has another number of rows than the batch was made for.
    pub fn scores(&self, embeddings: Tensor<B, 2>) -> (Tensor<B, 1>, Tensor<B, 2>) {
        let rows = gather_rows(embeddings, &self.rows);
        let batch = self.batch_size;
        triple_scores(
            rows.clone().narrow(0, 0, batch),
            rows.clone().narrow(0, batch, batch),
            rows.narrow(0, 2 * batch, batch * self.n_negatives),
        )
    }
}

/// Fails unless each id is below `count`.
pub(crate) fn assert_ids(batch: &str, what: &str, ids: &[u32], count: usize) {
    if let Some(position) = ids.iter().position(|&id| id as usize >= count) {
        panic!(
            "{batch}: {what} {} at position {position} is outside 0..{count}",
            ids[position]
        );
    }
}

/// Dot products of each user with its positive and with its negatives.
///
/// # Shapes
///
/// - users and positives: `[batch, dim]`
/// - negatives: `[batch * n_negatives, dim]`, the negatives of a pair side by side
/// - output: positive scores `[batch]`, negative scores `[batch, n_negatives]`
///
/// # Panics
///
/// If the shapes do not fit each other, or if the batch is empty.
pub fn triple_scores<B: Backend>(
    users: Tensor<B, 2>,
    positives: Tensor<B, 2>,
    negatives: Tensor<B, 2>,
) -> (Tensor<B, 1>, Tensor<B, 2>) {
    let [batch, dimension] = users.dims();
    let [n_rows, negative_dimension] = negatives.dims();
    assert!(
        positives.dims() == [batch, dimension],
        "triple_scores: users are [{batch}, {dimension}], positives {:?}",
        positives.dims()
    );
    assert!(
        batch > 0 && n_rows.is_multiple_of(batch) && negative_dimension == dimension,
        "triple_scores: users are [{batch}, {dimension}], negatives [{n_rows}, {negative_dimension}]"
    );
    let n_negatives = n_rows / batch;
    let positive_scores = (users.clone() * positives).sum_dim(1).reshape([batch]);
    let negative_scores = if n_negatives == 1 {
        (users * negatives).sum_dim(1)
    } else {
        let users = users.reshape([batch, 1, dimension]);
        let negatives = negatives.reshape([batch, n_negatives, dimension]);
        (users * negatives).sum_dim(2).reshape([batch, n_negatives])
    };
    (positive_scores, negative_scores)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::test_support::{B, assert_close, values};

    fn table() -> Tensor<B, 2> {
        // Two users, three items.
        Tensor::from_floats(
            [[1.0, 2.0], [3.0, -1.0], [1.0, 0.0], [0.0, 1.0], [2.0, 2.0]],
            &Default::default(),
        )
    }

    #[test]
    fn scores_by_hand() {
        let device = Default::default();
        let one = TripleRows::<B>::from_slices(&[0, 1], &[2, 0], &[1, 1], 2, 3, &device);
        let (positive, negative) = one.scores(table());
        assert_eq!((one.batch_size(), one.n_negatives()), (2, 1));
        assert_close(&values(positive), &[6.0, 3.0], 0.0);
        assert_eq!(negative.dims(), [2, 1]);
        assert_close(&values(negative), &[2.0, -1.0], 0.0);

        let two = TripleRows::<B>::from_slices(&[0, 1], &[2, 0], &[0, 1, 1, 2], 2, 3, &device);
        let (positive, negative) = two.scores(table());
        assert_close(&values(positive), &[6.0, 3.0], 0.0);
        assert_eq!(negative.dims(), [2, 2]);
        assert_close(&values(negative), &[1.0, 2.0, -1.0, 4.0], 0.0);
    }

    #[test]
    #[should_panic(expected = "user 2 at position 1 is outside 0..2")]
    fn a_user_id_must_not_reach_into_the_items() {
        TripleRows::<B>::from_slices(&[0, 2], &[0, 0], &[1, 1], 2, 3, &Default::default());
    }

    #[test]
    #[should_panic(expected = "negative item 3 at position 0 is outside 0..3")]
    fn an_item_id_must_exist() {
        TripleRows::<B>::from_slices(&[0], &[0], &[3], 2, 3, &Default::default());
    }

    #[test]
    #[should_panic(expected = "3 negatives do not divide evenly over 2 users")]
    fn negatives_must_divide_evenly() {
        TripleRows::<B>::from_slices(&[0, 1], &[0, 0], &[1, 1, 1], 2, 3, &Default::default());
    }

    #[test]
    #[should_panic(expected = "1 positives for 2 users")]
    fn each_user_needs_a_positive() {
        TripleRows::<B>::from_slices(&[0, 1], &[0], &[1, 1], 2, 3, &Default::default());
    }

    #[test]
    #[should_panic(expected = "3 weights for 1 pairs")]
    fn each_pair_needs_a_weight() {
        let batch = TripleRows::<B>::from_slices(&[0], &[0], &[1], 2, 3, &Default::default());
        let _ = batch.with_weights(&[1.0; 3]);
    }
}
