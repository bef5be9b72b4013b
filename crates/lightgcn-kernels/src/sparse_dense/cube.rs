//! The product on GPUs.
//!
//! A worker (the units of one `y` of a cube) sums one row of the matrix in registers, its units taking
//! neighboring vectors of the dense rows, so that their loads coalesce. Degrees follow a power law: a
//! worker with a popular item's row would keep its cube busy long after the others. So rows with many
//! edges are cut into pieces ([`SplitRows`](crate::split::SplitRows)): a worker sums a piece into a
//! buffer, and a cube adds up the pieces of a row. No sum depends on which worker comes first.

use burn::tensor::{DType, Tensor};
use burn_cubecl::CubeRuntime;
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;

use super::device_csr::{Base, DeviceCsr, Terms};
use super::packed::{self, pack};
use super::walk::{Edges, Factors, Lane};
use crate::cube::{OnCube, Walk, contiguous, cubes, dims, empty, is_float};
use crate::primitive::{float_primitive, float_tensor};
use crate::sparse_matrix::SparseMatrix;
use crate::split::LONGEST_PIECE;

/// Sum of `values[e] * x[columns[e]]` over the edges from `start` to `end` in steps of `step`, in that
/// order. Rows of `x` are scattered, and a load takes hundreds of cycles: the four of a turn are issued
/// before the first is used.
#[cube]
fn edge_sum<F: Float, N: Size>(
    columns: &Array<i32>,
    values: &Array<f32>,
    x: &Array<Vector<F, N>>,
    edges: Edges,
    lane: Lane,
) -> Vector<f32, N> {
    let end = edges.end;
    let step = edges.step;
    let vector = lane.vector;
    let vectors = lane.vectors;
    let mut sum = Vector::<f32, N>::new(0.0f32);
    let mut edge = edges.start;
    // As long as four whole edges are left; the loop below takes the rest in the same order.
    while edge + 3u32 * step < end {
        let (e0, e1) = (edge as usize, (edge + step) as usize);
        let (e2, e3) = ((edge + 2u32 * step) as usize, (edge + 3u32 * step) as usize);
        let c0 = u32::cast_from(columns[e0]) * vectors + vector;
        let c1 = u32::cast_from(columns[e1]) * vectors + vector;
        let c2 = u32::cast_from(columns[e2]) * vectors + vector;
        let c3 = u32::cast_from(columns[e3]) * vectors + vector;
        let x0 = Vector::<f32, N>::cast_from(x[c0 as usize]);
        let x1 = Vector::<f32, N>::cast_from(x[c1 as usize]);
        let x2 = Vector::<f32, N>::cast_from(x[c2 as usize]);
        let x3 = Vector::<f32, N>::cast_from(x[c3 as usize]);
        // One running sum, not four: the bits do not depend on how edges fall into turns.
        sum += x0 * Vector::new(values[e0]);
        sum += x1 * Vector::new(values[e1]);
        sum += x2 * Vector::new(values[e2]);
        sum += x3 * Vector::new(values[e3]);
        edge += 4u32 * step;
    }
    while edge < end {
        let e = edge as usize;
        let c = u32::cast_from(columns[e]) * vectors + vector;
        sum += Vector::<f32, N>::cast_from(x[c as usize]) * Vector::new(values[e]);
        edge += step;
    }
    sum
}

/// One vector of the result: `scale * sum + alpha * base`, rounded once. `with_base` is known when the
/// kernel is compiled, so that a product without base does not read it.
#[cube]
fn finished<F: Float, N: Size>(
    sum: Vector<f32, N>,
    base: &Array<Vector<F, N>>,
    index: usize,
    factors: Factors,
    #[comptime] with_base: bool,
) -> Vector<F, N> {
    let mut result = sum * Vector::new(factors.scale);
    if with_base {
        result += Vector::<f32, N>::cast_from(base[index]) * Vector::new(factors.alpha);
    }
    Vector::cast_from(result)
}

