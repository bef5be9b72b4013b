//! The transposed product at some rows, by pulling: each row of the output looks for the vectors that it needs.
//!
//! Scattering, as [`add_transposed_rows`] does, reads and writes a row of the output for each entry of the batch's
//! rows: a cache miss each time if the output is larger than the cache. A batch that has much of the matrix is better
//! served by looking at every entry and writing each row once; what is read from scattered places are the batch's own
//! vectors, which are fewer.

use std::ops::Range;

use rayon::prelude::*;

use super::{RowValues, add_scaled, add_transposed_rows, check_rows};
use crate::cpu::{Level, PORTABLE_FMA};
use crate::csr::CsrView;
use crate::index::CsrIndex;
use crate::parallel;
use crate::shape::check_shape;

/// Pull if the batch's rows have at least one in this many entries of the matrix.
const SHARE: usize = 4;
/// How many entries ahead a vector is fetched.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 8;

/// `out = factor · A[rows]ᵀ · values`: [`add_transposed_rows`] into zeros, to the same bits.
///
/// `transposed` is the transpose of `A`, and `out` has shape `[n_columns, dim]`. The columns of both must ascend within
/// a row. At most O(nnz + (n_columns + entries of the rows) · dim), on rayon's current pool; the bits do not depend on
/// the thread count.
///
/// # Panics
/// As [`add_transposed_rows`].
pub(crate) fn write_transposed_rows<O: CsrIndex, C: CsrIndex, R: CsrIndex>(
    a: CsrView<'_, O, C>,
    transposed: CsrView<'_, O, C>,
    factor: f32,
    batch: RowValues<'_, R>,
    dim: usize,
    out: &mut [f32],
) {
    check_rows(a, batch.rows);
    if !is_pulled(a, batch.rows) {
        parallel::clear(out);
        return add_transposed_rows(a, factor, batch, dim, out);
    }
    check_shape("the values", batch.values, batch.rows.len(), dim);
    check_shape("the output", out, transposed.n_rows(), dim);
    if out.is_empty() {
        return;
    }
    let pull = Pull {
        transposed,
        places: Places::new(a.n_rows(), batch.rows),
        values: batch.values,
        factor,
        dim,
    };
    let level = Level::detect();
    let tasks = parallel::task_count((transposed.nnz() + transposed.n_rows()).saturating_mul(dim));
    let ranges = parallel::balanced_ranges(transposed.row_offsets(), tasks);
    parallel::split_rows(out, dim, &ranges)
        .into_par_iter()
        .for_each(|(rows, out)| pull.write(level, rows, out));
}

/// Whether pulling is cheaper, and adds in the same order: the rows must ascend and not repeat.
pub(super) fn is_pulled<O: CsrIndex, C: CsrIndex, R: CsrIndex>(
    a: CsrView<'_, O, C>,
    rows: &[R],
) -> bool {
    let entries = rows.iter().map(|row| a.row_range(row.to_usize()).len());
    entries.sum::<usize>().saturating_mul(SHARE) >= a.nnz()
        && u32::try_from(rows.len()).is_ok()
        && rows.is_sorted_by(|a, b| a.to_usize() < b.to_usize())
}

/// Where the rows of a batch are in it. Most rows that are asked for may be absent, so that is a bit: all bits fit
/// into a core's own cache, which all places do not.
struct Places {
    present: Vec<u64>,
    places: Vec<u32>,
}

impl Places {
    fn new<R: CsrIndex>(n_rows: usize, rows: &[R]) -> Self {
        let mut all = Self {
            present: vec![0; n_rows.div_ceil(64)],
            places: vec![0; n_rows],
        };
        for (place, row) in (0..).zip(rows) {
            let row = row.to_usize();
            all.present[row / 64] |= 1 << (row % 64);
            all.places[row] = place;
        }
        all
    }

    #[inline(always)]
    fn of(&self, row: usize) -> Option<usize> {
        let present = self.present[row / 64] >> (row % 64) & 1 == 1;
        present.then(|| self.places[row] as usize)
    }
}

/// Rows of the transpose and the vectors of the batch.
struct Pull<'a, O: CsrIndex, C: CsrIndex> {
    transposed: CsrView<'a, O, C>,
    places: Places,
    /// `[n, dim]`
    values: &'a [f32],
    factor: f32,
    dim: usize,
}

impl<O: CsrIndex, C: CsrIndex> Pull<'_, O, C> {
    /// Overwrites the given rows, whose part of the output is `out`.
    fn write(&self, level: Level, rows: Range<usize>, out: &mut [f32]) {
        match level {
            Level::Portable => self.write_each::<PORTABLE_FMA>(rows, out, |_| {}),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the level proves that the machine has AVX2 and FMA.
            Level::Avx2(_) => unsafe { self.write_avx2(rows, out) },
        }
    }

    /// # Safety
    /// The machine must have AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn write_avx2(&self, rows: Range<usize>, out: &mut [f32]) {
        let columns = self.transposed.columns();
        self.write_each::<true>(rows, out, |entry| {
            if let Some(column) = columns.get(entry + AHEAD)
                && let Some(place) = self.places.of(column.to_usize())
            {
                let from = self.values[place * self.dim..].as_ptr();
                // SAFETY: the machine has AVX2.
                unsafe { crate::element::x86::prefetch(from, self.dim * size_of::<f32>()) };
            }
        });
    }

    /// Calls `fetch_after` before each entry.
    #[inline(always)]
    fn write_each<const FUSED: bool>(
        &self,
        rows: Range<usize>,
        out: &mut [f32],
        fetch_after: impl Fn(usize),
    ) {
        let (columns, values) = (self.transposed.columns(), self.transposed.values());
        for (row, out) in rows.zip(out.chunks_exact_mut(self.dim)) {
            out.fill(0.0);
            for entry in self.transposed.row_range(row) {
                fetch_after(entry);
                let Some(place) = self.places.of(columns[entry].to_usize()) else {
                    continue;
                };
                let g = &self.values[place * self.dim..][..self.dim];
                let factor = self.factor * values[entry];
                // For 64 numbers, the usual dimension, the compiler knows the length.
                match (
                    <&mut [f32; 64]>::try_from(&mut *out),
                    <&[f32; 64]>::try_from(g),
                ) {
                    (Ok(out), Ok(g)) => add_scaled::<FUSED>(out, factor, g),
                    _ => add_scaled::<FUSED>(out, factor, g),
                }
            }
        }
    }
}
