//! CascadingRank: a personalized walk that cascades over behaviors.

use crate::config::Issues;
use crate::matrix::SparseMatrix;
use crate::neighbors::Neighbors;
use crate::{ItemToItem, LinearError};
use lightgcn_core::{Interactions, ItemId, Rows, Train, UserId};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How a walk cascades over behaviors: CascadingRank (Ko, Jeon and Jung, "Personalized Ranking on Cascading
/// Behavior Graphs for Accurate Multi-Behavior Recommendation", arXiv 2502.11335, 2025).
///
/// Each behavior b has a graph of users and items, M_b = [0 Ã; Ãᵀ 0] with Ã = D_U^(−½) A D_I^(−½). Stage by
/// stage, from the weakest behavior to the target,
///
/// r_b = γ M_b r_b + α q_b + β r_(b−1),  γ = 1 − α − β,
///
/// where q_b is 1 for the user and 1 / n for each of the n items that the user did b with, and the first
/// stage follows itself: r_0 = q_1. Items rank by r of the last stage.
///
/// The published algorithm iterates over the whole graph for each user. Here the walk is truncated
/// after two hops, with an error of order γ³. Then the walk needs only an item-to-item matrix of
/// other users' behavior, W = Σ_(b ≤ c) Ã_bᵀ Ã_c, fitted once and reduced to the strongest
/// neighbors, and a user costs O(their items · neighbors), whatever the number of users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CascadingRankConfig {
    /// The share α with which each stage restarts at its own items, from 0 to 1. Default: 0, as
    /// published for logs with few carts and purchases.
    pub alpha: f64,
    /// The share β with which each stage restarts at the result of the previous one, from 0 to 1;
    /// at most 1 together with α. Default: 0.9, as published for the same logs.
    pub beta: f64,
    /// The maximum number of neighbors that an item keeps, at least 1. Default: 400.
    pub n_neighbors: usize,
}

impl Default for CascadingRankConfig {
    fn default() -> Self {
        Self {
            alpha: 0.0,
            beta: 0.9,
            n_neighbors: 400,
        }
    }
}

/// What walks that restart at one stage need.
#[derive(Debug, Clone, PartialEq)]
struct Restart {
    /// The stage whose items it restarts at.
    stage: usize,
    /// Its part of the score: α β^(B−1−s), and β^B more for the first stage.
    factor: f64,
    /// W of the stages from this one on.
    neighbors: Neighbors,
    /// The diagonal of W: `[n_items]`.
    returns: Vec<f64>,
}

/// A fitted walk over stages of behaviors.
#[derive(Debug, Clone, PartialEq)]
pub struct CascadingRank {
    gamma: f64,
    /// 1 / √(users) of each item by stage, 0 where there are none: `[stages][n_items]`.
    item_roots: Vec<Vec<f64>>,
    restarts: Vec<Restart>,
}

