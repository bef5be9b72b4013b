//! Sorting and sums on GPUs, without atomics.
//!
//! Places are sorted in tiles of a cube, each place by counting those that come before it; then runs
//! are merged two by two, each place by a search in the other run. A worker a row adds up its places
//! in the batch's order.
#![allow(
    clippy::collapsible_if,
    reason = "a kernel evaluates both sides of `&&`, and the second must not be read"
)]

use burn::tensor::{DType, Tensor};
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};

use super::{SortedPlaces, reference};
use crate::batch_loss::LossGradient;
use crate::batch_loss::cube::of_cube;
use crate::cube::{Walk, contiguous, cubes, dims, empty, units, zeros};
use crate::node_batch::NodeBatch;
use crate::primitive::{float_primitive, float_tensor};

/// Places that a cube sorts, and its units.
const TILE: u32 = 256;
/// Units of the cube that adds up losses.
const SUM_UNITS: u32 = 256;

#[cube(launch_unchecked)]
fn tiles_kernel(
    nodes: &Array<i32>,
    rows: &mut Array<i32>,
    order: &mut Array<i32>,
    n: u32,
    n_tiles: u32,
    #[comptime] tile: u32,
) {
    let mut shared = SharedMemory::<u32>::new(tile as usize);
    if CUBE_POS < n_tiles as usize {
        let start = CUBE_POS as u32 * tile;
        let place = start + UNIT_POS_X;
        // Beyond the last place: after every row.
        let mut own = 0xFFFF_FFFFu32;
        if place < n {
            own = u32::cast_from(nodes[place as usize]);
        }
        shared[UNIT_POS_X as usize] = own;
        sync_cube();
        if place < n {
            let mut rank = 0u32;
            for other in 0..tile {
                let key = shared[other as usize];
                if key < own || (key == own && other < UNIT_POS_X) {
                    rank += 1u32;
                }
            }
            rows[(start + rank) as usize] = i32::cast_from(own);
            order[(start + rank) as usize] = i32::cast_from(place);
        }
    }
}

#[cube(launch_unchecked)]
fn merge_kernel(
    rows: &Array<i32>,
    order: &Array<i32>,
    merged_rows: &mut Array<i32>,
    merged_order: &mut Array<i32>,
    n: u32,
    width: u32,
) {
    let place = ABSOLUTE_POS as u32;
    if place < n {
        let start = place / (2u32 * width) * (2u32 * width);
        let middle = min(start + width, n);
        let end = min(start + 2u32 * width, n);
        let row = rows[place as usize];
        // How many of the other run come first: equals of the left run precede those of the right.
        let mut first = start;
        let mut last = middle;
        let mut to = place - middle;
        let left = place < middle;
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
        merged_order[to as usize] = order[place as usize];
    }
}

pub(crate) fn sort_places<R, F, I, BT>(
    batch: &NodeBatch<CubeBackend<R, F, I, BT>>,
) -> SortedPlaces<CubeBackend<R, F, I, BT>>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    let nodes = contiguous(batch.nodes.clone().into_primitive());
    let n = batch.n_places();
    if nodes.dtype != DType::I32 || n > (1 << 30) {
        return reference::sort_places(batch);
    }
    let client = nodes.client.clone();
    let pair = || {
        [
            empty(&nodes, [n], DType::I32),
            empty(&nodes, [n], DType::I32),
        ]
    };
    let (mut here, mut there) = (pair(), pair());
    let n_tiles = n.div_ceil(TILE as usize);
    // SAFETY: all buffers hold `n` numbers, and the kernels check their position against that; a rank
    // within a tile counts places of the tile that exist.
    unsafe {
        tiles_kernel::launch_unchecked::<R>(
            &client,
            cubes(&client, n_tiles),
            CubeDim::new_1d(TILE),
            nodes.clone().into_array_arg(),
            here[0].clone().into_array_arg(),
            here[1].clone().into_array_arg(),
            n as u32,
            n_tiles as u32,
            TILE,
        );
    }
    let mut width = TILE as usize;
    while width < n {
        let (count, cube_dim) = units(&client, n);
        // SAFETY: as above; runs are cut off at `n`, and every place of two runs goes to another
        // place of theirs.
        unsafe {
            merge_kernel::launch_unchecked::<R>(
                &client,
                count,
                cube_dim,
                here[0].clone().into_array_arg(),
                here[1].clone().into_array_arg(),
                there[0].clone().into_array_arg(),
                there[1].clone().into_array_arg(),
                n as u32,
                width as u32,
            );
        }
        std::mem::swap(&mut here, &mut there);
        width *= 2;
    }
    let [rows, order] = here;
    SortedPlaces {
        rows: Tensor::from_primitive(rows),
        order: Tensor::from_primitive(order),
        n_nodes: batch.n_nodes,
    }
}

/// Whether a row's places begin here.
#[cube]
fn begins(rows: &Array<i32>, place: u32) -> bool {
    let mut begins = place == 0u32;
    if !begins {
        begins = rows[(place - 1u32) as usize] != rows[place as usize];
    }
    begins
}