/// One worker per row, except rows with more than `longest` edges, which are summed in pieces.
/// `longest` must be the limit by which [`SplitRows`](crate::split::SplitRows) was made: `out`
/// starts uninitialized, and a row that neither kernel writes would stay so.
#[cube(launch_unchecked)]
fn rows_kernel<F: Float, N: Size>(
    row_offsets: &Array<i32>,
    columns: &Array<i32>,
    values: &Array<f32>,
    x: &Array<Vector<F, N>>,
    base: &Array<Vector<F, N>>,
    out: &mut Array<Vector<F, N>>,
    n_rows: u32,
    vectors: u32,
    scale: f32,
    alpha: f32,
    #[comptime] longest: u32,
    #[comptime] with_base: bool,
    #[define(F)] _dtype: StorageType,
) {
    let row = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if row < n_rows as usize {
        let start = u32::cast_from(row_offsets[row]);
        let end = u32::cast_from(row_offsets[row + 1]);
        // The row decides, not the unit: all units of a worker take the same branch. A row without
        // edges is written too, as `alpha * base` or 0.
        if end - start <= longest {
            let edges = Edges {
                start,
                end,
                step: 1u32,
            };
            let factors = Factors { scale, alpha };
            let mut vector = UNIT_POS_X;
            while vector < vectors {
                let lane = Lane { vector, vectors };
                let sum = edge_sum::<F, N>(columns, values, x, edges, lane);
                let index = row * vectors as usize + vector as usize;
                out[index] = finished::<F, N>(sum, base, index, factors, with_base);
                vector += CUBE_DIM_X;
            }
        }
    }
}

/// One worker per piece of a long row: its sum, in `f32` whatever is stored, so that the row is
/// rounded only once, at its end.
#[cube(launch_unchecked)]
fn pieces_kernel<F: Float, N: Size>(
    pieces: &Array<i32>,
    columns: &Array<i32>,
    values: &Array<f32>,
    x: &Array<Vector<F, N>>,
    partial: &mut Array<Vector<f32, N>>,
    n_pieces: u32,
    vectors: u32,
    #[define(F)] _dtype: StorageType,
) {
    let piece = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if piece < n_pieces as usize {
        let start = u32::cast_from(pieces[2 * piece]);
        let end = u32::cast_from(pieces[2 * piece + 1]);
        let edges = Edges {
            start,
            end,
            step: 1u32,
        };
        let mut vector = UNIT_POS_X;
        while vector < vectors {
            let lane = Lane { vector, vectors };
            partial[piece * vectors as usize + vector as usize] =
                edge_sum::<F, N>(columns, values, x, edges, lane);
            vector += CUBE_DIM_X;
        }
    }
}

/// The sum of the workers' own vectors, in the workers' order; only the first worker gets it. Every unit
/// of the cube must call it, since it has barriers.
#[cube]
fn sum_of_cube<N: Size>(
    shared: &mut SharedMemory<Vector<f32, N>>,
    own: Vector<f32, N>,
    #[comptime] x: u32,
    #[comptime] y: u32,
) -> Vector<f32, N> {
    shared[(UNIT_POS_Y * x + UNIT_POS_X) as usize] = own;
    sync_cube();
    let mut sum = Vector::<f32, N>::new(0.0f32);
    if UNIT_POS_Y == 0 {
        #[unroll]
        for worker in 0..y {
            sum += shared[(worker * x + UNIT_POS_X) as usize];
        }
    }
    // The first worker has read `shared` before the next turn overwrites it.
    sync_cube();
    sum
}

/// One cube per long row, whose workers share the row's pieces.
#[cube(launch_unchecked)]
fn long_rows_kernel<F: Float, N: Size>(
    rows: &Array<i32>,
    row_pieces: &Array<i32>,
    partial: &Array<Vector<f32, N>>,
    base: &Array<Vector<F, N>>,
    out: &mut Array<Vector<F, N>>,
    n_long: u32,
    vectors: u32,
    scale: f32,
    alpha: f32,
    #[comptime] x: u32,
    #[comptime] y: u32,
    #[comptime] with_base: bool,
    #[define(F)] _dtype: StorageType,
) {
    // One vector per unit. `x` and `y` repeat the size of the cube, because the size of shared
    // memory must be known when the kernel is compiled.
    let mut shared = SharedMemory::<Vector<f32, N>>::new((x * y) as usize);
    // The same for all units of a cube, so either all or none of them reach the barriers.
    if CUBE_POS < n_long as usize {
        let row = u32::cast_from(rows[CUBE_POS]) as usize;
        let start = u32::cast_from(row_pieces[CUBE_POS]);
        let end = u32::cast_from(row_pieces[CUBE_POS + 1]);
        // `first` is the same in all units, so that all of them reach the barriers; a unit past the end
        // of the row adds zeros.
        let factors = Factors { scale, alpha };
        let mut first = 0u32;
        while first < vectors {
            let vector = first + UNIT_POS_X;
            let mut own = Vector::<f32, N>::new(0.0f32);
            if vector < vectors {
                let mut piece = start + UNIT_POS_Y;
                while piece < end {
                    own += partial[(piece * vectors + vector) as usize];
                    piece += y;
                }
            }
            let sum = sum_of_cube::<N>(&mut shared, own, x, y);
            if UNIT_POS_Y == 0 && vector < vectors {
                let index = row * vectors as usize + vector as usize;
                out[index] = finished::<F, N>(sum, base, index, factors, with_base);
            }
            first += x;
        }
    }
}

