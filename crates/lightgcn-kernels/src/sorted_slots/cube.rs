//! Sorting and sums on GPUs, without atomics: the result does not depend on which unit comes first, so
//! the same batch gives the same bits.
//!
//! First, each cube sorts a tile: a unit finds its slot's rank by counting the slots that come
//! before it. Then sorted runs are merged two by two, each unit finding its slot's new position by
//! a binary search in the other run. Both are stable, which keeps the slots of a row in the batch's
//! order, and so the order in which a row's gradients are added.
#![allow(
    clippy::manual_div_ceil,
    clippy::collapsible_if,
    reason = "kernels evaluate both sides of `&&`, of which the second may index out of bounds, and have no \
              div_ceil"
)]

use burn::tensor::{DType, Tensor};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::reference;
use super::slots::{L2Penalty, SortedSlots};
use crate::batch_loss::batch::LossGradient;
use crate::batch_loss::cube::of_cube;
use crate::cube::{OnCube, Walk, contiguous, cubes, dims, empty, units, zeros};
use crate::node_batch::batch::NodeBatch;
use crate::primitive::{float_primitive, float_tensor};

/// Slots that a cube sorts, one per unit. Ranking costs tile² comparisons, each further merge a pass
/// over memory: 256 balances the two, and every GPU allows that many units.
const TILE: u32 = 256;
/// Units of the cube that adds up losses: a power of two, as [`of_cube`] needs.
const SUM_UNITS: u32 = 256;

/// One cube per tile of slots, which it sorts by row.
#[cube(launch_unchecked)]
fn tiles_kernel(
    nodes: &Array<i32>,
    rows: &mut Array<i32>,
    order: &mut Array<i32>,
    #[comptime] tile: u32,
) {
    let mut shared = SharedMemory::<u32>::new(tile as usize);
    let n = nodes.len() as u32;
    // There may be more cubes than tiles.
    if CUBE_POS < ((n + tile - 1u32) / tile) as usize {
        let start = CUBE_POS as u32 * tile;
        let slot = start + UNIT_POS_X;
        // Units beyond the last slot hold the largest key, so that they come after every row and change
        // no rank.
        let mut own = 0xFFFF_FFFFu32;
        if slot < n {
            own = u32::cast_from(nodes[slot as usize]);
        }
        shared[UNIT_POS_X as usize] = own;
        sync_cube();
        if slot < n {
            let mut rank = 0u32;
            for other in 0..tile {
                let key = shared[other as usize];
                // Equal rows keep their order: that makes the ranks distinct, and the sort stable.
                if key < own || (key == own && other < UNIT_POS_X) {
                    rank += 1u32;
                }
            }
            rows[(start + rank) as usize] = i32::cast_from(own);
            order[(start + rank) as usize] = i32::cast_from(slot);
        }
    }
}

/// One unit per slot: its position in the merge of two neighboring runs of `width` slots.
#[cube(launch_unchecked)]
fn merge_kernel(
    rows: &Array<i32>,
    order: &Array<i32>,
    merged_rows: &mut Array<i32>,
    merged_order: &mut Array<i32>,
    width: u32,
) {
    let n = rows.len() as u32;
    let slot = ABSOLUTE_POS as u32;
    if slot < n {
        let start = slot / (2u32 * width) * (2u32 * width);
        let middle = min(start + width, n);
        let end = min(start + 2u32 * width, n);
        let row = rows[slot as usize];
        // The new position is the own index within the run plus the number of slots of the other run
        // that come first. For equal rows, the left run's slots come first.
        let mut first = start;
        let mut last = middle;
        let left = slot < middle;
        // In both runs that is `slot - middle + first`, with `first` where the search ends. For the left
        // run the difference wraps below 0, and the sum wraps back.
        let mut to = slot - middle;
        if left {
            first = middle;
            last = end;
        }
        while first < last {
            let between = first + (last - first) / 2u32;
            let other = rows[between as usize];
            let mut before = other <= row;
            if left {
                before = other < row;
            }
            if before {
                first = between + 1u32;
            } else {
                last = between;
            }
        }
        to += first;
        merged_rows[to as usize] = row;
        merged_order[to as usize] = order[slot as usize];
    }
}

