//! Lists of the nearest products: what sparse item-to-item models are made of.

use crate::History;
use crate::matrix::SparseMatrix;
use lightgcn_core::ItemId;
use rayon::prelude::*;

/// For each product of a history the products that it speaks for, with a weight each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Neighbours {
    /// `[n_items + 1]`
    offsets: Vec<u64>,
    /// Ascending within a product.
    items: Vec<u32>,
    weights: Vec<f32>,
}

impl Neighbours {
    /// Lets each product j be spoken for by the `most` products i ≠ j with the highest positive
    /// `weight(j, i, dot)`, where `dot` = Σ_u `by_item[j, u]` · `by_user[u, i]`; equal weights by the
    /// lower product.
    ///
    /// O(Σ_u pairs(u)² + n_items) time, O(n_items) memory a thread beside the lists. One thread
    /// owns a product and adds consumer by consumer.
    pub(crate) fn strongest(
        by_item: &SparseMatrix,
        by_user: &SparseMatrix,
        most: usize,
        weight: impl Fn(usize, usize, f64) -> f64 + Sync,
    ) -> Self {
        let n_items = by_item.n_rows();
        let scratch = || (vec![0f64; n_items], Vec::new());
        let lists: Vec<Vec<(u32, f32)>> = (0..n_items)
            .into_par_iter()
            .map_init(scratch, |(dots, touched): &mut (Vec<f64>, Vec<u32>), j| {
                for (user, a) in by_item.entries(j) {
                    for (i, b) in by_user.entries(user) {
                        if dots[i] == 0.0 {
                            touched.push(i as u32);
                        }
                        dots[i] += f64::from(a) * f64::from(b);
                    }
                }
                touched.sort_unstable();
                // A dot product that rounds to 0 is met as new again.
                touched.dedup();
                let mut list: Vec<(u32, f32)> = Vec::with_capacity(touched.len());
                for i in touched.drain(..) {
                    let dot = std::mem::take(&mut dots[i as usize]);
                    let w = weight(j, i as usize, dot) as f32;
                    if i as usize != j && w > 0.0 {
                        list.push((i, w));
                    }
                }
                keep_highest(&mut list, most);
                list
            })
            .collect();
        Self::from_sources(&lists)
    }

    /// Turns for each product what speaks for it into what it speaks for, by counting.
    fn from_sources(lists: &[Vec<(u32, f32)>]) -> Self {
        let n_items = lists.len();
        let mut offsets = vec![0u64; n_items + 1];
        for &(source, _) in lists.iter().flatten() {
            offsets[source as usize + 1] += 1;
        }
        for n in 0..n_items {
            offsets[n + 1] += offsets[n];
        }
        let n_entries = offsets[n_items] as usize;
        let (mut items, mut weights) = (vec![0u32; n_entries], vec![0f32; n_entries]);
        let mut next = offsets.clone();
        for (target, list) in lists.iter().enumerate() {
            for &(source, weight) in list {
                let position = next[source as usize] as usize;
                next[source as usize] += 1;
                items[position] = target as u32;
                weights[position] = weight;
            }
        }
        Self {
            offsets,
            items,
            weights,
        }
    }

    pub(crate) fn n_items(&self) -> usize {
        self.offsets.len() - 1
    }

    /// What one product speaks for: ascending.
    pub(crate) fn of(&self, item: usize) -> impl Iterator<Item = (usize, f32)> {
        let range = self.offsets[item] as usize..self.offsets[item + 1] as usize;
        let items = self.items[range.clone()].iter().map(|&j| j as usize);
        items.zip(self.weights[range].iter().copied())
    }

    /// What one product speaks for, by name.
    pub(crate) fn named(&self, item: ItemId) -> impl Iterator<Item = (ItemId, f32)> {
        self.of(item.index()).map(|(j, w)| (ItemId(j as u32), w))
    }

    /// Writes Σ_i `factor(history, weight_i)` · neighbours(i) for each history into its row of
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

/// Keeps the `most` highest weights, equal ones by the lower product, in ascending order of the
/// products.
fn keep_highest(list: &mut Vec<(u32, f32)>, most: usize) {
    if most < list.len() {
        list.select_nth_unstable_by(most, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        list.truncate(most);
        list.sort_unstable_by_key(|entry| entry.0);
    }
    list.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_stay_and_ties_go_to_the_lower_product() {
        let mut list = vec![(0, 1.0), (2, 3.0), (3, 1.0), (7, 2.0), (9, 1.0)];
        keep_highest(&mut list, 3);
        assert_eq!(list, [(0, 1.0), (2, 3.0), (7, 2.0)]);
        keep_highest(&mut list, 9);
        assert_eq!(list.len(), 3);
    }

    #[test]
    fn what_speaks_for_a_product_becomes_what_it_speaks_for() {
        let lists = [vec![(1, 0.1), (2, 0.2)], vec![], vec![(1, 0.3)]];
        let neighbours = Neighbours::from_sources(&lists);
        let of = |item| neighbours.of(item).collect::<Vec<_>>();
        assert_eq!(neighbours.n_items(), 3);
        assert!(of(0).is_empty());
        assert_eq!(of(1), [(0, 0.1), (2, 0.3)]);
        assert_eq!(of(2), [(0, 0.2)]);
    }
}
