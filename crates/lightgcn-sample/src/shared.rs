//! Negatives shared by all pairs of a batch.

use lightgcn_core::random::{Random, Stream};

/// The first position of these draws, beyond those of any pair's own negatives.
const FIRST_POSITION: u64 = 1 << 62;

/// The position, on the stream of negatives, of the first of `count` draws that
/// [`shared_negatives`] makes for batch number `batch`: with it, a device can make them itself.
#[must_use]
pub fn first_shared_position(batch: usize, count: usize) -> u64 {
    FIRST_POSITION + (batch as u64) * (count as u64)
}

/// `count` items of `n_items`, each drawn uniformly, shared by all pairs of batch number `batch` of
/// an epoch, as softmax losses use them in addition to the batch's own items (Wu et al., "BSL",
/// ICDE 2024, section 2). An item may be drawn twice, and may be a positive of some user.
///
/// The same arguments give the same items, regardless of previous draws. O(count).
///
/// # Panics
/// If there are no items but some are requested.
#[must_use]
pub fn shared_negatives(
    seed: u64,
    epoch: u32,
    batch: usize,
    count: usize,
    n_items: u32,
) -> Vec<u32> {
    assert!(n_items > 0 || count == 0, "there are no items to draw from");
    let random = Random::new(seed, Stream::NegativeSampling);
    let first = first_shared_position(batch, count);
    (first..first + count as u64)
        .map(|position| random.at(epoch, position).below(n_items))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::chi_square;

    #[test]
    fn every_item_is_drawn_as_often() {
        let mut counts = [0; 10];
        for batch in 0..100 {
            for item in shared_negatives(3, 1, batch, 100, 10) {
                counts[item as usize] += 1;
            }
        }
        // The 99.9 % point of chi-square at 9 degrees of freedom is 27.88.
        let chi = chi_square(&counts, &[0.1; 10]);
        assert!(chi < 27.88, "chi-square {chi}, counts {counts:?}");
    }

    #[test]
    fn draws_depend_on_seed_epoch_and_batch_alone() {
        let base = shared_negatives(7, 2, 5, 50, 1000);
        assert_eq!(base, shared_negatives(7, 2, 5, 50, 1000));
        assert_ne!(base, shared_negatives(8, 2, 5, 50, 1000));
        assert_ne!(base, shared_negatives(7, 3, 5, 50, 1000));
        assert_ne!(base, shared_negatives(7, 2, 6, 50, 1000));
        assert!(shared_negatives(7, 2, 5, 0, 0).is_empty());
    }
}
