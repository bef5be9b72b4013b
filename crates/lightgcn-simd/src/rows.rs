//! The sparse product at some rows only, and its transpose: what a batch needs from a layer.

mod pull;

use std::ops::Range;

use rayon::prelude::*;

use crate::cpu::{Level, PORTABLE_FMA, multiply_add};
use crate::csr::CsrView;
use crate::index::CsrIndex;
use crate::parallel;
use crate::shape::check_shape;
use crate::sparse_dense::Product;

pub(crate) use pull::write_transposed_rows;

/// Row numbers, which may repeat, with one vector each.
#[derive(Clone, Copy, Debug)]
pub struct RowValues<'a, R: CsrIndex> {
    /// The row of each vector, `[n]`.
    pub rows: &'a [R],
    /// The vectors, `[n, dim]`.
    pub values: &'a [f32],
}

/// The given rows of a product whose shapes were checked, into `out` (`[rows.len(), dim]`). A row
/// may be requested any number of times, and has the same bits as in the whole product, with any
/// number of threads.
pub(crate) fn product_rows<O: CsrIndex, C: CsrIndex, R: CsrIndex>(
    product: &Product<'_, O, C>,
    rows: &[R],
    out: &mut [f32],
) {
    let Product { a, dim, .. } = *product;
    check_rows(a, rows);
    check_shape("the output", out, rows.len(), dim);
    if out.is_empty() {
        return;
    }
    let level = Level::detect();
    let write = |rows: &[R], out: &mut [f32]| {
        for (row, out) in rows.iter().zip(out.chunks_exact_mut(dim)) {
            let row = row.to_usize();
            product.write_rows(level, row..row + 1, out);
        }
    };
    let offsets = offsets_of(a, rows);
    let work = offsets[rows.len()] + rows.len();
    let tasks = parallel::task_count(work.saturating_mul(dim));
    if tasks == 1 {
        return write(rows, out);
    }
    let ranges = parallel::balanced_ranges(&offsets, tasks);
    parallel::split_rows(out, dim, &ranges)
        .into_par_iter()
        .for_each(|(range, out)| write(&rows[range], out));
}

/// `out += factor · A[rows]ᵀ · values`: adds each row's vector to the columns of the row's entries. The transpose of
/// [`product_rows`], and so its gradient.
///
/// `out` has shape `[n_columns, dim]`. The columns of a row must ascend. O(entries of the rows · dim), on
/// rayon's current pool; each element of `out` adds its terms in the order of the rows, so the bits do
/// not depend on the thread count.
///
/// # Panics
/// If the length of `values` or `out` does not match its shape, a row is not below `n_rows`, or columns of a
/// row descend.
pub(crate) fn add_transposed_rows<O: CsrIndex, C: CsrIndex, R: CsrIndex>(
    a: CsrView<'_, O, C>,
    factor: f32,
    batch: RowValues<'_, R>,
    dim: usize,
    out: &mut [f32],
) {
    let RowValues { rows, values } = batch;
    check_rows(a, rows);
    check_shape("the values", values, rows.len(), dim);
    check_shape("the output", out, a.n_columns(), dim);
    if out.is_empty() || rows.is_empty() {
        return;
    }
    let level = Level::detect();
    let entries: usize = rows
        .iter()
        .map(|row| a.row_range(row.to_usize()).len())
        .sum();
    let scatter = Scatter {
        a,
        batch,
        factor,
        dim,
    };
    // A task owns a range of columns and searches every row for it: no two tasks write to the same row of the output,
    // but each repeats the search, so many more tasks than threads do not pay.
    let tasks =
        parallel::task_count(entries.saturating_mul(dim)).min(2 * rayon::current_num_threads());
    if tasks == 1 {
        return scatter.add(level, 0..a.n_columns(), out);
    }
    let ranges = column_ranges(a, tasks);
    parallel::split_rows(out, dim, &ranges)
        .into_par_iter()
        .for_each(|(columns, out)| scatter.add(level, columns, out));
}

/// `out[rows[n]] += factor · values[n]`, in the order of `n`.
///
/// `out` has shape `[n_rows, dim]`. O(rows.len() · dim), on this thread.
///
/// # Panics
/// If the length of `values` does not match its shape, or a row lies beyond `out`.
pub fn add_rows<R: CsrIndex>(out: &mut [f32], dim: usize, factor: f32, batch: RowValues<'_, R>) {
    check_shape("the values", batch.values, batch.rows.len(), dim);
    if dim == 0 {
        return;
    }
    for (row, value) in batch.rows.iter().zip(batch.values.chunks_exact(dim)) {
        let to = &mut out[row.to_usize() * dim..][..dim];
        // The portable form even on machines with FMA: the bits are part of what a seed gives.
        add_scaled::<PORTABLE_FMA>(to, factor, value);
    }
}

