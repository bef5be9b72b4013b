//! The softmax family of batch losses, with its gradient, in one pass over blocks of scores.

use gemm::{Parallelism, gemm};
use rayon::prelude::*;

use crate::cpu::Level;
use crate::exp::{exp_weighted_sum, largest};

/// Consumers whose scores stand in the cache at a time: with 2,000 candidates half a megabyte.
const BLOCK: usize = 64;
/// In how many groups of blocks the gradient of the candidates is summed. Not the number of threads,
/// so that the bits do not depend on it.
const GROUPS: usize = 8;
/// The least length that a vector is divided by.
const LEAST_NORM: f32 = 1e-12;

/// Settings of [`softmax_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxConfig {
    /// Temperature τ that cosines are divided by, at least 0.005.
    pub temperature: f32,
    /// Weight t₂ of the logarithm over the negatives: 1 is the sampled softmax, any other BSL.
    pub negative_weight: f32,
}

/// A batch of positive pairs among distinct consumers and distinct candidate products.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxPairs<'a> {
    /// The consumer of each pair, as its row among the batch's consumers, ascending.
    pub users: &'a [u32],
    /// The product of each pair, as its row among the candidates.
    pub items: &'a [u32],
    /// The weight of each pair's loss, divided by the size of the batch if a mean is wanted.
    pub weights: &'a [f32],
    /// How much each candidate counts as a negative, `[n_candidates]`, positive and finite: how often
    /// it was drawn, times its popularity correction.
    pub candidate_weights: &'a [f32],
    /// For each of the batch's consumers the candidates that are no negatives although they are not
    /// in the batch with him, ascending; or none at all.
    pub excluded: Option<&'a [Vec<u32>]>,
}

/// The softmax loss of a batch, and its gradient.
///
/// ```text
/// L = Σ_p w_p · ( −s_pp / τ + t₂ · ln Σ_{j ≠ i_p} m_j · exp(s_pj / τ) )
/// ```
///
/// with `s` the cosine of a pair's consumer and a candidate, `w` the pairs' weights and `m` the
/// candidates'. The sum leaves out the pair's own product and what is excluded for its consumer; a
/// pair without any negative has its first term alone. With t₂ = 1 this is the sampled softmax with
/// in-batch negatives, else BSL (Wu et al., "BSL: Understanding and Improving Softmax Loss for
/// Recommendation", ICDE 2024, equation 18).
///
/// `users` has shape `[n_users, dim]` and `items` `[n_candidates, dim]`, the final embeddings, which
/// this function brings to length 1 (floored at 1e-12). The gradients with respect to them are
/// written to `user_gradients` and `item_gradients`, of the same shapes; what these held is not read.
///
/// O(n_users · n_candidates · dim) time, 3 products of dense matrices, and
/// O((64 + 8 · dim) · n_candidates) memory: the matrix of scores never exists whole. Runs on rayon's
/// current pool; the bits do not depend on the thread count.
///
/// # Panics
/// When a slice has another length than its shape says, pairs do not ascend by consumer, or a row is
/// out of range.
#[allow(clippy::too_many_arguments)]
pub fn softmax_loss(
    config: &SoftmaxConfig,
    pairs: &SoftmaxPairs<'_>,
    users: &[f32],
    items: &[f32],
    dim: usize,
    user_gradients: &mut [f32],
    item_gradients: &mut [f32],
) -> f64 {
    let (n_users, n_items) = check(pairs, users, items, dim, user_gradients, item_gradients);
    user_gradients.fill(0.0);
    item_gradients.fill(0.0);
    if pairs.users.is_empty() || dim == 0 {
        return 0.0;
    }
    let (user_norms, item_norms) = (norms(users, dim), norms(items, dim));
    let (users, items) = (
        unit_rows(users, dim, &user_norms),
        unit_rows(items, dim, &item_norms),
    );
    let batch = Batch {
        config,
        pairs,
        starts: pair_starts(pairs.users, n_users),
        users: &users,
        items: &items,
        n_items,
        dim,
        level: Level::detect(),
    };
    let rows_a_group = n_users.div_ceil(GROUPS).next_multiple_of(BLOCK);
    let groups: Vec<(f64, Vec<f32>)> = user_gradients
        .par_chunks_mut(rows_a_group * dim)
        .enumerate()
        .map(|(group, gradients)| batch.group(group * rows_a_group, gradients))
        .collect();
    let mut loss = 0.0;
    for (part, gradients) in &groups {
        loss += part;
        for (to, from) in item_gradients.iter_mut().zip(gradients) {
            *to += from;
        }
    }
    through_normalization(user_gradients, &users, &user_norms, dim);
    through_normalization(item_gradients, &items, &item_norms, dim);
    loss
}