pub(crate) fn sort_slots<B: OnCube>(batch: &NodeBatch<B>) -> SortedSlots<B> {
    let nodes = contiguous(batch.nodes.clone().into_primitive());
    let n = batch.n_slots();
    if nodes.dtype != DType::I32 || n > (1 << 30) {
        return reference::sort_slots(batch);
    }
    let client = nodes.client.clone();
    let pair = || {
        [
            empty(&nodes, [n], DType::I32),
            empty(&nodes, [n], DType::I32),
        ]
    };
    // Runs move between two pairs of buffers: a merge cannot be done in place.
    let (mut here, mut there) = (pair(), pair());
    let n_tiles = n.div_ceil(TILE as usize);
    // SAFETY: all buffers hold `n` numbers, and the kernels check their position against that; a rank
    // counts existing slots of the tile, so it stays within the tile.
    unsafe {
        tiles_kernel::launch_unchecked::<B::Runtime>(
            &client,
            cubes(&client, n_tiles),
            CubeDim::new_1d(TILE),
            nodes.clone().into_array_arg(),
            here[0].clone().into_array_arg(),
            here[1].clone().into_array_arg(),
            TILE,
        );
    }
    let mut width = TILE as usize;
    while width < n {
        let (count, cube_dim) = units(&client, n);
        // SAFETY: as above; runs are cut off at `n`, and the positions within two merged runs are a
        // permutation.
        unsafe {
            merge_kernel::launch_unchecked::<B::Runtime>(
                &client,
                count,
                cube_dim,
                here[0].clone().into_array_arg(),
                here[1].clone().into_array_arg(),
                there[0].clone().into_array_arg(),
                there[1].clone().into_array_arg(),
                width as u32,
            );
        }
        std::mem::swap(&mut here, &mut there);
        width *= 2;
    }
    let [rows, order] = here;
    SortedSlots {
        rows: Tensor::from_primitive(rows),
        order: Tensor::from_primitive(order),
        n_nodes: batch.n_nodes,
    }
}

/// Whether this is the first slot of its row.
#[cube]
fn begins(rows: &Array<i32>, slot: u32) -> bool {
    let mut begins = slot == 0u32;
    if !begins {
        begins = rows[(slot - 1u32) as usize] != rows[slot as usize];
    }
    begins
}

/// One worker per slot, of which the first of each row adds up the row's slots; the others are
/// idle. Rows have few slots, so this beats finding each row's start first.
#[cube(launch_unchecked)]
fn sum_kernel<N: Size>(
    gradients: &Array<Vector<f32, N>>,
    rows: &Array<i32>,
    order: &Array<i32>,
    out: &mut Array<Vector<f32, N>>,
    vectors: u32,
) {
    let n_slots = rows.len() as u32;
    let slot = (CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize) as u32;
    if slot < n_slots {
        if begins(rows, slot) {
            let row = rows[slot as usize];
            let mut vector = UNIT_POS_X;
            while vector < vectors {
                let mut sum = Vector::<f32, N>::new(0.0f32);
                let mut at = slot;
                let mut same = true;
                while same {
                    let from = u32::cast_from(order[at as usize]);
                    sum += gradients[(from * vectors + vector) as usize];
                    at += 1u32;
                    same = at < n_slots;
                    if same {
                        same = rows[at as usize] == row;
                    }
                }
                out[(u32::cast_from(row) * vectors + vector) as usize] = sum;
                vector += CUBE_DIM_X;
            }
        }
    }
}

pub(crate) fn sum_slots<B: OnCube>(
    gradients: Tensor<B, 2>,
    slots: &SortedSlots<B>,
) -> Tensor<B, 2> {
    let [n, dim] = gradients.dims();
    if gradients.dtype() != DType::F32 || dim == 0 {
        return reference::sum_slots(gradients, slots);
    }
    let gradients = contiguous(float_primitive(gradients));
    let out = zeros(&gradients, [slots.n_nodes, dim], DType::F32);
    let walk = Walk::new(dim);
    let client = &gradients.client;
    // SAFETY: sorted slots are those of a batch, which names rows below `n_nodes`; the caller has
    // checked that there is one gradient per slot, and the kernel checks its position against that.
    unsafe {
        sum_kernel::launch_unchecked::<B::Runtime>(
            client,
            walk.cubes(client, n),
            walk.cube_dim(),
            walk.vector_size,
            gradients.clone().into_array_arg(),
            contiguous(slots.rows.clone().into_primitive()).into_array_arg(),
            contiguous(slots.order.clone().into_primitive()).into_array_arg(),
            out.clone().into_array_arg(),
            walk.vectors,
        );
    }
    float_tensor(out)
}

