//! Scores by projection onto a few singular vectors.

use crate::History;
use crate::dense::multiply;
use crate::matrix::SparseMatrix;
use crate::neighbors::{Neighbors, strongest};
use faer::{Accum, MatMut, MatRef};
use lightgcn_core::ItemId;
use rayon::prelude::*;

/// The number of histories multiplied at a time. Blocks are always padded to it, so that a score
/// does not depend on the other users in the request.
const GROUP: usize = 32;
/// The number of items multiplied at a time: their scores stay in the level-1 and level-2 caches.
const CHUNK: usize = 512;

/// The map x ↦ weight · D^power V Vᵀ D^-power x, where V holds orthonormal columns and D is a
/// diagonal matrix.
#[derive(Debug, Clone)]
pub(crate) struct LowRank {
    /// V: `[n_items, rank]`, row by row.
    vectors: Vec<f32>,
    rank: usize,
    /// D^-power, or empty for ones: `[n_items]`.
    before: Vec<f32>,
    /// weight · D^power: `[n_items]`.
    after: Vec<f32>,
}

impl LowRank {
    /// x ↦ V Vᵀ x.
    pub(crate) fn projection(vectors: Vec<f32>, rank: usize) -> Self {
        Self {
            after: vec![1.0; vectors.len() / rank],
            before: Vec::new(),
            vectors,
            rank,
        }
    }

    /// x ↦ weight · D^power V Vᵀ D^-power x with D from `degrees`; items without degree are
    /// ignored.
    pub(crate) fn scaled(
        vectors: Vec<f32>,
        rank: usize,
        degrees: &[f64],
        power: f64,
        weight: f64,
    ) -> Self {
        let scale = |power: f64, factor: f64| {
            let scale = |&degree: &f64| match degree > 0.0 {
                true => (factor * degree.powf(power)) as f32,
                false => 0.0,
            };
            degrees.iter().map(scale).collect()
        };
        Self {
            vectors,
            rank,
            before: scale(-power, 1.0),
            after: scale(power, weight),
        }
    }

    /// V: `[n_items, rank]`, row by row.
    pub(crate) fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// The map as a matrix without its diagonal, where row x is the result for item x only: the
    /// `most` strongest weights of each row.
    pub(crate) fn neighbors(&self, most: usize) -> Neighbors {
        let n_items = self.after.len();
        let items: Vec<ItemId> = (0..n_items as u32).map(ItemId).collect();
        let lists = items.par_chunks(GROUP).map(|group| {
            let alone = group.iter().map(std::slice::from_ref);
            let histories = alone.map(|item| History::new(item, &[1.0]));
            let histories: Vec<History<'_>> = histories
                .map(|one| one.expect("an item of weight 1"))
                .collect();
            let mut rows = vec![0.0; group.len() * n_items];
            self.add_group(&histories, &mut rows);
            let rows = rows.chunks_exact_mut(n_items).zip(group);
            let lists = rows.map(|(row, item)| {
                row[item.index()] = 0.0;
                strongest(row, most)
            });
            lists.collect::<Vec<_>>()
        });
        let lists: Vec<Vec<_>> = lists.collect();
        Neighbors::from_lists(lists.into_iter().flatten().collect(), n_items)
    }

    /// Adds the scores of each history to its row of `out` (`[histories.len(), n_items]`).
    pub(crate) fn add_scores(&self, histories: &[History<'_>], out: &mut [f32]) {
        let n_items = self.after.len();
        let groups = out.par_chunks_mut(GROUP * n_items);
        groups
            .zip(histories.par_chunks(GROUP))
            .for_each(|(out, histories)| self.add_group(histories, out));
    }

    fn add_group(&self, histories: &[History<'_>], out: &mut [f32]) {
        let (rank, n_items) = (self.rank, self.after.len());
        let before = |item: usize, w: f32| w * self.before.get(item).copied().unwrap_or(1.0);
        let signals = SparseMatrix::from_histories(histories.iter().copied(), n_items, before);
        let mut coordinates = vec![0.0; GROUP * rank];
        let filled = &mut coordinates[..histories.len() * rank];
        signals.times(&self.vectors, rank, filled);
        let coordinates = MatRef::from_row_major_slice(&coordinates[..], GROUP, rank);

        let mut scratch = vec![0.0; CHUNK * GROUP];
        for (n, vectors) in self.vectors.chunks(CHUNK * rank).enumerate() {
            let size = vectors.len() / rank;
            let scratch = &mut scratch[..GROUP * size];
            multiply(
                coordinates,
                MatRef::from_row_major_slice(vectors, size, rank).transpose(),
                1.0,
                Accum::Replace,
                MatMut::from_row_major_slice_mut(scratch, GROUP, size),
            );
            let first = n * CHUNK;
            let after = &self.after[first..first + size];
            for (out, scores) in out
                .chunks_exact_mut(n_items)
                .zip(scratch.chunks_exact(size))
            {
                let out = &mut out[first..first + size];
                for ((out, score), after) in out.iter_mut().zip(scores).zip(after) {
                    *out += score * after;
                }
            }
        }
    }
}
