//! Items without events in the ranking: by their embeddings, and by what they are like.

use crate::answer::items::Origin;
use crate::answer::profile::Profile;
use crate::cold_start::content::{ContentMap, HeldOut};
use crate::cold_start::likeness::{Kinds, Shares};
use crate::rank::revenue::deviation;
use crate::rank::scorer::ScoreParts;
use crate::{Ranked, Recommender};
use lightgcn_core::{Catalogue, Interactions, ItemDetails, ItemId, UserId};
use lightgcn_simd::dot;
use lightgcn_store::Artifact;
use rayon::prelude::*;
use std::collections::HashMap;

/// How much likeness may count: so many times the spread of the model's scores over that of likeness.
const WEIGHTS: [f64; 5] = [0.0, 0.1, 0.3, 1.0, 3.0];
/// The most items and users that the weight is chosen on.
const MOST_ITEMS: usize = 2000;
const MOST_USERS: usize = 1000;
/// The longest lists that are compared; those of a small shop are a tenth of what is ranked.
const MOST_K: usize = 20;

/// What items without events are ranked by: an item i that is placed by its content has the score
/// x · e_i + w Σ_j s_j a_ij, with the user's vector x, the embedding e_i that its attributes let expect, the
/// share s_j of item j in the user's history, and the likeness a_ij of the two items' attributes.
///
/// The embeddings say what users alike would like, but they hold little of single items that few met; the
/// history says what this user looks for. How much the one counts beside the other, w, is what ranks a tenth of
/// the known items best when they are taken for new ones: nothing on MovieLens, much in a shop whose items
/// have few users each.
#[derive(Debug, Clone)]
pub(crate) struct ColdStart {
    map: ContentMap,
    kinds: Kinds,
    /// w
    weight: f64,
}

impl ColdStart {
    /// Fits it on the items `known`, whose embeddings are rows of `table` (`[n_items, dimension]`). None where no
    /// item has an attribute.
    pub(crate) fn fit(
        artifact: &Artifact,
        catalogue: &Catalogue,
        known: &[u32],
        table: &[f32],
    ) -> Option<Self> {
        let dimension = artifact.embeddings.dimension();
        let (map, held_out) = ContentMap::fit(catalogue, known, table, dimension)?;
        let kinds = Kinds::new(catalogue, &map);
        let weight = Trial::new(artifact, &kinds, &held_out).best_weight();
        Some(Self { map, kinds, weight })
    }

    /// The embedding that the attributes let expect.
    pub(crate) fn guess(&self, details: &ItemDetails) -> Option<Vec<f32>> {
        self.map.predict(details)
    }

    /// One more item.
    pub(crate) fn push(&mut self, details: &ItemDetails) {
        self.kinds.push(details, &self.map);
    }

    /// Whether likeness counts.
    pub(crate) fn counts_likeness(&self) -> bool {
        self.weight > 0.0
    }
}

impl Recommender {
    /// What the user dealt with, by kind; none where likeness does not count.
    fn shares(
        &self,
        user: Option<UserId>,
        profile: Option<&Profile>,
    ) -> Option<(&ColdStart, Shares)> {
        let cold = self.items.cold_start.as_ref()?;
        if !cold.counts_likeness() {
            return None;
        }
        let shares = match (profile, user) {
            (Some(profile), _) => cold.kinds.shares(dealings(profile)),
            (None, Some(user)) => cold.kinds.shares(history(&self.artifact().train, user)),
            (None, None) => Shares::default(),
        };
        Some((cold, shares))
    }

    /// Adds what likeness adds to the scores of items without events, `scores` being those of all by row.
    pub(crate) fn add_likeness(
        &self,
        user: Option<UserId>,
        profile: Option<&Profile>,
        scores: &mut [f32],
    ) {
        if let Some((cold, shares)) = self.shares(user, profile) {
            let mut liking = cold.kinds.liking(&shares);
            for &row in &self.items.by_content {
                scores[row as usize] += (cold.weight * liking.of(ItemId(row))) as f32;
            }
        }
    }

    /// The best of a list and of items without events, at most `size`; `rows` are those that may come, ascending.
    pub(crate) fn with_cold_items(
        &self,
        (user, profile): (Option<UserId>, Option<&Profile>),
        vector: &[f32],
        mut list: Vec<Ranked>,
        rows: impl Iterator<Item = u32>,
        size: usize,
    ) -> Vec<Ranked> {
        let Some((cold, shares)) = self.shares(user, profile) else {
            return list;
        };
        let mut liking = cold.kinds.liking(&shares);
        let dimension = self.items.dimension;
        list.extend(rows.map(|row| {
            let embedding = &self.items.table[row as usize * dimension..][..dimension];
            let likeness = cold.weight * liking.of(ItemId(row));
            Ranked {
                item: ItemId(row),
                score: dot(vector, embedding) + likeness as f32,
            }
        }));
        list.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
        list.truncate(size);
        list
    }