/// The offsets of the listed rows' entries if they were stored consecutively, to balance rows by entries.
fn offsets_of<O: CsrIndex, C: CsrIndex, R: CsrIndex>(
    a: CsrView<'_, O, C>,
    rows: &[R],
) -> Vec<usize> {
    let mut offsets = Vec::with_capacity(rows.len() + 1);
    let mut total = 0;
    offsets.push(0);
    for row in rows {
        total += a.row_range(row.to_usize()).len();
        offsets.push(total);
    }
    offsets
}

/// Ranges of columns of about equal work. A square matrix is assumed to be nearly symmetric, so that its rows
/// have about as many entries as its columns. Others are cut evenly.
fn column_ranges<O: CsrIndex, C: CsrIndex>(
    a: CsrView<'_, O, C>,
    tasks: usize,
) -> Vec<Range<usize>> {
    if a.n_rows() == a.n_columns() {
        return parallel::balanced_ranges(a.row_offsets(), tasks);
    }
    let size = a.n_columns().div_ceil(tasks);
    (0..a.n_columns())
        .step_by(size)
        .map(|start| start..(start + size).min(a.n_columns()))
        .collect()
}

/// Rows whose vectors are added to columns.
struct Scatter<'a, O: CsrIndex, C: CsrIndex, R: CsrIndex> {
    a: CsrView<'a, O, C>,
    batch: RowValues<'a, R>,
    factor: f32,
    dim: usize,
}

impl<O: CsrIndex, C: CsrIndex, R: CsrIndex> Scatter<'_, O, C, R> {
    /// Adds to the given columns, whose part of the output is `out`.
    fn add(&self, level: Level, columns: Range<usize>, out: &mut [f32]) {
        match level {
            Level::Portable => self.add_each::<PORTABLE_FMA>(columns, out),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level proves that the machine has AVX2 and FMA.
            Level::Avx2(_) => unsafe { self.add_avx2(columns, out) },
        }
    }

    /// # Safety
    /// The machine must have AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn add_avx2(&self, columns: Range<usize>, out: &mut [f32]) {
        self.add_each::<true>(columns, out);
    }

    #[inline(always)]
    fn add_each<const FUSED: bool>(&self, columns: Range<usize>, out: &mut [f32]) {
        let dim = self.dim;
        let batch = self.batch;
        for (row, g) in batch.rows.iter().zip(batch.values.chunks_exact(dim)) {
            let entries = self.a.row_range(row.to_usize());
            let row_columns = &self.a.columns()[entries.clone()];
            // The columns ascend, so this range of them is one run of the row's entries.
            let start = row_columns.partition_point(|c| c.to_usize() < columns.start);
            let values = &self.a.values()[entries][start..];
            for (column, value) in row_columns[start..].iter().zip(values) {
                let column = column.to_usize();
                if column >= columns.end {
                    break;
                }
                let slot = column
                    .checked_sub(columns.start)
                    .expect("the columns of a row must ascend");
                let to = &mut out[slot * dim..][..dim];
                // For 64 numbers, the usual dimension, the compiler knows the length and keeps the loop in
                // registers.
                match (
                    <&mut [f32; 64]>::try_from(&mut *to),
                    <&[f32; 64]>::try_from(g),
                ) {
                    (Ok(to), Ok(g)) => add_scaled::<FUSED>(to, self.factor * value, g),
                    _ => add_scaled::<FUSED>(to, self.factor * value, g),
                }
            }
        }
    }
}

#[inline(always)]
fn add_scaled<const FUSED: bool>(to: &mut [f32], factor: f32, from: &[f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = multiply_add::<FUSED>(factor, from, *to);
    }
}

fn check_rows<O: CsrIndex, C: CsrIndex, R: CsrIndex>(a: CsrView<'_, O, C>, rows: &[R]) {
    for row in rows {
        let row = row.to_usize();
        assert!(
            row < a.n_rows(),
            "row {row} was requested, but the matrix has {} rows",
            a.n_rows()
        );
    }
}

#[cfg(test)]
mod tests;