/// One cube per row in a list, whose workers share the row's edges. A batch reads popular rows
/// often, and this keeps them as fast as the others.
///
/// Worker `n` takes every `y`-th edge from edge `n` on, so a row's sum has another order here than
/// in the whole product, and may differ in its last bits. The order is still fixed: `y` depends
/// only on the dimension.
#[cube(launch_unchecked)]
fn listed_rows_kernel<F: Float, N: Size>(
    list: &Array<i32>,
    row_offsets: &Array<i32>,
    columns: &Array<i32>,
    values: &Array<f32>,
    x_rows: &Array<Vector<F, N>>,
    base: &Array<Vector<F, N>>,
    out: &mut Array<Vector<F, N>>,
    n_listed: u32,
    vectors: u32,
    scale: f32,
    alpha: f32,
    #[comptime] x: u32,
    #[comptime] y: u32,
    #[define(F)] _dtype: StorageType,
) {
    let mut shared = SharedMemory::<Vector<f32, N>>::new((x * y) as usize);
    if CUBE_POS < n_listed as usize {
        let row = u32::cast_from(list[CUBE_POS]) as usize;
        let start = u32::cast_from(row_offsets[row]);
        let end = u32::cast_from(row_offsets[row + 1]);
        let factors = Factors { scale, alpha };
        let mut first = 0u32;
        while first < vectors {
            let vector = first + UNIT_POS_X;
            let mut own = Vector::<f32, N>::new(0.0f32);
            if vector < vectors {
                let edges = Edges {
                    start: start + UNIT_POS_Y,
                    end,
                    step: y,
                };
                let lane = Lane { vector, vectors };
                own = edge_sum::<F, N>(columns, values, x_rows, edges, lane);
            }
            let sum = sum_of_cube::<N>(&mut shared, own, x, y);
            if UNIT_POS_Y == 0 && vector < vectors {
                // The base has a row per row of the matrix, the result one per position of the
                // list.
                let here = row * vectors as usize + vector as usize;
                let there = CUBE_POS * vectors as usize + vector as usize;
                out[there] = finished::<F, N>(sum, base, here, factors, true);
            }
            first += x;
        }
    }
}

impl<R: CubeRuntime> DeviceCsr<R> {
    /// `scale * A x`, plus the base if there is one. `x` is contiguous.
    pub(crate) fn product(&self, x: &CubeTensor<R>, terms: &Terms<R>) -> CubeTensor<R> {
        let dim = dims(x)[1];
        let out = empty(x, [self.n_rows, dim], x.dtype);
        self.product_into(x, terms, &out);
        out
    }

