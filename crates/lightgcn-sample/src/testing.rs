//! Small shops and statistics for tests.

use crate::{PositiveSet, Positives};
use lightgcn_core::{InteractionsBuilder, ItemId, Split, Train, Truth, UserId};
use std::sync::Arc;

/// A training part of (user, item, whether bought) pairs; views weigh 0.1, purchases 1.
pub(crate) fn train(n_users: usize, n_items: usize, pairs: &[(u32, u32, bool)]) -> Train {
    let mut builder =
        InteractionsBuilder::from_names(&["view", "purchase"], &["purchase"]).unwrap();
    for &(user, item, bought) in pairs {
        let (weight, counts) = if bought { (1.0, [0, 1]) } else { (0.1, [1, 0]) };
        builder
            .push(UserId(user), ItemId(item), weight, &counts, None)
            .unwrap();
    }
    let pairs = builder.build(n_users, n_items).unwrap();
    let empty = || Truth::empty(n_users, n_items);
    Split::new(pairs, empty(), empty()).unwrap().train
}

/// The positives of purchases, in any order and distinct.
pub(crate) fn positives_of(n_users: usize, n_items: usize, pairs: &[(u32, u32)]) -> Arc<Positives> {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|&(user, item)| (user, item, true))
        .collect();
    let train = train(n_users, n_items, &pairs);
    Arc::new(Positives::new(&train, PositiveSet::Targets).unwrap())
}

/// Pearson's chi-square of counts against shares; a count where the share is 0 is infinite.
pub(crate) fn chi_square(counts: &[u64], shares: &[f64]) -> f64 {
    let n: u64 = counts.iter().sum();
    counts
        .iter()
        .zip(shares)
        .filter(|&(&count, &share)| count > 0 || share > 0.0)
        .map(|(&count, &share)| {
            let expected = share * n as f64;
            (count as f64 - expected).powi(2) / expected
        })
        .sum()
}
