//! The BPR loss on GPUs. The softmax loss of a batch planned on the host has no kernel: GPUs compute
//! it from batches cut on the device, in [`node_loss`](crate::node_loss).
//!
//! A *slot* is a position of the batch that reads a row of the embeddings: the users, then the
//! positives, then the negatives of each pair side by side. A row may be read by many slots, so one
//! kernel writes a gradient per slot, where no two units share an address, and
//! [`segment_sum_rows`](crate::segment_sum_rows()) adds up the slots of a row in a fixed order.
//! Adding to the rows directly would need atomics, and their order changes from run to run.

use burn::tensor::{DType, Tensor};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::batch::{BprBatch, LossGradient};
use super::reference;
use crate::cube::{OnCube, Walk, contiguous, dims, empty, units};
use crate::gather_rows::cube::segment_sum_rows;
use crate::primitive::{float_primitive, float_tensor};
use crate::row_indices::RowIndices;
use crate::upload::upload_floats;

/// Units that process one pair's scores. A power of two, as [`of_cube`] needs.
pub(crate) const SCORE_UNITS: u32 = 128;
/// The score of a candidate that must not count: its exponential is 0 compared with any other.
/// Finite, because shading languages need not support infinities.
pub(crate) const NEVER: f32 = -1e30;

/// One unit per negative: its part of the loss and the slope `−w σ(−margin)`.
#[cube(launch_unchecked)]
fn bpr_slopes_kernel<N: Size>(
    embeddings: &Array<Vector<f32, N>>,
    slots: &Array<i32>,
    weights: &Array<f32>,
    losses: &mut Array<f32>,
    slopes: &mut Array<f32>,
    n_pairs: u32,
    n_negatives: u32,
    vectors: u32,
) {
    let slot = ABSOLUTE_POS as u32;
    // Launches are rounded up to whole cubes, so units past the last negative must do nothing.
    if slot < n_pairs * n_negatives {
        // `slots` has the users, then the positives, then the negatives of each pair side by side.
        let pair = slot / n_negatives;
        let user = u32::cast_from(slots[pair as usize]) * vectors;
        let positive = u32::cast_from(slots[(n_pairs + pair) as usize]) * vectors;
        let negative = u32::cast_from(slots[(2u32 * n_pairs + slot) as usize]) * vectors;
        // e_u · (e_i − e_n) rather than two dot products: one pass, and near margins keep their digits.
        let mut products = Vector::<f32, N>::new(0.0f32);
        for v in 0..vectors {
            let difference =
                embeddings[(positive + v) as usize] - embeddings[(negative + v) as usize];
            products += embeddings[(user + v) as usize] * difference;
        }
        // The lanes are added last, in order. How many there are depends only on the dimension, so
        // the bits do too.
        let mut margin = 0.0f32;
        #[unroll]
        for lane in 0..N::value() {
            margin += products[lane];
        }
        let weight = weights[pair as usize];
        // ln(1 + e^−|margin|) cannot overflow; for a negative margin, −margin is added to it.
        let small = f32::exp(-f32::abs(margin));
        let mut loss = f32::ln(1.0f32 + small);
        // σ(−margin), again with an exponential that is at most 1.
        let mut share = small / (1.0f32 + small);
        if margin < 0.0f32 {
            loss -= margin;
            share = 1.0f32 / (1.0f32 + small);
        }
        losses[slot as usize] = weight * loss;
        slopes[slot as usize] = -weight * share;
    }
}

/// One worker per slot: the gradient of the embedding that the slot reads. All units of a worker
/// take the same branches, since the slot decides them, not the unit.
///
/// The margin of a negative is e_u · (e_i − e_n), and its slope is the derivative of the loss with
/// respect to the margin. So it adds slope · (e_i − e_n) to the user's gradient, slope · e_u to the
/// positive's and −slope · e_u to the negative's.
#[cube(launch_unchecked)]
fn bpr_gradients_kernel<N: Size>(
    embeddings: &Array<Vector<f32, N>>,
    slots: &Array<i32>,
    slopes: &Array<f32>,
    out: &mut Array<Vector<f32, N>>,
    n_pairs: u32,
    n_negatives: u32,
    vectors: u32,
) {
    let slot = (CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize) as u32;
    if slot < n_pairs * (2u32 + n_negatives) {
        let mut v = UNIT_POS_X;
        while v < vectors {
            let mut gradient = Vector::<f32, N>::new(0.0f32);
            if slot < 2u32 * n_pairs {
                // A user or a positive: the negatives of its pair are added in their order, so the
                // sum has the same bits on every run.
                let pair = slot % n_pairs;
                let user =
                    embeddings[(u32::cast_from(slots[pair as usize]) * vectors + v) as usize];
                let positive = u32::cast_from(slots[(n_pairs + pair) as usize]) * vectors + v;
                let positive = embeddings[positive as usize];
                for n in 0..n_negatives {
                    let at = pair * n_negatives + n;
                    let slope = Vector::<f32, N>::new(slopes[at as usize]);
                    if slot < n_pairs {
                        let negative = u32::cast_from(slots[(2u32 * n_pairs + at) as usize]);
                        let negative = embeddings[(negative * vectors + v) as usize];
                        gradient += slope * (positive - negative);
                    } else {
                        gradient += slope * user;
                    }
                }
            } else {
                // A negative belongs to one pair.
                let at = slot - 2u32 * n_pairs;
                let user = u32::cast_from(slots[(at / n_negatives) as usize]);
                let user = embeddings[(user * vectors + v) as usize];
                gradient = user * Vector::new(-slopes[at as usize]);
            }
            out[(slot * vectors + v) as usize] = gradient;
            v += CUBE_DIM_X;
        }
    }
}

