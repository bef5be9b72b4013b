//! Sparse item-to-item weights: a form that fitted models can be reduced to and stored in.

use crate::matrix::SparseMatrix;
use crate::model::check_scores;
use crate::neighbors::Neighbors;
use crate::{History, LinearError, LinearModel, PairWeights};
use lightgcn_core::{ItemId, Rows};

/// Any sparse item-to-item model: the score of item j is Σ_i w_i W_ij over the items i of the history.
///
/// It has a list of (item, weight) per item, so it can be stored, and scores a history in O(history
/// · length of a list) plus writing n_items zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemToItem {
    name: String,
    neighbors: Neighbors,
}

impl ItemToItem {
    pub(crate) fn new(name: &str, neighbors: Neighbors) -> Self {
        Self {
            name: name.to_owned(),
            neighbors,
        }
    }

    /// A model from its lists, one per item: the items that it adds to, ascending, with their weights.
    ///
    /// # Errors
    /// [`LinearError::History`] if an item is out of range, the items of a list do not ascend, or a weight
    /// is not finite.
    pub fn from_rows(name: &str, rows: Rows<(u32, f32)>) -> Result<Self, LinearError> {
        let n_items = rows.n_rows();
        for (item, list) in rows.iter().enumerate() {
            let sound = list.is_sorted_by(|a, b| a.0 < b.0)
                && list.last().is_none_or(|last| (last.0 as usize) < n_items)
                && list.iter().all(|entry| entry.1.is_finite());
            if !sound {
                return Err(LinearError::History {
                    detail: format!(
                        "the list of item row {item} does not ascend, names an item beyond {n_items}, or \
                         holds a weight that is not finite"
                    ),
                });
            }
        }
        let matrix = SparseMatrix::from_rows(rows, n_items);
        Ok(Self::new(name, Neighbors::from_matrix(matrix)))
    }

    /// The list of an item: the items that it adds to, ascending, with their weights.
    ///
    /// # Panics
    /// If the item is out of range.
    pub fn row(&self, item: ItemId) -> impl Iterator<Item = (ItemId, f32)> {
        self.neighbors.named(item)
    }

    /// Adds the scores of a history to `out`, `[n_items]`, on this thread.
    ///
    /// # Panics
    /// If the length of `out` is wrong, or an item is out of range.
    pub fn add_scores(&self, history: History<'_>, out: &mut [f32]) {
        self.check_length(out);
        for (item, weight) in history.iter() {
            for (j, w) in self.neighbors.of(item.index()) {
                out[j] += weight * w;
            }
        }
    }

    /// How many weights [`add_scores`](Self::add_scores) reads. O(history).
    ///
    /// # Panics
    /// If an item is out of range.
    #[must_use]
    pub fn n_weights(&self, history: History<'_>) -> usize {
        let lists = history
            .iter()
            .map(|(item, _)| self.neighbors.n_of(item.index()));
        lists.sum()
    }

    /// The scores of a history that are not 0, each item once and in no order: O(history · length of a list),
    /// however many items there are. `scratch`, `[n_items]`, is zeros before and after.
    ///
    /// # Panics
    /// If the length of `scratch` is wrong, or an item is out of range.
    pub fn nonzero_scores(&self, history: History<'_>, scratch: &mut [f32]) -> Vec<(ItemId, f32)> {
        self.check_length(scratch);
        let mut touched = vec![0; self.n_weights(history)];
        let mut n_touched = 0;
        for (item, weight) in history.iter() {
            for (j, w) in self.neighbors.of(item.index()) {
                // Written in any case, since a branch here is hard to predict. An item whose terms cancel out
                // on the way is there twice; the second time its score is 0.
                touched[n_touched] = j as u32;
                n_touched += usize::from(scratch[j] == 0.0);
                scratch[j] += weight * w;
            }
        }
        touched.truncate(n_touched);
        let scores = touched.into_iter().map(|j| {
            let score = std::mem::take(&mut scratch[j as usize]);
            (ItemId(j), score)
        });
        scores.filter(|(_, score)| *score != 0.0).collect()
    }