/// One unit per slot, of which the first of each row adds the penalty's gradient to the row and writes
/// the penalty; the others write 0. The own slots of a row count it once each.
#[cube(launch_unchecked)]
fn l2_kernel<N: Size>(
    table: &Array<Vector<f32, N>>,
    rows: &Array<i32>,
    order: &Array<i32>,
    gradient: &mut Array<Vector<f32, N>>,
    losses: &mut Array<f32>,
    n_own: u32,
    vectors: u32,
    factor: f32,
) {
    let n_slots = rows.len() as u32;
    let slot = ABSOLUTE_POS as u32;
    if slot < n_slots {
        let mut loss = 0.0f32;
        if begins(rows, slot) {
            let row = rows[slot as usize];
            let mut count: u32 = 0u32;
            let mut at = slot;
            let mut same = true;
            while same {
                if u32::cast_from(order[at as usize]) < n_own {
                    count += 1u32;
                }
                at += 1u32;
                same = at < n_slots;
                if same {
                    same = rows[at as usize] == row;
                }
            }
            let pull = factor * f32::cast_from(count);
            if count > 0u32 {
                let first = u32::cast_from(row) * vectors;
                let mut squares = Vector::<f32, N>::new(0.0f32);
                for v in 0..vectors {
                    let here = (first + v) as usize;
                    let x = table[here];
                    squares += x * x;
                    gradient[here] += x * Vector::new(pull);
                }
                #[unroll]
                for lane in 0..N::value() {
                    loss += squares[lane];
                }
                loss *= 0.5f32 * pull;
            }
        }
        losses[slot as usize] = loss;
    }
}

/// The sum of two lists by one cube: each unit adds every `units`-th number in order, then the units'
/// sums are added as a tree. Fixed, so that the loss has the same bits on every run.
#[cube(launch_unchecked)]
fn total_kernel(
    a: &Array<f32>,
    b: &Array<f32>,
    out: &mut Array<f32>,
    #[comptime] with_b: bool,
    #[comptime] units: u32,
) {
    let mut shared = SharedMemory::<f32>::new(units as usize);
    if CUBE_POS == 0 {
        let mut sum = 0.0f32;
        let mut at = UNIT_POS_X;
        while at < a.len() as u32 {
            sum += a[at as usize];
            at += units;
        }
        if with_b {
            let mut at = UNIT_POS_X;
            while at < b.len() as u32 {
                sum += b[at as usize];
                at += units;
            }
        }
        let total = of_cube(&mut shared, sum, false);
        if UNIT_POS_X == 0 {
            out[0] = total;
        }
    }
}

fn total<R: CubeRuntime>(a: &CubeTensor<R>, b: Option<&CubeTensor<R>>) -> CubeTensor<R> {
    let out = empty(a, [1], DType::F32);
    // SAFETY: each list is read below its length.
    unsafe {
        total_kernel::launch_unchecked::<R>(
            &a.client,
            cubes(&a.client, 1),
            CubeDim::new_1d(SUM_UNITS),
            a.clone().into_array_arg(),
            b.unwrap_or(a).clone().into_array_arg(),
            out.clone().into_array_arg(),
            b.is_some(),
            SUM_UNITS,
        );
    }
    out
}

pub(crate) fn add_l2<B: OnCube>(
    losses: Tensor<B, 1>,
    gradient: Tensor<B, 2>,
    penalty: L2Penalty<'_, B>,
) -> LossGradient<B> {
    let dtypes = [losses.dtype(), gradient.dtype(), penalty.table.dtype()];
    if dtypes != [DType::F32; 3] || penalty.table.dims()[1] == 0 {
        return reference::add_l2(losses, gradient, penalty);
    }
    let L2Penalty {
        table,
        slots,
        n_own_slots,
        factor,
    } = penalty;
    let losses = contiguous(float_primitive(losses));
    if factor == 0.0 {
        return LossGradient {
            loss: float_tensor(total(&losses, None)),
            gradient,
        };
    }
    let gradient = contiguous(float_primitive(gradient));
    // In place if no one else holds the gradient.
    let gradient = if gradient.handle.can_mut() {
        gradient
    } else {
        contiguous(gradient.copy())
    };
    let table = contiguous(float_primitive(table));
    let rows = contiguous(slots.rows.clone().into_primitive());
    let n = rows.meta.shape().num_elements();
    let pulls = empty(&table, [n], DType::F32);
    let walk = Walk::new(dims(&table)[1]);
    let (count, cube_dim) = units(&table.client, n);
    // SAFETY: as for the sums; table and gradient have one row per node, which the caller has checked,
    // and only the unit of a row's first slot writes the row.
    unsafe {
        l2_kernel::launch_unchecked::<B::Runtime>(
            &table.client,
            count,
            cube_dim,
            walk.vector_size,
            table.clone().into_array_arg(),
            rows.into_array_arg(),
            contiguous(slots.order.clone().into_primitive()).into_array_arg(),
            gradient.clone().into_array_arg(),
            pulls.clone().into_array_arg(),
            n_own_slots as u32,
            walk.vectors,
            factor,
        );
    }
    LossGradient {
        loss: float_tensor(total(&losses, Some(&pulls))),
        gradient: float_tensor(gradient),
    }
}
