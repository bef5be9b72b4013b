//! The k best of many scores.

#[cfg(target_arch = "x86_64")]
mod x86;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::cpu::Level;

/// One scored item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The item's row number.
    pub item: u32,
    /// Its score; higher is better.
    pub score: f32,
}

impl Scored {
    /// The ranking order: `Less` if `self` comes before `other`. Higher scores first, NaN after
    /// every number, equal scores by the lower item.
    #[must_use]
    pub fn rank_order(&self, other: &Self) -> Ordering {
        let by_score = match other.score.partial_cmp(&self.score) {
            Some(order) => order,
            None => self.score.is_nan().cmp(&other.score.is_nan()),
        };
        by_score.then(self.item.cmp(&other.item))
    }
}

/// The `k` best of `scores` (`[n_items]`, item `i` having score `scores[i]`), best first.
///
/// Higher scores come first, equal ones by the lower item; NaN counts as lower than every number. The
/// sorted list `excluded` names items that are never returned; ids beyond the scores and repeated
/// ids are ignored. The answer is shorter than `k` when fewer items are left.
///
/// O(n_items + n_items · log k) at worst; a random order needs about k · log(n_items / k) heap steps.
///
/// # Panics
/// If `excluded` is not sorted, or there are more than 2³² scores.
#[must_use]
pub fn select_top_k(scores: &[f32], k: usize, excluded: &[u32]) -> Vec<Scored> {
    select_top_k_at(Level::detect(), scores, k, excluded)
}

fn select_top_k_at(level: Level, scores: &[f32], k: usize, excluded: &[u32]) -> Vec<Scored> {
    assert!(
        scores.len() <= 1 << 32,
        "an item's number must fit in 32 bits"
    );
    let mut best = TopList::new(k.min(scores.len()), Exclusions::new(excluded));
    best.offer_all(level, 0, scores);
    best.into_sorted()
}

/// A walk along a sorted list of item ids: since items are queried in ascending order, it costs one
/// comparison per item instead of a search.
#[derive(Clone, Copy)]
pub(crate) struct Exclusions<'m> {
    rest: &'m [u32],
}

impl<'m> Exclusions<'m> {
    pub(crate) fn new(excluded: &'m [u32]) -> Self {
        assert!(excluded.is_sorted(), "the excluded items must be sorted");
        Self { rest: excluded }
    }

    /// Whether `item` is excluded. Items must be queried in ascending order.
    fn contains(&mut self, item: u32) -> bool {
        while let [first, rest @ ..] = self.rest {
            if *first >= item {
                return *first == item;
            }
            self.rest = rest;
        }
        false
    }
}

/// Keeps the best `k` of the items offered, in a heap whose root is the worst. Items come in
/// ascending order: of equal scores, the first one offered stays, which is the lower item.
pub(crate) struct TopList<'m> {
    k: usize,
    heap: BinaryHeap<WorstFirst>,
    /// Only a score that is not less than or equal to this one may enter. NaN, which lets every score
    /// through, while the list is not full and while its worst score is NaN.
    threshold: f32,
    excluded: Exclusions<'m>,
}

impl<'m> TopList<'m> {
    pub(crate) fn new(k: usize, excluded: Exclusions<'m>) -> Self {
        Self {
            k,
            heap: BinaryHeap::with_capacity(k),
            // Nothing compares as less than or equal to NaN, so every score passes until the list
            // is full.
            threshold: f32::NAN,
            excluded,
        }
    }

    /// Skips exclusions below `item`, when no lower item will be offered.
    pub(crate) fn skip_exclusions_below(&mut self, item: u32) {
        let rest = self.excluded.rest;
        self.excluded.rest = &rest[rest.partition_point(|&excluded| excluded < item)..];
    }

    /// Offers the items from number `first` on by their scores. Items must come in ascending order.
    pub(crate) fn offer_all(&mut self, level: Level, first: usize, scores: &[f32]) {
        match level {
            Level::Portable => self.offer_each(first, scores),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(proof) => x86::offer_all(proof, self, first, scores),
        }
    }

    fn offer_each(&mut self, first: usize, scores: &[f32]) {
        for (i, &score) in scores.iter().enumerate() {
            self.test_and_offer(first + i, score);
        }
    }

    /// Offers the item unless a quick test, which most scores fail, shows that it cannot enter.
    #[inline]
    fn test_and_offer(&mut self, item: usize, score: f32) {
        let order = score.partial_cmp(&self.threshold);
        // Not `score > threshold`: a NaN on either side must pass.
        if !matches!(order, Some(Ordering::Less | Ordering::Equal)) {
            self.offer(Scored {
                item: item as u32,
                score,
            });
        }
    }

