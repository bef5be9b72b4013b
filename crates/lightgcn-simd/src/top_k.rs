//! Exact ranking of all items for many queries, without a score matrix.

#[cfg(test)]
mod tests;

use std::ops::Range;

use rayon::prelude::*;

use crate::cpu::Level;
use crate::direct;
use crate::element::Element;
use crate::selection::{Exclusions, Scored, TopList};
use crate::tile::{self, PANEL, QUERIES};

/// The maximum number of queries in a task: enough to make packing the items cheap.
const QUERY_BLOCK: usize = 20 * QUERIES;
/// The minimum number of queries in a task, if there are that many.
const QUERY_BLOCK_LEAST: usize = 4 * QUERIES;
/// Items scored at a time without packing: their scores stay in the first-level cache.
const DIRECT_ITEMS: usize = 256;
/// Work, in numbers of items per six queries, below which a second thread costs more than it saves: a few
/// hundred microseconds.
const WORTH_A_TASK: usize = 1 << 20;

/// The `k` items of highest dot product with each query, best first.
///
/// `queries` has shape `[n_queries, dim]` and `items` shape `[n_items, dim]`, both row-major.
/// `excluded(q)` are the sorted ids of items never returned for query `q`; ids beyond the items are
/// ignored. Equal scores rank by the lower item, and NaN ranks below every number. A list is shorter
/// than `k` when fewer items are left. The result has one list per query, and none if `dim` is 0.
///
/// Exact, and the scores have the bits of [`dot`](crate::dot) whatever the batch and the number of
/// threads. O(n_queries · n_items · dim) time. Memory: the lists, and for each thread one block of
/// items and its scores against six queries; the scores of a query are never stored all at once.
/// Runs on rayon's current pool, which splits the queries or, if they are few, the items.
///
/// # Panics
/// If `queries` or `items` are not rows of `dim` numbers, a list of `excluded` is not sorted, or
/// there are more than 2³² items.
///
/// ```
/// let items = [1.0, 0.0, 0.0, 1.0, 0.7, 0.7];
/// let lists = lightgcn_simd::top_k(&[1.0, 0.1], &items, 2, 2, |_query| &[0]);
/// assert_eq!(lists[0].iter().map(|scored| scored.item).collect::<Vec<_>>(), [2, 1]);
/// ```
#[must_use]
pub fn top_k<'m, T: Element>(
    queries: &[f32],
    items: &[T],
    dim: usize,
    k: usize,
    excluded: impl Fn(usize) -> &'m [u32] + Sync,
) -> Vec<Vec<Scored>> {
    let scoring = Scoring {
        level: Level::detect(),
        queries,
        items,
        dim,
    };
    top_k_at(scoring, k, &excluded)
}

/// Queries, `[n_queries, dim]`, and items, `[n_items, dim]`.
#[derive(Clone, Copy)]
struct Scoring<'a, T> {
    level: Level,
    queries: &'a [f32],
    items: &'a [T],
    dim: usize,
}

fn top_k_at<'m, T: Element>(
    scoring: Scoring<'_, T>,
    k: usize,
    excluded: &(impl Fn(usize) -> &'m [u32] + Sync),
) -> Vec<Vec<Scored>> {
    let Scoring {
        queries,
        items,
        dim,
        ..
    } = scoring;
    for (name, length) in [("queries", queries.len()), ("items", items.len())] {
        let whole = if dim == 0 {
            length == 0
        } else {
            length.is_multiple_of(dim)
        };
        assert!(
            whole,
            "the {name} must have rows of {dim} numbers, but they have {length} numbers in all"
        );
    }
    if dim == 0 {
        return Vec::new();
    }
    let (n_queries, n_items) = (queries.len() / dim, items.len() / dim);
    assert!(n_items <= 1 << 32, "an item's number must fit in 32 bits");
    let k = k.min(n_items);
    let plan = Plan::new(n_queries, n_items, dim, rayon::current_num_threads());
    let mut lists: Vec<Vec<Vec<Scored>>> = plan
        .tasks()
        .into_par_iter()
        .map(|(queries_here, items_here)| {
            let best = queries_here
                .clone()
                .map(|query| {
                    TopList::new(k.min(items_here.len()), Exclusions::new(excluded(query)))
                })
                .collect();
            let queries = &queries[queries_here.start * dim..queries_here.end * dim];
            Scoring { queries, ..scoring }.rank(items_here, best)
        })
        .collect();
    lists
        .chunks_mut(plan.item_parts.max(1))
        .flat_map(|parts| merge(parts, k))
        .collect()
}

/// How the pairs of queries and items are cut into tasks. The result does not depend on it.
struct Plan {
    n_queries: usize,
    n_items: usize,
    query_block: usize,
    /// The number of ranges that the items are cut into.
    item_parts: usize,
}

