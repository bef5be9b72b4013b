//! Negatives drawn by popularity.

use crate::{MAX_REJECTIONS, NegativeSampler, Positives, SampleError};
use lightgcn_core::random::Draws;
use lightgcn_core::{ItemId, UserId};
use std::sync::Arc;

/// Draws an item that the user does not have with a probability proportional to max(popularity,
/// 1)^alpha, where popularity is the number of users who have it.
///
/// An alpha of 0 is uniform, 0.75 is usual (Mikolov et al., "Distributed representations of words
/// and phrases", NIPS 2013, section 2.2), 1 is plain popularity, and a negative alpha prefers
/// unpopular items. An item without users counts as if it had one, so that every item can be drawn.
///
/// Weights are whole numbers that sum to less than 2^32: each is rounded by less than one unit and
/// is at least one, so that among n items a share p is off by at most (1 + n p) / total, where the
/// total is about 2^32. Candidates are found from `below(total)` by binary search in the running
/// sums: the item whose range holds the number. After [`MAX_REJECTIONS`] positives, one number
/// below the total of the remaining items is drawn, and the ranges of the positives that start at
/// or below it are skipped one after the other: an exact draw. O(log items) per candidate; the last
/// draw is O(positives of the user).
#[derive(Debug, Clone)]
pub struct PopularityNegatives {
    positives: Arc<Positives>,
    alpha: f64,
    /// Running sums of the weights, from 0 to their total: `[n_items + 1]`.
    bounds: Vec<u32>,
}

/// Units reserved for the amount by which the sum of rounded weights may exceed the exact sum.
const SLACK: f64 = 65_536.0;

/// The maximum number of items that can each have a distinct unit of weight.
const MAX_ITEMS: usize = 1 << 30;

impl PopularityNegatives {
    /// A sampler of items that are not among a user's `positives`, by popularity. O(positives +
    /// items).
    ///
    /// # Errors
    /// [`SampleError::Config`] if `alpha` is not finite, [`SampleError::TooMany`] if there are more
    /// than 2^30 items.
    pub fn new(positives: Arc<Positives>, alpha: f64) -> Result<Self, SampleError> {
        if !alpha.is_finite() {
            return Err(SampleError::Config {
                issues: vec![format!(
                    "the exponent alpha of popularity is {alpha}; it must be finite, such as 0.75"
                )],
            });
        }
        if positives.n_items() > MAX_ITEMS {
            return Err(SampleError::TooMany {
                what: "items",
                count: positives.n_items(),
                limit: MAX_ITEMS as u32,
            });
        }
        let bounds = running_sums(&positives.popularity(), alpha);
        Ok(Self {
            positives,
            alpha,
            bounds,
        })
    }

    /// The exponent of popularity.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The probability of each item before positives are excluded, in (0, 1]: `[n_items]`.
    #[must_use]
    pub fn probabilities(&self) -> Vec<f64> {
        let total = f64::from(self.total());
        let units = self.bounds.windows(2).map(|pair| pair[1] - pair[0]);
        units.map(|units| f64::from(units) / total).collect()
    }

    fn total(&self) -> u32 {
        self.bounds.last().copied().unwrap_or(0)
    }

    fn units(&self, item: ItemId) -> u32 {
        self.bounds[item.index() + 1] - self.bounds[item.index()]
    }

    /// The item whose range of the running sums holds `number`.
    fn holder(&self, number: u32) -> ItemId {
        ItemId(self.bounds.partition_point(|&bound| bound <= number) as u32 - 1)
    }
}

impl NegativeSampler for PopularityNegatives {
    /// # Panics
    /// If the user is out of range.
    fn sample(&self, user: UserId, draws: &mut Draws) -> Option<ItemId> {
        if self.positives.has_everything(user) {
            return None;
        }
        let positives = self.positives.items_of(user);
        for _ in 0..MAX_REJECTIONS {
            let item = self.holder(draws.below(self.total()));
            if positives.binary_search(&item).is_err() {
                return Some(item);
            }
        }
        let taken: u32 = positives.iter().map(|&item| self.units(item)).sum();
        let mut number = draws.below(self.total() - taken);
        for &item in positives {
            if self.bounds[item.index()] > number {
                break;
            }
            number += self.units(item);
        }
        Some(self.holder(number))
    }
}

