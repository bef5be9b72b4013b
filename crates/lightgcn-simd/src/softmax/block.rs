//! A block of users against all candidates.

use super::{SoftmaxConfig, SoftmaxPairs, UnitRows};
use crate::buffers::with_buffer;
use crate::cpu::Level;
use crate::dense::{Left, Shape, multiply};
use crate::exp::{Panels, exp_weighted_sum, largest};

/// Users whose scores stand in the cache at a time, a multiple of the dense products' six rows:
/// with 2,000 candidates half a megabyte.
pub(super) const BLOCK: usize = 60;
/// Candidates in a panel: a block's scores of one panel, and what they are multiplied by, stand in the
/// first level of the cache.
pub(super) const PANEL: usize = 64;

/// A batch of unit vectors.
pub(super) struct Batch<'a> {
    level: Level,
    config: &'a SoftmaxConfig,
    pairs: &'a SoftmaxPairs<'a>,
    /// Where each user's pairs begin: `[n_users + 1]`.
    starts: Vec<usize>,
    users: &'a UnitRows,
    items: &'a UnitRows,
    /// Each panel of candidates transposed: `[n_panels, width, 64]`.
    transposed: Vec<f32>,
    /// The candidates' weights, and zeros up to whole panels.
    candidate_weights: Vec<f32>,
}

