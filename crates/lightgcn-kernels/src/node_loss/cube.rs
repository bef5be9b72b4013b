//! The losses of a batch on GPUs. BPR is that of [`batch_loss`](crate::batch_loss), reading the whole
//! table. The softmax loss brings the batch's rows to length 1, lets burn multiply users by candidates,
//! and gives each pair one cube, which masks, sums and differentiates that pair's scores; two more
//! products of burn's turn those slopes into gradients by the unit rows.
//!
//! Slots are ordered users, items of the pairs, shared items. So candidate `j` of a pair is slot
//! `n_pairs + j`, and pair `p`'s own item is candidate `p`.
#![allow(
    clippy::collapsible_if,
    reason = "kernels evaluate both sides of `&&`, and the second side may index out of bounds"
)]

use burn::tensor::{DType, Tensor};
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::node_softmax::NodeSoftmax;
use super::reference;
use super::slot_gradient::SlotGradient;
use crate::batch_loss::cube::{BprSlots, NEVER, SCORE_UNITS, bpr_slots, of_cube};
use crate::batch_loss::reference::LEAST_SQUARED_LENGTH;
use crate::cube::{OnCube, Walk, contiguous, cubes, dims, empty};
use crate::node_batch::batch::NodeBatch;
use crate::node_batch::pair_table::PairTable;
use crate::primitive::{float_primitive, float_tensor};

pub(crate) fn bpr_slot_gradient<B: OnCube>(
    embeddings: Tensor<B, 2>,
    batch: &NodeBatch<B>,
) -> SlotGradient<B> {
    if embeddings.dtype() != DType::F32 {
        return reference::bpr_slot_gradient(embeddings, batch);
    }
    // What `bpr_slots` asks for: `NodeBatch` is only made with rows below its number of nodes, which the
    // caller has compared with the table's, and with one weight per pair.
    let BprSlots { losses, gradient } = bpr_slots(
        &contiguous(float_primitive(embeddings)),
        &contiguous(batch.nodes.clone().into_primitive()),
        &contiguous(float_primitive(batch.weights.clone())),
        batch.n_pairs,
        batch.n_negatives,
    );
    SlotGradient {
        losses: float_tensor(losses),
        gradient: float_tensor(gradient),
    }
}

/// One worker per slot: the row that it reads divided by its length, and the length.
#[cube(launch_unchecked)]
fn unit_rows_kernel<N: Size>(
    table: &Array<Vector<f32, N>>,
    nodes: &Array<i32>,
    unit: &mut Array<Vector<f32, N>>,
    lengths: &mut Array<f32>,
    n_slots: u32,
    vectors: u32,
    least: f32,
) {
    let slot = (CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize) as u32;
    if slot < n_slots {
        let first = u32::cast_from(nodes[slot as usize]) * vectors;
        // Every unit of the worker adds up the whole row itself: the row is in the cache after the
        // first, and a reduction across units would need shared memory and barriers.
        let mut squares = Vector::<f32, N>::new(0.0f32);
        for v in 0..vectors {
            let x = table[(first + v) as usize];
            squares += x * x;
        }
        let mut squared = 0.0f32;
        #[unroll]
        for lane in 0..N::value() {
            squared += squares[lane];
        }
        let length = f32::sqrt(max(squared, least));
        if UNIT_POS_X == 0 {
            lengths[slot as usize] = length;
        }
        let mut v = UNIT_POS_X;
        while v < vectors {
            let x = table[(first + v) as usize];
            unit[(slot * vectors + v) as usize] = x / Vector::new(length);
            v += CUBE_DIM_X;
        }
    }
}

/// One worker per slot: from the gradient `g` by the unit row `u` to that by the row itself,
/// `(g − (g · u) u) / length`. Users have their `g` in one matrix, candidates in the other.
#[cube(launch_unchecked)]
fn by_rows_kernel<N: Size>(
    unit: &Array<Vector<f32, N>>,
    lengths: &Array<f32>,
    by_user: &Array<Vector<f32, N>>,
    by_candidate: &Array<Vector<f32, N>>,
    out: &mut Array<Vector<f32, N>>,
    n_slots: u32,
    n_pairs: u32,
    vectors: u32,
) {
    let slot = (CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize) as u32;
    if slot < n_slots {
        let first = slot * vectors;
        // For a user this is row 0 of the candidates: it is read so that both sides of a branch
        // stay in bounds, but not used.
        let candidate = (slot - min(slot, n_pairs)) * vectors;
        let is_user = slot < n_pairs;
        let mut products = Vector::<f32, N>::new(0.0f32);
        for v in 0..vectors {
            let x = unit[(first + v) as usize];
            if is_user {
                products += x * by_user[(first + v) as usize];
            } else {
                products += x * by_candidate[(candidate + v) as usize];
            }
        }
        let mut along = 0.0f32;
        #[unroll]
        for lane in 0..N::value() {
            along += products[lane];
        }
        let length = lengths[slot as usize];
        let mut v = UNIT_POS_X;
        while v < vectors {
            let x = unit[(first + v) as usize];
            let mut slope = by_candidate[(candidate + v) as usize];
            if is_user {
                slope = by_user[(first + v) as usize];
            }
            out[(first + v) as usize] = (slope - x * Vector::new(along)) / Vector::new(length);
            v += CUBE_DIM_X;
        }
    }
}

