//! Batches cut with plain tensor operations and draws on the host, for any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use super::batch::{BatchCut, NodeBatch};
use super::pair_table::{PairOrder, PairTable};
use crate::negatives::draws::NegativeDraws;
use crate::negatives::reference::{sample_negatives, sample_of_all};
use crate::upload::upload_ints;

/// As [`crate::cut_batch`], which checks the arguments.
pub fn cut_batch<B: Backend>(
    table: &PairTable<B>,
    order: &PairOrder<B>,
    cut: &BatchCut,
) -> NodeBatch<B> {
    let n_users = table.positives.n_users() as i32;
    let pairs = order.pairs.clone().narrow(0, cut.first_pair, cut.n_pairs);
    let users = table.users.clone().select(0, pairs.clone());
    let items = table.positives.items.clone().select(0, pairs.clone());
    let mut parts: Vec<Tensor<B, 1, Int>> = vec![users.clone(), items.add_scalar(n_users)];
    if cut.n_negatives > 0 {
        let draws = NegativeDraws {
            seed: cut.seed,
            epoch: cut.epoch,
            first_pair: cut.first_pair as u64,
            n_negatives: cut.n_negatives,
        };
        let negatives = sample_negatives(&table.positives, users, &draws);
        parts.push(negatives.clamp_min(0).add_scalar(n_users));
    }
    if cut.n_shared > 0 {
        let n_items = table.positives.n_items() as u32;
        let shared = (0..cut.n_shared as u64)
            .map(|n| sample_of_all(cut.seed, cut.epoch, cut.first_shared + n, n_items) + n_users)
            .collect();
        parts.push(upload_ints(shared, &table.users.device()));
    }
    NodeBatch {
        n_pairs: cut.n_pairs,
        n_negatives: cut.n_negatives,
        n_shared: cut.n_shared,
        n_nodes: table.n_nodes(),
        nodes: Tensor::cat(parts, 0),
        weights: table
            .weights
            .clone()
            .select(0, pairs)
            .div_scalar(cut.divisor),
    }
}
