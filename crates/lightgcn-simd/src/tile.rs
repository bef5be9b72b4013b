//! Scores of a few queries against a few items: the innermost loops of ranking.
//!
//! Items of any number type are packed into panels of 16 as `f32`, with the dimension outermost
//! (`[dim, 16]`), so that one register holds the same coordinate of eight items. Each pair of query and item has its
//! own accumulator, which starts at 0 and adds the products in the order of the dimension, by fused
//! multiply-add where the machine has it. So a pair's score has the same bits whatever else is computed, and
//! [`dot`] gives the same. Two accumulators per pair would be faster for one query, and would make a score
//! depend on its batch.

#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::cpu::{Level, PORTABLE_FMA, multiply_add};
use crate::element::Element;

/// Items in a panel.
pub(crate) const PANEL: usize = 16;
/// Queries scored at a time: 6 × 16 sums fill twelve of sixteen registers, and leave four for operands.
pub(crate) const QUERIES: usize = 6;
/// Numbers in a block of packed items: 128 KiB, half of a common second-level cache, where the block stays
/// while all queries pass.
const BLOCK_NUMBERS: usize = 1 << 15;

/// How many items to pack at a time, a multiple of [`PANEL`].
pub(crate) fn items_in_a_block(dim: usize) -> usize {
    (BLOCK_NUMBERS / dim.max(1) / PANEL * PANEL).clamp(PANEL, 32 * PANEL)
}

/// The dot product, summed in the order that all scores use.
pub(crate) fn dot<T: Element>(level: Level, query: &[f32], item: &[T]) -> f32 {
    match level {
        Level::Portable => dot_in_order::<PORTABLE_FMA, T>(query, item),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(proof) => x86::dot(proof, query, item),
    }
}

#[inline(always)]
pub(crate) fn dot_in_order<const FUSED: bool, T: Element>(query: &[f32], item: &[T]) -> f32 {
    query.iter().zip(item).fold(0.0, |sum, (&q, item)| {
        multiply_add::<FUSED>(q, item.widen(), sum)
    })
}

/// Packs `items` (`[n, dim]`) into panels of `f32`; the last one's missing items become zeros.
/// `packed` has `n.div_ceil(16) · 16 · dim` numbers.
pub(crate) fn pack<T: Element>(level: Level, items: &[T], dim: usize, packed: &mut [f32]) {
    let rows = items.chunks(PANEL * dim);
    for (items, panel) in rows.zip(packed.chunks_exact_mut(PANEL * dim)) {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(proof) if items.len() == panel.len() => {
                x86::pack_panel(proof, items, dim, panel);
            }
            _ => pack_panel(items, dim, panel),
        }
    }
}

fn pack_panel<T: Element>(items: &[T], dim: usize, panel: &mut [f32]) {
    // The last panel may lack items; zeros score 0 and are cut off by the caller.
    if items.len() < panel.len() {
        panel.fill(0.0);
    }
    for (lane, item) in items.chunks_exact(dim).enumerate() {
        for (&value, row) in item.iter().zip(panel.chunks_exact_mut(PANEL)) {
            row[lane] = value.widen();
        }
    }
}

/// Scores at most six `queries` (`[m, dim]`) against packed items (`[panels, dim, 16]`) into `out`
/// (`[m, panels · 16]`).
pub(crate) fn score(level: Level, queries: &[f32], packed: &[f32], dim: usize, out: &mut [f32]) {
    assert!(dim > 0 && packed.len().is_multiple_of(PANEL * dim));
    let stride = packed.len() / dim;
    let n_queries = queries.len() / dim;
    assert!(n_queries <= QUERIES && n_queries * dim == queries.len());
    assert!(out.len() == n_queries * stride);
    match level {
        Level::Portable => score_portable(queries, packed, dim, stride, out),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(proof) => x86::score(proof, queries, packed, dim, out),
    }
}

fn score_portable(queries: &[f32], packed: &[f32], dim: usize, stride: usize, out: &mut [f32]) {
    for (query, out) in queries.chunks_exact(dim).zip(out.chunks_exact_mut(stride)) {
        for (panel, out) in packed
            .chunks_exact(PANEL * dim)
            .zip(out.chunks_exact_mut(PANEL))
        {
            let mut sums = [0.0_f32; PANEL];
            for (&q, row) in query.iter().zip(panel.chunks_exact(PANEL)) {
                for (sum, &item) in sums.iter_mut().zip(row) {
                    *sum = multiply_add::<PORTABLE_FMA>(q, item, *sum);
                }
            }
            out.copy_from_slice(&sums);
        }
    }
}