/// Whether an item is among the positives `items[start..end]` of a user, which ascend.
#[cube]
fn is_known(items: &Array<i32>, start: u32, end: u32, item: i32) -> bool {
    let mut first = start;
    let mut last = end;
    while first < last {
        let middle = first + (last - first) / 2u32;
        if items[middle as usize] < item {
            first = middle + 1u32;
        } else {
            last = middle;
        }
    }
    // Nested, not `&&`: `first` may be one past the last item of all.
    let mut known = first < end;
    if known {
        known = items[first as usize] == item;
    }
    known
}

/// One cube per pair: its loss, and the slopes by its scores. Three passes over the pair's scores: mask
/// and find the maximum, add up exponentials, scale them into slopes. Scores that must not count are
/// overwritten by `never`.
#[cube(launch_unchecked)]
fn softmax_kernel(
    nodes: &Array<i32>,
    offsets: &Array<i32>,
    items: &Array<i32>,
    weights: &Array<f32>,
    item_weights: &Array<f32>,
    thresholds: &Array<f32>,
    scores: &mut Array<f32>,
    slopes: &mut Array<f32>,
    losses: &mut Array<f32>,
    n_pairs: u32,
    n_candidates: u32,
    n_users: u32,
    shared_weight: f32,
    inverse_temperature: f32,
    negative_weight: f32,
    inverse_top_k_temperature: f32,
    never: f32,
    #[comptime] mask: bool,
    #[comptime] top_k: bool,
    #[comptime] units: u32,
) {
    let mut shared = SharedMemory::<f32>::new(units as usize);
    if CUBE_POS < n_pairs as usize {
        let pair = CUBE_POS as u32;
        let first = pair * n_candidates;
        let user = nodes[pair as usize];
        let own_item = nodes[(n_pairs + pair) as usize];
        // Before the mask overwrites it: a pair's own item is not among its negatives.
        let own = scores[(first + pair) as usize];
        let start = u32::cast_from(offsets[user as usize]);
        let end = u32::cast_from(offsets[user as usize + 1]);
        // Every unit has read `own` before any unit masks it.
        sync_cube();
        let mut top = never;
        let mut j = UNIT_POS_X;
        while j < n_candidates {
            let item = nodes[(n_pairs + j) as usize];
            // The same item in another pair of the batch is not a negative either.
            let mut out = item == own_item;
            if mask {
                if !out {
                    out = is_known(items, start, end, item - i32::cast_from(n_users));
                }
            }
            if out {
                scores[(first + j) as usize] = never;
            } else {
                top = max(top, scores[(first + j) as usize]);
            }
            j += units;
        }
        let top = of_cube(&mut shared, top, true);
        let has_negatives = top > never;
        let mut sum = 0.0f32;
        let mut j = UNIT_POS_X;
        while j < n_candidates {
            let score = scores[(first + j) as usize];
            // What a candidate adds to the sum is kept where its slope will be, which saves computing the
            // exponential twice.
            let mut part = 0.0f32;
            if score > never {
                part = f32::exp((score - top) * inverse_temperature);
                if j < n_pairs {
                    let item = nodes[(n_pairs + j) as usize] - i32::cast_from(n_users);
                    part *= item_weights[item as usize];
                } else {
                    part *= shared_weight;
                }
            }
            slopes[(first + j) as usize] = part;
            sum += part;
            j += units;
        }
        let sum = of_cube(&mut shared, sum, false);
        let mut weight = weights[pair as usize];
        if top_k {
            let margin = (own - thresholds[user as usize]) * inverse_top_k_temperature;
            weight /= 1.0f32 + f32::exp(-margin);
        }
        // Without negatives `sum` is 0, and the pair keeps only its first term.
        let mut factor = 0.0f32;
        if has_negatives {
            factor = weight * negative_weight * inverse_temperature / sum;
        }
        let mut j = UNIT_POS_X;
        while j < n_candidates {
            let mut slope = slopes[(first + j) as usize] * factor;
            if j == pair {
                slope = -weight * inverse_temperature;
            }
            slopes[(first + j) as usize] = slope;
            j += units;
        }
        if UNIT_POS_X == 0 {
            let mut loss = -own * inverse_temperature;
            if has_negatives {
                loss += negative_weight * (f32::ln(sum) + top * inverse_temperature);
            }
            losses[pair as usize] = weight * loss;
        }
    }
}