/// A candidate that is a positive of the user in this batch, or excluded for him.
struct Own {
    item: u32,
    score: f32,
    /// Whether it is no negative of the user's other pairs either.
    excluded: bool,
    /// The derivative of the loss by its score.
    slope: f64,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        level: Level,
        config: &'a SoftmaxConfig,
        pairs: &'a SoftmaxPairs<'a>,
        starts: Vec<usize>,
        users: &'a UnitRows,
        items: &'a UnitRows,
    ) -> Self {
        let width = items.width();
        let mut transposed = vec![0.0; items.data().len()];
        let panels = items.data().chunks_exact(PANEL * width);
        for (panel, out) in panels.zip(transposed.chunks_exact_mut(PANEL * width)) {
            for (lane, row) in panel.chunks_exact(width).enumerate() {
                for (&x, out) in row.iter().zip(out[lane..].iter_mut().step_by(PANEL)) {
                    *out = x;
                }
            }
        }
        let mut candidate_weights = pairs.candidate_weights.to_vec();
        candidate_weights.resize(items.n_rows().next_multiple_of(PANEL), 0.0);
        Self {
            level,
            config,
            pairs,
            starts,
            users,
            items,
            transposed,
            candidate_weights,
        }
    }

    /// How many numbers the gradients of all candidates have, up to whole panels.
    pub(super) fn item_numbers(&self) -> usize {
        self.transposed.len()
    }

    fn n_panels(&self) -> usize {
        self.candidate_weights.len() / PANEL
    }

    /// The loss of the users from `first` on. Writes their gradients (`[n, dim]`), and their part
    /// of the candidates' gradients by unit vectors (`[whole panels, width]`).
    pub(super) fn group(&self, first: usize, gradients: &mut [f32], part: &mut [f32]) -> f64 {
        let (dim, width) = (self.users.dim(), self.users.width());
        let mut loss = 0.0;
        with_buffer(BLOCK * self.candidate_weights.len(), |scores| {
            with_buffer(BLOCK * width, |by_unit| {
                for (block, gradients) in gradients.chunks_mut(BLOCK * dim).enumerate() {
                    let (n, first) = (gradients.len() / dim, first + block * BLOCK);
                    let scores = &mut scores[..n * self.candidate_weights.len()];
                    let by_unit = &mut by_unit[..n * width];
                    loss += self.block(first, n, scores, by_unit, part, block > 0);
                    let rows = gradients.chunks_exact_mut(dim);
                    for (row, (out, g)) in rows.zip(by_unit.chunks_exact(width)).enumerate() {
                        self.users.through(first + row, g, out);
                    }
                }
            });
        });
        loss
    }

    /// The loss of `n` users. `scores` is `[n_panels, n, 64]`; the gradients by the unit vectors
    /// of users are written, those by the candidates' written, or added where `add`.
    fn block(
        &self,
        first: usize,
        n: usize,
        scores: &mut [f32],
        user_gradients: &mut [f32],
        item_gradients: &mut [f32],
        add: bool,
    ) -> f64 {
        let width = self.users.width();
        let users = &self.users.data()[first * width..][..n * width];
        self.scores(users, n, scores);
        let mut loss = 0.0;
        let mut scaled = users.to_vec();
        let mut slopes = Vec::with_capacity(n);
        let mut owns = Vec::with_capacity(n);
        for (row, scaled) in scaled.chunks_exact_mut(width).enumerate() {
            let row_scores = Panels {
                numbers: &mut *scores,
                first: row * PANEL,
                stride: n * PANEL,
            };
            let (part, slope, own) = self.row(first + row, row_scores);
            loss += part;
            scaled.iter_mut().for_each(|x| *x *= slope);
            slopes.push(slope);
            owns.push(own);
        }
        self.products(n, scores, &scaled, user_gradients, item_gradients, add);
        for (row, gradient) in user_gradients.chunks_exact_mut(width).enumerate() {
            for g in gradient.iter_mut() {
                *g *= slopes[row];
            }
            let user = &users[row * width..][..width];
            for own in &owns[row] {
                let (slope, item) = (own.slope as f32, own.item as usize * width);
                let unit = &self.items.data()[item..][..width];
                let item_gradient = &mut item_gradients[item..][..width];
                for d in 0..width {
                    gradient[d] += slope * unit[d];
                    item_gradient[d] += slope * user[d];
                }
            }
        }
        loss
    }

    /// The cosines of `n` users and all candidates; −∞ for what only fills the last panel.
    fn scores(&self, users: &[f32], n: usize, scores: &mut [f32]) {
        let width = self.users.width();
        let shape = Shape {
            rows: n,
            columns: PANEL,
            steps: width,
        };
        let left = Left {
            data: users,
            row: width,
            step: 1,
        };
        let panels = self.transposed.chunks_exact(PANEL * width);
        for (panel, out) in panels.zip(scores.chunks_exact_mut(n * PANEL)) {
            multiply(self.level, shape, left, panel, out, false);
        }
        let used = PANEL - (self.candidate_weights.len() - self.items.n_rows());
        let last = (self.n_panels() - 1) * n * PANEL;
        for row in scores[last..].chunks_exact_mut(PANEL) {
            row[used..].fill(f32::NEG_INFINITY);
        }
    }

    /// From exponentials to gradients, but for the factor of each user.
    fn products(
        &self,
        n: usize,
        exponentials: &[f32],
        scaled: &[f32],
        user_gradients: &mut [f32],
        item_gradients: &mut [f32],
        add: bool,
    ) {
        let width = self.users.width();
        let to_users = Shape {
            rows: n,
            columns: width,
            steps: PANEL,
        };
        let to_items = Shape {
            rows: PANEL,
            columns: width,
            steps: n,
        };
        let panels = exponentials
            .chunks_exact(n * PANEL)
            .zip(self.items.data().chunks_exact(PANEL * width))
            .zip(item_gradients.chunks_exact_mut(PANEL * width));
        for (number, ((data, items), item_gradients)) in panels.enumerate() {
            let left = Left {
                data,
                row: PANEL,
                step: 1,
            };
            multiply(
                self.level,
                to_users,
                left,
                items,
                user_gradients,
                number > 0,
            );
            let left = Left {
                data,
                row: 1,
                step: PANEL,
            };
            multiply(self.level, to_items, left, scaled, item_gradients, add);
        }
    }

    /// Turns one user's scores into weighted exponentials, those of his own items into 0.
    /// Returns his loss, the factor that makes exponentials derivatives, and his own items.
    fn row(&self, user: usize, mut scores: Panels<'_>) -> (f64, f32, Vec<Own>) {
        let pairs = self.starts[user]..self.starts[user + 1];
        if pairs.is_empty() {
            scores.fill(0.0);
            return (0.0, 0.0, Vec::new());
        }
        let mut owns = self.owns(user, &mut scores);
        let mut top = largest(self.level, &scores);
        if top == f32::NEG_INFINITY {
            top = owns[0].score;
        }
        let temperature = f64::from(self.config.temperature);
        let scale = 1.0 / self.config.temperature;
        let weights = &self.candidate_weights;
        let sum = exp_weighted_sum(self.level, &mut scores, top, scale, weights);
        let exponential = |own: &Own| {
            let e = (f64::from(own.score - top) / temperature).exp();
            f64::from(weights[own.item as usize]) * e
        };
        let (mut loss, mut row_slope) = (0.0, 0.0);
        for pair in pairs {
            let (item, weight) = (self.pairs.items[pair], f64::from(self.pairs.weights[pair]));
            let others = owns.iter().filter(|own| own.item != item && !own.excluded);
            let total = f64::from(sum) + others.map(exponential).sum::<f64>();
            let mut slope = 0.0;
            if total > 0.0 {
                let t = f64::from(self.config.negative_weight);
                loss += weight * t * (total.ln() + f64::from(top) / temperature);
                slope = weight * t / (temperature * total);
            }
            row_slope += slope;
            for own in &mut owns {
                if own.item == item {
                    loss -= weight * f64::from(own.score) / temperature;
                    own.slope -= weight / temperature;
                } else if !own.excluded {
                    own.slope += slope * exponential(own);
                }
            }
        }
        (loss, row_slope as f32, owns)
    }

    /// The user's own items with their scores, which are taken out of the row.
    fn owns(&self, user: usize, scores: &mut Panels<'_>) -> Vec<Own> {
        let pairs = self.starts[user]..self.starts[user + 1];
        let excluded = self.pairs.excluded.map_or(&[][..], |lists| &lists[user]);
        let mut owns: Vec<Own> = Vec::with_capacity(pairs.len());
        for &item in &self.pairs.items[pairs] {
            if owns.iter().all(|own| own.item != item) {
                owns.push(Own {
                    item,
                    score: *scores.at(item as usize),
                    excluded: excluded.binary_search(&item).is_ok(),
                    slope: 0.0,
                });
            }
        }
        for own in &owns {
            *scores.at(own.item as usize) = f32::NEG_INFINITY;
        }
        for &item in excluded {
            *scores.at(item as usize) = f32::NEG_INFINITY;
        }
        owns
    }
}