    /// Like [`product`](Self::product), but overwrites `out`, which must be a different buffer than
    /// `x`, `[n_rows, dim]`, contiguous, and of the type of `x`.
    pub(crate) fn product_into(&self, x: &CubeTensor<R>, terms: &Terms<R>, out: &CubeTensor<R>) {
        let walk = Walk::new(dims(x)[1]);
        let client = &x.client;
        let Terms { scale, base } = terms;
        let (scale, with_base) = (*scale, base.is_some());
        let alpha = base.as_ref().map_or(0.0, |base| base.alpha);
        // Without a base the kernel does not read it, but a buffer must be bound.
        let base = base.as_ref().map_or(x, |base| &base.table);
        // SAFETY: `SparseMatrix` is only made from checked arrays: offsets lie within the edges,
        // columns within the rows of `x` (whose number the caller has checked), and pieces within
        // the edges; `out` and `base` have `n_rows` rows of `vectors` vectors, and the kernels
        // check the row's number.
        unsafe {
            rows_kernel::launch_unchecked::<R>(
                client,
                walk.cubes(client, self.n_rows),
                walk.cube_dim(),
                walk.vector_size,
                self.row_offsets.clone().into_array_arg(),
                self.columns.clone().into_array_arg(),
                self.values.clone().into_array_arg(),
                x.clone().into_array_arg(),
                base.clone().into_array_arg(),
                out.clone().into_array_arg(),
                self.n_rows as u32,
                walk.vectors,
                scale,
                alpha,
                LONGEST_PIECE as u32,
                with_base,
                x.dtype.into(),
            );
        }
        // Long rows, which the kernel above has skipped.
        let Some(split) = &self.split else { return };
        let shape = [split.n_pieces, dims(x)[1]];
        let partial = empty(x, shape, DType::F32);
        // SAFETY: as above; `partial` has a row for each piece.
        unsafe {
            pieces_kernel::launch_unchecked::<R>(
                client,
                walk.cubes(client, split.n_pieces),
                walk.cube_dim(),
                walk.vector_size,
                split.pieces.clone().into_array_arg(),
                self.columns.clone().into_array_arg(),
                self.values.clone().into_array_arg(),
                x.clone().into_array_arg(),
                partial.clone().into_array_arg(),
                split.n_pieces as u32,
                walk.vectors,
                x.dtype.into(),
            );
            long_rows_kernel::launch_unchecked::<R>(
                client,
                cubes(client, split.n_rows),
                walk.cube_dim(),
                walk.vector_size,
                split.rows.clone().into_array_arg(),
                split.row_pieces.clone().into_array_arg(),
                partial.into_array_arg(),
                base.clone().into_array_arg(),
                out.clone().into_array_arg(),
                split.n_rows as u32,
                walk.vectors,
                scale,
                alpha,
                walk.x,
                walk.y,
                with_base,
                x.dtype.into(),
            );
        }
    }

    /// The rows of `scale * A x + base` in `list` (`[n_listed]`, `i32`, checked): `[n_listed,
    /// dim]`.
    pub(crate) fn listed_rows(
        &self,
        x: &CubeTensor<R>,
        scale: f32,
        base: &Base<R>,
        list: CubeTensor<R>,
    ) -> CubeTensor<R> {
        let (dim, n_listed) = (dims(x)[1], list.meta.shape().num_elements());
        let walk = Walk::new(dim);
        let out = empty(x, [n_listed, dim], x.dtype);
        // SAFETY: as for the product; the list's rows were checked against the number of rows.
        unsafe {
            listed_rows_kernel::launch_unchecked::<R>(
                &x.client,
                cubes(&x.client, n_listed),
                walk.cube_dim(),
                walk.vector_size,
                list.into_array_arg(),
                self.row_offsets.clone().into_array_arg(),
                self.columns.clone().into_array_arg(),
                self.values.clone().into_array_arg(),
                x.clone().into_array_arg(),
                base.table.clone().into_array_arg(),
                out.clone().into_array_arg(),
                n_listed as u32,
                walk.vectors,
                scale,
                base.alpha,
                walk.x,
                walk.y,
                x.dtype.into(),
            );
        }
        out
    }
}

pub(crate) fn sparse_dense<B: OnCube>(
    matrix: &SparseMatrix<B>,
    dense: Tensor<B, 2>,
) -> Tensor<B, 2> {
    let csr = DeviceCsr::new(matrix);
    // Without edges, columns or a float type that the kernels read, there is nothing to launch.
    let Some(csr) = csr.filter(|_| is_float(dense.dtype()) && dense.dims()[1] > 0) else {
        return super::reference::sparse_dense(matrix, dense);
    };
    let dense = contiguous(float_primitive(dense));
    float_tensor(match csr.packs(&dense) {
        true => packed::product(&csr, &pack(&dense), &Terms::plain()),
        false => csr.product(&dense, &Terms::plain()),
    })
}
