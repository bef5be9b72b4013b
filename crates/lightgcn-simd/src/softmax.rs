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

/// The number of groups of blocks in which the candidates' gradient is summed. Fixed, not the number of
/// threads, so that the bits do not depend on it.
const GROUPS: usize = 8;

/// Options of the softmax loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxOptions {
    /// Temperature τ that cosines are divided by, at least 0.01.
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
    /// The weight of each candidate as a negative, `[n_candidates]`, positive and finite: how often
    /// it was drawn, times its popularity correction.
    pub candidate_weights: &'a [f32],
    /// For each of the batch's users, the candidates that are not negatives although they are not among the
    /// user's pairs, ascending. `None` excludes nothing.
    pub excluded: Option<&'a [Vec<u32>]>,
}

/// The final embeddings of a batch.
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxTables<'a> {
    /// `[n_users, dim]`.
    pub users: &'a [f32],
    /// `[n_candidates, dim]`.
    pub items: &'a [f32],
    /// Numbers in a row.
    pub dim: usize,
}

/// The output gradients with respect to a batch's embeddings; they are overwritten.
#[derive(Debug)]
pub struct SoftmaxGradients<'a> {
    /// `[n_users, dim]`.
    pub users: &'a mut [f32],
    /// `[n_candidates, dim]`.
    pub items: &'a mut [f32],
}

/// The softmax loss of a batch, and its gradient.
///
/// ```text
/// L = Σ_p w_p · ( −s_pp / τ + t₂ · ln Σ_{j ≠ i_p} m_j · exp(s_pj / τ) )
/// ```
///
/// with `s` the cosine of a pair's user and a candidate, `w` the pairs' weights and `m` the
/// candidates'. The sum omits the pair's own item and the candidates excluded for its user; a pair
/// without negatives has only the first term. With t₂ = 1 this is the sampled softmax with in-batch
/// negatives, else BSL (Wu et al., "BSL: Understanding and Improving Softmax Loss for
/// Recommendation", ICDE 2024, equation 18).
///
/// The embeddings are normalized to length 1 here (lengths are floored at 1e-12); the gradients are with
/// respect to the embeddings as given.
///
/// O(n_users · n_candidates · dim) time, 3 products of dense matrices, and O((60 + 10 · dim) · n_candidates)
/// memory: the whole score matrix is never stored. Runs on rayon's current pool; the bits do not depend on
/// the thread count.
///
/// # Panics
/// If the length of a slice does not match its shape, pairs do not ascend by user, or a row is out of range.
pub fn softmax_loss(
    options: &SoftmaxOptions,
    pairs: &SoftmaxPairs<'_>,
    tables: SoftmaxTables<'_>,
    gradients: SoftmaxGradients<'_>,
) -> f64 {
    softmax_loss_at(Level::detect(), options, pairs, tables, gradients)
}

fn softmax_loss_at(
    level: Level,
    options: &SoftmaxOptions,
    pairs: &SoftmaxPairs<'_>,
    tables: SoftmaxTables<'_>,
    gradients: SoftmaxGradients<'_>,
) -> f64 {
    let (n_users, n_items) = check(pairs, tables, &gradients);
    let SoftmaxTables { users, items, dim } = tables;
    let (user_gradients, item_gradients) = (gradients.users, gradients.items);
    if pairs.users.is_empty() || dim == 0 {
        user_gradients.fill(0.0);
        item_gradients.fill(0.0);
        return 0.0;
    }
    let (users, items) = (UnitRows::new(users, dim), UnitRows::new(items, dim));
    let batch = Batch::new(level, options, pairs, &users, &items);
    // Each group of users sums its blocks' gradients of all candidates into its own part, and the
    // parts are added in group order. So threads share no sum, and the order of additions depends
    // only on the batch.
    let rows_a_group = n_users.div_ceil(GROUPS).next_multiple_of(BLOCK);
    let size = batch.item_numbers();
    with_buffer(n_users.div_ceil(rows_a_group) * size, |parts| {
        let loss = user_gradients
            .par_chunks_mut(rows_a_group * dim)
            .zip(parts.par_chunks_mut(size))
            .enumerate()
            .map(|(group, (gradients, part))| batch.group(group * rows_a_group, gradients, part))
            // Collected first: a parallel sum would add in any order.
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

/// The number of users and of candidates, if all lengths fit.
fn check(
    pairs: &SoftmaxPairs<'_>,
    tables: SoftmaxTables<'_>,
    gradients: &SoftmaxGradients<'_>,
) -> (usize, usize) {
    let SoftmaxTables { users, items, dim } = tables;
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
        gradients.users.len() == users.len() && gradients.items.len() == items.len(),
        "a gradient must have the shape of its embeddings"
    );
    let n_pairs = pairs.users.len();
    assert!(
        pairs.items.len() == n_pairs && pairs.weights.len() == n_pairs,
        "there are {n_pairs} pairs, {} items and {} weights",
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
