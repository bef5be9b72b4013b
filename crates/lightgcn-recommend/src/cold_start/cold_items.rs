//! Scores items without events, by embeddings predicted from their attributes, and by content
//! similarity.

use crate::cold_start::content::{ContentMap, HeldOut};
use crate::cold_start::content_similarity::{Kinds, Shares};
use crate::rank::scorer::standard_deviation;
use lightgcn_core::{Catalogue, Interactions, ItemDetails, ItemId, UserId};
use lightgcn_simd::dot;
use lightgcn_store::Artifact;
use rayon::prelude::*;
use std::collections::HashMap;

/// Candidate weights of content similarity, relative to the ratio of standard deviations of the model's scores
/// and the similarities.
const WEIGHTS: [f64; 5] = [0.0, 0.1, 0.3, 1.0, 3.0];
/// The maximum number of items and users used to choose the weight.
const MAX_ITEMS: usize = 2000;
const MAX_USERS: usize = 1000;
/// The maximum length of the lists compared; in a small shop they are a tenth of the items.
const MAX_K: usize = 20;

/// Scores items without events: item i has the score x · e_i + w Σ_j s_j a_ij, with the user's vector x, the
/// embedding e_i that its attributes predict, the share s_j of item j in the user's history, and the content
/// similarity a_ij of the two items.
///
/// Embeddings say what similar users would like, but little about single items with few users; the
/// history says what this user is looking for. The weight w is the one that best ranks a tenth of
/// the known items when they are treated as new: 0 on MovieLens, large in a shop whose items have
/// few users each.
#[derive(Debug, Clone)]
pub(crate) struct ColdStart {
    map: ContentMap,
    kinds: Kinds,
    /// w
    weight: f64,
}

impl ColdStart {
    /// Fits it on the items `known`, whose embeddings are rows of `table` (`[n_items, dimension]`).
    /// `None` if no item has an attribute.
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

    /// The embedding that the attributes predict.
    pub(crate) fn guess(&self, details: &ItemDetails) -> Option<Vec<f32>> {
        self.map.predict(details)
    }

    /// One more item.
    pub(crate) fn push(&mut self, details: &ItemDetails) {
        self.kinds.push(details, &self.map);
    }

    /// The weight of content similarity.
    pub(crate) fn weight(&self) -> f64 {
        self.weight
    }

    pub(crate) fn kinds(&self) -> &Kinds {
        &self.kinds
    }
}

/// Known items treated as new, and users who interacted with some of them.
struct Trial {
    /// `[users, items]`
    scores: Vec<f64>,
    similarities: Vec<f64>,
    /// The items that each user interacted with, ascending.
    truths: Vec<Vec<usize>>,
    n_items: usize,
}

impl Trial {
    fn new(artifact: &Artifact, kinds: &Kinds, held_out: &HeldOut) -> Self {
        let (train, dimension) = (&artifact.train, artifact.embeddings.dimension());
        let step = held_out.rows.len().div_ceil(MAX_ITEMS).max(1);
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
        let step = asked.len().div_ceil(MAX_USERS).max(1);
        let asked: Vec<_> = asked.into_iter().step_by(step).collect();
        let rows: Vec<(Vec<f64>, Vec<f64>)> = asked
            .par_iter()
            .map(|(user, _, shares)| {
                let vector = artifact.embeddings.row(user.index());
                let guess = |&n: &usize| &held_out.guesses[n * dimension..][..dimension];
                let score = |n: &usize| f64::from(dot(vector, guess(n)));
                let mut similarity = kinds.similarity_to(shares);
                let similarity = |&n: &usize| similarity.of(ItemId(held_out.rows[n]));
                (
                    chosen.iter().map(score).collect(),
                    chosen.iter().map(similarity).collect(),
                )
            })
            .collect();
        let (scores, similarities): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        Self {
            scores: scores.concat(),
            similarities: similarities.concat(),
            truths: asked.into_iter().map(|(_, truth, _)| truth).collect(),
            n_items: chosen.len(),
        }
    }

    /// The weight with the highest recall; of equal ones the smallest.
    fn best_weight(&self) -> f64 {
        let unit = standard_deviation(self.scores.iter().copied())
            / standard_deviation(self.similarities.iter().copied());
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

    /// Recall among the best few, averaged over users.
    fn recall(&self, weight: f64) -> f64 {
        let n = self.n_items;
        let k = (n / 10).clamp(1, MAX_K);
        let recalls: Vec<f64> = self
            .truths
            .par_iter()
            .enumerate()
            .map(|(row, truth)| {
                let place = row * n..(row + 1) * n;
                let parts = self.scores[place.clone()]
                    .iter()
                    .zip(&self.similarities[place]);
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

/// The training items of a user with their weights.
pub(crate) fn history(
    train: &Interactions,
    user: UserId,
) -> impl Iterator<Item = (ItemId, f64)> + '_ {
    let pairs = train.of_user(user);
    pairs.map(|pair| (pair.item, f64::from(pair.weight)))
}

#[cfg(test)]
mod tests;
