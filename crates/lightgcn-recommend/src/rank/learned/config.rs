//! How to fit a ranking.

use super::members::{EASE_ITEMS, MemberKind};
use super::withhold::Withhold;
use crate::RecommendError;
use lightgcn_core::Truth;
use serde::{Deserialize, Serialize};

/// The minimum number of candidates per member and source when the data decides.
const LEAST_CANDIDATES: usize = 30;

/// How to fit a [`LearnedRanking`](crate::LearnedRanking). The defaults work for any log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RankingConfig {
    /// The seed of all random choices. Default: 0.
    pub seed: u64,
    /// Which purchases to withhold and learn from. Default: as the dataset was split.
    pub withhold: Option<Withhold>,
    /// The maximum number of users to learn from, at least 1; fewer if each has more candidates
    /// than the minimum. Default: 16,000.
    pub max_users: usize,
    /// The number of new items per member and source behavior that become candidates. Default: 15,
    /// plus 15 for each purchase of the average user in the validation part, within 30 to 100.
    pub candidates: Option<usize>,
    /// The number of best sellers that become candidates. Default: 20.
    pub best_sellers: usize,
    /// The number of neighbors that an item keeps in each member, at least 1. Default: 400.
    pub n_neighbors: usize,
    /// The members to choose from. Default: propagation, EASE, and session transitions if times
    /// separate sessions; the low-pass filter takes minutes on large logs.
    pub members: Vec<MemberKind>,
    /// The maximum number of items that EASE learns from, at least 1: those with the most users. If
    /// there are fewer users than this and than items, it learns from all items. Default: 12,000,
    /// which takes half a minute per fold on two cores.
    pub ease_items: usize,
    /// The strengths of L2 regularization to choose from, all positive. Default: 1, 3, 10 and 30.
    pub l2: Vec<f64>,
    /// The cutoff of NDCG, by which l2 and features are chosen, at least 1. Default: 20.
    pub k: usize,
}

impl Default for RankingConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            withhold: None,
            max_users: 16_000,
            candidates: None,
            best_sellers: 20,
            n_neighbors: 400,
            members: vec![
                MemberKind::Propagation,
                MemberKind::Ease,
                MemberKind::Sessions,
            ],
            ease_items: EASE_ITEMS,
            l2: vec![1.0, 3.0, 10.0, 30.0],
            k: 20,
        }
    }
}

impl RankingConfig {
    /// The number of new items per member and source behavior that become candidates: users who buy
    /// more need more.
    pub(super) fn n_candidates(&self, validation: &Truth) -> usize {
        self.candidates.unwrap_or_else(|| {
            let purchases = validation.n_pairs() / validation.users().count().max(1);
            (15 + 15 * purchases).clamp(LEAST_CANDIDATES, 100)
        })
    }

    /// The maximum number of users to learn from: all their candidates are in memory, so fewer if
    /// each has more.
    pub(super) fn n_users(&self, n_candidates: usize) -> usize {
        match self.candidates {
            Some(_) => self.max_users,
            None => (self.max_users * LEAST_CANDIDATES / n_candidates).max(1),
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`RecommendError::Options`] with every problem.
    pub fn check(&self) -> Result<(), RecommendError> {
        let mut issues = Vec::new();
        for (name, value) in [
            ("max_users", self.max_users),
            ("n_neighbors", self.n_neighbors),
            ("ease_items", self.ease_items),
            ("k", self.k),
        ] {
            if value == 0 {
                issues.push(format!("{name} is 0; it must be at least 1"));
            }
        }
        if self.l2.is_empty() {
            issues.push("l2 is empty; give at least one strength".to_owned());
        }
        for l2 in self.l2.iter().filter(|l2| !(l2.is_finite() && **l2 > 0.0)) {
            issues.push(format!("l2 is {l2}; it must be positive and finite"));
        }
        match issues.is_empty() {
            true => Ok(()),
            false => Err(RecommendError::Options { issues }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightgcn_core::{ItemId, UserId};

    #[test]
    fn who_buys_more_has_more_candidates() {
        let truth = |n: u32| {
            let pairs = (0..n).map(|item| (UserId(0), ItemId(item)));
            Truth::from_pairs(2, 20, pairs.collect()).unwrap()
        };
        let usual = RankingConfig::default();
        let counts = [0, 1, 2, 3, 9].map(|n| usual.n_candidates(&truth(n)));
        assert_eq!(counts, [30, 30, 45, 60, 100]);
        let candidates = Some(7);
        let given = RankingConfig {
            candidates,
            ..usual
        };
        assert_eq!(given.n_candidates(&truth(9)), 7);
        assert_eq!((given.n_users(7), given.max_users), (16_000, 16_000));
        let usual = RankingConfig::default();
        assert_eq!(
            [30, 60, 100].map(|n| usual.n_users(n)),
            [16_000, 8_000, 4_800]
        );
    }

    #[test]
    fn every_issue_is_listed() {
        assert!(RankingConfig::default().check().is_ok());
        let config = RankingConfig {
            max_users: 0,
            n_neighbors: 0,
            ease_items: 0,
            k: 0,
            l2: vec![0.0, f64::NAN],
            ..RankingConfig::default()
        };
        let Err(RecommendError::Options { issues }) = config.check() else {
            panic!("the settings must be refused");
        };
        assert_eq!(issues.len(), 6);
    }
}
