//! Histories as signals on the item graph, a block of users at a time.

use crate::History;
use crate::matrix::Normalized;
use rayon::prelude::*;

/// The number of users filtered at a time: one panel of the sparse product. A user is a column, and
/// columns are independent.
const BLOCK: usize = 64;
/// The number of elements per thread at a time when combining whole tables.
const CHUNK: usize = 1 << 14;

/// The tables that a filter works on, `[n_items, users of the block]` each.
pub(crate) struct Signals<'a> {
    graph: &'a Normalized,
    dim: usize,
    /// `[n_users, dim]`
    between: Vec<f32>,
    /// The input of the filter, which also receives its result.
    pub(crate) now: Vec<f32>,
    /// The output of [`Signals::gram`].
    pub(crate) product: Vec<f32>,
}

impl<'a> Signals<'a> {
    pub(crate) fn new(graph: &'a Normalized) -> Self {
        Self {
            graph,
            dim: 0,
            between: Vec::new(),
            now: Vec::new(),
            product: Vec::new(),
        }
    }

    /// `product` = R̃ᵀ R̃ · `now`.
    pub(crate) fn gram(&mut self) {
        self.graph
            .gram_times(&self.now, self.dim, &mut self.between, &mut self.product);
    }

    /// Writes after ⊙ filter(before ⊙ history) of each history into its row of `out`
    /// (`[histories.len(), n_items]`). Empty scales are ones.
    pub(crate) fn filter(
        &mut self,
        histories: &[History<'_>],
        before: &[f32],
        after: &[f32],
        out: &mut [f32],
        mut filter: impl FnMut(&mut Self),
    ) {
        let (n_users, n_items) = (self.graph.by_user.n_rows(), self.graph.by_item.n_rows());
        let scale = |table: &[f32], item: usize| table.get(item).copied().unwrap_or(1.0);
        let blocks = out.chunks_mut(BLOCK * n_items);
        for (histories, out) in histories.chunks(BLOCK).zip(blocks) {
            let dim = histories.len();
            self.dim = dim;
            self.between.resize(n_users * dim, 0.0);
            self.product.resize(n_items * dim, 0.0);
            self.now.clear();
            self.now.resize(n_items * dim, 0.0);
            for (column, history) in histories.iter().enumerate() {
                for (item, weight) in history.iter() {
                    let item = item.index();
                    self.now[item * dim + column] = weight * scale(before, item);
                }
            }
            filter(self);
            let rows = out.par_chunks_exact_mut(n_items).enumerate();
            rows.for_each(|(column, row)| {
                let values = self.now[column..].iter().step_by(dim);
                for (item, (to, value)) in row.iter_mut().zip(values).enumerate() {
                    *to = value * scale(after, item);
                }
            });
        }
    }
}

/// Runs `combine(x, y, z)` over all positions of three tables.
pub(crate) fn for_each_position(
    x: &mut [f32],
    y: &mut [f32],
    z: &[f32],
    combine: impl Fn(&mut f32, &mut f32, f32) + Sync,
) {
    x.par_chunks_mut(CHUNK)
        .zip(y.par_chunks_mut(CHUNK))
        .zip(z.par_chunks(CHUNK))
        .for_each(|((x, y), z)| {
            for ((x, y), &z) in x.iter_mut().zip(y).zip(z) {
                combine(x, y, z);
            }
        });
}