fn running_sums(popularity: &[u32], alpha: f64) -> Vec<u32> {
    let counts = || popularity.iter().map(|&count| f64::from(count.max(1)));
    // Relative to the heaviest item, whose weight is then 1: nothing overflows.
    let heaviest = if alpha >= 0.0 {
        counts().fold(1.0, f64::max)
    } else {
        counts().fold(f64::INFINITY, f64::min)
    };
    let weights: Vec<f64> = counts().map(|n| (n / heaviest).powf(alpha)).collect();
    let total: f64 = weights.iter().sum();
    let scale = (f64::from(u32::MAX) - SLACK - weights.len() as f64) / total;
    let mut bounds = Vec::with_capacity(weights.len() + 1);
    let mut sum = 0u32;
    bounds.push(sum);
    for weight in weights {
        sum += ((weight * scale) as u32).max(1);
        bounds.push(sum);
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{chi_square, positives_of};
    use lightgcn_core::random::{Random, Stream};
    use proptest::prelude::*;

    /// Item i is taken by i users out of 2 to 11; user 0 takes what `first` says.
    fn stairs(first: &[u32]) -> Arc<Positives> {
        let mut pairs: Vec<(u32, u32)> = first.iter().map(|&item| (0, item)).collect();
        for item in 0..10 {
            pairs.extend((2..2 + item).map(|user| (user, item)));
        }
        positives_of(12, 10, &pairs)
    }

    fn counts(sampler: &PopularityNegatives, user: u32, n: u64) -> Vec<u64> {
        let random = Random::new(5, Stream::NegativeSampling);
        let mut counts = vec![0; sampler.positives.n_items()];
        for position in 0..n {
            let item = sampler.sample(UserId(user), &mut random.at(3, position));
            counts[item.unwrap().index()] += 1;
        }
        counts
    }

    fn expected(sampler: &PopularityNegatives, user: u32) -> Vec<f64> {
        let popularity = sampler.positives.popularity();
        let weight = |(item, &count): (usize, &u32)| {
            let taken = sampler
                .positives
                .contains(UserId(user), ItemId(item as u32));
            let weight = f64::from(count.max(1)).powf(sampler.alpha);
            if taken { 0.0 } else { weight }
        };
        let weights: Vec<f64> = popularity.iter().enumerate().map(weight).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|weight| weight / total).collect()
    }

    #[test]
    fn negatives_follow_popularity() {
        // Seven negatives: at 6 degrees of freedom the 99.9 % point is 22.46.
        for alpha in [0.0, 0.75, 1.0, -0.5] {
            let sampler = PopularityNegatives::new(stairs(&[2, 8, 9]), alpha).unwrap();
            let counts = counts(&sampler, 0, 100_000);
            let chi = chi_square(&counts, &expected(&sampler, 0));
            assert!(chi < 22.46, "alpha {alpha}: chi-square {chi}, {counts:?}");
        }
    }

    #[test]
    fn a_user_with_almost_everything_gets_the_rest_by_popularity() {
        // The popular 900 of 904 are taken, and the rest has 1/2,000 of the weight: nearly every
        // draw is the exact one. Popularities 0, 1, 2 and 4; 16.27 is the 99.9 % point at 3.
        let rest = [0, 450, 451, 903];
        let mut pairs = vec![(1, 450), (1, 451), (2, 451)];
        pairs.extend((1..5).map(|user| (user, 903)));
        for item in (0..904).filter(|item| !rest.contains(item)) {
            pairs.push((0, item));
            pairs.extend((5..25).map(|user| (user, item)));
        }
        let sampler = PopularityNegatives::new(positives_of(25, 904, &pairs), 1.0).unwrap();
        let counts = counts(&sampler, 0, 20_000);
        let chi = chi_square(&counts, &expected(&sampler, 0));
        assert!(chi < 16.27, "chi-square {chi}");
    }

    #[test]
    fn a_user_with_everything_has_no_negative() {
        let everything: Vec<u32> = (0..10).collect();
        let sampler = PopularityNegatives::new(stairs(&everything), 0.75).unwrap();
        let mut draws = Random::new(1, Stream::NegativeSampling).at(0, 0);
        assert_eq!(sampler.sample(UserId(0), &mut draws), None);
        assert!(sampler.sample(UserId(1), &mut draws).is_some());
    }

    #[test]
    fn extreme_exponents_keep_every_item() {
        for alpha in [-1e6, -40.0, 40.0, 1e6, f64::MAX, f64::MIN] {
            let sampler = PopularityNegatives::new(stairs(&[]), alpha).unwrap();
            let probabilities = sampler.probabilities();
            assert!(probabilities.iter().all(|&p| p > 0.0), "{probabilities:?}");
            let total: f64 = probabilities.iter().sum();
            assert!((total - 1.0).abs() < 1e-9, "{total}");
        }
        for alpha in [f64::NAN, f64::INFINITY] {
            let error = PopularityNegatives::new(stairs(&[]), alpha).unwrap_err();
            assert!(
                matches!(&error, SampleError::Config { issues } if issues.len() == 1),
                "{error}"
            );
        }
    }

    #[test]
    fn the_least_units_fill_the_range_without_overflow() {
        // A million items of equal weight, and one that outweighs them all.
        let even = running_sums(&vec![3; 1_000_000], 0.75);
        assert!(*even.last().unwrap() > u32::MAX - 3_000_000);
        let mut popularity = vec![1; 1_000_000];
        popularity[500_000] = u32::MAX;
        let uneven = running_sums(&popularity, 3.0);
        assert_eq!(uneven[500_000], 500_000);
        assert!(uneven.is_sorted_by(|a, b| a < b));
    }

    proptest! {
        #[test]
        fn shares_are_exact_to_rounding(
            popularity in prop::collection::vec(0u32..10_000, 1..200),
            alpha in -2.0f64..2.0,
        ) {
            let bounds = running_sums(&popularity, alpha);
            let total = f64::from(*bounds.last().unwrap());
            let weights: Vec<f64> =
                popularity.iter().map(|&n| f64::from(n.max(1)).powf(alpha)).collect();
            let sum: f64 = weights.iter().sum();
            for (pair, weight) in bounds.windows(2).zip(&weights) {
                let share = f64::from(pair[1] - pair[0]) / total;
                let bound = (1.0 + popularity.len() as f64 * weight / sum) / total;
                prop_assert!((share - weight / sum).abs() <= bound, "{share}");
            }
        }

        #[test]
        fn negatives_are_never_positives(
            taken in prop::collection::btree_set(0u32..30, 0..30),
            alpha in -1.0f64..2.0,
            seed in any::<u64>(),
        ) {
            let mut pairs: Vec<(u32, u32)> = taken.iter().map(|&item| (0, item)).collect();
            pairs.push((1, 7));
            let sampler = PopularityNegatives::new(positives_of(2, 30, &pairs), alpha).unwrap();
            let random = Random::new(seed, Stream::NegativeSampling);
            for position in 0..50 {
                let item = sampler.sample(UserId(0), &mut random.at(0, position));
                prop_assert_eq!(item.is_none(), taken.len() == 30);
                prop_assert!(item.is_none_or(|item| !taken.contains(&item.0)));
            }
        }
    }
}