    /// The score of one item: the same bits as by [`add_scores`](Self::add_scores). O(history · log of a list).
    ///
    /// # Panics
    /// If an item of the history is out of range.
    #[must_use]
    pub fn score(&self, history: History<'_>, item: ItemId) -> f32 {
        let terms = history.iter().map(|(had, w)| w * self.weight(had, item));
        terms.fold(0.0, |sum, term| sum + term)
    }

    /// The weight of `had` in the history for `item`. O(log of the list).
    ///
    /// # Panics
    /// If `had` is out of range.
    #[must_use]
    pub fn weight(&self, had: ItemId, item: ItemId) -> f32 {
        self.neighbors.weight(had.index(), item.0)
    }

    fn check_length(&self, scores: &[f32]) {
        assert!(
            scores.len() == self.n_items(),
            "the model scores {} items, but there is room for {}",
            self.n_items(),
            scores.len()
        );
    }
}

impl LinearModel for ItemToItem {
    fn name(&self) -> &str {
        &self.name
    }

    fn n_items(&self) -> usize {
        self.neighbors.n_items()
    }

    fn pair_weights(&self) -> PairWeights {
        PairWeights::Binary
    }

    fn scores_into(&self, histories: &[History<'_>], out: &mut [f32]) {
        check_scores(histories, self.n_items(), out);
        self.neighbors.scores_into(histories, |_, w| w, out);
    }

    /// O(history · log of a list).
    fn contributions(&self, history: History<'_>, item: ItemId) -> Vec<f32> {
        let parts = history.items().iter().zip(history.weights());
        parts.map(|(&had, &w)| w * self.weight(had, item)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_and_contributions_by_hand() {
        let rows = [vec![(1, 0.5), (2, -0.25)], vec![], vec![(0, 2.0)]];
        let model = ItemToItem::from_rows("mine", rows.into_iter().collect()).unwrap();
        let items = [ItemId(0), ItemId(2)];
        let history = History::new(&items, &[2.0, 0.5]).unwrap();
        assert_eq!(model.scores(history), [1.0, 1.0, -0.5]);
        assert_eq!(model.contributions(history, ItemId(2)), [-0.5, 0.0]);
        assert_eq!(model.weight(ItemId(0), ItemId(1)), 0.5);
        assert_eq!(model.row(ItemId(2)).next(), Some((ItemId(0), 2.0)));
        assert_eq!(model.n_weights(history), 3);
        let mut scores = [0.0; 3];
        let found = model.nonzero_scores(history, &mut scores);
        assert_eq!(scores, [0.0; 3]);
        assert_eq!(
            found,
            [(ItemId(1), 1.0), (ItemId(2), -0.5), (ItemId(0), 1.0)]
        );
        model.add_scores(history, &mut scores);
        for (item, score) in (0..).zip(scores) {
            assert_eq!(model.score(history, ItemId(item)), score);
        }
    }

    #[test]
    fn terms_that_cancel_out_leave_no_score() {
        let rows = [
            vec![(2, 1.0), (3, 1.0)],
            vec![(2, -1.0)],
            vec![(3, 1.0)],
            vec![(2, 4.0)],
        ];
        let model = ItemToItem::from_rows("mine", rows.into_iter().collect()).unwrap();
        let mut scratch = [0.0; 4];
        let mut found = |items: &[ItemId]| {
            let history = History::new(items, &[1.0; 4][..items.len()]).unwrap();
            model.nonzero_scores(history, &mut scratch)
        };
        assert_eq!(found(&[ItemId(0), ItemId(1)]), [(ItemId(3), 1.0)]);
        // Item 2 is touched again after its terms cancelled out.
        let all: Vec<ItemId> = (0..4).map(ItemId).collect();
        assert_eq!(found(&all), [(ItemId(2), 4.0), (ItemId(3), 2.0)]);
        assert_eq!(scratch, [0.0; 4]);
    }

    #[test]
    fn unsound_lists_are_refused() {
        for list in [
            vec![(1, 0.1), (0, 0.1)],
            vec![(2, 0.1)],
            vec![(0, f32::NAN)],
        ] {
            let rows = [list, vec![]].into_iter().collect();
            let refused = ItemToItem::from_rows("mine", rows);
            assert!(matches!(refused, Err(LinearError::History { .. })));
        }
    }
}
