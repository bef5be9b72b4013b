//! Batches cut on GPUs: one unit per pair, then one unit per negative.

use burn::tensor::{DType, Tensor};
use burn_cubecl::cubecl::{self, cube, prelude::*};

use super::batch::{BatchCut, NodeBatch};
use super::pair_table::{PairOrder, PairTable};
use crate::cube::{OnCube, contiguous, empty, units};
use crate::negatives::cube::{Drawing, draw_of_all, draw_of_others};
use crate::primitive::{float_primitive, float_tensor};

/// One unit per pair: its user, its item as a node, and its share of the loss.
#[cube(launch_unchecked)]
fn pairs_kernel(
    order: &Array<i32>,
    users: &Array<i32>,
    items: &Array<i32>,
    weights: &Array<f32>,
    nodes: &mut Array<i32>,
    batch_weights: &mut Array<f32>,
    first_pair: u32,
    n_pairs: u32,
    n_users: u32,
    divisor: f32,
) {
    let slot = ABSOLUTE_POS as u32;
    // Launches are rounded up to whole cubes, so the last one has units without a pair.
    if slot < n_pairs {
        let pair = u32::cast_from(order[(first_pair + slot) as usize]) as usize;
        // All users, then all items, as the losses read them: neighboring units write neighboring slots. In the graph,
        // items follow the users.
        nodes[slot as usize] = users[pair];
        nodes[(n_pairs + slot) as usize] = items[pair] + i32::cast_from(n_users);
        batch_weights[slot as usize] = weights[pair] / divisor;
    }
}

pub(crate) fn cut_batch<B: OnCube>(
    table: &PairTable<B>,
    order: &PairOrder<B>,
    cut: &BatchCut,
) -> NodeBatch<B> {
    let users = contiguous(table.users.clone().into_primitive());
    let items = contiguous(table.positives.items.clone().into_primitive());
    let offsets = contiguous(table.positives.offsets.clone().into_primitive());
    let n_users = table.positives.n_users() as u32;
    let n_own = cut.n_pairs * (2 + cut.n_negatives);
    let nodes = empty(&users, [n_own + cut.n_shared], DType::I32);
    let weights = empty(&users, [cut.n_pairs], DType::F32);
    let client = users.client.clone();
    let (count, cube_dim) = units(&client, cut.n_pairs);
    // SAFETY: the order's pairs were checked against the table when it was made, and the cut against
    // the order by the caller; `nodes` has two slots per pair, and the kernel checks its position.
    unsafe {
        pairs_kernel::launch_unchecked::<B::Runtime>(
            &client,
            count,
            cube_dim,
            contiguous(order.pairs.clone().into_primitive()).into_array_arg(),
            users.into_array_arg(),
            items.clone().into_array_arg(),
            contiguous(float_primitive(table.weights.clone())).into_array_arg(),
            nodes.clone().into_array_arg(),
            weights.clone().into_array_arg(),
            cut.first_pair as u32,
            cut.n_pairs as u32,
            n_users,
            cut.divisor,
        );
    }
    let drawing = |first: u64| Drawing {
        seed: cut.seed,
        epoch: cut.epoch,
        first,
        n_items: table.positives.n_items() as u32,
        shift: n_users,
    };
    if cut.n_negatives > 0 {
        draw_of_others(
            &drawing(cut.first_negative()),
            (&offsets, &items),
            (&nodes, cut.n_pairs, cut.n_negatives),
            (&nodes, 2 * cut.n_pairs),
        );
    }
    if cut.n_shared > 0 {
        draw_of_all(&drawing(cut.first_shared), &nodes, n_own, cut.n_shared);
    }
    NodeBatch {
        n_pairs: cut.n_pairs,
        n_negatives: cut.n_negatives,
        n_shared: cut.n_shared,
        n_nodes: table.n_nodes(),
        nodes: Tensor::from_primitive(nodes),
        weights: float_tensor(weights),
    }
}