    /// What likeness adds to the score of an item, by the items of the history.
    pub(crate) fn likeness_parts(&self, profile: &Profile, item: ItemId) -> ScoreParts {
        let cold = self.items.cold_start.as_ref();
        let cold = cold.filter(|cold| {
            cold.counts_likeness() && self.items.origins[item.index()] == Origin::Content
        });
        let Some((cold, kind)) = cold.and_then(|cold| Some((cold, cold.kinds.of(item)?))) else {
            return ScoreParts::default();
        };
        let total: f64 = dealings(profile).map(|(_, weight)| weight).sum();
        let part = |(other, weight): (ItemId, f64)| {
            let likeness = cold.kinds.likeness(cold.kinds.of(other)?, kind);
            Some((other, cold.weight * weight / total * likeness))
        };
        ScoreParts {
            own_taste: 0.0,
            contributions: dealings(profile).filter_map(part).collect(),
        }
    }
}

/// What a user dealt with, each with its positive weight.
fn dealings(profile: &Profile) -> impl Iterator<Item = (ItemId, f64)> + '_ {
    let dealings = profile.dealings.iter();
    dealings
        .map(|dealing| (dealing.item, dealing.weight))
        .filter(|(_, weight)| *weight > 0.0)
}

/// Known items taken for new ones, and users who dealt with some of them.
struct Trial {
    /// `[users, items]`
    scores: Vec<f64>,
    likeness: Vec<f64>,
    /// The items that each user dealt with, ascending.
    truths: Vec<Vec<usize>>,
    n_items: usize,
}

impl Trial {
    fn new(artifact: &Artifact, kinds: &Kinds, held_out: &HeldOut) -> Self {
        let (train, dimension) = (&artifact.train, artifact.embeddings.dimension());
        let step = held_out.rows.len().div_ceil(MOST_ITEMS).max(1);
        let chosen: Vec<usize> = (0..held_out.rows.len()).step_by(step).collect();
        let place: HashMap<u32, usize> = chosen
            .iter()
            .enumerate()
            .map(|(place, &n)| (held_out.rows[n], place))
            .collect();
        let mut asked: Vec<(UserId, Vec<usize>, Shares)> = Vec::new();
        for user in (0..train.n_users() as u32).map(UserId) {
            let items = train.items_of(user);
            let mut truth: Vec<usize> = items
                .iter()
                .filter_map(|item| place.get(&item.0).copied())
                .collect();
            let others = history(train, user)
                .filter(|(item, _)| held_out.rows.binary_search(&item.0).is_err());
            let shares = kinds.shares(others);
            if !truth.is_empty() && !shares.is_empty() {
                truth.sort_unstable();
                asked.push((user, truth, shares));
            }
        }
        let step = asked.len().div_ceil(MOST_USERS).max(1);
        let asked: Vec<_> = asked.into_iter().step_by(step).collect();
        let rows: Vec<(Vec<f64>, Vec<f64>)> = asked
            .par_iter()
            .map(|(user, _, shares)| {
                let vector = artifact.embeddings.row(user.index());
                let guess = |&n: &usize| &held_out.guesses[n * dimension..][..dimension];
                let score = |n: &usize| f64::from(dot(vector, guess(n)));
                let mut like = kinds.liking(shares);
                let likeness = |&n: &usize| like.of(ItemId(held_out.rows[n]));
                (
                    chosen.iter().map(score).collect(),
                    chosen.iter().map(likeness).collect(),
                )
            })
            .collect();
        let (scores, likeness): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        Self {
            scores: scores.concat(),
            likeness: likeness.concat(),
            truths: asked.into_iter().map(|(_, truth, _)| truth).collect(),
            n_items: chosen.len(),
        }
    }

    /// The weight under which most of what users dealt with is found; the smaller of two as good.
    fn best_weight(&self) -> f64 {
        let spread = |values: &[f64]| deviation(values.iter().copied());
        let unit = spread(&self.scores) / spread(&self.likeness);
        if !unit.is_finite() {
            return 0.0;
        }
        let mut best = (f64::NEG_INFINITY, 0.0);
        for weight in WEIGHTS.map(|weight| weight * unit) {
            let recall = self.recall(weight);
            if recall > best.0 {
                best = (recall, weight);
            }
        }
        best.1
    }

    /// The mean share of what a user dealt with among the best few.
    fn recall(&self, weight: f64) -> f64 {
        let n = self.n_items;
        let k = (n / 10).clamp(1, MOST_K);
        let recalls: Vec<f64> = self
            .truths
            .par_iter()
            .enumerate()
            .map(|(row, truth)| {
                let place = row * n..(row + 1) * n;
                let parts = self.scores[place.clone()].iter().zip(&self.likeness[place]);
                let scores: Vec<f64> = parts.map(|(x, a)| x + weight * a).collect();
                let found = truth.iter().filter(|&&item| {
                    let better = |&other: &usize| {
                        let order = scores[other].total_cmp(&scores[item]);
                        order.is_gt() || (order.is_eq() && other < item)
                    };
                    (0..n).filter(better).count() < k
                });
                found.count() as f64 / truth.len() as f64
            })
            .collect();
        recalls.iter().sum::<f64>() / recalls.len().max(1) as f64
    }
}

/// What a user dealt with in training.
fn history(train: &Interactions, user: UserId) -> impl Iterator<Item = (ItemId, f64)> + '_ {
    let pairs = train.of_user(user);
    pairs.map(|pair| (pair.item, f64::from(pair.weight)))
}

#[cfg(test)]
mod tests;
