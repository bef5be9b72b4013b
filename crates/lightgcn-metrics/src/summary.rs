//! The short form of a report, to print or store.

use crate::{Interval, Metric};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The means of an evaluation at every cutoff.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankingSummary {
    /// The number of users that the means are over.
    pub n_users: usize,
    /// The number of users skipped because they have no right answer.
    pub n_skipped: usize,
    /// The metrics at each cutoff, by ascending K.
    pub cutoffs: Vec<CutoffSummary>,
}

/// The metrics at one cutoff.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutoffSummary {
    /// The cutoff K.
    pub k: usize,
    /// The mean of each metric over the users.
    pub metrics: BTreeMap<Metric, MetricSummary>,
    /// The share of the catalogue that is recommended to anyone, in [0, 1].
    pub coverage: f64,
    /// How unevenly recommendations are spread over items, in [0, 1]; `None` if every list is
    /// empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gini: Option<f64>,
    /// How obscure the recommended items are, in bits; `None` if popularity is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub novelty: Option<f64>,
}

/// The mean of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricSummary {
    /// The mean over the users, in [0, 1].
    pub mean: f64,
    /// Its bootstrap interval, if one was computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

impl RankingSummary {
    /// The metrics at cutoff `k`, or `None` if it was not evaluated.
    #[must_use]
    pub fn at(&self, k: usize) -> Option<&CutoffSummary> {
        self.cutoffs.iter().find(|cutoff| cutoff.k == k)
    }
}

impl CutoffSummary {
    /// The mean of a metric, or `None` if the summary does not have it.
    #[must_use]
    pub fn mean(&self, metric: Metric) -> Option<f64> {
        self.metrics.get(&metric).map(|summary| summary.mean)
    }
}
