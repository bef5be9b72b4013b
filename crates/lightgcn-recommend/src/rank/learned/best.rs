//! The best new items by scores that come in any order.

use lightgcn_core::ItemId;
use std::cmp::Ordering;

/// Keeps the `n` items with the highest positive scores, equal ones by the lower item.
pub(crate) struct Best<'o> {
    n: usize,
    /// Rows that are not taken, ascending.
    out: &'o [u32],
    /// The `n` best so far among them, and newer ones.
    kept: Vec<(f32, ItemId)>,
    /// The last of the `n` best, once there are as many.
    last: Option<(f32, ItemId)>,
}

impl<'o> Best<'o> {
    pub(crate) fn new(n: usize, out: &'o [u32]) -> Self {
        Self {
            n,
            out,
            kept: Vec::new(),
            last: None,
        }
    }

    /// Each item at most once. Amortized O(1), but O(log out) for an item that could be among the best.
    pub(crate) fn offer(&mut self, item: ItemId, score: f32) {
        let is_late = |last| order(&(score, item), last) != Ordering::Less;
        if score.is_nan() || score <= 0.0 || self.last.as_ref().is_some_and(is_late) {
            return;
        }
        if self.out.binary_search(&item.0).is_err() {
            self.kept.push((score, item));
            if self.kept.len() >= 4 * self.n {
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        if let Some(last) = self.n.checked_sub(1).filter(|&last| last < self.kept.len()) {
            let (_, cut, _) = self.kept.select_nth_unstable_by(last, order);
            self.last = Some(*cut);
        }
        self.kept.truncate(self.n);
    }

    /// In no order.
    pub(crate) fn into_items(mut self) -> impl Iterator<Item = ItemId> {
        self.cut();
        self.kept.into_iter().map(|(_, item)| item)
    }
}

fn order(a: &(f32, ItemId), b: &(f32, ItemId)) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rank::scorer::list;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_are_those_of_the_sorted_list(
            scores in prop::collection::vec(-3i8..6, 0..90),
            out in prop::collection::btree_set(0u32..90, 0..20),
            n in 0usize..9,
        ) {
            let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
            let out: Vec<u32> = out.into_iter().collect();
            let mut best = Best::new(n, &out);
            // From the last on.
            for (item, &score) in (0..scores.len() as u32).zip(&scores).rev() {
                best.offer(ItemId(item), score);
            }
            let mut items: Vec<ItemId> = best.into_items().collect();
            items.sort_unstable();
            let expected = list(&scores, n, &out).into_iter().filter(|r| r.score > 0.0);
            let mut expected: Vec<ItemId> = expected.map(|r| r.item).collect();
            expected.sort_unstable();
            prop_assert_eq!(items, expected);
        }
    }
}