/// The terms of the BPR loss and the gradient of each slot.
pub(crate) struct BprSlots<R: CubeRuntime> {
    /// `[n_pairs * n_negatives]`.
    pub(crate) losses: CubeTensor<R>,
    /// `[n_pairs * (2 + n_negatives), dim]`.
    pub(crate) gradient: CubeTensor<R>,
}

/// BPR on rows of contiguous `embeddings`. `slots` (users, positives, negatives of each pair)
/// must name rows of them, which the callers have checked, and `weights` holds one number per pair.
pub(crate) fn bpr_slots<R: CubeRuntime>(
    embeddings: &CubeTensor<R>,
    slots: &CubeTensor<R>,
    weights: &CubeTensor<R>,
    n_pairs: usize,
    n_negatives: usize,
) -> BprSlots<R> {
    let dim = dims(embeddings)[1];
    let n_triples = n_pairs * n_negatives;
    let n_slots = n_pairs * (2 + n_negatives);
    let losses = empty(embeddings, [n_triples], DType::F32);
    let slopes = empty(embeddings, [n_triples], DType::F32);
    let gradients = empty(embeddings, [n_slots, dim], DType::F32);
    let walk = Walk::new(dim);
    let client = &embeddings.client;
    let (count, cube_dim) = units(client, n_triples);
    // The second kernel reads the slopes that the first one writes: a client runs its launches in
    // order.
    // SAFETY: the callers have checked every slot against the embeddings, and that there is one
    // positive and one weight per pair and `n_negatives` negatives; the kernels check their position
    // against those numbers.
    unsafe {
        bpr_slopes_kernel::launch_unchecked::<R>(
            client,
            count,
            cube_dim,
            walk.vector_size,
            embeddings.clone().into_array_arg(),
            slots.clone().into_array_arg(),
            weights.clone().into_array_arg(),
            losses.clone().into_array_arg(),
            slopes.clone().into_array_arg(),
            n_pairs as u32,
            n_negatives as u32,
            walk.vectors,
        );
        bpr_gradients_kernel::launch_unchecked::<R>(
            client,
            walk.cubes(client, n_slots),
            walk.cube_dim(),
            walk.vector_size,
            embeddings.clone().into_array_arg(),
            slots.clone().into_array_arg(),
            slopes.into_array_arg(),
            gradients.clone().into_array_arg(),
            n_pairs as u32,
            n_negatives as u32,
            walk.vectors,
        );
    }
    BprSlots {
        losses,
        gradient: gradients,
    }
}

pub(crate) fn bpr_loss_gradient<B: OnCube>(
    embeddings: Tensor<B, 2>,
    batch: &BprBatch,
) -> LossGradient<B> {
    let [n_rows, dim] = embeddings.dims();
    // The kernels read `f32` only, and a buffer cannot be empty.
    if embeddings.dtype() != DType::F32 || dim == 0 {
        return reference::bpr_loss_gradient(embeddings, batch);
    }
    let device = embeddings.device();
    let embeddings = contiguous(float_primitive(embeddings));
    let n_pairs = batch.users.len();
    let n_triples = batch.negatives.len();
    let n_negatives = n_triples / n_pairs;
    let slots = [&batch.users[..], &batch.positives, &batch.negatives].concat();
    let rows = RowIndices::<B>::from_slice(&slots, n_rows, &device);
    let slots = contiguous(rows.tensor().into_primitive());
    let weights = upload_floats::<B>(batch.weights.clone(), &device);
    let weights = contiguous(float_primitive(weights));
    let BprSlots { losses, gradient } =
        bpr_slots(&embeddings, &slots, &weights, n_pairs, n_negatives);
    let loss: Tensor<B, 1> = float_tensor(losses);
    LossGradient {
        loss: loss.sum(),
        gradient: segment_sum_rows(float_tensor(gradient), &rows),
    }
}

/// The sum, or with `largest` the maximum, of the units' own numbers, returned to every unit of the
/// cube. Halves the active units each round, so the width of the cube must be a power of two; every
/// unit must call it, or the barriers deadlock.
#[cube]
pub(crate) fn of_cube(shared: &mut SharedMemory<f32>, own: f32, #[comptime] largest: bool) -> f32 {
    shared[UNIT_POS_X as usize] = own;
    sync_cube();
    // A tree of a fixed shape, so the bits do not depend on which unit runs first.
    let mut half = CUBE_DIM_X / 2u32;
    while half > 0u32 {
        if UNIT_POS_X < half {
            let other = shared[(UNIT_POS_X + half) as usize];
            let here = shared[UNIT_POS_X as usize];
            if largest {
                shared[UNIT_POS_X as usize] = max(here, other);
            } else {
                shared[UNIT_POS_X as usize] = here + other;
            }
        }
        sync_cube();
        half /= 2u32;
    }
    let result = shared[0];
    // No unit may overwrite `shared[0]`, in a later call, before every unit has read it.
    sync_cube();
    result
}
