//! Item-to-item models that score from each source behavior separately.

use super::history::UserHistory;
use crate::RecommendError;
use lightgcn_core::{BehaviorWeights, Interactions, ItemId, Train};
use lightgcn_linear::{
    CascadingRankConfig, EaseConfig, Histories, History, ItemToItem, PairWeights,
    PropagationConfig, SessionTransitionsConfig, SpectralFilterConfig,
};
use serde::{Deserialize, Serialize};

/// The default maximum number of rows of the matrix that EASE inverts.
pub(crate) const EASE_ITEMS: usize = 12_000;
/// Beyond this many items, those of fewer than [`EASE_USERS`] users have no weights in EASE: they would be next
/// to nothing, and a third of the items of a shop's log takes two thirds of the time.
const ALL_EASE_ITEMS: usize = 4_000;
const EASE_USERS: usize = 3;

/// The half-life of a history in session transitions: an hour, in days.
const SESSION_HALF_LIFE: f64 = 1.0 / 24.0;
/// The maximum number of neighbors in session transitions: few items occur in the same session as
/// another.
const SESSION_NEIGHBORS: usize = 200;

/// The order of behaviors by strength: targets last, the others by weight, then by position.
pub(crate) fn strengths(behaviors: &BehaviorWeights) -> Vec<usize> {
    let table = behaviors.behaviors();
    let mut order: Vec<usize> = (0..table.len()).collect();
    order.sort_by(|&a, &b| {
        let (x, y) = (&table[a], &table[b]);
        x.target.cmp(&y.target).then(x.weight.total_cmp(&y.weight))
    });
    let mut strengths = vec![0; order.len()];
    for (place, &behavior) in order.iter().enumerate() {
        strengths[behavior] = place;
    }
    strengths
}

/// The numbers of the behaviors that a cascade goes through, from the weakest to the targets: those of positive
/// weight that the pairs have. O(pairs · behaviors).
#[must_use]
pub fn behavior_stages(behaviors: &BehaviorWeights, pairs: &Interactions) -> Vec<usize> {
    let strengths = strengths(behaviors);
    let table = behaviors.behaviors();
    let mut has = vec![false; table.len()];
    for counts in pairs.counts().chunks_exact(table.len()) {
        let marked = has.iter_mut().zip(counts);
        marked.for_each(|(has, &count)| *has |= count > 0);
    }
    let counts = |behavior: &usize| table[*behavior].target || table[*behavior].weight > 0.0;
    let mut stages: Vec<usize> = (0..table.len())
        .filter(|behavior| has[*behavior] && counts(behavior))
        .collect();
    stages.sort_by_key(|&behavior| strengths[behavior]);
    stages
}

/// An item-to-item model that can be fitted to any training part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum MemberKind {
    /// One untrained layer of propagation: [`PropagationConfig`].
    Propagation,
    /// The best linear map in closed form, reduced to its strongest weights: [`EaseConfig`].
    Ease,
    /// The ideal low-pass filter of GF-CF, reduced to its strongest weights:
    /// [`SpectralFilterConfig::fit_ideal`].
    LowPass,
    /// Walks over any behavior to bought items, if there are several behaviors:
    /// [`CascadingRankConfig::fit_items`].
    Cascade,
    /// Which items follow which within sessions, if the log's times separate sessions:
    /// [`SessionTransitionsConfig`].
    Sessions,
}

