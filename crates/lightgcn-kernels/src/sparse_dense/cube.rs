//! The product on GPUs.
//!
//! A worker sums one row of the matrix in registers. Rows with many edges are cut into pieces
//! ([`SplitRows`](crate::split::SplitRows)): a worker sums a piece into a buffer, and a cube adds up
//! the pieces of a row. Every sum has a fixed order.

use burn::tensor::DType;
use burn_cubecl::cubecl::{self, cube, prelude::*};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{BoolElement, CubeBackend, CubeRuntime, FloatElement, IntElement};

use super::packed::{self, is_packable, pack};
use crate::cube::{Walk, contiguous, cubes, dims, empty, is_float};
use crate::primitive::{float_primitive, float_tensor};
use crate::sparse_matrix::SparseMatrix;
use crate::split::LONGEST_PIECE;

/// Sum of `values[e] * x[columns[e]]` over the edges from `start` to `end` in steps of `step`, in
/// that order; four loads are in flight at a time.
#[cube]
fn edge_sum<F: Float, N: Size>(
    columns: &Array<i32>,
    values: &Array<f32>,
    x: &Array<Vector<F, N>>,
    start: u32,
    end: u32,
    step: u32,
    vector: u32,
    vectors: u32,
) -> Vector<f32, N> {
    let mut sum = Vector::<f32, N>::new(0.0f32);
    let mut edge = start;
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

/// What is written for a row: `scale * sum + alpha * base`.
#[cube]
fn finished<F: Float, N: Size>(
    sum: Vector<f32, N>,
    base: &Array<Vector<F, N>>,
    place: usize,
    scale: f32,
    alpha: f32,
    #[comptime] with_base: bool,
) -> Vector<F, N> {
    let mut result = sum * Vector::new(scale);
    if with_base {
        result += Vector::<f32, N>::cast_from(base[place]) * Vector::new(alpha);
    }
    Vector::cast_from(result)
}

/// All rows but those with more than `longest` edges.
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
        if end - start <= longest {
            let mut vector = UNIT_POS_X;
            while vector < vectors {
                let sum = edge_sum::<F, N>(columns, values, x, start, end, 1u32, vector, vectors);
                let place = row * vectors as usize + vector as usize;
                out[place] = finished::<F, N>(sum, base, place, scale, alpha, with_base);
                vector += CUBE_DIM_X;
            }
        }
    }
}

/// The sum of each piece of the long rows.
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
        let mut vector = UNIT_POS_X;
        while vector < vectors {
            partial[piece * vectors as usize + vector as usize] =
                edge_sum::<F, N>(columns, values, x, start, end, 1u32, vector, vectors);
            vector += CUBE_DIM_X;
        }
    }
}

/// The sum of what the workers of a cube have, for its first worker.
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
    sync_cube();
    sum
}

/// The long rows, a cube each, from the sums of their pieces.
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
    let mut shared = SharedMemory::<Vector<f32, N>>::new((x * y) as usize);
    if CUBE_POS < n_long as usize {
        let row = u32::cast_from(rows[CUBE_POS]) as usize;
        let start = u32::cast_from(row_pieces[CUBE_POS]);
        let end = u32::cast_from(row_pieces[CUBE_POS + 1]);
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
                let place = row * vectors as usize + vector as usize;
                out[place] = finished::<F, N>(sum, base, place, scale, alpha, with_base);
            }
            first += x;
        }
    }
}

/// The rows that a list names, a cube each, whose workers share the row's edges.
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
        let mut first = 0u32;
        while first < vectors {
            let vector = first + UNIT_POS_X;
            let mut own = Vector::<f32, N>::new(0.0f32);
            if vector < vectors {
                own = edge_sum::<F, N>(
                    columns,
                    values,
                    x_rows,
                    start + UNIT_POS_Y,
                    end,
                    y,
                    vector,
                    vectors,
                );
            }
            let sum = sum_of_cube::<N>(&mut shared, own, x, y);
            if UNIT_POS_Y == 0 && vector < vectors {
                let here = row * vectors as usize + vector as usize;
                let there = CUBE_POS * vectors as usize + vector as usize;
                out[there] = finished::<F, N>(sum, base, here, scale, alpha, true);
            }
            first += x;
        }
    }
}

/// What is added to a product.
#[derive(Clone)]
pub(crate) struct Base<R: CubeRuntime> {
    /// `[n_rows, dim]`, contiguous, of the product's element type.
    pub(crate) table: CubeTensor<R>,
    /// Its factor.
    pub(crate) alpha: f32,
}

