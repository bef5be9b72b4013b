//! A block of users against all candidates.
//!
//! The scores of a block, `n · n_candidates`, fit the second-level cache, so they are written once, turned
//! into exponentials in place and multiplied twice (by candidates, for the users' gradients; by users, for
//! the candidates') without going to memory. They lie in panels of 64 candidates, `[n_panels, n, 64]`: one
//! panel of a block and what it is multiplied by fit the first-level cache.
//!
//! A user's own items are few, and each of the user's pairs omits a different one. So they are
//! taken out of the row (as −∞, whose exponential is 0), the sum over all others is shared by the
//! user's pairs, and what the user's own items add to sums and gradients is computed separately, in
//! `f64`.

use super::{SoftmaxOptions, SoftmaxPairs, UnitRows};
use crate::buffers::with_buffer;
use crate::cpu::Level;
use crate::dense::{DenseProduct, Left, Shape, multiply};
use crate::exp::{Panels, exp_weighted_sum, largest};

/// The number of users whose scores are in the cache at a time: half a megabyte with 2,000
/// candidates. A multiple of the dense products' six rows, so that no tile is partial.
pub(super) const BLOCK: usize = 60;
/// Candidates in a panel: a block's scores of one panel, and what they are multiplied by, fit the
/// first-level cache. Also the width of the exponential's rows, see [`Panels`].
pub(super) const PANEL: usize = 64;

/// A batch of unit vectors.
pub(super) struct Batch<'a> {
    level: Level,
    options: &'a SoftmaxOptions,
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

/// A candidate that is a positive of the user in this batch.
struct Own {
    item: u32,
    score: f32,
    /// Whether it is excluded from the user's other pairs as well.
    excluded: bool,
    /// The derivative of the loss with respect to its score.
    slope: f64,
}

