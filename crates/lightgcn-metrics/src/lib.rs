//! Ranking metrics for recommenders, with confidence intervals and paired tests.
//!
//! A [`RankingEvaluator`] takes one ranked list per user, best item first, and the items that were
//! held out (the truth). It stores one hit matrix, from which every [`Metric`] at every cutoff K is
//! computed: Recall, Precision, NDCG, MAP, MRR and hit rate, averaged over the users with at least
//! one right answer. There are also metrics over all lists: coverage, Gini and novelty. The values
//! of single users are kept, for [`bootstrap_interval`] and for [`paired_test`], which tests
//! whether one ranker significantly beats another.
//!
//! ```
//! use lightgcn_core::{ItemId, UserId};
//! use lightgcn_metrics::{Metric, RankingEvaluator};
//!
//! let items = |ids: &[u32]| ids.iter().copied().map(ItemId).collect::<Vec<_>>();
//! let mut evaluator = RankingEvaluator::new(&[1, 3], 5)?;
//! evaluator.update(UserId(0), &items(&[4, 1, 0]), &items(&[1, 2]));
//! evaluator.update(UserId(1), &items(&[3, 0, 2]), &items(&[3]));
//!
//! let report = evaluator.compute()?;
//! assert_eq!(report.values(Metric::Recall, 3)?, [0.5, 1.0]);
//! assert_eq!(report.mean(Metric::Recall, 3)?, 0.75);
//! assert_eq!(report.mean(Metric::HitRate, 1)?, 0.5);
//! assert_eq!(report.coverage(3)?, 1.0);
//! # Ok::<(), lightgcn_metrics::MetricsError>(())
//! ```
//!
//! # Edge cases that give NaN elsewhere
//!
//! * A user without a right answer is skipped and counted ([`RankingReport::n_skipped`]).
//! * No user at all is [`MetricsError::NoUsers`].
//! * A list shorter than K, or with a K beyond the catalogue, simply ends early: missing ranks are
//!   misses. Precision still divides by K; NDCG and MAP compare with the best list of min(K, number
//!   of right answers) hits, so that a perfect short list scores 1.
//! * A K of 0 is [`MetricsError::Cutoffs`].
//!
//! # Determinism
//!
//! Sums run in ascending order of the users, whatever the order of the updates and merges, and
//! random numbers are counter-based: the same input and seed give the same bits with any number of
//! threads.
//!
//! # Layout
//!
//! [`SequentialTest`] compares two shares, such as the click-through of two models, while they are measured.
//!
//! One metric per file: `recall`, `precision`, `ndcg`, `map`, `mrr`, `hit_rate` over a user's
//! [`Hits`]; `coverage`, `gini`, `novelty` over how often each item was recommended.
#![forbid(unsafe_code)]

mod bootstrap;
mod coverage;
mod deviation;
mod error;
mod evaluator;
mod gini;
mod hit_rate;
mod hits;
mod map;
mod metric;
mod mrr;
mod ndcg;
mod novelty;
mod paired;
mod precision;
mod recall;
mod report;
mod sequential;
mod summary;

pub use bootstrap::{Interval, IntervalOptions, bootstrap_interval};
pub use coverage::coverage;
pub use deviation::{mean, standard_deviation};
pub use error::MetricsError;
pub use evaluator::RankingEvaluator;
pub use gini::gini;
pub use hit_rate::hit_rate;
pub use hits::Hits;
pub use map::average_precision;
pub use metric::Metric;
pub use mrr::reciprocal_rank;
pub use ndcg::ndcg;
pub use novelty::novelty;
pub use paired::{PairedTest, PairedTestOptions, holm, paired_test};
pub use precision::precision;
pub use recall::recall;
pub use report::RankingReport;
pub use sequential::{Proportion, SequentialComparison, SequentialTest};
pub use summary::{CutoffSummary, MetricSummary, RankingSummary};
