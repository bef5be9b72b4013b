//! A batch of (user, positive item) whose negatives are shared.

use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Tensor, TensorData};
use lightgcn_kernels::{RowIndices, SparseBackend, gather_rows};

use crate::triples::assert_ids;

/// The rows of an embedding table `[n_users + n_items, dim]` (users first) that a batch of positive
/// pairs reads, whose negatives are the items of the other pairs, and extra items that all pairs
/// share.
///
/// The **candidates** of the batch are the item of each pair, in the order of the pairs and an item
/// as often as it has pairs, then the extra items: `n_candidates = batch + n_extra`. The negatives
/// of a pair are all candidates of another item than its own, but those excluded by
/// [`with_known_positives`](Self::with_known_positives).
///
/// All rows are read by one gather, since the gradient of a gather is as large as the table.
#[derive(Clone, Debug)]
pub struct PairRows<B: Backend> {
    rows: RowIndices<B>,
    batch_size: usize,
    n_items: usize,
    weights: Option<Tensor<B, 1>>,
    log_popularity: Option<Tensor<B, 1>>,
    known_positives: Option<Tensor<B, 2, Bool>>,
    top_k_thresholds: Option<Tensor<B, 1>>,
}

impl<B: Backend> PairRows<B> {
    /// Puts a batch on `device`. Ids count users from 0 and items from 0; `extra_negatives`, drawn
    /// uniformly from all items, may be empty, may repeat and may hold items of the batch.
    ///
    /// # Panics
    ///
    /// If the batch is empty, if there is not one positive for each user, or if an id is out of
    /// range.
    pub fn from_slices(
        users: &[u32],
        positives: &[u32],
        extra_negatives: &[u32],
        n_users: usize,
        n_items: usize,
        device: &B::Device,
    ) -> Self {
        let batch_size = users.len();
        assert!(batch_size > 0, "PairRows: the batch is empty");
        assert!(
            positives.len() == batch_size,
            "PairRows: {} positives for {batch_size} users",
            positives.len()
        );
        assert_ids("PairRows", "user", users, n_users);
        assert_ids("PairRows", "positive item", positives, n_items);
        assert_ids("PairRows", "extra negative item", extra_negatives, n_items);
        let n_nodes = n_users + n_items;
        assert!(
            n_nodes <= i32::MAX as usize,
            "PairRows: {n_nodes} rows exceed 32-bit ids"
        );
        let first_item = n_users as u32;
        let items = positives.iter().chain(extra_negatives);
        let rows: Vec<u32> = users
            .iter()
            .copied()
            .chain(items.map(|item| first_item + item))
            .collect();
        Self {
            rows: RowIndices::from_slice(&rows, n_nodes, device),
            batch_size,
            n_items,
            weights: None,
            log_popularity: None,
            known_positives: None,
            top_k_thresholds: None,
        }
    }

    /// Gives each pair a weight, `[batch]`, such as the confidence in it.
    ///
    /// # Panics
    ///
    /// If there is not one weight a pair.
    #[must_use]
    pub fn with_weights(mut self, weights: &[f32]) -> Self {
        self.weights = Some(self.a_number_each("weights", weights));
        self
    }

    /// Gives the popularity of each pair's item, `[batch]`: its share of all training pairs, above 0
    /// to 1, which is its chance to be the item of a pair of the batch. That of an extra item is
    /// `1 / n_items`. The popularity correction reads them.
    ///
    /// # Panics
    ///
    /// If there is not one share a pair, or if a share is not above 0 to 1.
    #[must_use]
    pub fn with_popularity(mut self, shares: &[f32]) -> Self {
        if let Some(position) = shares.iter().position(|q| !(*q > 0.0 && *q <= 1.0)) {
            panic!(
                "PairRows: the popularity at position {position} is {}; a share is above 0 to 1",
                shares[position]
            );
        }
        let mut logarithms: Vec<f32> = shares.iter().map(|q| f64::from(*q).ln() as f32).collect();
        // Checks their number before the extra items join.
        self.a_number_each("shares of popularity", &logarithms);
        let uniform = -(self.n_items as f64).ln();
        logarithms.resize(self.n_candidates(), uniform as f32);
        self.log_popularity = Some(self.upload(logarithms));
        self
    }