impl CascadingRankConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`LinearError::Config`] with every issue.
    pub fn check(&self) -> Result<(), LinearError> {
        let mut issues = Issues::of("CascadingRank");
        issues.share("alpha", self.alpha);
        issues.share("beta", self.beta);
        if self.alpha + self.beta > 1.0 {
            issues.push(format!(
                "alpha + beta is {}; they must be at most 1 together",
                self.alpha + self.beta
            ));
        }
        if self.alpha + self.beta == 0.0 {
            issues.push("alpha and beta are 0; one must be positive".to_owned());
        }
        issues.positive_count("n_neighbors", self.n_neighbors);
        issues.into_result()
    }

    /// Fits the walk over `stages`, the numbers of behaviors from the weakest to the target. Other
    /// behaviors, such as removals from the cart, are ignored.
    ///
    /// O(stages · Σ_u pairs(u)²) time, once for each restart stage (only the first if α is 0);
    /// O(items · neighbors) memory for each.
    ///
    /// # Errors
    /// [`LinearError::Config`], and [`LinearError::NoPairs`] if the stages have no pairs.
    ///
    /// # Panics
    /// If a stage is not a behavior of the training part.
    pub fn fit(&self, train: &Train, stages: &[usize]) -> Result<CascadingRank, LinearError> {
        self.check()?;
        let stages = Stages::new(train.interactions(), stages)?;
        let n = stages.by_user.len();
        let mut restarts = Vec::new();
        for stage in 0..n {
            let mut factor = self.alpha * self.beta.powi((n - 1 - stage) as i32);
            if stage == 0 {
                factor += self.beta.powi(n as i32);
            }
            if factor > 0.0 {
                restarts.push(Restart {
                    stage,
                    factor,
                    neighbors: stages.neighbors(stage, |_| true, self.n_neighbors),
                    returns: stages.returns(stage),
                });
            }
        }
        Ok(CascadingRank {
            gamma: 1.0 - self.alpha - self.beta,
            item_roots: stages.item_roots,
            restarts,
        })
    }

    /// The walks of two hops that end at a target, Σ_b Ã_bᵀ Ã_c for the target stages c, without
    /// the diagonal: how close an item that users acted on is to what they bought. O(Σ_u pairs(u) ·
    /// targets(u)) for each target stage.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    ///
    /// # Panics
    /// As [`fit`](Self::fit).
    pub fn fit_items(&self, train: &Train, stages: &[usize]) -> Result<ItemToItem, LinearError> {
        self.check()?;
        let is_target = train.interactions().target_behaviors();
        let targets = stages.iter().map(|&behavior| is_target[behavior]);
        let targets: Vec<bool> = targets.collect();
        let stages = Stages::new(train.interactions(), stages)?;
        let neighbors = stages.neighbors(0, |stage| targets[stage], self.n_neighbors);
        Ok(ItemToItem::new("cascade", neighbors))
    }
}

/// The normalized graphs of all stages.
struct Stages {
    /// Ã of each stage, `[n_users, n_items]`.
    by_user: Vec<SparseMatrix>,
    item_roots: Vec<Vec<f64>>,
}

impl Stages {
    fn new(pairs: &Interactions, stages: &[usize]) -> Result<Self, LinearError> {
        let mut of = Self {
            by_user: Vec::with_capacity(stages.len()),
            item_roots: Vec::with_capacity(stages.len()),
        };
        let mut n_pairs = 0;
        for &behavior in stages {
            let did = |pair: &usize| pairs.counts_of(*pair)[behavior] > 0;
            let mut users = vec![0.0; pairs.n_items()];
            let all = (0..pairs.n_pairs()).filter(did);
            all.for_each(|pair| users[pairs.items()[pair].index()] += 1.0);
            let roots: Vec<f64> = users.iter().map(|&n: &f64| root(n)).collect();
            let row = |user: u32| {
                let of_user = pairs.pairs_of(UserId(user));
                let items: Vec<ItemId> = of_user.filter(did).map(|n| pairs.items()[n]).collect();
                let user_root = root(items.len() as f64);
                let value = |item: &ItemId| (user_root * roots[item.index()]) as f32;
                let entries = items.iter().map(|item| (item.0, value(item)));
                entries.collect::<Vec<_>>()
            };
            let rows: Rows<(u32, f32)> = (0..pairs.n_users() as u32).map(row).collect();
            n_pairs += rows.n_values();
            of.by_user
                .push(SparseMatrix::from_rows(rows, pairs.n_items()));
            of.item_roots.push(roots);
        }
        match n_pairs {
            0 => Err(LinearError::NoPairs {
                n_users: pairs.n_users(),
                n_items: pairs.n_items(),
            }),
            _ => Ok(of),
        }
    }

    /// Σ_(first ≤ b ≤ c) Ã_bᵀ Ã_c over the stages c that are an end, without its diagonal, as Cᵀ R over one row for each stage c and user who
    /// did c: R holds Ã_c, and C the sum of Ã_b up to c.
    fn neighbors(&self, first: usize, is_end: impl Fn(usize) -> bool, most: usize) -> Neighbors {
        let n_items = self.item_roots[0].len();
        let mut from: Rows<(u32, f32)> = Rows::new();
        let mut to: Rows<(u32, f32)> = Rows::new();
        for last in (first..self.by_user.len()).filter(|&stage| is_end(stage)) {
            let users = 0..self.by_user[last].n_rows();
            for user in users.filter(|&user| !self.by_user[last].row(user).0.is_empty()) {
                from.push(self.sum_of(first, last, user));
                let entries = self.by_user[last].entries(user);
                to.push(entries.map(|(item, value)| (item as u32, value)));
            }
        }
        let from = SparseMatrix::from_rows(from, n_items).transposed();
        let to = SparseMatrix::from_rows(to, n_items);
        Neighbors::nearest(&from, &to, most, |_, _, sum| sum)
    }

