//! A fitted ranking: what is stored, and how it scores.

use super::feature::{Feature, FeatureGroup};
use super::history::Clock;
use super::logit::Weights;
use super::members::{EASE_ITEMS, MemberKind};
use super::withhold::Withhold;
use crate::RecommendError;
use lightgcn_core::{Interactions, ItemId};
use lightgcn_linear::{ItemToItem, LinearError, LinearModel};
use lightgcn_store::StoredRanking;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Weights, times and candidates beyond these indicate damage.
const MAX_WEIGHT: f64 = 1e6;
const MAX_TIME: u64 = 32_000_000_000_000;
const MAX_CANDIDATES: usize = 100_000;
/// What scores are divided by.
pub(super) const MIN_SCALE: f64 = 1e-20;
pub(super) const MAX_SCALE: f64 = 1e20;

/// A feature with its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightedFeature {
    /// What it is.
    pub feature: Feature,
    /// The mean positive score that scores are divided by; 1 for other features.
    pub scale: f64,
    /// What one unit adds to the score of an item that the user met.
    pub met: f64,
    /// What one unit adds to the score of a new item.
    pub new: f64,
}

impl WeightedFeature {
    /// The value that the weight multiplies: scores become √(score / scale), or 0 if negative.
    pub(crate) fn value(&self, raw: f32) -> f64 {
        scaled(self.feature, self.scale, raw)
    }
}

/// What the weight of a feature multiplies.
pub(crate) fn scaled(feature: Feature, scale: f64, raw: f32) -> f64 {
    match feature.is_score() {
        true => (f64::from(raw).max(0.0) / scale).sqrt(),
        false => f64::from(raw),
    }
}

/// The result of an ablation: the metric without a group of features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupEffect {
    /// The group; members are named.
    pub group: String,
    /// NDCG with it, at the time of the decision.
    pub with: f64,
    /// NDCG without it.
    pub without: f64,
    /// Whether it was dropped.
    pub dropped: bool,
}

/// How a ranking was fitted and chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankingReport {
    /// Which purchases were withheld to learn from.
    pub withheld: Withhold,
    /// The number of users that were learned from; a user of several folds counts in each.
    pub n_users: usize,
    /// The strength of the L2 regularization that was chosen.
    pub l2: f64,
    /// The cutoff of the metrics.
    pub k: usize,
    /// NDCG on the withheld purchases, cross-validated: each user is evaluated with weights learned
    /// without them.
    pub ndcg: f64,
    /// The metric without each group: those dropped, in order, then those kept.
    pub groups: Vec<GroupEffect>,
}

impl fmt::Display for RankingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let k = self.k;
        writeln!(
            f,
            "ranking learned from {} histories with withheld purchases: cross-validated NDCG@{k} {:.4}",
            self.n_users, self.ndcg
        )?;
        for effect in &self.groups {
            let verdict = if effect.dropped { "dropped" } else { "kept" };
            let GroupEffect {
                group,
                with,
                without,
                ..
            } = effect;
            writeln!(
                f,
                "  {verdict} {group}: {with:.4} with it, {without:.4} without"
            )?;
        }
        Ok(())
    }
}

/// A ranking learned from what users did before they bought: a sum of features, with weights of their own
/// for items that the user met and for new ones.
///
/// [`RankingConfig::fit`](crate::RankingConfig::fit) makes it. It is stored in artifacts, and a
/// [`Recommender`](crate::Recommender) whose artifact has one ranks by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedRanking {
    /// The base score of every item that the user met.
    pub bias: f64,
    /// The features with their weights.
    pub features: Vec<WeightedFeature>,
    /// The members that graph features refer to by number.
    pub members: Vec<MemberKind>,
    /// The neighbors that an item keeps in each member.
    pub n_neighbors: usize,
    /// The maximum number of items that EASE learns from.
    #[serde(default = "ease_items")]
    pub ease_items: usize,
    /// The half-life of what users did, for members and trends; in days.
    pub half_life_days: f64,
    /// The time from which ages count, in seconds since 1970; `None` if times are unknown, or ages
    /// count from each user's own last event.
    pub now: Option<i64>,
    /// Whether ages count from each user's own last event.
    pub ages_from_last_event: bool,
    /// The new items of each member and source behavior that become candidates.
    pub candidates: usize,
    /// The best sellers that become candidates.
    pub best_sellers: usize,
    /// How it was fitted and chosen.
    pub report: RankingReport,
    /// The fitted members.
    #[serde(skip)]
    pub(crate) models: Arc<Vec<ItemToItem>>,
}

fn ease_items() -> usize {
    EASE_ITEMS
}

impl LearnedRanking {
    /// Converts it to the form stored in artifacts.
    ///
    /// # Errors
    /// [`RecommendError::Ranking`] if a weight is not a finite number.
    pub fn to_stored(&self) -> Result<StoredRanking, RecommendError> {
        let description = serde_json::to_value(self).map_err(|error| RecommendError::Ranking {
            detail: error.to_string(),
        })?;
        let rows = |model: &ItemToItem| {
            let items = (0..LinearModel::n_items(model) as u32).map(ItemId);
            let row = |item| model.row(item).map(|(item, weight)| (item.0, weight));
            items.map(row).collect()
        };
        Ok(StoredRanking {
            description,
            members: self.models.iter().map(rows).collect(),
        })
    }

