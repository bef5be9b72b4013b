//! The metrics of an evaluation.

use crate::bootstrap::intervals;
use crate::hits::HitMatrix;
use crate::{
    CutoffSummary, Hits, Interval, IntervalOptions, Metric, MetricSummary, MetricsError,
    PairedTest, PairedTestOptions, RankingSummary, coverage, gini, novelty, paired_test,
};
use lightgcn_core::UserId;
use rayon::prelude::*;

/// The metrics of one ranker over the users with at least one right answer.
///
/// Has the hits of every user, so that single values, intervals and paired tests can be computed
/// from it; [`summary`](Self::summary) is the short form to print or store.
#[derive(Debug, Clone, PartialEq)]
pub struct RankingReport {
    ks: Vec<usize>,
    hits: HitMatrix,
    n_skipped: usize,
    lists: Vec<ListFigures>,
}

/// The metrics over all lists at one cutoff.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ListFigures {
    coverage: f64,
    gini: Option<f64>,
    novelty: Option<f64>,
}

impl RankingReport {
    /// `counts` has, for each cutoff, the number of lists with each item: `[n_ks][n_items]`.
    pub(crate) fn new(
        ks: Vec<usize>,
        hits: HitMatrix,
        n_skipped: usize,
        counts: &[Vec<u64>],
        popularity: Option<&[u64]>,
    ) -> Self {
        let lists = counts
            .iter()
            .map(|counts| ListFigures {
                coverage: coverage(counts),
                gini: gini(counts),
                novelty: popularity.and_then(|popularity| novelty(counts, popularity)),
            })
            .collect();
        Self {
            ks,
            hits,
            n_skipped,
            lists,
        }
    }

    /// The cutoffs, ascending.
    #[must_use]
    pub fn ks(&self) -> &[usize] {
        &self.ks
    }

    /// The number of users that metrics are averaged over; at least 1.
    #[must_use]
    pub fn n_users(&self) -> usize {
        self.hits.users().len()
    }

    /// The number of users skipped because they have no right answer.
    #[must_use]
    pub fn n_skipped(&self) -> usize {
        self.n_skipped
    }

    /// The users, ascending.
    #[must_use]
    pub fn users(&self) -> &[UserId] {
        self.hits.users()
    }

    /// The hits of each user, in the order of [`users`](Self::users).
    pub fn hits(&self) -> impl Iterator<Item = (UserId, Hits<'_>)> {
        let users = self.users().iter().enumerate();
        users.map(|(row, &user)| (user, self.hits.hits(row)))
    }

    /// The mean of a metric over the users, in [0, 1].
    ///
    /// # Errors
    /// [`MetricsError::CutoffNotEvaluated`].
    pub fn mean(&self, metric: Metric, k: usize) -> Result<f64, MetricsError> {
        let values = self.values(metric, k)?;
        Ok(values.iter().sum::<f64>() / values.len() as f64)
    }

    /// The value of a metric for each user, in the order of [`users`](Self::users).
    ///
    /// # Errors
    /// [`MetricsError::CutoffNotEvaluated`].
    pub fn values(&self, metric: Metric, k: usize) -> Result<Vec<f64>, MetricsError> {
        self.place(k)?;
        Ok((0..self.n_users())
            .into_par_iter()
            .with_min_len(4096)
            .map(|row| metric.value(self.hits.hits(row), k))
            .collect())
    }

    /// The share of the catalogue that is in anyone's first `k` places, in [0, 1]: [`coverage`].
    ///
    /// # Errors
    /// [`MetricsError::CutoffNotEvaluated`].
    pub fn coverage(&self, k: usize) -> Result<f64, MetricsError> {
        Ok(self.lists[self.place(k)?].coverage)
    }

    /// How unevenly recommendations are spread over items, in [0, 1]: [`gini`]. `None` if every
    /// list is empty.
    ///
    /// # Errors
    /// [`MetricsError::CutoffNotEvaluated`].
    pub fn gini(&self, k: usize) -> Result<Option<f64>, MetricsError> {
        Ok(self.lists[self.place(k)?].gini)
    }