fn check(
    pairs: &SoftmaxPairs<'_>,
    users: &[f32],
    items: &[f32],
    dim: usize,
    user_gradients: &[f32],
    item_gradients: &[f32],
) -> (usize, usize) {
    let n_items = pairs.candidate_weights.len();
    let n_users = users.len() / dim.max(1);
    assert!(
        n_users * dim == users.len(),
        "the consumers must be rows of {dim} numbers, but there are {} numbers",
        users.len()
    );
    assert!(
        n_items * dim == items.len(),
        "{n_items} candidates have weights, but there are {} numbers in rows of {dim}",
        items.len()
    );
    assert!(
        user_gradients.len() == users.len() && item_gradients.len() == items.len(),
        "a gradient has the shape of what it belongs to"
    );
    let n_pairs = pairs.users.len();
    assert!(
        pairs.items.len() == n_pairs && pairs.weights.len() == n_pairs,
        "there are {n_pairs} pairs, {} products and {} weights",
        pairs.items.len(),
        pairs.weights.len()
    );
    assert!(
        pairs.users.is_sorted() && pairs.users.last().is_none_or(|&u| (u as usize) < n_users),
        "the pairs must ascend by consumer, all below {n_users}"
    );
    assert!(
        pairs.items.iter().all(|&i| (i as usize) < n_items),
        "a pair's product must be one of the {n_items} candidates"
    );
    if let Some(excluded) = pairs.excluded {
        assert!(
            excluded.len() == n_users,
            "{} consumers have exclusions, but there are {n_users}",
            excluded.len()
        );
    }
    (n_users, n_items)
}

/// Where each consumer's pairs begin: `[n_users + 1]`.
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

fn norms(rows: &[f32], dim: usize) -> Vec<f32> {
    rows.chunks_exact(dim)
        .map(|row| {
            row.iter()
                .map(|x| x * x)
                .sum::<f32>()
                .sqrt()
                .max(LEAST_NORM)
        })
        .collect()
}

fn unit_rows(rows: &[f32], dim: usize, norms: &[f32]) -> Vec<f32> {
    let mut unit = rows.to_vec();
    for (row, norm) in unit.chunks_exact_mut(dim).zip(norms) {
        for x in row {
            *x /= norm;
        }
    }
    unit
}

/// From the gradient of a unit vector to that of the vector it was made of.
fn through_normalization(gradients: &mut [f32], unit: &[f32], norms: &[f32], dim: usize) {
    let rows = gradients.chunks_exact_mut(dim).zip(unit.chunks_exact(dim));
    for ((gradient, unit), norm) in rows.zip(norms) {
        let along: f32 = gradient.iter().zip(unit).map(|(g, x)| g * x).sum();
        for (g, x) in gradient.iter_mut().zip(unit) {
            *g = (*g - along * x) / norm;
        }
    }
}

/// A batch of unit vectors.
struct Batch<'a> {
    config: &'a SoftmaxConfig,
    pairs: &'a SoftmaxPairs<'a>,
    starts: Vec<usize>,
    /// `[n_users, dim]`
    users: &'a [f32],
    /// `[n_items, dim]`
    items: &'a [f32],
    n_items: usize,
    dim: usize,
    level: Level,
}

/// A candidate that is a positive of the consumer in this batch, or excluded for him.
struct Own {
    item: u32,
    score: f32,
    /// Whether it is no negative of the consumer's other pairs either.
    excluded: bool,
    /// The derivative of the loss by its score.
    slope: f64,
}