    /// Restores it from the form stored in artifacts.
    ///
    /// # Errors
    /// [`RecommendError::Ranking`] if it is not a ranking of this version, and
    /// [`RecommendError::Linear`] if a member is invalid.
    pub fn from_stored(stored: &StoredRanking) -> Result<Self, RecommendError> {
        let mut ranking: Self =
            Self::deserialize(&stored.description).map_err(|error| RecommendError::Ranking {
                detail: error.to_string(),
            })?;
        if ranking.members.len() != stored.members.len() {
            return Err(RecommendError::Ranking {
                detail: format!(
                    "it names {} members and keeps {}",
                    ranking.members.len(),
                    stored.members.len()
                ),
            });
        }
        let members = ranking.members.iter().zip(&stored.members);
        let models = members.map(|(kind, rows)| ItemToItem::from_rows(kind.name(), rows.clone()));
        let models: Result<Vec<ItemToItem>, LinearError> = models.collect();
        ranking.models = Arc::new(models?);
        Ok(ranking)
    }

    /// Checks that it belongs to these items and behaviors.
    pub(crate) fn check(&self, pairs: &Interactions) -> Result<(), RecommendError> {
        self.check_features(pairs.behaviors().len())
            .and_then(|()| self.check_numbers())
            .and_then(|()| self.check_members(pairs.n_items()))
            .map_err(|detail| RecommendError::Ranking { detail })
    }

    /// Checks that the features refer to behaviors and members that exist.
    fn check_features(&self, n_behaviors: usize) -> Result<(), String> {
        let knows = |feature: Feature| match feature {
            Feature::Has { behavior }
            | Feature::Count { behavior }
            | Feature::Last { behavior }
            | Feature::Conversion { behavior }
            | Feature::PairConversion { behavior } => behavior < n_behaviors,
            Feature::Recent {
                behavior,
                half_life,
            } => behavior < n_behaviors && half_life > 0.0,
            Feature::Graph { member, behavior } => {
                behavior < n_behaviors && member < self.models.len()
            }
            _ => true,
        };
        let mut features = self.features.iter();
        if let Some(unknown) = features.find(|weighted| !knows(weighted.feature)) {
            return Err(format!(
                "a feature of the group {:?} refers to a missing behavior or member, or has no \
                half-life",
                unknown.feature.group().name()
            ));
        }
        match self.features.is_empty() {
            true => Err("it has no features".to_owned()),
            false => Ok(()),
        }
    }

    /// Checks the limits of weights, scales and times.
    fn check_numbers(&self) -> Result<(), String> {
        let weights = self.features.iter().flat_map(|f| [f.met, f.new]);
        let sound = |weight: f64| weight.abs() <= MAX_WEIGHT;
        if let Some(weight) = weights.chain([self.bias]).find(|weight| !sound(*weight)) {
            return Err(format!("its weight {weight} exceeds {MAX_WEIGHT}"));
        }
        let usual = MIN_SCALE..=MAX_SCALE;
        let mut scales = self.features.iter().map(|weighted| weighted.scale);
        if let Some(scale) = scales.find(|scale| !usual.contains(scale)) {
            return Err(format!(
                "its scale {scale} is not between {MIN_SCALE:e} and {MAX_SCALE:e}"
            ));
        }
        if !(1e-6..1e6).contains(&self.half_life_days) {
            let days = self.half_life_days;
            return Err(format!(
                "its half-life of {days} days is not between 1e-6 and 1e6"
            ));
        }
        if self.now.is_some_and(|now| now.unsigned_abs() > MAX_TIME) {
            return Err("its time is not within a million years".to_owned());
        }
        let most = self.candidates.max(self.best_sellers);
        if most > MAX_CANDIDATES {
            return Err(format!("{most} candidates are more than {MAX_CANDIDATES}"));
        }
        Ok(())
    }

    /// Checks that the members know the same items.
    fn check_members(&self, n_items: usize) -> Result<(), String> {
        let mut models = self.models.iter();
        match models.find(|m| LinearModel::n_items(*m) != n_items) {
            Some(other) => {
                let found = LinearModel::n_items(other);
                Err(format!("a member has {found} items, the pairs {n_items}"))
            }
            None => Ok(()),
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        match (self.now, self.ages_from_last_event) {
            (_, true) => Clock::LastEvent,
            (Some(now), false) => Clock::At(now),
            (None, false) => Clock::Stopped,
        }
    }

    /// The members' item-to-item weights, in the order of the members.
    #[must_use]
    pub fn models(&self) -> &[ItemToItem] {
        &self.models
    }

    /// What a feature adds to the score of an item, met or new.
    pub(crate) fn term(&self, feature: usize, met: bool, raw: f32) -> f64 {
        let weighted = &self.features[feature];
        let weight = if met { weighted.met } else { weighted.new };
        weight * weighted.value(raw)
    }

    /// The features that have a weight, with members renumbered, and the old numbers of these
    /// members.
    pub(crate) fn compact(
        features: &[Feature],
        scales: &[f64],
        weights: &Weights,
    ) -> (Vec<WeightedFeature>, Vec<usize>) {
        let is_used = |n: &usize| weights.met[*n] != 0.0 || weights.new[*n] != 0.0;
        let used: Vec<usize> = (0..features.len()).filter(is_used).collect();
        let has = |member: usize| {
            let mut groups = used.iter().map(|&n| features[n].group());
            groups.any(|group| group == FeatureGroup::Graph(member))
        };
        let all = features.iter().filter_map(|feature| match feature.group() {
            FeatureGroup::Graph(member) => Some(member + 1),
            _ => None,
        });
        let n_members = all.max().unwrap_or(0);
        let kept: Vec<usize> = (0..n_members).filter(|&member| has(member)).collect();
        let renumbered = |feature: Feature| match feature {
            Feature::Graph { member, behavior } => Feature::Graph {
                member: kept.iter().position(|&m| m == member).unwrap_or(0),
                behavior,
            },
            other => other,
        };
        let weighted = used.iter().map(|&n| WeightedFeature {
            feature: renumbered(features[n]),
            scale: scales[n],
            met: weights.met[n],
            new: weights.new[n],
        });
        (weighted.collect(), kept)
    }
}
