//! The sparse product at some rows only, and its transpose: what a batch needs of a layer.

use std::ops::Range;

use rayon::prelude::*;

use crate::cpu::{Level, PORTABLE_FMA, multiply_add};
use crate::csr::CsrView;
use crate::index::CsrIndex;
use crate::parallel;
use crate::sparse_dense::Product;

/// The given rows of `A · y + beta · x`: `out[n] = Σ_c A[rows[n], c] · y[c] + beta · x[rows[n]]`.
///
/// `y` has shape `[n_columns, dim]`, `x` `[n_rows, dim]` and `out` `[rows.len(), dim]`, all
/// row-major. A row may be asked for any number of times. Each row has the bits that
/// [`sparse_dense_add`](crate::sparse_dense_add) gives it, at any thread count.
///
/// O(entries of those rows · dim), on rayon's current pool.
///
/// # Panics
/// When `y`, `x` or `out` has another length than its shape says, or a row is not below `n_rows`.
pub fn sparse_dense_rows<O: CsrIndex, C: CsrIndex, R: CsrIndex>(
    a: CsrView<'_, O, C>,
    rows: &[R],
    y: &[f32],
    beta: f32,
    x: &[f32],
    dim: usize,
    out: &mut [f32],
) {
    check_shape("y", y, a.n_columns(), dim);
    check_shape("x", x, a.n_rows(), dim);
    let product = Product {
        a,
        dense: y,
        dim,
        scale: 1.0,
        addend: Some((beta, x)),
    };
    product_rows(&product, rows, out);
}

/// The given rows of a product whose shapes were checked, into `out` (`[rows.len(), dim]`).
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

/// `out += factor · A[rows]ᵀ · g`: each row's `g` handed to the columns of its entries. With the
/// transpose of [`sparse_dense_rows`] this is its gradient.
///
/// `g` has shape `[rows.len(), dim]` and `out` `[n_columns, dim]`, both row-major. The columns of `A`
/// must ascend within a row. An output row adds its contributions in the order of `rows`, so that the
/// bits do not depend on the thread count.
///
/// O(entries of those rows · dim), on rayon's current pool: each thread owns a range of columns.
///
/// # Panics
/// When `g` or `out` has another length than its shape says, a row is not below `n_rows`, or a row's
/// columns do not ascend (which is looked at only as far as the work needs).
pub fn add_transposed_rows<O: CsrIndex, C: CsrIndex, R: CsrIndex>(
    a: CsrView<'_, O, C>,
    rows: &[R],
    factor: f32,
    g: &[f32],
    dim: usize,
    out: &mut [f32],
) {
    check_rows(a, rows);
    check_shape("g", g, rows.len(), dim);
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
        rows,
        factor,
        g,
        dim,
    };
    // Every task looks for its columns in every row, so that more tasks than threads do not pay.
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
/// `values` has shape `[rows.len(), dim]` and `out` `[n_rows, dim]`. O(rows.len() · dim), on this
/// thread.
///
/// # Panics
/// When `values` has another length than its shape says, or a row lies beyond `out`.
pub fn add_rows<R: CsrIndex>(out: &mut [f32], dim: usize, rows: &[R], factor: f32, values: &[f32]) {
    check_shape("the values", values, rows.len(), dim);
    if dim == 0 {
        return;
    }
    for (row, value) in rows.iter().zip(values.chunks_exact(dim)) {
        let to = &mut out[row.to_usize() * dim..][..dim];
        add_scaled::<PORTABLE_FMA>(to, factor, value);
    }
}

/// Where the entries of each asked row would begin if they stood one after the other.
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

/// Ranges of columns of about equal work: a square matrix's rows tell how its columns are met, any
/// other is cut evenly.
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

struct Scatter<'a, O: CsrIndex, C: CsrIndex, R: CsrIndex> {
    a: CsrView<'a, O, C>,
    rows: &'a [R],
    factor: f32,
    g: &'a [f32],
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
        for (row, g) in self.rows.iter().zip(self.g.chunks_exact(dim)) {
            let entries = self.a.row_range(row.to_usize());
            let row_columns = &self.a.columns()[entries.clone()];
            let start = row_columns.partition_point(|c| c.to_usize() < columns.start);
            let values = &self.a.values()[entries][start..];
            for (column, value) in row_columns[start..].iter().zip(values) {
                let column = column.to_usize();
                if column >= columns.end {
                    break;
                }
                let place = column
                    .checked_sub(columns.start)
                    .expect("the columns of a row must ascend");
                let to = &mut out[place * dim..][..dim];
                // 64 numbers, the usual dimension, as a length that the compiler knows.
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
            "row {row} is asked for, but the matrix has {} rows",
            a.n_rows()
        );
    }
}

pub(crate) fn check_shape(name: &str, matrix: &[f32], rows: usize, dim: usize) {
    assert!(
        rows.checked_mul(dim) == Some(matrix.len()),
        "{name} must have {rows} rows of {dim} numbers, but it has {} numbers in all",
        matrix.len()
    );
}

#[cfg(test)]
mod tests;