    /// Σ_(first ≤ b ≤ last) Ã_b of one user, ascending.
    fn sum_of(&self, first: usize, last: usize, user: usize) -> Vec<(u32, f32)> {
        let stages = self.by_user[first..=last].iter();
        let mut entries: Vec<(usize, f32)> = stages.flat_map(|stage| stage.entries(user)).collect();
        // Stable, so that equal items are added in the order of the stages.
        entries.sort_by_key(|entry| entry.0);
        let sums = entries.chunk_by(|a, b| a.0 == b.0);
        let sum =
            |same: &[(usize, f32)]| (same[0].0 as u32, same.iter().map(|entry| entry.1).sum());
        sums.map(sum).collect()
    }

    /// The diagonal of the same matrix.
    fn returns(&self, first: usize) -> Vec<f64> {
        let mut returns = vec![0.0; self.item_roots[0].len()];
        for last in first..self.by_user.len() {
            for user in 0..self.by_user[last].n_rows() {
                let sums = self.sum_of(first, last, user);
                for (item, value) in self.by_user[last].entries(user) {
                    let sum = sums.binary_search_by_key(&(item as u32), |entry| entry.0);
                    // Every item of the last stage is in the sum.
                    returns[item] += sum.map_or(0.0, |n| f64::from(sums[n].1) * f64::from(value));
                }
            }
        }
        returns
    }
}

/// 1 / √n, 0 for 0.
fn root(n: f64) -> f64 {
    if n > 0.0 { n.sqrt().recip() } else { 0.0 }
}

impl CascadingRank {
    /// The number of items.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.item_roots[0].len()
    }

    /// The number of stages.
    #[must_use]
    pub fn n_stages(&self) -> usize {
        self.item_roots.len()
    }

    /// Writes the scores of each user over all items into `out` (`[users.len(), n_items]`, row by
    /// row); the previous content of `out` is not read. A user has one list of items per stage,
    /// ascending and distinct, and need not be in the training part. Runs on rayon's current pool,
    /// one user per thread.
    ///
    /// # Panics
    /// If the length of `out` or a user's number of lists is wrong, or an item is out of range.
    pub fn scores_into(&self, users: &[Vec<Vec<ItemId>>], out: &mut [f32]) {
        let n_items = self.n_items();
        assert!(
            out.len() == users.len() * n_items,
            "{} users and {n_items} items have {} scores, but there is room for {}",
            users.len(),
            users.len() * n_items,
            out.len()
        );
        let rows = out.par_chunks_exact_mut(n_items.max(1)).zip(users);
        rows.for_each(|(row, stages)| self.add_scores(stages, row));
    }

    fn add_scores(&self, stages: &[Vec<ItemId>], row: &mut [f32]) {
        assert!(
            stages.len() == self.n_stages(),
            "the user has lists for {} stages, but the walk has {}",
            stages.len(),
            self.n_stages()
        );
        row.fill(0.0);
        for restart in &self.restarts {
            let first = restart.stage;
            // From the user, one hop to the items of each later stage.
            for (items, roots) in stages.iter().zip(&self.item_roots).skip(first) {
                let hop = restart.factor * self.gamma * root(items.len() as f64);
                for item in items {
                    row[item.index()] += (hop * roots[item.index()]) as f32;
                }
            }
            // From the items where they stand, and by two hops to others and back.
            let stay = restart.factor / stages[first].len().max(1) as f64;
            let hops = stay * self.gamma * self.gamma;
            for item in stages[first].iter().map(|item| item.index()) {
                row[item] += (stay + hops * restart.returns[item]) as f32;
                for (other, weight) in restart.neighbors.of(item) {
                    row[other] += (hops * f64::from(weight)) as f32;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