impl MemberKind {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Propagation => "propagation",
            Self::Ease => "EASE",
            Self::LowPass => "low-pass",
            Self::Cascade => "cascade",
            Self::Sessions => "session transitions",
        }
    }

    /// The half-life, in days, of the history that it scores from, given the usual one: what
    /// follows within a session depends on what was done just before.
    pub(crate) fn half_life(self, usual: f64) -> f64 {
        match self {
            Self::Sessions => usual.min(SESSION_HALF_LIFE),
            _ => usual,
        }
    }

    /// Fits it to the training part; each item keeps `n_neighbors` weights, and EASE inverts a matrix of at
    /// most `ease_items` rows.
    pub(crate) fn fit(
        self,
        train: &Train,
        behaviors: &BehaviorWeights,
        n_neighbors: usize,
        ease_items: usize,
    ) -> Result<ItemToItem, RecommendError> {
        Ok(match self {
            Self::Propagation => PropagationConfig {
                n_neighbors,
                ..PropagationConfig::default()
            }
            .fit(train)?,
            Self::Ease => ease(train.interactions(), behaviors, n_neighbors, ease_items)?,
            Self::LowPass => SpectralFilterConfig {
                weights: PairWeights::Binary,
                ..SpectralFilterConfig::default()
            }
            .fit_ideal(train, n_neighbors)?,
            Self::Cascade => CascadingRankConfig {
                n_neighbors,
                ..CascadingRankConfig::default()
            }
            .fit_items(train, &behavior_stages(behaviors, train.interactions()))?,
            Self::Sessions => SessionTransitionsConfig {
                n_neighbors: n_neighbors.min(SESSION_NEIGHBORS),
                ..SessionTransitionsConfig::default()
            }
            .fit(train)?,
        })
    }
}

/// EASE on the union of behaviors: ½ for the weakest to 0.7 for the strongest, and 1 for targets.
fn ease(
    pairs: &Interactions,
    behaviors: &BehaviorWeights,
    n_neighbors: usize,
    ease_items: usize,
) -> Result<ItemToItem, RecommendError> {
    let strengths = strengths(behaviors);
    let n_others = pairs.target_behaviors().iter().filter(|&&t| !t).count();
    let weight = |behavior: usize| match pairs.target_behaviors()[behavior] {
        true => 1.0,
        false => 0.5 + 0.2 * strengths[behavior] as f32 / n_others.saturating_sub(1).max(1) as f32,
    };
    let union = Histories::weighted(pairs, |pair| {
        let counts = pairs.counts_of(pair).iter().enumerate();
        let did = counts.filter(|&(_, &count)| count > 0);
        did.map(|(behavior, _)| weight(behavior))
            .fold(0.5, f32::max)
    })?;
    // Published values grow with the number of pairs per item: from about 10 on sparse logs to 500
    // and more.
    let pairs_per_item = pairs.n_pairs() as f64 / pairs.n_items().max(1) as f64;
    let config = EaseConfig {
        regularization: 10.0 + 1.5 * pairs_per_item,
        ..EaseConfig::default()
    };
    let mut n_users = vec![0; pairs.n_items()];
    for item in pairs.items() {
        n_users[item.index()] += 1;
    }
    let usual = n_users.iter().filter(|&&n| n >= EASE_USERS).count();
    Ok(config.fit_strongest(
        &union,
        n_neighbors,
        ease_items.min(usual.max(ALL_EASE_ITEMS)),
    )?)
}

/// The part of a history whose strongest behavior is one, with weights.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    items: Vec<ItemId>,
    weights: Vec<f32>,
}

impl Source {
    pub(crate) fn history(&self) -> History<'_> {
        History::new(&self.items, &self.weights)
            .expect("sources ascend, and their weights are positive")
    }
}

/// Of an item in a source, in which the latest has at least 1 / √items.
const LEAST_WEIGHT: f32 = 1e-6;

/// A history as one source per behavior: each item belongs to its strongest behavior and weighs
/// 2^(−age / half-life) by the latest such act; each source is scaled to length 1. Ages count from
/// the source's latest item, which does not change the scaled weights but keeps the root of their
/// squares from rounding to 0. Items that weigh less than a millionth, and those from `n_items` on, are ignored.
pub(crate) fn sources(
    history: &UserHistory,
    strengths: &[usize],
    half_life: f64,
    n_items: usize,
) -> Vec<Source> {
    let mut aged: Vec<Vec<(ItemId, f64)>> = vec![Vec::new(); strengths.len()];
    for met in history
        .items
        .iter()
        .filter(|met| met.item.index() < n_items)
    {
        let strongest = met.acts.iter().max_by_key(|act| strengths[act.behavior]);
        let Some(strongest) = strongest.map(|act| act.behavior) else {
            continue;
        };
        let acts = met.acts.iter().filter(|act| act.behavior == strongest);
        let age = acts.map(|act| act.age).fold(f64::INFINITY, f64::min);
        aged[strongest].push((met.item, age));
    }
    aged.iter().map(|items| source(items, half_life)).collect()
}

