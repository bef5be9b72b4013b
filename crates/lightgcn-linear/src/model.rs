//! The interface of every model.

use crate::{History, PairWeights};
use lightgcn_core::ItemId;
use std::fmt::Debug;

/// The number of single-item histories to score at a time.
const SINGLES: usize = 32;

/// A fitted model that scores all items from a user's history.
///
/// Scoring is a function of only the history: a user who was not in the training part needs no
/// refit. Items of the history get meaningless scores; mask them. The scores of a history have the
/// same bits with any batching of histories and any number of threads.
pub trait LinearModel: Debug + Send + Sync {
    /// The model's name in reports.
    fn name(&self) -> &str;

    /// The number of items it scores.
    fn n_items(&self) -> usize;

    /// How training pairs counted; the histories to score should count the same way.
    fn pair_weights(&self) -> PairWeights;

    /// Writes the scores of each history over all items into `out` (`[histories.len(), n_items]`,
    /// row by row); the previous content of `out` is not read. Runs on rayon's current pool.
    ///
    /// # Panics
    /// Implementations panic if the length of `out` is wrong, or a history has an item that the
    /// model does not know.
    fn scores_into(&self, histories: &[History<'_>], out: &mut [f32]);

    /// The scores of one history over all items: `[n_items]`.
    ///
    /// # Panics
    /// As [`LinearModel::scores_into`].
    fn scores(&self, history: History<'_>) -> Vec<f32> {
        let mut out = vec![0.0; self.n_items()];
        self.scores_into(&[history], &mut out);
        out
    }

    /// What each item of the history adds to the score of `item`, in the order of the history:
    /// they sum to the score, up to rounding.
    ///
    /// The default implementation is for models that are linear in the weights: it scores a history
    /// of each single item. It costs as much as that many histories, with memory for 32 of them.
    ///
    /// # Panics
    /// As [`LinearModel::scores_into`], and if `item` is out of range.
    fn contributions(&self, history: History<'_>, item: ItemId) -> Vec<f32> {
        let n_items = self.n_items();
        assert!(
            item.index() < n_items,
            "item row {item} is out of range: the model knows {n_items} items"
        );
        let singles: Vec<History<'_>> = history.singles().collect();
        let mut scores = vec![0.0; SINGLES.min(singles.len()) * n_items];
        let mut parts = Vec::with_capacity(singles.len());
        for singles in singles.chunks(SINGLES) {
            let scores = &mut scores[..singles.len() * n_items];
            self.scores_into(singles, scores);
            parts.extend(scores.chunks_exact(n_items).map(|row| row[item.index()]));
        }
        parts
    }
}

/// Panics with a clear message if the arguments of [`LinearModel::scores_into`] do not match.
pub(crate) fn check_scores(histories: &[History<'_>], n_items: usize, out: &[f32]) {
    assert!(
        out.len() == histories.len() * n_items,
        "{} histories over {n_items} items have {} scores, but there is room for {}",
        histories.len(),
        histories.len() * n_items,
        out.len()
    );
    for history in histories {
        if let Some(last) = history.items().last() {
            assert!(
                last.index() < n_items,
                "item row {last} is out of range: the model knows {n_items} items"
            );
        }
    }
}