    /// Excludes candidates that are no negatives of a pair, although they are other items than its
    /// own: `true` where the candidate is a known positive of the pair's user.
    ///
    /// # Panics
    ///
    /// If the mask is not `[batch, n_candidates]`.
    #[must_use]
    pub fn with_known_positives(mut self, mask: Tensor<B, 2, Bool>) -> Self {
        let (found, needed) = (mask.dims(), [self.batch_size, self.n_candidates()]);
        assert!(
            found == needed,
            "PairRows: a mask of {found:?} for pairs and candidates {needed:?}"
        );
        self.known_positives = Some(mask);
        self
    }

    /// Gives the threshold β of each pair's user, `[batch]`: the user's K-th largest cosine of all
    /// items, −1 to 1. The weights of SL@K read them.
    ///
    /// # Panics
    ///
    /// If there is not one threshold a pair.
    #[must_use]
    pub fn with_top_k_thresholds(mut self, thresholds: &[f32]) -> Self {
        self.top_k_thresholds = Some(self.a_number_each("top-K thresholds", thresholds));
        self
    }

    fn a_number_each(&self, what: &str, numbers: &[f32]) -> Tensor<B, 1> {
        assert!(
            numbers.len() == self.batch_size,
            "PairRows: {} {what} for {} pairs",
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

    /// Number of candidates: the pairs and the extra items.
    pub fn n_candidates(&self) -> usize {
        self.rows.len() - self.batch_size
    }

    /// The row numbers: the users, then the candidates (the positives, then the extra items), as
    /// [`gather_rows`] takes them.
    pub fn rows(&self) -> &RowIndices<B> {
        &self.rows
    }

    /// The weights of the pairs, `[batch]`, if any were given.
    pub fn weights(&self) -> Option<&Tensor<B, 1>> {
        self.weights.as_ref()
    }

    /// The logarithms of the candidates' popularity, `[n_candidates]`, if any was given.
    pub fn log_popularity(&self) -> Option<&Tensor<B, 1>> {
        self.log_popularity.as_ref()
    }

    /// The top-K thresholds of the pairs' users, `[batch]`, if any were given.
    pub fn top_k_thresholds(&self) -> Option<&Tensor<B, 1>> {
        self.top_k_thresholds.as_ref()
    }

    /// The candidates that are no negatives of a pair, `[batch, n_candidates]`: those of its own
    /// item, and its user's known positives. O(batch · n_candidates).
    pub fn excluded(&self) -> Tensor<B, 2, Bool> {
        let (batch, n_candidates) = (self.batch_size, self.n_candidates());
        let shape = [batch, n_candidates];
        let candidates = self.rows.tensor().narrow(0, batch, n_candidates);
        let own = candidates.clone().narrow(0, 0, batch);
        let own = own.reshape([batch, 1]).expand(shape);
        let same = own.equal(candidates.reshape([1, n_candidates]).expand(shape));
        match &self.known_positives {
            None => same,
            Some(known) => same.bool_or(known.clone()),
        }
    }
}

impl<B: SparseBackend> PairRows<B> {
    /// The embeddings of the batch, scaled to length 1, of which dot products are cosines. Lengths
    /// are floored at 1e-12, so that the cosine with a row of zeros is 0.
    ///
    /// # Shapes
    ///
    /// - embeddings: `[n_users + n_items, dim]`
    /// - output: users `[batch, dim]`, candidates `[n_candidates, dim]`
    ///
    /// # Panics
    ///
    /// If the table has another number of rows than the batch was made for.
    pub fn unit_rows(&self, embeddings: Tensor<B, 2>) -> (Tensor<B, 2>, Tensor<B, 2>) {
        let rows = gather_rows(embeddings, &self.rows);
        let squared_lengths = (rows.clone() * rows.clone()).sum_dim(1);
        let rows = rows / squared_lengths.clamp_min(1e-24).sqrt();
        (
            rows.clone().narrow(0, 0, self.batch_size),
            rows.narrow(0, self.batch_size, self.n_candidates()),
        )
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::test_support::{B, assert_close, values};

    /// Users 0, 1, 0 of two, items 2, 0, 2 of four, and the extra items 0 and 3.
    fn batch() -> PairRows<B> {
        PairRows::from_slices(&[0, 1, 0], &[2, 0, 2], &[0, 3], 2, 4, &Default::default())
    }

    fn bools(tensor: Tensor<B, 2, Bool>) -> Vec<bool> {
        tensor.into_data().iter::<bool>().collect()
    }

    #[test]
    fn rows_are_users_positives_and_extra_items() {
        let batch = batch();
        assert_eq!((batch.batch_size(), batch.n_candidates()), (3, 5));
        assert_eq!(batch.rows().as_slice(), [0, 1, 0, 4, 2, 4, 2, 5]);
    }

    #[test]
    fn a_pairs_own_item_is_excluded_wherever_it_stands() {
        let (x, o) = (true, false);
        let own = [[x, o, x, o, o], [o, x, o, x, o], [x, o, x, o, o]];
        assert_eq!(bools(batch().excluded()), own.concat());
        let mask = [[o, o, o, o, x], [o, x, o, o, o], [o, o, o, o, o]];
        let mask = Tensor::from_data(mask, &Default::default());
        let both = [[x, o, x, o, x], [o, x, o, x, o], [x, o, x, o, o]];
        let masked = batch().with_known_positives(mask);
        assert_eq!(bools(masked.excluded()), both.concat());
    }

    #[test]
    fn extra_items_are_as_popular_as_any() {
        let batch = batch().with_popularity(&[0.5, 0.25, 0.5]);
        let ln_2 = std::f64::consts::LN_2;
        let expected = [-ln_2, -2.0 * ln_2, -ln_2, -2.0 * ln_2, -2.0 * ln_2];
        let found = values(batch.log_popularity().unwrap().clone());
        assert_close(&found, &expected, 1e-7);
    }

    #[test]
    fn unit_rows_by_hand() {
        let table = [
            [3.0, 4.0],
            [0.0, -2.0],
            [0.0, 0.0],
            [7.0, 7.0],
            [-8.0, 6.0],
            [1e-3, 0.0],
        ];
        let table = Tensor::<B, 2>::from_floats(table, &Default::default());
        let (users, candidates) = batch().unit_rows(table);
        assert_close(&values(users), &[0.6, 0.8, 0.0, -1.0, 0.6, 0.8], 1e-6);
        let expected = [-0.8, 0.6, 0.0, 0.0, -0.8, 0.6, 0.0, 0.0, 1.0, 0.0];
        assert_close(&values(candidates), &expected, 1e-6);
    }

    #[test]
    #[should_panic(expected = "PairRows: user 2 at position 1 is outside 0..2")]
    fn a_user_id_must_not_reach_into_the_items() {
        PairRows::<B>::from_slices(&[0, 2], &[0, 0], &[], 2, 3, &Default::default());
    }

    #[test]
    #[should_panic(expected = "PairRows: extra negative item 3 at position 0 is outside 0..3")]
    fn an_extra_item_must_exist() {
        PairRows::<B>::from_slices(&[0], &[0], &[3], 2, 3, &Default::default());
    }

    #[test]
    #[should_panic(expected = "PairRows: 1 positives for 2 users")]
    fn each_user_needs_a_positive() {
        PairRows::<B>::from_slices(&[0, 1], &[0], &[], 2, 3, &Default::default());
    }

    #[test]
    #[should_panic(expected = "PairRows: the batch is empty")]
    fn an_empty_batch_is_refused() {
        PairRows::<B>::from_slices(&[], &[], &[], 2, 3, &Default::default());
    }

    #[test]
    #[should_panic(expected = "PairRows: 2 weights for 3 pairs")]
    fn each_pair_needs_a_weight() {
        let _ = batch().with_weights(&[1.0; 2]);
    }

    #[test]
    #[should_panic(expected = "PairRows: 5 shares of popularity for 3 pairs")]
    fn each_pair_needs_a_share() {
        let _ = batch().with_popularity(&[0.1; 5]);
    }

    #[test]
    #[should_panic(expected = "the popularity at position 1 is 0; a share is above 0 to 1")]
    fn a_share_must_be_positive() {
        let _ = batch().with_popularity(&[0.1, 0.0, 0.1]);
    }

    #[test]
    #[should_panic(expected = "PairRows: a mask of [3, 3] for pairs and candidates [3, 5]")]
    fn a_mask_must_cover_all_candidates() {
        let mask = Tensor::from_data([[false; 3]; 3], &Default::default());
        let _ = batch().with_known_positives(mask);
    }

    #[test]
    #[should_panic(expected = "PairRows: 1 top-K thresholds for 3 pairs")]
    fn each_pair_needs_a_threshold() {
        let _ = batch().with_top_k_thresholds(&[0.5]);
    }
}