pub(crate) fn softmax_slot_gradient<B: OnCube>(
    embeddings: Tensor<B, 2>,
    batch: &NodeBatch<B>,
    pairs: &PairTable<B>,
    softmax: &NodeSoftmax<B>,
) -> SlotGradient<B> {
    let (n, n_slots) = (batch.n_pairs, batch.n_slots());
    let n_candidates = n + batch.n_shared;
    if embeddings.dtype() != DType::F32 || n * n_candidates > i32::MAX as usize {
        return reference::softmax_slot_gradient(embeddings, batch, pairs, softmax);
    }
    let table = contiguous(float_primitive(embeddings));
    let dim = dims(&table)[1];
    let nodes = contiguous(batch.nodes.clone().into_primitive());
    let unit = empty(&table, [n_slots, dim], DType::F32);
    let lengths = empty(&table, [n_slots], DType::F32);
    let walk = Walk::new(dim);
    let client = table.client.clone();
    // SAFETY: `NodeBatch` names rows below its number of nodes, which the caller has compared with the
    // table's; the kernel checks its position against the slots.
    unsafe {
        unit_rows_kernel::launch_unchecked::<B::Runtime>(
            &client,
            walk.cubes(&client, n_slots),
            walk.cube_dim(),
            walk.vector_size,
            table.into_array_arg(),
            nodes.clone().into_array_arg(),
            unit.clone().into_array_arg(),
            lengths.clone().into_array_arg(),
            n_slots as u32,
            walk.vectors,
            LEAST_SQUARED_LENGTH as f32,
        );
    }
    let units: Tensor<B, 2> = float_tensor(unit.clone());
    let users = units.clone().narrow(0, 0, n);
    let candidates = units.narrow(0, n, n_candidates);
    let scores = users.clone().matmul(candidates.clone().transpose());
    let scores = contiguous(float_primitive(scores));
    let (slopes, losses) = by_scores(scores, &nodes, batch, pairs, softmax);
    let slopes: Tensor<B, 2> = float_tensor(slopes);
    let by_user = contiguous(float_primitive(slopes.clone().matmul(candidates)));
    let by_candidate = contiguous(float_primitive(slopes.transpose().matmul(users)));
    let gradient = empty(&unit, [n_slots, dim], DType::F32);
    // SAFETY: as above; users come first, with one row each in one product, then the candidates,
    // with one row each in the other.
    unsafe {
        by_rows_kernel::launch_unchecked::<B::Runtime>(
            &client,
            walk.cubes(&client, n_slots),
            walk.cube_dim(),
            walk.vector_size,
            unit.into_array_arg(),
            lengths.into_array_arg(),
            by_user.into_array_arg(),
            by_candidate.into_array_arg(),
            gradient.clone().into_array_arg(),
            n_slots as u32,
            n as u32,
            walk.vectors,
        );
    }
    SlotGradient {
        losses: float_tensor(losses),
        gradient: float_tensor(gradient),
    }
}

/// The slopes by the scores, `[n_pairs, n_candidates]`, and the losses.
fn by_scores<B: OnCube>(
    scores: CubeTensor<B::Runtime>,
    nodes: &CubeTensor<B::Runtime>,
    batch: &NodeBatch<B>,
    pairs: &PairTable<B>,
    softmax: &NodeSoftmax<B>,
) -> (CubeTensor<B::Runtime>, CubeTensor<B::Runtime>) {
    let (n, n_candidates) = (batch.n_pairs, batch.n_pairs + batch.n_shared);
    let slopes = empty(&scores, [n, n_candidates], DType::F32);
    let losses = empty(&scores, [n], DType::F32);
    let item_weights = contiguous(float_primitive(softmax.item_weights.clone()));
    // Without SL@K the kernel does not read thresholds, but a buffer must be bound.
    let thresholds = softmax.top_k.as_ref().map_or_else(
        || item_weights.clone(),
        |(thresholds, _)| contiguous(float_primitive(thresholds.clone())),
    );
    let top_k_temperature = softmax.top_k.as_ref().map_or(1.0, |top_k| top_k.1);
    let client = scores.client.clone();
    // SAFETY: the batch was cut from a table of as many nodes, so its users have positives and
    // thresholds and its items weights; each cube stays within its pair's scores.
    unsafe {
        softmax_kernel::launch_unchecked::<B::Runtime>(
            &client,
            cubes(&client, n),
            CubeDim::new_1d(SCORE_UNITS),
            nodes.clone().into_array_arg(),
            contiguous(pairs.positives.offsets.clone().into_primitive()).into_array_arg(),
            contiguous(pairs.positives.items.clone().into_primitive()).into_array_arg(),
            contiguous(float_primitive(batch.weights.clone())).into_array_arg(),
            item_weights.into_array_arg(),
            thresholds.into_array_arg(),
            scores.into_array_arg(),
            slopes.clone().into_array_arg(),
            losses.clone().into_array_arg(),
            n as u32,
            n_candidates as u32,
            pairs.positives.n_users() as u32,
            softmax.shared_weight,
            1.0 / softmax.options.temperature,
            softmax.options.negative_weight,
            1.0 / top_k_temperature,
            NEVER,
            softmax.mask_positives,
            softmax.top_k.is_some(),
            SCORE_UNITS,
        );
    }
    (slopes, losses)
}