    /// Adds the item if it is among the best so far and not excluded. Not inlined: few scores get
    /// this far, and the loop that tests them stays small.
    #[inline(never)]
    fn offer(&mut self, scored: Scored) {
        // Exclusions are looked up only here, for the few items that pass the quick test; those in
        // between are skipped.
        if self.k == 0 || self.excluded.contains(scored.item) {
            return;
        }
        if self.heap.len() < self.k {
            self.heap.push(WorstFirst(scored));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && scored.rank_order(&worst.0).is_lt()
        {
            // The guard restores the order of the heap when it is dropped.
            *worst = WorstFirst(scored);
        }
        // Equal scores do not pass the threshold: the items here have lower numbers and stay.
        if self.heap.len() == self.k
            && let Some(worst) = self.heap.peek()
        {
            self.threshold = worst.0.score;
        }
    }

    /// The list, best first.
    pub(crate) fn into_sorted(self) -> Vec<Scored> {
        // Ascending in the order of the heap, in which the best is the least; faster than by its own heap sort.
        let mut entries = self.heap.into_vec();
        entries.sort_unstable();
        entries.into_iter().map(|entry| entry.0).collect()
    }
}

/// Orders a heap so that the entry that ranks last is its root.
struct WorstFirst(Scored);

impl Ord for WorstFirst {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.rank_order(&other.0)
    }
}

impl PartialOrd for WorstFirst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for WorstFirst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for WorstFirst {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(list: &[Scored]) -> Vec<u32> {
        list.iter().map(|scored| scored.item).collect()
    }

    #[test]
    fn best_first_and_ties_by_the_lower_item() {
        let list = select_top_k(&[1.0, 3.0, 2.0, 3.0, 2.0], 4, &[]);
        assert_eq!(items(&list), [1, 3, 2, 4]);
        assert_eq!(
            list[0],
            Scored {
                item: 1,
                score: 3.0
            }
        );
    }

    #[test]
    fn excluded_items_never_come_back() {
        let scores = [5.0, 4.0, 3.0, 2.0];
        assert_eq!(items(&select_top_k(&scores, 2, &[0, 2, 2, 77])), [1, 3]);
        assert!(select_top_k(&scores, 2, &[0, 1, 2, 3]).is_empty());
    }

    #[test]
    fn k_may_be_zero_or_exceed_the_items() {
        assert!(select_top_k(&[1.0], 0, &[]).is_empty());
        assert!(select_top_k(&[], 3, &[]).is_empty());
        assert_eq!(items(&select_top_k(&[1.0, 2.0], usize::MAX, &[])), [1, 0]);
    }

    #[test]
    fn nan_ranks_below_every_number() {
        let scores = [f32::NAN, f32::NEG_INFINITY, f32::NAN, 1.0, f32::INFINITY];
        assert_eq!(items(&select_top_k(&scores, 5, &[])), [4, 3, 1, 0, 2]);
        assert_eq!(items(&select_top_k(&scores, 3, &[])), [4, 3, 1]);
        assert_eq!(
            items(&select_top_k(&[f32::NAN, f32::NAN, 1.0], 2, &[])),
            [2, 0]
        );
    }

    #[test]
    fn zeros_of_either_sign_are_equal() {
        assert_eq!(items(&select_top_k(&[-0.0, 0.0], 2, &[])), [0, 1]);
        assert_eq!(items(&select_top_k(&[-0.0, 0.0], 1, &[])), [0]);
    }

    #[test]
    #[should_panic(expected = "must be sorted")]
    fn unsorted_exclusions_panic() {
        let _ = select_top_k(&[1.0, 2.0], 1, &[1, 0]);
    }

    proptest! {
        #[test]
        fn equals_a_full_sort(
            // Few distinct values, so that there are many ties.
            scores in prop::collection::vec(prop_oneof![
                9 => (-4_i8..4).prop_map(f32::from),
                1 => Just(f32::NAN),
            ], 0..200),
            k in 0_usize..70,
            mut excluded in prop::collection::vec(0_u32..220, 0..60),
        ) {
            excluded.sort_unstable();
            let mut all: Vec<Scored> = scores.iter().zip(0..)
                .map(|(&score, item)| Scored { item, score })
                .filter(|scored| !excluded.contains(&scored.item))
                .collect();
            all.sort_by(Scored::rank_order);
            all.truncate(k);
            for level in Level::all() {
                let list = select_top_k_at(level, &scores, k, &excluded);
                prop_assert_eq!(items(&list), items(&all));
            }
        }
    }
}