/// A worker a place, of which the first of each row works.
#[cube(launch_unchecked)]
fn sum_kernel<N: Size>(
    gradients: &Array<Vector<f32, N>>,
    rows: &Array<i32>,
    order: &Array<i32>,
    out: &mut Array<Vector<f32, N>>,
    n_places: u32,
    vectors: u32,
) {
    let place = (CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize) as u32;
    if place < n_places {
        if begins(rows, place) {
            let row = rows[place as usize];
            let mut vector = UNIT_POS_X;
            while vector < vectors {
                let mut sum = Vector::<f32, N>::new(0.0f32);
                let mut at = place;
                let mut same = true;
                while same {
                    let from = u32::cast_from(order[at as usize]);
                    sum += gradients[(from * vectors + vector) as usize];
                    at += 1u32;
                    same = at < n_places;
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

pub(crate) fn sum_places<R, F, I, BT>(
    gradients: Tensor<CubeBackend<R, F, I, BT>, 2>,
    places: &SortedPlaces<CubeBackend<R, F, I, BT>>,
) -> Tensor<CubeBackend<R, F, I, BT>, 2>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    let [n, dim] = gradients.dims();
    if gradients.dtype() != DType::F32 || dim == 0 {
        return reference::sum_places(gradients, places);
    }
    let gradients = contiguous(float_primitive(gradients));
    let out = zeros(&gradients, [places.n_nodes, dim], DType::F32);
    let walk = Walk::new(dim);
    let client = &gradients.client;
    // SAFETY: sorted places are those of a batch, which names rows below `n_nodes`; the caller has
    // seen to one gradient a place, and the kernel checks its position against their number.
    unsafe {
        sum_kernel::launch_unchecked::<R>(
            client,
            walk.cubes(client, n),
            walk.cube_dim(),
            walk.vector_size,
            gradients.clone().into_array_arg(),
            contiguous(places.rows.clone().into_primitive()).into_array_arg(),
            contiguous(places.order.clone().into_primitive()).into_array_arg(),
            out.clone().into_array_arg(),
            n as u32,
            walk.vectors,
        );
    }
    float_tensor(out)
}

/// A unit a place, of which the first of each row adds the row's pull and says its loss.
#[cube(launch_unchecked)]
fn l2_kernel<N: Size>(
    table: &Array<Vector<f32, N>>,
    rows: &Array<i32>,
    order: &Array<i32>,
    gradient: &mut Array<Vector<f32, N>>,
    losses: &mut Array<f32>,
    n_places: u32,
    n_own: u32,
    vectors: u32,
    factor: f32,
) {
    let place = ABSOLUTE_POS as u32;
    if place < n_places {
        let mut loss = 0.0f32;
        if begins(rows, place) {
            let row = rows[place as usize];
            let mut count: u32 = 0u32;
            let mut at = place;
            let mut same = true;
            while same {
                if u32::cast_from(order[at as usize]) < n_own {
                    count += 1u32;
                }
                at += 1u32;
                same = at < n_places;
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
        losses[place as usize] = loss;
    }
}

/// The sum of two lists by one cube, in a fixed order.
#[cube(launch_unchecked)]
fn total_kernel(
    a: &Array<f32>,
    b: &Array<f32>,
    out: &mut Array<f32>,
    n_a: u32,
    n_b: u32,
    #[comptime] units: u32,
) {
    let mut shared = SharedMemory::<f32>::new(units as usize);
    if CUBE_POS == 0 {
        let mut sum = 0.0f32;
        let mut at = UNIT_POS_X;
        while at < n_a {
            sum += a[at as usize];
            at += units;
        }
        let mut at = UNIT_POS_X;
        while at < n_b {
            sum += b[at as usize];
            at += units;
        }
        let total = of_cube(&mut shared, sum, false);
        if UNIT_POS_X == 0 {
            out[0] = total;
        }
    }
}

fn total<R: CubeRuntime>(a: &CubeTensor<R>, b: Option<&CubeTensor<R>>) -> CubeTensor<R> {
    let elements = |tensor: &CubeTensor<R>| tensor.meta.shape().num_elements() as u32;
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
            elements(a),
            b.map_or(0, elements),
            SUM_UNITS,
        );
    }
    out
}

pub(crate) fn add_l2<R, F, I, BT>(
    losses: Tensor<CubeBackend<R, F, I, BT>, 1>,
    gradient: Tensor<CubeBackend<R, F, I, BT>, 2>,
    table: Tensor<CubeBackend<R, F, I, BT>, 2>,
    places: &SortedPlaces<CubeBackend<R, F, I, BT>>,
    n_own_places: usize,
    factor: f32,
) -> LossGradient<CubeBackend<R, F, I, BT>>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    let dtypes = [losses.dtype(), gradient.dtype(), table.dtype()];
    if dtypes != [DType::F32; 3] || table.dims()[1] == 0 {
        return reference::add_l2(losses, gradient, table, places, n_own_places, factor);
    }
    let losses = contiguous(float_primitive(losses));
    if factor == 0.0 {
        return LossGradient {
            loss: float_tensor(total(&losses, None)),
            gradient,
        };
    }
    let gradient = contiguous(float_primitive(gradient));
    let gradient = if gradient.handle.can_mut() {
        gradient
    } else {
        contiguous(gradient.copy())
    };
    let table = contiguous(float_primitive(table));
    let rows = contiguous(places.rows.clone().into_primitive());
    let n = rows.meta.shape().num_elements();
    let pulls = empty(&table, [n], DType::F32);
    let walk = Walk::new(dims(&table)[1]);
    let (count, cube_dim) = units(&table.client, n);
    // SAFETY: as for the sums; table and gradient have a row a node, which the caller has checked, and
    // a row is written by the unit of its first place alone.
    unsafe {
        l2_kernel::launch_unchecked::<R>(
            &table.client,
            count,
            cube_dim,
            walk.vector_size,
            table.clone().into_array_arg(),
            rows.into_array_arg(),
            contiguous(places.order.clone().into_primitive()).into_array_arg(),
            gradient.clone().into_array_arg(),
            pulls.clone().into_array_arg(),
            n as u32,
            n_own_places as u32,
            walk.vectors,
            factor,
        );
    }
    LossGradient {
        loss: float_tensor(total(&losses, Some(&pulls))),
        gradient: float_tensor(gradient),
    }
}
