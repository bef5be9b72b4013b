//! Negatives drawn uniformly.

use crate::{MAX_REJECTIONS, NegativeSampler, Positives};
use lightgcn_core::random::Draws;
use lightgcn_core::{ItemId, UserId};
use std::sync::Arc;

/// Draws every item that the user does not have with the same probability (Rendle et al., "BPR",
/// UAI 2009, section 4.1.2; He et al., "LightGCN", SIGIR 2020, section 3.2).
///
/// Candidates are `below(n_items)`. After [`MAX_REJECTIONS`] positives, k = `below(n_items − n)`
/// for a user with n positives, and the k-th item (from 0, ascending) that is not a positive is
/// taken: it is k + j, where j is the least number with positive\[j\] − j > k, or n. O(log n) per
/// candidate.
#[derive(Debug, Clone)]
pub struct UniformNegatives {
    positives: Arc<Positives>,
}

impl UniformNegatives {
    /// A sampler of items that are not among a user's `positives`.
    #[must_use]
    pub fn new(positives: Arc<Positives>) -> Self {
        Self { positives }
    }
}

impl NegativeSampler for UniformNegatives {
    /// # Panics
    /// If the user is out of range.
    fn sample(&self, user: UserId, draws: &mut Draws) -> Option<ItemId> {
        let positives = self.positives.items_of(user);
        let n_items = self.positives.n_items_u32();
        let n_negatives = n_items - positives.len() as u32;
        if n_negatives == 0 {
            return None;
        }
        for _ in 0..MAX_REJECTIONS {
            let item = ItemId(draws.below(n_items));
            if positives.binary_search(&item).is_err() {
                return Some(item);
            }
        }
        Some(nth_absent(positives, draws.below(n_negatives)))
    }
}

/// The `nth` item, from 0 and ascending, that is not among `positives` (ascending and distinct).
fn nth_absent(positives: &[ItemId], nth: u32) -> ItemId {
    // positive[j] − j items below positive[j] are absent; this never falls with j.
    let (mut low, mut high) = (0, positives.len() as u32);
    while low < high {
        let middle = low + (high - low) / 2;
        if positives[middle as usize].0 - middle > nth {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    ItemId(nth + low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{chi_square, positives_of};
    use lightgcn_core::random::{Random, Stream};
    use proptest::prelude::*;

    fn counts(positives: &Arc<Positives>, user: u32, n: u64) -> Vec<u64> {
        let sampler = UniformNegatives::new(Arc::clone(positives));
        let random = Random::new(11, Stream::NegativeSampling);
        let mut counts = vec![0; positives.n_items()];
        for position in 0..n {
            let item = sampler.sample(UserId(user), &mut random.at(0, position));
            counts[item.unwrap().index()] += 1;
        }
        counts
    }

    #[test]
    fn negatives_are_uniform() {
        // The 99.9 % point of chi-square at 14 degrees of freedom is 36.12.
        let positives = positives_of(1, 20, &[(0, 0), (0, 3), (0, 4), (0, 11), (0, 19)]);
        let counts = counts(&positives, 0, 150_000);
        let mut shares = vec![1.0 / 15.0; 20];
        for positive in [0, 3, 4, 11, 19] {
            shares[positive] = 0.0;
        }
        let chi = chi_square(&counts, &shares);
        assert!(chi < 36.12, "chi-square {chi}, counts {counts:?}");
    }

    #[test]
    fn a_user_with_almost_everything_gets_the_rest_uniformly() {
        // 5 negatives among 1,000: 92 % of draws end in the exact one. At 4 degrees of freedom the
        // 99.9 % point is 18.47.
        let rest = [0, 1, 500, 998, 999];
        let pairs: Vec<(u32, u32)> = (0..1000)
            .filter(|item| !rest.contains(item))
            .map(|item| (0, item))
            .collect();
        let counts = counts(&positives_of(1, 1000, &pairs), 0, 50_000);
        let mut shares = vec![0.0; 1000];
        for item in rest {
            shares[item as usize] = 0.2;
        }
        let chi = chi_square(&counts, &shares);
        assert!(chi < 18.47, "chi-square {chi}");
    }

    #[test]
    fn a_user_with_everything_has_no_negative() {
        let positives = positives_of(2, 2, &[(0, 0), (0, 1), (1, 0)]);
        let sampler = UniformNegatives::new(positives);
        let mut draws = Random::new(1, Stream::NegativeSampling).at(0, 0);
        assert_eq!(sampler.sample(UserId(0), &mut draws), None);
        assert_eq!(sampler.sample(UserId(1), &mut draws), Some(ItemId(1)));
    }

    proptest! {
        #[test]
        fn absent_items_are_found_by_rank(taken in prop::collection::btree_set(0u32..40, 0..40)) {
            let positives: Vec<ItemId> = taken.iter().copied().map(ItemId).collect();
            let absent = (0..40).filter(|item| !taken.contains(item));
            for (nth, item) in absent.enumerate() {
                prop_assert_eq!(nth_absent(&positives, nth as u32), ItemId(item));
            }
        }
    }
}
