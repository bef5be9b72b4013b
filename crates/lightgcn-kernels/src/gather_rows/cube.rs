//! Gather and segment sum on GPUs.
//!
//! A worker (the units of one `y` of a cube) takes a row, and its units take neighboring vectors,
//! so that loads and stores of a row coalesce. The sum walks the indices sorted by row instead of
//! adding with atomics: one worker owns a row of the result and adds in the batch's order.

use burn::tensor::Tensor;
use burn_cubecl::cubecl::{self, cube, prelude::*};

use crate::cube::{OnCube, Walk, contiguous, empty, is_float, zeros};
use crate::primitive::{float_primitive, float_tensor};
use crate::row_indices::RowIndices;

/// One worker per index: copies the row.
#[cube(launch_unchecked)]
fn gather_kernel<F: Float, N: Size>(
    table: &Array<Vector<F, N>>,
    indices: &Array<i32>,
    out: &mut Array<Vector<F, N>>,
    vectors: u32,
    #[define(F)] _dtype: StorageType,
) {
    let slot = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    // There may be more cubes than slots, and the last cube may have idle workers.
    if slot < indices.len() {
        let row = u32::cast_from(indices[slot]) as usize;
        let mut vector = UNIT_POS_X;
        while vector < vectors {
            out[slot * vectors as usize + vector as usize] =
                table[row * vectors as usize + vector as usize];
            vector += CUBE_DIM_X;
        }
    }
}

/// One worker per distinct row: adds the rows of the batch that name it, in the batch's order. Sums are
/// `f32` whatever is stored, and rounded once.
#[cube(launch_unchecked)]
fn segment_sum_kernel<F: Float, N: Size>(
    rows: &Array<Vector<F, N>>,
    order: &Array<i32>,
    segments: &Array<i32>,
    offsets: &Array<i32>,
    out: &mut Array<Vector<F, N>>,
    n_segments: u32,
    vectors: u32,
    #[define(F)] _dtype: StorageType,
) {
    let segment = CUBE_POS * CUBE_DIM_Y as usize + UNIT_POS_Y as usize;
    if segment < n_segments as usize {
        let row = u32::cast_from(segments[segment]) as usize;
        let start = u32::cast_from(offsets[segment]);
        let end = u32::cast_from(offsets[segment + 1]);
        let mut vector = UNIT_POS_X;
        while vector < vectors {
            let mut sum = Vector::<f32, N>::new(0.0f32);
            for slot in start..end {
                let from = u32::cast_from(order[slot as usize]) as usize;
                let here = from * vectors as usize + vector as usize;
                sum += Vector::<f32, N>::cast_from(rows[here]);
            }
            out[row * vectors as usize + vector as usize] = Vector::cast_from(sum);
            vector += CUBE_DIM_X;
        }
    }
}

pub(crate) fn gather_rows<B: OnCube>(table: Tensor<B, 2>, indices: &RowIndices<B>) -> Tensor<B, 2> {
    let dim = table.dims()[1];
    if !is_float(table.dtype()) || indices.is_empty() || dim == 0 {
        return super::reference::gather_rows(table, indices);
    }
    let table = contiguous(float_primitive(table));
    // Uninitialized, since every slot is written.
    let out = empty(&table, [indices.len(), dim], table.dtype);
    let walk = Walk::new(dim);
    // SAFETY: `RowIndices` has checked every index against the number of rows, which the caller has
    // compared with the table's; `out` has a row for each index.
    unsafe {
        gather_kernel::launch_unchecked::<B::Runtime>(
            &table.client,
            walk.cubes(&table.client, indices.len()),
            walk.cube_dim(),
            walk.vector_size,
            table.clone().into_array_arg(),
            contiguous(indices.tensor().into_primitive()).into_array_arg(),
            out.clone().into_array_arg(),
            walk.vectors,
            table.dtype.into(),
        );
    }
    float_tensor(out)
}

pub(crate) fn segment_sum_rows<B: OnCube>(
    rows: Tensor<B, 2>,
    indices: &RowIndices<B>,
) -> Tensor<B, 2> {
    let dim = rows.dims()[1];
    if !is_float(rows.dtype()) || dim == 0 {
        return super::reference::segment_sum_rows(rows, indices);
    }
    let rows = contiguous(float_primitive(rows));
    // Zeros, since rows that no index names belong to no segment and are not written.
    let out = zeros(&rows, [indices.n_rows(), dim], rows.dtype);
    if indices.is_empty() {
        return float_tensor(out);
    }
    let segments = indices.segments();
    let walk = Walk::new(dim);
    // No two segments name the same row, so one worker owns each row of `out`.
    // SAFETY: the segments are made from checked indices: they name rows of `out`, and their slots
    // are those of the batch, of which `rows` has one each.
    unsafe {
        segment_sum_kernel::launch_unchecked::<B::Runtime>(
            &rows.client,
            walk.cubes(&rows.client, segments.len()),
            walk.cube_dim(),
            walk.vector_size,
            rows.clone().into_array_arg(),
            contiguous(segments.order.clone().into_primitive()).into_array_arg(),
            contiguous(segments.rows.clone().into_primitive()).into_array_arg(),
            contiguous(segments.offsets.clone().into_primitive()).into_array_arg(),
            out.clone().into_array_arg(),
            segments.len() as u32,
            walk.vectors,
            rows.dtype.into(),
        );
    }
    float_tensor(out)
}