impl Batch<'_> {
    /// The loss of the consumers from `first` on; writes their gradients (`[n, dim]`) and returns
    /// their part of the candidates'.
    fn group(&self, first: usize, gradients: &mut [f32]) -> (f64, Vec<f32>) {
        let mut item_gradients = vec![0.0; self.n_items * self.dim];
        let mut scores = vec![0.0; BLOCK * self.n_items];
        let mut loss = 0.0;
        for (block, gradients) in gradients.chunks_mut(BLOCK * self.dim).enumerate() {
            let n = gradients.len() / self.dim;
            let (first, scores) = (first + block * BLOCK, &mut scores[..n * self.n_items]);
            loss += self.block(first, n, scores, gradients, &mut item_gradients);
        }
        (loss, item_gradients)
    }

    fn block(
        &self,
        first: usize,
        n: usize,
        scores: &mut [f32],
        gradients: &mut [f32],
        item_gradients: &mut [f32],
    ) -> f64 {
        let (dim, n_items) = (self.dim, self.n_items);
        let users = &self.users[first * dim..][..n * dim];
        multiply(
            Matrix::rows(users, n, dim),
            Matrix::rows(self.items, n_items, dim).transposed(),
            false,
            scores,
        );
        let mut loss = 0.0;
        let mut scaled = users.to_vec();
        let mut slopes = Vec::with_capacity(n);
        let mut owns = Vec::with_capacity(n);
        for (row, scores) in scores.chunks_exact_mut(n_items).enumerate() {
            let (part, slope, own) = self.row(first + row, scores);
            loss += part;
            slopes.push(slope);
            owns.push(own);
        }
        for (row, slope) in scaled.chunks_exact_mut(dim).zip(&slopes) {
            for x in row {
                *x *= slope;
            }
        }
        let exponentials = Matrix::rows(scores, n, n_items);
        multiply(
            exponentials,
            Matrix::rows(self.items, n_items, dim),
            false,
            gradients,
        );
        multiply(
            exponentials.transposed(),
            Matrix::rows(&scaled, n, dim),
            true,
            item_gradients,
        );
        for (row, gradient) in gradients.chunks_exact_mut(dim).enumerate() {
            for g in gradient.iter_mut() {
                *g *= slopes[row];
            }
            for own in &owns[row] {
                let slope = own.slope as f32;
                let item = own.item as usize * dim;
                for (d, g) in gradient.iter_mut().enumerate() {
                    *g += slope * self.items[item + d];
                    item_gradients[item + d] += slope * users[row * dim + d];
                }
            }
        }
        loss
    }

    /// Turns one consumer's scores into weighted exponentials, those of his own products into 0.
    /// Returns his loss, the factor that makes exponentials derivatives, and his own products.
    fn row(&self, user: usize, scores: &mut [f32]) -> (f64, f32, Vec<Own>) {
        let pairs = self.starts[user]..self.starts[user + 1];
        if pairs.is_empty() {
            scores.fill(0.0);
            return (0.0, 0.0, Vec::new());
        }
        let mut owns = self.owns(user, scores);
        let mut top = largest(self.level, scores);
        if top == f32::NEG_INFINITY {
            top = owns[0].score;
        }
        let temperature = f64::from(self.config.temperature);
        let scale = 1.0 / self.config.temperature;
        let weights = self.pairs.candidate_weights;
        let sum = exp_weighted_sum(self.level, scores, top, scale, weights);
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

    /// The consumer's own products with their scores, which are taken out of the row.
    fn owns(&self, user: usize, scores: &mut [f32]) -> Vec<Own> {
        let pairs = self.starts[user]..self.starts[user + 1];
        let excluded = self.pairs.excluded.map_or(&[][..], |lists| &lists[user]);
        let mut owns: Vec<Own> = Vec::with_capacity(pairs.len());
        for &item in &self.pairs.items[pairs] {
            if owns.iter().all(|own| own.item != item) {
                owns.push(Own {
                    item,
                    score: scores[item as usize],
                    excluded: excluded.binary_search(&item).is_ok(),
                    slope: 0.0,
                });
            }
        }
        for own in &owns {
            scores[own.item as usize] = f32::NEG_INFINITY;
        }
        for &item in excluded {
            scores[item as usize] = f32::NEG_INFINITY;
        }
        owns
    }
}

/// A borrowed dense matrix with its strides.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    data: &'a [f32],
    n_rows: usize,
    n_columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major, `[n_rows, n_columns]`.
    fn rows(data: &'a [f32], n_rows: usize, n_columns: usize) -> Self {
        assert!(
            data.len() == n_rows * n_columns,
            "a matrix has all its numbers"
        );
        Self {
            data,
            n_rows,
            n_columns,
            row_stride: n_columns,
            column_stride: 1,
        }
    }

    fn transposed(self) -> Self {
        Self {
            data: self.data,
            n_rows: self.n_columns,
            n_columns: self.n_rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// `out = a · b`, or `out += a · b`; `out` is row-major. On this thread.
fn multiply(a: Matrix<'_>, b: Matrix<'_>, add: bool, out: &mut [f32]) {
    let (m, n, k) = (a.n_rows, b.n_columns, a.n_columns);
    assert!(
        b.n_rows == k && out.len() == m * n,
        "the matrices must fit each other"
    );
    // SAFETY: both operands hold every element that their shape and strides name (checked when they
    // were made: strides are those of a row-major matrix or of its transpose), `out` holds `m · n`
    // numbers and is row-major, and it is borrowed mutably, so that it overlaps neither operand.
    unsafe {
        gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests;