    /// How obscure the recommended items are, in bits: [`novelty`]. `None` if every list is empty
    /// or no popularity was given.
    ///
    /// # Errors
    /// [`MetricsError::CutoffNotEvaluated`].
    pub fn novelty(&self, k: usize) -> Result<Option<f64>, MetricsError> {
        Ok(self.lists[self.place(k)?].novelty)
    }

    /// A bootstrap interval of a metric's mean over users.
    ///
    /// # Errors
    /// [`MetricsError::CutoffNotEvaluated`]; [`MetricsError::Sample`] if the options are invalid.
    pub fn interval(
        &self,
        metric: Metric,
        k: usize,
        options: &IntervalOptions,
    ) -> Result<Interval, MetricsError> {
        let values = self.values(metric, k)?;
        crate::bootstrap_interval(&values, options.confidence, options.resamples, options.seed)
    }

    /// Tests whether this report's ranker significantly beats `other` in a metric: the difference
    /// is this minus `other`.
    ///
    /// # Errors
    /// [`MetricsError::DifferentUsers`] if the two do not cover the same users with the same number
    /// of right answers; [`MetricsError::CutoffNotEvaluated`]; [`MetricsError::Sample`] if the
    /// options are invalid.
    pub fn compare(
        &self,
        other: &Self,
        metric: Metric,
        k: usize,
        options: &PairedTestOptions,
    ) -> Result<PairedTest, MetricsError> {
        let invalid = |detail| Err(MetricsError::DifferentUsers { detail });
        if self.n_users() != other.n_users() {
            return invalid(format!(
                "one has {} users, the other {}",
                self.n_users(),
                other.n_users()
            ));
        }
        for ((user, mine), (other_user, theirs)) in self.hits().zip(other.hits()) {
            if user != other_user {
                return invalid(format!(
                    "one has user row {user} where the other has {other_user}"
                ));
            }
            if mine.n_relevant() != theirs.n_relevant() {
                return invalid(format!(
                    "user row {user} has {} right answers in one and {} in the other",
                    mine.n_relevant(),
                    theirs.n_relevant()
                ));
            }
        }
        paired_test(&self.values(metric, k)?, &other.values(metric, k)?, options)
    }

    /// The means at every cutoff, without intervals.
    #[must_use]
    pub fn summary(&self) -> RankingSummary {
        let cutoffs = self.ks.iter().zip(&self.lists).map(|(&k, lists)| {
            let metrics = Metric::ALL.map(|metric| {
                let sum: f64 = self.hits().map(|(_, hits)| metric.value(hits, k)).sum();
                let mean = sum / self.n_users() as f64;
                (
                    metric,
                    MetricSummary {
                        mean,
                        interval: None,
                    },
                )
            });
            CutoffSummary {
                k,
                metrics: metrics.into(),
                coverage: lists.coverage,
                gini: lists.gini,
                novelty: lists.novelty,
            }
        });
        RankingSummary {
            n_users: self.n_users(),
            n_skipped: self.n_skipped,
            cutoffs: cutoffs.collect(),
        }
    }

    /// The means at every cutoff, each with its bootstrap interval. All intervals share the same
    /// resamples, and equal those of [`interval`](Self::interval).
    /// O(resamples · users · metrics · cutoffs).
    ///
    /// # Errors
    /// [`MetricsError::Sample`] if the options are invalid.
    pub fn summary_with_intervals(
        &self,
        options: &IntervalOptions,
    ) -> Result<RankingSummary, MetricsError> {
        let mut summary = self.summary();
        let mut columns = Vec::new();
        for cutoff in &summary.cutoffs {
            for &metric in cutoff.metrics.keys() {
                columns.push(self.values(metric, cutoff.k)?);
            }
        }
        let mut intervals = intervals(&columns, options)?.into_iter();
        for cutoff in &mut summary.cutoffs {
            for metric in cutoff.metrics.values_mut() {
                metric.interval = intervals.next();
            }
        }
        Ok(summary)
    }

    fn place(&self, k: usize) -> Result<usize, MetricsError> {
        self.ks
            .binary_search(&k)
            .map_err(|_| MetricsError::CutoffNotEvaluated {
                k,
                evaluated: self.ks.clone(),
            })
    }
}
