//! The softmax family of batch losses, with its gradient, in one pass over blocks of scores.

mod block;
#[cfg(test)]
mod tests;
mod unit_rows;

use rayon::prelude::*;

use crate::buffers::with_buffer;
use crate::cpu::Level;
use block::{BLOCK, Batch};
use unit_rows::UnitRows;

/// In how many groups of blocks the gradient of the candidates is summed. Not the number of threads,
/// so that the bits do not depend on it.
const GROUPS: usize = 8;

/// Settings of [`softmax_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxConfig {
    /// Temperature τ that cosines are divided by, at least 0.005.
    pub temperature: f32,
    /// Weight t₂ of the logarithm over the negatives: 1 is the sampled softmax, any other BSL.
    pub negative_weight: f32,
}

/// A batch of positive pairs among distinct users and distinct candidate items.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxPairs<'a> {
    /// The user of each pair, as its row among the batch's users, ascending.
    pub users: &'a [u32],
    /// The item of each pair, as its row among the candidates.
    pub items: &'a [u32],
    /// The weight of each pair's loss, divided by the size of the batch if a mean is wanted.
    pub weights: &'a [f32],
    /// How much each candidate counts as a negative, `[n_candidates]`, positive and finite: how often
    /// it was drawn, times its popularity correction.
    pub candidate_weights: &'a [f32],
    /// For each of the batch's users the candidates that are no negatives although they are not
    /// in the batch with him, ascending; or none at all.
    pub excluded: Option<&'a [Vec<u32>]>,
}

/// The softmax loss of a batch, and its gradient.
///
/// ```text
/// L = Σ_p w_p · ( −s_pp / τ + t₂ · ln Σ_{j ≠ i_p} m_j · exp(s_pj / τ) )
/// ```
///
/// with `s` the cosine of a pair's user and a candidate, `w` the pairs' weights and `m` the
/// candidates'. The sum leaves out the pair's own item and what is excluded for its user; a
/// pair without any negative has its first term alone. With t₂ = 1 this is the sampled softmax with
/// in-batch negatives, else BSL (Wu et al., "BSL: Understanding and Improving Softmax Loss for
/// Recommendation", ICDE 2024, equation 18).
///
/// `users` has shape `[n_users, dim]` and `items` `[n_candidates, dim]`, the final embeddings, which
/// this function brings to length 1 (floored at 1e-12). The gradients with respect to them are
/// written to `user_gradients` and `item_gradients`, of the same shapes; what these held is not read.
///
/// O(n_users · n_candidates · dim) time, 3 products of dense matrices, and
/// O((60 + 10 · dim) · n_candidates) memory: the matrix of scores never exists whole. Runs on rayon's
/// current pool; the bits do not depend on the thread count.
///
/// # Panics
/// When a slice has another length than its shape says, pairs do not ascend by user, or a row is
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
    let level = Level::detect();
    softmax_loss_at(
        level,
        config,
        pairs,
        users,
        items,
        dim,
        user_gradients,
        item_gradients,
    )
}

#[allow(clippy::too_many_arguments)]
fn softmax_loss_at(
    level: Level,
    config: &SoftmaxConfig,
    pairs: &SoftmaxPairs<'_>,
    users: &[f32],
    items: &[f32],
    dim: usize,
    user_gradients: &mut [f32],
    item_gradients: &mut [f32],
) -> f64 {
    let (n_users, n_items) = check(pairs, users, items, dim, user_gradients, item_gradients);
    if pairs.users.is_empty() || dim == 0 {
        user_gradients.fill(0.0);
        item_gradients.fill(0.0);
        return 0.0;
    }
    let (users, items) = (UnitRows::new(users, dim), UnitRows::new(items, dim));
    let starts = pair_starts(pairs.users, n_users);
    let batch = Batch::new(level, config, pairs, starts, &users, &items);
    let rows_a_group = n_users.div_ceil(GROUPS).next_multiple_of(BLOCK);
    let size = batch.item_numbers();
    with_buffer(n_users.div_ceil(rows_a_group) * size, |parts| {
        let loss = user_gradients
            .par_chunks_mut(rows_a_group * dim)
            .zip(parts.par_chunks_mut(size))
            .enumerate()
            .map(|(group, (gradients, part))| batch.group(group * rows_a_group, gradients, part))
            .collect::<Vec<f64>>()
            .iter()
            .sum();
        let width = items.width();
        let rows = item_gradients.par_chunks_mut(dim).enumerate();
        rows.with_min_len(n_items.div_ceil(GROUPS).max(1))
            .for_each(|(item, out)| {
                let sum = &mut vec![0.0; width][..];
                for part in parts.chunks_exact(size) {
                    for (to, from) in sum.iter_mut().zip(&part[item * width..]) {
                        *to += from;
                    }
                }
                items.through(item, sum, out);
            });
        loss
    })
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
        "the users must be rows of {dim} numbers, but there are {} numbers",
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
        "the pairs must ascend by user, all below {n_users}"
    );
    assert!(
        pairs.items.iter().all(|&i| (i as usize) < n_items),
        "a pair's item must be one of the {n_items} candidates"
    );
    if let Some(excluded) = pairs.excluded {
        assert!(
            excluded.len() == n_users,
            "{} users have exclusions, but there are {n_users}",
            excluded.len()
        );
    }
    (n_users, n_items)
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
