//! Collects ranked lists and their right answers.

use crate::hits::HitMatrix;
use crate::{MetricsError, RankingReport};
use lightgcn_core::{ItemId, UserId};
use std::sync::Arc;

/// An accumulator of ranked lists: [`update`](Self::update) once per user, then
/// [`compute`](Self::compute).
///
/// Users may be given in any order, and evaluators of parts may be [merged](Self::merge) in any
/// order: the report is bit-identical. Memory: one number per hit and three per user, and one per
/// item and cutoff.
#[derive(Debug, Clone)]
pub struct RankingEvaluator {
    /// Ascending and distinct.
    ks: Vec<usize>,
    n_items: usize,
    popularity: Option<Arc<[u64]>>,
    hits: HitMatrix,
    n_skipped: usize,
    /// For each cutoff, how often each item is at a rank above the previous cutoff and at most this
    /// one: `[n_ks][n_items]`.
    counts: Vec<Vec<u64>>,
    scratch: Vec<ItemId>,
}

impl RankingEvaluator {
    /// An evaluator at the cutoffs `ks` (any order; repeats count once) over a catalogue of
    /// `n_items` items. A cutoff may exceed the catalogue: lists are then just shorter.
    ///
    /// # Errors
    /// [`MetricsError::Cutoffs`] if there is no cutoff or one is 0, [`MetricsError::Catalogue`] if
    /// there is no item or there are more than 2^32 − 1.
    pub fn new(ks: &[usize], n_items: usize) -> Result<Self, MetricsError> {
        let mut issues = Vec::new();
        if ks.is_empty() {
            issues.push("there are none; give at least one, such as 20".to_owned());
        }
        if ks.contains(&0) {
            issues.push("K = 0 is an empty list; K must be at least 1".to_owned());
        }
        if !issues.is_empty() {
            let given = ks.to_vec();
            return Err(MetricsError::Cutoffs { given, issues });
        }
        if n_items == 0 || u32::try_from(n_items).is_err() {
            return Err(MetricsError::Catalogue { n_items });
        }
        let mut ks = ks.to_vec();
        ks.sort_unstable();
        ks.dedup();
        Ok(Self {
            counts: vec![vec![0; n_items]; ks.len()],
            ks,
            n_items,
            popularity: None,
            hits: HitMatrix::new(),
            n_skipped: 0,
            scratch: Vec::new(),
        })
    }

    /// Adds what novelty needs: the number of training users of each item, `[n_items]`.
    ///
    /// # Errors
    /// [`MetricsError::Popularity`] if there is not one number per item, or all are 0.
    pub fn with_popularity(mut self, popularity: &[u64]) -> Result<Self, MetricsError> {
        let invalid = |detail| Err(MetricsError::Popularity { detail });
        if popularity.len() != self.n_items {
            return invalid(format!(
                "there are {} numbers for {} items; give one per item",
                popularity.len(),
                self.n_items
            ));
        }
        let total = popularity
            .iter()
            .try_fold(0u64, |total, &n| total.checked_add(n));
        match total {
            Some(0) => {
                return invalid("no item has any users; count training pairs".to_owned());
            }
            Some(_) => {}
            None => return invalid("its sum exceeds 64 bits; give counts of users".to_owned()),
        }
        self.popularity = Some(popularity.into());
        Ok(self)
    }

    /// The cutoffs, ascending and distinct.
    #[must_use]
    pub fn ks(&self) -> &[usize] {
        &self.ks
    }

    /// The largest cutoff: how long ranked lists need to be.
    #[must_use]
    pub fn max_k(&self) -> usize {
        self.ks.last().copied().unwrap_or(0)
    }

    /// The number of items in the catalogue.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// The number of users with a right answer so far.
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.hits.users().len()
    }

    /// Adds one user: the ranked list, best item first, and the right answers in any order
    /// (repeats count once).
    ///
    /// The list may be shorter than the largest cutoff; anything beyond it is ignored. A user with
    /// an empty `truth` is counted as skipped and does not affect any metric. O(K log K + K log
    /// |truth|) for an ascending truth.
    ///
    /// # Panics
    /// If an item is out of range, or occurs twice among the list's first K places.
    pub fn update(&mut self, user: UserId, ranked: &[ItemId], truth: &[ItemId]) {
        if truth.is_empty() {
            self.n_skipped += 1;
            return;
        }
        let ranked = &ranked[..ranked.len().min(self.max_k())];
        self.check_items(user, ranked, truth);
        if truth.is_sorted_by(|a, b| a < b) {
            self.hits.push(user, ranked, truth);
        } else {
            let mut truth = truth.to_vec();
            truth.sort_unstable();
            truth.dedup();
            self.hits.push(user, ranked, &truth);
        }
        let mut start = 0;
        for (counts, &k) in self.counts.iter_mut().zip(&self.ks) {
            let end = k.min(ranked.len());
            for item in &ranked[start..end] {
                counts[item.index()] += 1;
            }
            start = end;
        }
    }

    fn check_items(&mut self, user: UserId, ranked: &[ItemId], truth: &[ItemId]) {
        let n_items = self.n_items;
        for (list, items) in [("ranked list", ranked), ("truth", truth)] {
            if let Some(item) = items.iter().find(|item| item.index() >= n_items) {
                panic!(
                    "item row {item} in the {list} of user row {user} is out of range: \
                     there are {n_items} items"
                );
            }
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(ranked);
        self.scratch.sort_unstable();
        if let Some(pair) = self.scratch.windows(2).find(|pair| pair[0] == pair[1]) {
            panic!(
                "item row {} occurs twice in the ranked list of user row {user}",
                pair[0]
            );
        }
    }

    /// Adds the users of another evaluator. The order of merges does not matter.
    ///
    /// # Panics
    /// If the two differ in cutoffs, catalogue size or popularity.
    pub fn merge(&mut self, other: &Self) {
        assert!(
            self.ks == other.ks
                && self.n_items == other.n_items
                && self.popularity == other.popularity,
            "only evaluators of the same cutoffs, catalogue and popularity can be merged"
        );
        self.hits.append(&other.hits);
        self.n_skipped += other.n_skipped;
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine += theirs;
            }
        }
    }

    /// The report over all users so far. O(users · log users + hits + items).
    ///
    /// # Errors
    /// [`MetricsError::NoUsers`] if no user had a right answer,
    /// [`MetricsError::RepeatedUser`] if a user was given twice.
    pub fn compute(&self) -> Result<RankingReport, MetricsError> {
        if self.hits.users().is_empty() {
            return Err(MetricsError::NoUsers {
                n_skipped: self.n_skipped,
            });
        }
        let hits = self.hits.sorted();
        if let Some(pair) = hits.users().windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(MetricsError::RepeatedUser { user: pair[0].0 });
        }
        let mut counts = self.counts.clone();
        for k in 1..counts.len() {
            let (before, from) = counts.split_at_mut(k);
            for (count, below) in from[0].iter_mut().zip(&before[k - 1]) {
                *count += below;
            }
        }
        Ok(RankingReport::new(
            self.ks.clone(),
            hits,
            self.n_skipped,
            &counts,
            self.popularity.as_deref(),
        ))
    }
}

#[cfg(test)]
mod tests;
