//! The best items of each user.

#[cfg(feature = "cube")]
pub(crate) mod cube;
pub(crate) mod reference;

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use crate::backend::GraphBackend;

/// Scores that are held at a time: 64 MiB of `f32`.
const BLOCK_SCORES: usize = 16 << 20;

/// The best items of each user, best first.
#[derive(Clone, Debug)]
pub struct TopK<B: Backend> {
    /// `[n_users, k]`, `i32`; −1 where a user has fewer than `k` items left.
    pub items: Tensor<B, 2, Int>,
    /// `[n_users, k]`; meaningless where the product is −1.
    pub scores: Tensor<B, 2>,
}

/// Items to leave out for each user: those of row `u` are `items[offsets[u]..offsets[u + 1]]`.
#[derive(Clone, Copy, Debug)]
pub struct LeaveOut<'a> {
    /// `[n_users + 1]`, from 0, never decreasing, ending at the number of items.
    pub offsets: &'a [u32],
    /// Row numbers of items, in any order.
    pub items: &'a [u32],
}

/// The `k` items of the largest dot product for each user, without those to leave out; ties go
/// to the lower row number. `users` is `[n_users, dim]`, `items` `[n_items, dim]`.
///
/// Scores are made, masked and searched in blocks of users, so that they never exist whole.
/// O(n_users · n_items · dim).
///
/// # Panics
///
/// If `k` is 0 or more than the number of items, the widths differ, or what to leave out does not
/// fit.
pub fn top_k<B: GraphBackend>(
    users: Tensor<B, 2>,
    items: Tensor<B, 2>,
    leave_out: LeaveOut<'_>,
    k: usize,
) -> TopK<B> {
    let ([n_users, dim], [n_items, item_dim]) = (users.dims(), items.dims());
    assert!(
        dim == item_dim && n_users > 0 && dim > 0,
        "top_k: users are [{n_users}, {dim}], items [{n_items}, {item_dim}]"
    );
    assert!(
        (1..=n_items).contains(&k),
        "top_k: k is {k}; it must be at least 1 and at most the {n_items} products"
    );
    let LeaveOut {
        offsets,
        items: out,
    } = leave_out;
    assert!(
        offsets.len() == n_users + 1
            && offsets.first() == Some(&0)
            && offsets.is_sorted()
            && offsets.last().is_some_and(|&end| end as usize == out.len())
            && out.iter().all(|&item| (item as usize) < n_items),
        "top_k: what to leave out must have {} offsets that end at its {} items, all below {n_items}",
        n_users + 1,
        out.len()
    );
    let block = (BLOCK_SCORES / n_items).clamp(1, n_users);
    let columns = items.transpose();
    let (mut best, mut scores) = (Vec::new(), Vec::new());
    for first in (0..n_users).step_by(block) {
        let n = block.min(n_users - first);
        let here = users.clone().narrow(0, first, n).matmul(columns.clone());
        let offsets = &offsets[first..=first + n];
        let (start, end) = (offsets[0] as usize, offsets[n] as usize);
        let offsets: Vec<u32> = offsets.iter().map(|o| o - offsets[0]).collect();
        let leave_out = LeaveOut {
            offsets: &offsets,
            items: &out[start..end],
        };
        let found = B::top_k_of_scores(here, leave_out, k);
        best.push(found.items);
        scores.push(found.scores);
    }
    TopK {
        items: Tensor::cat(best, 0),
        scores: Tensor::cat(scores, 0),
    }
}