fn source(aged: &[(ItemId, f64)], half_life: f64) -> Source {
    let latest = aged
        .iter()
        .map(|(_, age)| *age)
        .fold(f64::INFINITY, f64::min);
    let weight = |&(_, age): &(ItemId, f64)| (-(age - latest) / half_life).exp2();
    let norm = aged
        .iter()
        .map(|met| weight(met).powi(2))
        .sum::<f64>()
        .sqrt();
    // Acts so old that they change nothing would only cost time.
    let weighted = aged.iter().map(|met| (met.0, (weight(met) / norm) as f32));
    let (items, weights) = weighted
        .filter(|(_, weight)| *weight >= LEAST_WEIGHT)
        .unzip();
    Source { items, weights }
}

#[cfg(test)]
mod tests {
    use super::super::history::Act;
    use super::*;
    use lightgcn_core::{BehaviorWeightsConfig, InteractionsBuilder, SessionMark, UserId};

    #[test]
    fn targets_are_strongest_and_removals_weakest() {
        let weights = BehaviorWeightsConfig::shop_log().check().unwrap();
        // view .01, cart .1, remove_from_cart −.09, purchase.
        assert_eq!(strengths(&weights), [1, 2, 0, 3]);
    }

    #[test]
    fn a_cascade_walks_over_the_behaviors_that_there_are_but_removals() {
        let config = BehaviorWeightsConfig::shop_log();
        let names: Vec<&str> = config.behaviors.iter().map(|b| &b.name[..]).collect();
        let of = |all: &[[u32; 4]]| {
            let mut pairs = InteractionsBuilder::from_names(&names, &["purchase"]).unwrap();
            for (item, counts) in (0..).zip(all) {
                pairs
                    .push(UserId(0), ItemId(item), 1.0, counts, None)
                    .unwrap();
            }
            let weights = config.clone().check().unwrap();
            behavior_stages(&weights, &pairs.build(1, all.len()).unwrap())
        };
        assert_eq!(of(&[[1, 1, 1, 0], [0, 0, 0, 2]]), [0, 1, 3]);
        assert_eq!(of(&[[0, 0, 1, 1]]), [3]);
    }

    #[test]
    fn an_item_belongs_to_its_strongest_behavior() {
        let mut history = UserHistory::default();
        for (item, behavior, age) in [
            (1, 0, 0.0),
            (1, 1, 2.0),
            (4, 0, 1.0),
            (6, 0, 3.0),
            (9, 0, 0.0),
        ] {
            let act = Act {
                behavior,
                count: 1.0,
                age,
                session: SessionMark::UNKNOWN,
            };
            history.add(ItemId(item), act);
        }
        let sources = sources(&history, &[0, 1], 2.0, 9);
        assert_eq!(sources[1].items, [ItemId(1)]);
        assert_eq!(sources[1].weights, [1.0]);
        assert_eq!(sources[0].items, [ItemId(4), ItemId(6)]);
        // 2^−½ and 2^−1½, scaled to length 1.
        assert!((sources[0].weights[0] - 2.0 / 5f32.sqrt()).abs() < 1e-6);
        assert!((sources[0].weights[1] - 1.0 / 5f32.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn ancient_acts_still_count() {
        let mut history = UserHistory::default();
        let act = Act {
            behavior: 0,
            count: 1.0,
            age: 1e6,
            session: SessionMark::UNKNOWN,
        };
        history.add(ItemId(0), act);
        let weights = &sources(&history, &[0], 1.0, 1)[0].weights;
        assert!(weights[0] > 0.0 && weights[0].is_finite());
    }
}
