//! Splits work among threads so that one thread owns a row.

use std::ops::Range;

use rayon::prelude::*;

use crate::index::CsrIndex;

/// Work, in floating-point multiply-adds or copied numbers, below which a second thread costs more
/// than it saves.
const WORTH_A_TASK: usize = 1 << 15;

/// The number of tasks for `work` units: 1 for little work or a single thread, otherwise several per thread,
/// so that threads that finish early find more to do. Results must not depend on it.
pub(crate) fn task_count(work: usize) -> usize {
    let threads = rayon::current_num_threads();
    if threads == 1 {
        1
    } else {
        (work / WORTH_A_TASK).clamp(1, threads * 8)
    }
}

/// Cuts the groups `0..offsets.len() - 1` into at most `parts` ranges of about equal cost, where a
/// group costs its number of members plus one. `offsets` must not decrease. No range is empty.
pub(crate) fn balanced_ranges<O: CsrIndex>(offsets: &[O], parts: usize) -> Vec<Range<usize>> {
    let n_groups = offsets.len() - 1;
    let cost = |group: usize| offsets[group].to_usize() + group;
    let total = cost(n_groups);
    let mut ranges = Vec::with_capacity(parts);
    let mut start = 0;
    for part in 1..=parts {
        // In 128 bits, where the product of two large counts cannot overflow.
        let target = (total as u128 * part as u128 / parts as u128) as usize;
        // The cost never decreases, so the border is found by bisection. A group that costs more
        // than one part swallows the next borders, and empty parts are dropped.
        let (mut low, mut high) = (start, n_groups);
        while low < high {
            let middle = low + (high - low) / 2;
            if cost(middle) < target {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if low > start {
            ranges.push(start..low);
            start = low;
        }
    }
    ranges
}

/// Splits `out` (`[n_rows, dim]`) by contiguous `ranges` of rows that start at row 0.
pub(crate) fn split_rows<'a, T>(
    mut out: &'a mut [T],
    dim: usize,
    ranges: &[Range<usize>],
) -> Vec<(Range<usize>, &'a mut [T])> {
    let mut parts = Vec::with_capacity(ranges.len());
    for range in ranges {
        let (part, rest) = out.split_at_mut(range.len() * dim);
        parts.push((range.clone(), part));
        out = rest;
    }
    parts
}

/// Writes zeros.
pub(crate) fn clear(numbers: &mut [f32]) {
    if task_count(numbers.len()) == 1 {
        numbers.fill(0.0);
    } else {
        numbers
            .par_chunks_mut(WORTH_A_TASK)
            .for_each(|part| part.fill(0.0));
    }
}

/// Runs `work` in pools of 1, 2 and 5 threads and asserts that the results are equal.
#[cfg(test)]
pub(crate) fn same_at_any_thread_count<T: PartialEq + Send + std::fmt::Debug>(
    work: impl Fn() -> T + Sync,
) -> T {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(&work)
    };
    let one = run(1);
    for threads in [2, 5] {
        assert!(
            run(threads) == one,
            "{threads} threads gave a different result than one"
        );
    }
    one
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn splits_by_members_not_by_groups() {
        // One group of 90 members, then ten of one.
        let mut offsets = vec![0_usize, 90];
        offsets.extend(91..=100);
        assert_eq!(balanced_ranges(&offsets, 2), vec![0..1, 1..11]);
    }

    #[test]
    fn nothing_gives_no_ranges() {
        assert_eq!(balanced_ranges(&[0_usize], 4), Vec::<Range<usize>>::new());
    }

    proptest! {
        #[test]
        fn ranges_cover_all_groups_once_and_are_balanced(
            sizes in prop::collection::vec(0_usize..20, 1..60),
            parts in 1_usize..9,
        ) {
            let mut offsets = vec![0];
            for size in &sizes {
                offsets.push(offsets[offsets.len() - 1] + size);
            }
            let ranges = balanced_ranges(&offsets, parts);
            prop_assert!(ranges.len() <= parts);
            let mut next = 0;
            let largest = sizes.iter().max().unwrap() + 1;
            let total = offsets[sizes.len()] + sizes.len();
            for range in ranges {
                prop_assert_eq!(range.start, next);
                prop_assert!(range.end > range.start);
                let cost = offsets[range.end] - offsets[range.start] + range.len();
                prop_assert!(cost <= total / parts + largest + 1);
                next = range.end;
            }
            prop_assert_eq!(next, sizes.len());
        }
    }
}
