//! Scores of a few queries against item rows in place: every item is read once, and only scores are written.
//!
//! Packing items ([`tile`](crate::tile)) pays off for many queries. Each sum has the same order here, and so
//! the same bits.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::cpu::{Level, PORTABLE_FMA, multiply_add};
use crate::element::Element;
use crate::tile::QUERIES;

/// The number of items whose sums run side by side in plain Rust, so that additions do not wait for
/// each other.
const GROUP: usize = 8;

/// The maximum number of queries scored this way; for more, packing pays off.
pub(crate) fn most_queries(level: Level) -> usize {
    match level {
        Level::Portable => 2,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(_) => QUERIES,
    }
}

/// Scores at most six `queries` (`[m, dim]`) against `items` (`[n, dim]`) into `out` (`[m, n]`).
pub(crate) fn score_rows<T: Element>(
    level: Level,
    queries: &[f32],
    items: &[T],
    dim: usize,
    out: &mut [f32],
) {
    assert!(dim > 0 && queries.len().is_multiple_of(dim) && items.len().is_multiple_of(dim));
    let (n_queries, n_items) = (queries.len() / dim, items.len() / dim);
    assert!(n_queries <= QUERIES && out.len() == n_queries * n_items);
    if out.is_empty() {
        return;
    }
    match level {
        Level::Portable => {
            for (query, out) in queries.chunks_exact(dim).zip(out.chunks_exact_mut(n_items)) {
                score_portable(query, items, out);
            }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(proof) => x86::score_rows(proof, queries, items, dim, out),
    }
}

fn score_portable<T: Element>(query: &[f32], items: &[T], out: &mut [f32]) {
    let dim = query.len();
    for (items, out) in items.chunks(GROUP * dim).zip(out.chunks_mut(GROUP)) {
        // In a short group, the last row takes the place of the missing ones; their sums are
        // dropped.
        let row = |lane: usize| &items[lane.min(out.len() - 1) * dim..][..dim];
        let rows: [&[T]; GROUP] = std::array::from_fn(row);
        let mut sums = [0.0_f32; GROUP];
        for (d, &q) in query.iter().enumerate() {
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = multiply_add::<PORTABLE_FMA>(q, row[d].widen(), *sum);
            }
        }
        out.copy_from_slice(&sums[..out.len()]);
    }
}
