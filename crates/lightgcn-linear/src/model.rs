//! The interface of every model.

use crate::{History, PairWeights};
use lightgcn_core::ItemId;
use std::fmt::Debug;

/// Histories of one item that are scored at a time.
const SINGLES: usize = 32;

/// A fitted model that scores all items from a user's history.
///
/// Scoring is a function of the history alone: a user who was not in the training part needs no
/// refit. An item of the history has a score too, which means nothing; mask it. The scores of a
/// history have the same bits however histories are batched and at any number of threads.
pub trait LinearModel: Debug + Send + Sync {
    /// What the model is called in reports.
    fn name(&self) -> &str;

    /// How many items it scores.
    fn n_items(&self) -> usize;

    /// How training pairs counted, and so how the histories that it scores should.
    fn pair_weights(&self) -> PairWeights;

    /// Writes the scores of each history over all items into `out` (`[histories.len(),
    /// n_items]`, row by row); what `out` held before is not read. Runs on rayon's current pool.
    ///
    /// # Panics
    /// Implementations panic if `out` has another length, or a history names an item that the
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
    /// The usual way scores each item's own history of one, for models that are linear in the weights:
    /// as costly as that many histories, in memory for 32 of them.
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

/// Panics with a clear message where the arguments of [`LinearModel::scores_into`] do not fit.
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