/// A matrix's arrays as raw buffers.
pub(crate) struct Csr<R: CubeRuntime> {
    pub(super) n_rows: usize,
    pub(super) row_offsets: CubeTensor<R>,
    pub(super) columns: CubeTensor<R>,
    pub(super) values: CubeTensor<R>,
    pub(super) split: Option<Split<R>>,
    /// Whether whole products read operands of 16 bits.
    bf16_operands: bool,
}

pub(super) struct Split<R: CubeRuntime> {
    pub(super) pieces: CubeTensor<R>,
    pub(super) n_pieces: usize,
    pub(super) rows: CubeTensor<R>,
    pub(super) row_pieces: CubeTensor<R>,
    pub(super) n_rows: usize,
}

impl<R: CubeRuntime> Csr<R> {
    /// None where there is no edge, which a buffer cannot hold.
    pub(crate) fn new<F: FloatElement, I: IntElement, BT: BoolElement>(
        matrix: &SparseMatrix<CubeBackend<R, F, I, BT>>,
    ) -> Option<Self> {
        if matrix.n_edges() == 0 {
            return None;
        }
        let split = matrix.split().map(|split| Split {
            n_pieces: split.n_pieces(),
            n_rows: split.n_rows(),
            pieces: contiguous(split.pieces.clone().into_primitive()),
            rows: contiguous(split.rows.clone().into_primitive()),
            row_pieces: contiguous(split.row_pieces.clone().into_primitive()),
        });
        Some(Self {
            n_rows: matrix.n_rows(),
            row_offsets: contiguous(matrix.row_offsets().into_primitive()),
            columns: contiguous(matrix.columns().into_primitive()),
            values: contiguous(matrix.values().into_primitive().tensor()),
            split,
            bf16_operands: matrix.has_bf16_operands(),
        })
    }

    /// Whether products with this operand read it rounded to 16 bits.
    pub(crate) fn packs(&self, x: &CubeTensor<R>) -> bool {
        self.bf16_operands && is_packable(x)
    }

    /// Whether no row is so long that a single cube should not sum it.
    pub(crate) fn has_short_rows(&self) -> bool {
        self.split
            .as_ref()
            .is_none_or(|s| s.n_pieces <= 64 * s.n_rows)
    }

    /// `scale * A x`, plus `base` where there is one. `x` is contiguous.
    pub(crate) fn product(
        &self,
        x: &CubeTensor<R>,
        scale: f32,
        base: Option<&Base<R>>,
    ) -> CubeTensor<R> {
        let dim = dims(x)[1];
        let out = empty(x, [self.n_rows, dim], x.dtype);
        self.product_into(x, scale, base, &out);
        out
    }

    /// As [`product`](Self::product), over what `out` held, which must be another buffer than `x`;
    /// `[n_rows, dim]`, contiguous and of the type of `x`.
    pub(crate) fn product_into(
        &self,
        x: &CubeTensor<R>,
        scale: f32,
        base: Option<&Base<R>>,
        out: &CubeTensor<R>,
    ) {
        let walk = Walk::new(dims(x)[1]);
        let client = &x.client;
        let (with_base, alpha) = (base.is_some(), base.map_or(0.0, |base| base.alpha));
        let base = base.map_or(x, |base| &base.table);
        // SAFETY: `SparseMatrix` is only made from checked arrays, so that offsets lie within the
        // edges, columns within the rows of `x` (whose number the caller has checked), and pieces
        // within the edges; `out` and `base` have `n_rows` rows of `vectors` vectors, and the
        // kernels check the row's number.
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

    /// The rows of `scale * A x + base` that `list` (`[n_listed]`, `i32`, checked) names:
    /// `[n_listed, dim]`.
    pub(crate) fn listed_rows(
        &self,
        x: &CubeTensor<R>,
        scale: f32,
        base: &Base<R>,
        list: CubeTensor<R>,
        n_listed: usize,
    ) -> CubeTensor<R> {
        let dim = dims(x)[1];
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

pub(crate) fn sparse_dense<R, F, I, BT>(
    matrix: &SparseMatrix<CubeBackend<R, F, I, BT>>,
    dense: CubeTensor<R>,
) -> CubeTensor<R>
where
    R: CubeRuntime,
    F: FloatElement,
    I: IntElement,
    BT: BoolElement,
{
    match Csr::new(matrix) {
        Some(csr) if csr.packs(&dense) => {
            packed::product(&csr, &pack(&contiguous(dense)), 1.0, None)
        }
        Some(csr) if is_float(dense.dtype) && dims(&dense)[1] > 0 => {
            csr.product(&contiguous(dense), 1.0, None)
        }
        _ => {
            let dense = float_tensor::<CubeBackend<R, F, I, BT>, 2>(dense);
            float_primitive(super::reference::sparse_dense(matrix, dense))
        }
    }
}
