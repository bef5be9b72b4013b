//! Batches cut with plain tensor operations and draws on the host, for any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use super::batch::{BatchCut, NodeBatch};
use super::pair_table::{PairOrder, PairTable};
use crate::negatives::reference::Draws;
use crate::upload::upload_ints;

/// As [`crate::cut_batch`], which checks the arguments.
pub fn cut_batch<B: Backend>(
    table: &PairTable<B>,
    order: &PairOrder<B>,
    cut: &BatchCut,
) -> NodeBatch<B> {
    let n_users = table.positives.n_users() as i32;
    let device = table.users.device();
    let host = |ints: &Tensor<B, 1, Int>| -> Vec<i64> { ints.to_data().iter().collect() };
    let draws = Draws {
        seed: cut.seed,
        epoch: cut.epoch,
        n_items: table.positives.n_items() as u32,
    };
    let pairs = order.pairs.clone().narrow(0, cut.first_pair, cut.n_pairs);
    let users = table.users.clone().select(0, pairs.clone());
    let items = table.positives.items.clone().select(0, pairs.clone());
    let mut parts = vec![users.clone(), items.add_scalar(n_users)];
    if cut.n_negatives > 0 {
        let (offsets, taken) = (host(&table.positives.offsets), host(&table.positives.items));
        let users = host(&users);
        let negatives = (0..cut.n_pairs * cut.n_negatives).map(|n| {
            let user = users[n / cut.n_negatives] as usize;
            let taken = &taken[offsets[user] as usize..offsets[user + 1] as usize];
            n_users + draws.of_others(taken, cut.first_negative() + n as u64)
        });
        parts.push(upload_ints(negatives.collect(), &device));
    }
    if cut.n_shared > 0 {
        let shared = (0..cut.n_shared as u64).map(|n| n_users + draws.of_all(cut.first_shared + n));
        parts.push(upload_ints(shared.collect(), &device));
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