/// The buffers of a block of `n` users.
struct Work<'w> {
    /// Scores, then exponentials, `[n_panels, n, 64]`.
    scores: &'w mut [f32],
    /// Gradients with respect to the users' unit vectors, `[n, width]`; overwritten.
    user_gradients: &'w mut [f32],
    /// Gradients with respect to the candidates' unit vectors, `[whole panels, width]`; see `add`.
    item_gradients: &'w mut [f32],
    /// Whether the candidates' gradients are added to rather than overwritten: in every block of a group but
    /// the first.
    add: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        level: Level,
        options: &'a SoftmaxOptions,
        pairs: &'a SoftmaxPairs<'a>,
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
            options,
            pairs,
            starts: pair_starts(pairs.users, users.n_rows()),
            users,
            items,
            transposed,
            candidate_weights,
        }
    }

    /// How many numbers the gradients of all candidates have, padded to whole panels.
    pub(super) fn item_numbers(&self) -> usize {
        self.transposed.len()
    }

    fn n_panels(&self) -> usize {
        self.candidate_weights.len() / PANEL
    }

    /// The loss of the users from `first` on. Writes their gradients (`[n, dim]`), and their part of the
    /// candidates' gradients with respect to unit vectors (`[whole panels, width]`).
    pub(super) fn group(&self, first: usize, gradients: &mut [f32], part: &mut [f32]) -> f64 {
        let (dim, width) = (self.users.dim(), self.users.width());
        let mut loss = 0.0;
        with_buffer(BLOCK * self.candidate_weights.len(), |scores| {
            with_buffer(BLOCK * width, |by_unit| {
                for (block, gradients) in gradients.chunks_mut(BLOCK * dim).enumerate() {
                    let (n, first) = (gradients.len() / dim, first + block * BLOCK);
                    let by_unit = &mut by_unit[..n * width];
                    let mut work = Work {
                        scores: &mut scores[..n * self.candidate_weights.len()],
                        user_gradients: by_unit,
                        item_gradients: part,
                        add: block > 0,
                    };
                    loss += self.block(first, n, &mut work);
                    let rows = gradients.chunks_exact_mut(dim);
                    for (row, (out, g)) in rows.zip(by_unit.chunks_exact(width)).enumerate() {
                        self.users.through(first + row, g, out);
                    }
                }
            });
        });
        loss
    }

    /// The loss of the `n` users from `first` on.
    fn block(&self, first: usize, n: usize, work: &mut Work<'_>) -> f64 {
        let width = self.users.width();
        let users = &self.users.data()[first * width..][..n * width];
        self.scores(users, n, work.scores);
        let mut loss = 0.0;
        let mut scaled = users.to_vec();
        let mut slopes = Vec::with_capacity(n);
        let mut owns = Vec::with_capacity(n);
        for (row, scaled) in scaled.chunks_exact_mut(width).enumerate() {
            let row_scores = Panels {
                numbers: &mut *work.scores,
                first: row * PANEL,
                stride: n * PANEL,
            };
            let (part, slope, own) = self.row(first + row, row_scores);
            loss += part;
            // The slope of a candidate is the user's factor times its exponential. The factor is applied
            // to the user's vector instead of the row of exponentials, which is much longer.
            scaled.iter_mut().for_each(|x| *x *= slope);
            slopes.push(slope);
            owns.push(own);
        }
        self.products(n, &scaled, work);
        for (row, gradient) in work.user_gradients.chunks_exact_mut(width).enumerate() {
            for g in gradient.iter_mut() {
                *g *= slopes[row];
            }
            // The own items, which the products saw as 0.
            let user = &users[row * width..][..width];
            for own in &owns[row] {
                let (slope, item) = (own.slope as f32, own.item as usize * width);
                let unit = &self.items.data()[item..][..width];
                let item_gradient = &mut work.item_gradients[item..][..width];
                for d in 0..width {
                    gradient[d] += slope * unit[d];
                    item_gradient[d] += slope * user[d];
                }
            }
        }
        loss
    }

    /// The cosines of `n` users and all candidates; −∞ in the lanes of the last panel without a
    /// candidate.
    fn scores(&self, users: &[f32], n: usize, scores: &mut [f32]) {
        let width = self.users.width();
        let panels = self.transposed.chunks_exact(PANEL * width);
        for (panel, out) in panels.zip(scores.chunks_exact_mut(n * PANEL)) {
            let product = DenseProduct {
                shape: Shape {
                    rows: n,
                    columns: PANEL,
                    steps: width,
                },
                left: Left {
                    data: users,
                    row: width,
                    step: 1,
                },
                right: panel,
                add: false,
            };
            multiply(self.level, product, out);
        }
        let used = PANEL - (self.candidate_weights.len() - self.items.n_rows());
        let last = (self.n_panels() - 1) * n * PANEL;
        for row in scores[last..].chunks_exact_mut(PANEL) {
            row[used..].fill(f32::NEG_INFINITY);
        }
    }

    /// Turns exponentials into gradients. The users' gradients still lack each user's factor, which is
    /// already in `scaled`, the users' vectors.
    fn products(&self, n: usize, scaled: &[f32], work: &mut Work<'_>) {
        let width = self.users.width();
        let panels = work
            .scores
            .chunks_exact(n * PANEL)
            .zip(self.items.data().chunks_exact(PANEL * width))
            .zip(work.item_gradients.chunks_exact_mut(PANEL * width));
        // Panel by panel, so that its exponentials are still in the cache for the second product.
        for (number, ((data, items), item_gradients)) in panels.enumerate() {
            let by_users = DenseProduct {
                shape: Shape {
                    rows: n,
                    columns: width,
                    steps: PANEL,
                },
                left: Left {
                    data,
                    row: PANEL,
                    step: 1,
                },
                right: items,
                add: number > 0,
            };
            multiply(self.level, by_users, work.user_gradients);
            // The same exponentials, transposed by their strides.
            let by_items = DenseProduct {
                shape: Shape {
                    rows: PANEL,
                    columns: width,
                    steps: n,
                },
                left: Left {
                    data,
                    row: 1,
                    step: PANEL,
                },
                right: scaled,
                add: work.add,
            };
            multiply(self.level, by_items, item_gradients);
        }
    }

    /// Turns one user's scores into weighted exponentials, those of the user's own items into 0. Returns
    /// the user's loss, the factor that makes exponentials derivatives, and the own items.
    fn row(&self, user: usize, mut scores: Panels<'_>) -> (f64, f32, Vec<Own>) {
        let pairs = self.starts[user]..self.starts[user + 1];
        if pairs.is_empty() {
            scores.fill(0.0);
            return (0.0, 0.0, Vec::new());
        }
        let mut owns = self.owns(user, &mut scores);
        let mut top = largest(self.level, &scores);
        // Every candidate is the user's own or excluded; any finite shift will do for the own items.
        if top == f32::NEG_INFINITY {
            top = owns[0].score;
        }
        let temperature = f64::from(self.options.temperature);
        let scale = 1.0 / self.options.temperature;
        let weights = &self.candidate_weights;
        let sum = exp_weighted_sum(self.level, &mut scores, top, scale, weights);
        let exponential = |own: &Own| {
            let e = (f64::from(own.score - top) / temperature).exp();
            f64::from(weights[own.item as usize]) * e
        };
        let (mut loss, mut row_slope) = (0.0, 0.0);
        for pair in pairs {
            let (item, weight) = (self.pairs.items[pair], f64::from(self.pairs.weights[pair]));
            // The pair's negatives: those in the row's sum, and the items of the user's other
            // pairs.
            let others = owns.iter().filter(|own| own.item != item && !own.excluded);
            let total = f64::from(sum) + others.map(exponential).sum::<f64>();
            let mut slope = 0.0;
            if total > 0.0 {
                let t = f64::from(self.options.negative_weight);
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

    /// The user's own items with their scores, which are taken out of the row, as are excluded items.
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
        // Only now that every score has been read: an item may be both own and excluded.
        for own in &owns {
            *scores.at(own.item as usize) = f32::NEG_INFINITY;
        }
        for &item in excluded {
            *scores.at(item as usize) = f32::NEG_INFINITY;
        }
        owns
    }
}

/// Where each user's pairs begin: `[n_users + 1]`.
fn pair_starts(users: &[u32], n_users: usize) -> Vec<usize> {
    let mut starts = vec![0; n_users + 1];
    for &user in users {
        starts[user as usize + 1] += 1;
    }
    for user in 0..n_users {
        starts[user + 1] += starts[user];
    }
    starts
}
