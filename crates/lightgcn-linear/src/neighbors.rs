//! Lists of the nearest items, from which sparse item-to-item models are made.

use crate::History;
use crate::matrix::SparseMatrix;
use lightgcn_core::ItemId;
use rayon::prelude::*;

/// For each item of a history the items that it adds to, with a weight each: a square matrix.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Neighbors {
    matrix: SparseMatrix,
}

impl Neighbors {
    /// Keeps for each item i the `most` items j ≠ i with the highest positive
    /// `weight(i, j, dot)`, where `dot` = Σ_u `to_user[i, u]` · `from_user[u, j]`; equal weights by
    /// the lower item.
    ///
    /// O(Σ_u pairs(u)² + n_items) time, O(n_items) memory per thread in addition to the lists. One
    /// thread owns an item and adds user by user.
    pub(crate) fn nearest(
        to_user: &SparseMatrix,
        from_user: &SparseMatrix,
        most: usize,
        weight: impl Fn(usize, usize, f64) -> f64 + Sync,
    ) -> Self {
        let n_items = to_user.n_rows();
        let scratch = || (vec![0f64; n_items], Vec::new());
        let lists: Vec<Vec<(u32, f32)>> = (0..n_items)
            .into_par_iter()
            .map_init(scratch, |(dots, touched): &mut (Vec<f64>, Vec<u32>), i| {
                for (user, a) in to_user.entries(i) {
                    for (j, b) in from_user.entries(user) {
                        if dots[j] == 0.0 {
                            touched.push(j as u32);
                        }
                        dots[j] += f64::from(a) * f64::from(b);
                    }
                }
                let mut list: Vec<(u32, f32)> = Vec::with_capacity(touched.len());
                touched.sort_unstable();
                touched.dedup();
                for j in touched.drain(..) {
                    let dot = std::mem::take(&mut dots[j as usize]);
                    let w = weight(i, j as usize, dot) as f32;
                    if j as usize != i && w > 0.0 {
                        list.push((j, w));
                    }
                }
                keep_highest(&mut list, most);
                list
            })
            .collect();
        Self::from_lists(lists, n_items)
    }

    pub(crate) fn from_matrix(matrix: SparseMatrix) -> Self {
        Self { matrix }
    }

    /// Keeps for each item the `most` weights of a dense row that are largest in absolute value.
    pub(crate) fn strongest<R: AsRef<[f32]>>(
        rows: impl IndexedParallelIterator<Item = R>,
        n_items: usize,
        most: usize,
    ) -> Self {
        let lists: Vec<_> = rows.map(|row| strongest(row.as_ref(), most)).collect();
        Self::from_lists(lists, n_items)
    }

    /// A list of (item, weight) for each item, ascending.
    pub(crate) fn from_lists(lists: Vec<Vec<(u32, f32)>>, n_items: usize) -> Self {
        Self::from_matrix(SparseMatrix::from_rows(
            lists.into_iter().collect(),
            n_items,
        ))
    }

    /// The same lists in a larger catalogue, where item n is `names[n]`, ascending; the other items have
    /// empty lists.
    pub(crate) fn renumbered(self, names: &[u32], n_items: usize) -> Self {
        if names.len() == n_items {
            return self;
        }
        let mut lists = vec![Vec::new(); n_items];
        for (n, &name) in names.iter().enumerate() {
            let list = self.of(n).map(|(j, weight)| (names[j], weight));
            lists[name as usize] = list.collect();
        }
        Self::from_lists(lists, n_items)
    }

    /// The weight that item `i` adds to item `j`.
    pub(crate) fn weight(&self, i: usize, j: u32) -> f32 {
        let (columns, values) = self.matrix.row(i);
        columns.binary_search(&j).map_or(0.0, |n| values[n])
    }

    pub(crate) fn n_items(&self) -> usize {
        self.matrix.n_rows()
    }

    /// The list of one item.
    pub(crate) fn of(&self, item: usize) -> impl Iterator<Item = (usize, f32)> {
        self.matrix.entries(item)
    }

    /// The length of the list of one item.
    pub(crate) fn n_of(&self, item: usize) -> usize {
        self.matrix.row(item).0.len()
    }

    /// The list of one item, by name.
    pub(crate) fn named(&self, item: ItemId) -> impl Iterator<Item = (ItemId, f32)> {
        self.of(item.index()).map(|(j, w)| (ItemId(j as u32), w))
    }

    /// Writes Σ_i `factor(history, weight_i)` · neighbors(i) for each history into its row of
    /// `out` (`[histories.len(), n_items]`).
    pub(crate) fn scores_into(
        &self,
        histories: &[History<'_>],
        factor: impl Fn(&History<'_>, f32) -> f32 + Sync,
        out: &mut [f32],
    ) {
        let rows = out.par_chunks_exact_mut(self.n_items());
        rows.zip(histories).for_each(|(row, history)| {
            row.fill(0.0);
            for (item, weight) in history.iter() {
                let factor = factor(history, weight);
                for (j, weight) in self.of(item.index()) {
                    row[j] += factor * weight;
                }
            }
        });
    }
}

/// The `most` weights of a dense row that are largest in absolute value, without zeros.
pub(crate) fn strongest(row: &[f32], most: usize) -> Vec<(u32, f32)> {
    // Selecting among magnitudes only takes half the memory, and their bits sort in the same order.
    let mut sizes: Vec<u32> = row.iter().map(|weight| weight.abs().to_bits()).collect();
    let cutoff = match most.checked_sub(1) {
        Some(last) if last < sizes.len() => *sizes.select_nth_unstable_by(last, |a, b| b.cmp(a)).1,
        _ => 0,
    };
    let entries = (0u32..).zip(row.iter().copied());
    let kept = entries.filter(|(_, w)| *w != 0.0 && w.abs().to_bits() >= cutoff);
    let mut list: Vec<(u32, f32)> = kept.collect();
    keep_highest(&mut list, most);
    list
}

/// Keeps the `most` weights with the highest absolute value, equal ones by the lower item, in ascending
/// order of the items.
pub(crate) fn keep_highest(list: &mut Vec<(u32, f32)>, most: usize) {
    if most < list.len() {
        list.select_nth_unstable_by(most, |a, b| {
            b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0))
        });
        list.truncate(most);
        list.sort_unstable_by_key(|entry| entry.0);
    }
    list.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_stay_and_ties_go_to_the_lower_item() {
        let mut list = vec![(0, 1.0), (2, 3.0), (3, 1.0), (7, 2.0), (9, 1.0)];
        keep_highest(&mut list, 3);
        assert_eq!(list, [(0, 1.0), (2, 3.0), (7, 2.0)]);
        keep_highest(&mut list, 9);
        assert_eq!(list.len(), 3);
    }
}