impl Plan {
    fn new(n_queries: usize, n_items: usize, dim: usize, threads: usize) -> Self {
        // As many blocks of queries as keep all threads busy to the end. Items are cut too only where
        // that would make the blocks too small: it repeats no scoring, but leaves lists to merge.
        let blocks = n_queries
            .div_ceil(QUERY_BLOCK)
            .max(n_queries.div_ceil(QUERY_BLOCK_LEAST).min(threads));
        let (blocks, item_parts) = if blocks >= threads {
            (blocks.next_multiple_of(threads), 1)
        } else {
            let work = (n_items * dim).saturating_mul(n_queries.div_ceil(QUERIES));
            (
                blocks,
                (work / WORTH_A_TASK).clamp(1, threads.div_ceil(blocks.max(1))),
            )
        };
        let query_block = n_queries
            .div_ceil(blocks.max(1))
            .next_multiple_of(QUERIES)
            .max(QUERIES);
        Self {
            n_queries,
            n_items,
            query_block,
            item_parts,
        }
    }

    /// The ranges of queries and items of each task; the item ranges of a block of queries follow each
    /// other, as merging expects.
    fn tasks(&self) -> Vec<(Range<usize>, Range<usize>)> {
        let cut = |part: usize| {
            // Multiplied first, in 128 bits, so that the ranges differ by a panel at most.
            let whole = self.n_items as u128 * part as u128 / self.item_parts as u128;
            // On the border of a panel, so that only the last range has an incomplete one.
            if part == self.item_parts {
                self.n_items
            } else {
                whole as usize / PANEL * PANEL
            }
        };
        (0..self.n_queries)
            .step_by(self.query_block)
            .flat_map(|start| {
                let end = (start + self.query_block).min(self.n_queries);
                (0..self.item_parts).map(move |part| (start..end, cut(part)..cut(part + 1)))
            })
            .collect()
    }
}

impl<T: Element> Scoring<'_, T> {
    /// Ranks the items of the range for each query; `best` holds an empty list for each.
    fn rank(self, range: Range<usize>, mut best: Vec<TopList<'_>>) -> Vec<Vec<Scored>> {
        if let Ok(first) = u32::try_from(range.start) {
            best.iter_mut()
                .for_each(|best| best.skip_exclusions_below(first));
        }
        if best.len() <= direct::most_queries(self.level) {
            self.offer_directly(range, &mut best);
        } else {
            self.offer_packed(range, &mut best);
        }
        best.into_iter().map(TopList::into_sorted).collect()
    }

    /// Scores the items in place, for so few queries that packing does not pay off.
    fn offer_directly(self, range: Range<usize>, best: &mut [TopList<'_>]) {
        let Self {
            level,
            queries,
            items,
            dim,
        } = self;
        let mut scores = [0.0; QUERIES * DIRECT_ITEMS];
        for start in range.clone().step_by(DIRECT_ITEMS) {
            let n = (range.end - start).min(DIRECT_ITEMS);
            let items = &items[start * dim..(start + n) * dim];
            let scores = &mut scores[..best.len() * n];
            direct::score_rows(level, queries, items, dim, scores);
            for (scores, best) in scores.chunks_exact(n).zip(best.iter_mut()) {
                best.offer_all(level, start, scores);
            }
        }
    }

    /// Packs the items block by block, which pays off if many queries share a block.
    fn offer_packed(self, range: Range<usize>, best: &mut [TopList<'_>]) {
        let Self {
            level,
            queries,
            items,
            dim,
        } = self;
        let block = tile::items_in_a_block(dim).min(range.len().next_multiple_of(PANEL));
        let mut packed = vec![0.0; block * dim];
        let mut scores = vec![0.0; QUERIES * block];
        for start in range.clone().step_by(block.max(1)) {
            let end = (start + block).min(range.end);
            let (n, padded) = (end - start, (end - start).next_multiple_of(PANEL));
            let packed = &mut packed[..padded * dim];
            tile::pack(level, &items[start * dim..end * dim], dim, packed);
            for (queries, best) in queries.chunks(QUERIES * dim).zip(best.chunks_mut(QUERIES)) {
                let scores = &mut scores[..best.len() * padded];
                tile::score(level, queries, packed, dim, scores);
                // Only the first `n` scores of a query are of items; the rest fills the last panel.
                for (scores, best) in scores.chunks_exact(padded).zip(best) {
                    best.offer_all(level, start, &scores[..n]);
                }
            }
        }
    }
}

/// Merges the lists of the item ranges of one block of queries.
fn merge(parts: &mut [Vec<Vec<Scored>>], k: usize) -> Vec<Vec<Scored>> {
    let Some((first, others)) = parts.split_first_mut() else {
        return Vec::new();
    };
    let mut merged = std::mem::take(first);
    for (query, list) in merged.iter_mut().enumerate() {
        if others.is_empty() {
            continue;
        }
        for part in others.iter() {
            list.extend_from_slice(&part[query]);
        }
        list.sort_unstable_by(Scored::rank_order);
        list.truncate(k);
    }
    merged
}
