//! The metrics of a single user's list, by name.

use crate::{
    Hits, MetricsError, average_precision, hit_rate, ndcg, precision, recall, reciprocal_rank,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A metric at a cutoff K with one value in [0, 1] per user.
///
/// Its text form (also in serde) is the name in lower case with underscores: `recall`, `precision`,
/// `ndcg`, `map`, `mrr`, `hit_rate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// Share of the right answers that are in the list: [`recall`].
    Recall,
    /// Share of the list's K places that hold a right answer: [`precision`].
    Precision,
    /// Normalized discounted cumulative gain: [`ndcg`].
    Ndcg,
    /// Average precision, whose mean over users is MAP: [`average_precision`].
    Map,
    /// Reciprocal rank of the first hit, whose mean over users is MRR: [`reciprocal_rank`].
    Mrr,
    /// Whether there is a hit at all: [`hit_rate`].
    #[serde(alias = "hit-rate")]
    HitRate,
}

impl Metric {
    /// Every metric, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::Recall,
        Self::Precision,
        Self::Ndcg,
        Self::Map,
        Self::Mrr,
        Self::HitRate,
    ];

    /// The name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::Precision => "precision",
            Self::Ndcg => "ndcg",
            Self::Map => "map",
            Self::Mrr => "mrr",
            Self::HitRate => "hit_rate",
        }
    }

    /// The value at cutoff `k` for one user, in [0, 1].
    ///
    /// # Panics
    /// If `k` is 0.
    #[must_use]
    pub fn value(self, hits: Hits<'_>, k: usize) -> f64 {
        match self {
            Self::Recall => recall(hits, k),
            Self::Precision => precision(hits, k),
            Self::Ndcg => ndcg(hits, k),
            Self::Map => average_precision(hits, k),
            Self::Mrr => reciprocal_rank(hits, k),
            Self::HitRate => hit_rate(hits, k),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Metric {
    type Err = MetricsError;

    /// Parses a name; ignores case, and accepts `-` for `_`.
    fn from_str(text: &str) -> Result<Self, MetricsError> {
        let name = text.trim().to_ascii_lowercase().replace('-', "_");
        Self::ALL
            .into_iter()
            .find(|metric| metric.name() == name)
            .ok_or_else(|| MetricsError::UnknownMetric {
                given: text.to_owned(),
                known: Self::ALL.map(Self::name).to_vec(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_back() {
        for metric in Metric::ALL {
            assert_eq!(metric.to_string().parse(), Ok(metric));
            let json = serde_json::to_string(&metric).unwrap();
            assert_eq!(json, format!("\"{metric}\""));
            assert_eq!(serde_json::from_str::<Metric>(&json).unwrap(), metric);
        }
        assert_eq!(" Hit-Rate ".parse(), Ok(Metric::HitRate));
        let dashed = serde_json::from_str::<Metric>("\"hit-rate\"");
        assert_eq!(dashed.unwrap(), Metric::HitRate);
        let (given, known) = ("auc".to_owned(), Metric::ALL.map(Metric::name).to_vec());
        let error = "auc".parse::<Metric>();
        assert_eq!(error, Err(MetricsError::UnknownMetric { given, known }));
    }

    #[test]
    #[should_panic(expected = "K = 0")]
    fn k_of_0_panics() {
        let _ = Metric::Recall.value(Hits::new(&[], 1), 0);
    }

    /// A ranked list as its hit ranks, with at least as many right answers as hits.
    fn hits() -> impl Strategy<Value = (Vec<u32>, usize)> {
        (prop::collection::btree_set(1u32..60, 0..20), 0usize..20).prop_map(|(ranks, missed)| {
            let n_relevant = (ranks.len() + missed).max(1);
            (ranks.into_iter().collect(), n_relevant)
        })
    }

    proptest! {
        #[test]
        fn values_are_between_0_and_1((ranks, n_relevant) in hits(), k in 1usize..80) {
            for metric in Metric::ALL {
                let value = metric.value(Hits::new(&ranks, n_relevant), k);
                prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "{metric}@{k} = {value}");
                let any_hit = ranks.iter().any(|&rank| rank as usize <= k);
                prop_assert_eq!(value > 0.0, any_hit, "{}@{}", metric, k);
            }
        }

        #[test]
        fn a_perfect_ranking_scores_1(n_relevant in 1usize..40, k in 1usize..60) {
            let ranks: Vec<u32> = (1..=n_relevant as u32).collect();
            let hits = Hits::new(&ranks, n_relevant);
            for metric in [Metric::Ndcg, Metric::Map, Metric::Mrr, Metric::HitRate] {
                prop_assert!((metric.value(hits, k) - 1.0).abs() < 1e-12, "{metric}@{k}");
            }
            let found = k.min(n_relevant) as f64;
            prop_assert_eq!(Metric::Recall.value(hits, k), found / n_relevant as f64);
            prop_assert_eq!(Metric::Precision.value(hits, k), found / k as f64);
        }

        #[test]
        fn recall_mrr_and_hit_rate_never_fall_with_k((ranks, n_relevant) in hits()) {
            let hits = Hits::new(&ranks, n_relevant);
            for metric in [Metric::Recall, Metric::Mrr, Metric::HitRate] {
                for k in 1..80 {
                    prop_assert!(metric.value(hits, k) <= metric.value(hits, k + 1));
                }
            }
        }

        #[test]
        fn moving_a_hit_up_never_hurts((ranks, n_relevant) in hits(), k in 1usize..80) {
            let mut better = ranks.clone();
            for place in 0..better.len() {
                let free = better[place] > 1 && (place == 0 || better[place - 1] + 1 < better[place]);
                if free {
                    better[place] -= 1;
                }
            }
            for metric in Metric::ALL {
                let before = metric.value(Hits::new(&ranks, n_relevant), k);
                let after = metric.value(Hits::new(&better, n_relevant), k);
                prop_assert!(after >= before - 1e-12, "{metric}@{k}: {before} to {after}");
            }
        }
    }
}
