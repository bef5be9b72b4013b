//! Newcomers: a user's vector from events, without training.

use crate::answer::profile::Profile;
use crate::cold_start::ridge::solve_ridge;
use crate::{Recommender, Source};
use lightgcn_core::UserId;
use serde::{Deserialize, Serialize};

/// How a newcomer's events become a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoldIn {
    /// One row of propagation over the frozen layers, and a linear map from there to whole users,
    /// fitted on the training users by ridge regression: it stands for what the newcomer's own row
    /// of layer 0 would have learned. Models without a sum over paths take the map alone.
    #[default]
    Mapped,
    /// The row of propagation alone: the newcomer's own row of layer 0 counts as 0. (Models without a
    /// sum over paths take the map all the same.)
    Propagated,
}

/// The most training users that a map is fitted on.
const MOST_USERS: usize = 50_000;
/// The ridge, as a share of the mean variance of the histories.
const RIDGE: f64 = 1e-3;

/// A matrix from histories to users, `[dimension, history dimension]`; none is the identity.
#[derive(Debug, Clone, Default)]
pub(crate) struct Map(Option<Vec<f64>>);

impl Map {
    pub(crate) fn fitted(matrix: Vec<f64>) -> Self {
        Self(Some(matrix))
    }

    pub(crate) fn apply(&self, history: &[f64]) -> Vec<f64> {
        let Some(matrix) = &self.0 else {
            return history.to_vec();
        };
        let rows = matrix.chunks_exact(history.len());
        rows.map(|row| row.iter().zip(history).map(|(a, b)| a * b).sum())
            .collect()
    }

    /// The item of the transposed matrix and a vector of users' space.
    pub(crate) fn pull_back(&self, vector: &[f64], n_history: usize) -> Vec<f64> {
        let Some(matrix) = &self.0 else {
            return vector.to_vec();
        };
        let mut out = vec![0.0; n_history];
        for (row, &x) in matrix.chunks_exact(n_history).zip(vector) {
            for (out, &m) in out.iter_mut().zip(row) {
                *out += m * x;
            }
        }
        out
    }
}

/// A user's vector, and how it came about.
pub(crate) struct Query {
    pub(crate) vector: Vec<f32>,
    pub(crate) source: Source,
}

impl Recommender {
    /// The sum of the messages of the items dealt with, `[history dimension]`.
    pub(crate) fn history_vector(&self, profile: &Profile) -> Vec<f64> {
        let artifact = self.artifact();
        let n_users = artifact.train.n_users();
        let mut sum = vec![0.0; self.history_dimension()];
        for (item, factor) in self.factors(profile) {
            let node = n_users + item.index();
            self.messages().add(artifact, node, factor, &mut sum);
        }
        sum
    }

    pub(crate) fn history_dimension(&self) -> usize {
        match self.messages().are_exact() {
            true => self.artifact().layer0.dimension(),
            false => self.artifact().embeddings.dimension(),
        }
    }

    /// The vector that ranks items for this user; none where nothing is known.
    pub(crate) fn query(&self, profile: &Profile) -> Option<Query> {
        let artifact = self.artifact();
        if let Some(user) = profile.trained {
            let vector = match profile.has_events() {
                false => artifact.embeddings.row(user.index()).to_vec(),
                true => self.shifted(user, profile),
            };
            let source = Source::Model;
            return Some(Query { vector, source });
        }
        if !self.factors(profile).is_empty() {
            let vector = self.newcomer_map().apply(&self.history_vector(profile));
            let vector = vector.into_iter().map(|x| x as f32).collect();
            let source = Source::FoldIn;
            return Some(Query { vector, source });
        }
        let vector = self.content_vector(profile)?;
        let source = Source::Content;
        Some(Query { vector, source })
    }

    /// A known user after the events of the request: the whole history is summed again, and the
    /// own row of layer 0 stays.
    fn shifted(&self, user: UserId, profile: &Profile) -> Vec<f32> {
        let artifact = self.artifact();
        let now = self.history_vector(profile);
        let own = artifact.embeddings.row(user.index());
        if self.messages().are_exact() {
            let alpha = f64::from(self.own_weight());
            let row = artifact.layer0.row(user.index());
            let whole = row.iter().zip(&now);
            return whole
                .map(|(&e, h)| (alpha * f64::from(e) + h) as f32)
                .collect();
        }
        let before = Profile {
            dealings: self.trained_dealings(user),
            ..profile.clone()
        };
        let before = self.history_vector(&before);
        let difference: Vec<f64> = now.iter().zip(&before).map(|(a, b)| a - b).collect();
        let moved = self.newcomer_map().apply(&difference);
        let whole = own.iter().zip(&moved);
        whole.map(|(&e, d)| (f64::from(e) + d) as f32).collect()
    }

    fn trained_dealings(&self, user: UserId) -> Vec<crate::answer::profile::Dealing> {
        // Without events a profile cannot fail.
        self.profile(Some(user), &[])
            .map(|profile| profile.dealings)
            .unwrap_or_default()
    }

    /// α_0, the weight of the own row of layer 0.
    pub(crate) fn own_weight(&self) -> f32 {
        let weights = self.artifact().model.layer_weights.as_deref();
        weights.and_then(|w| w.first().copied()).unwrap_or(0.0)
    }

    /// The mean of the items dealt with, for users who dealt with new items alone.
    fn content_vector(&self, profile: &Profile) -> Option<Vec<f32>> {
        let mut sum = vec![0.0; self.artifact().embeddings.dimension()];
        let mut total = 0.0;
        for dealing in &profile.dealings {
            if let Some(row) = self.items.row(dealing.item)
                && dealing.weight > 0.0
            {
                for (sum, &x) in sum.iter_mut().zip(row) {
                    *sum += dealing.weight * f64::from(x);
                }
                total += dealing.weight;
            }
        }
        (total > 0.0).then(|| sum.iter().map(|x| (x / total) as f32).collect())
    }

    /// The map from a newcomer's history to a user, fitted at the first call: O(users ·
    /// dimension²).
    pub(crate) fn newcomer_map(&self) -> &Map {
        self.map.get_or_init(|| {
            if self.fold_in_method == FoldIn::Propagated && self.messages().are_exact() {
                return Map::default();
            }
            self.fit_map()
        })
    }

    fn fit_map(&self) -> Map {
        let artifact = self.artifact();
        let n_users = artifact.train.n_users();
        let step = n_users.div_ceil(MOST_USERS).max(1);
        let users = (0..n_users as u32).step_by(step).map(UserId);
        let mut histories = Vec::new();
        let mut vectors = Vec::new();
        for user in users.filter(|&user| !artifact.train.pairs_of(user).is_empty()) {
            let profile = Profile {
                trained: Some(user),
                dealings: self.trained_dealings(user),
                n_events: 0,
                n_ignored: 0,
            };
            histories.extend(self.history_vector(&profile));
            let row = artifact.embeddings.row(user.index());
            vectors.extend(row.iter().map(|&x| f64::from(x)));
        }
        let (n, d) = (self.history_dimension(), artifact.embeddings.dimension());
        Map(Some(solve_ridge(&histories, n, &vectors, d, RIDGE)))
    }
}
