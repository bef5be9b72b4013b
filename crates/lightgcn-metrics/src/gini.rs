//! The Gini index of the recommendations.

/// How unevenly recommendations are spread over items: 0 if every item is recommended equally
/// often, 1 if one item takes all.
///
/// ```text
/// G = 1 / (n − 1) · Σ for j = 1 .. n of (2 j − n − 1) · p_j
/// ```
///
/// with n the number of items and p_j the share of all recommendations that fall on the item with
/// the j-th smallest count; items that are never shown count too. Shani and Gunawardana,
/// "Evaluating recommendation systems", Recommender Systems Handbook 2011, section 8.3.3. `None` if
/// nothing was recommended; 0 for a catalogue of one item. O(items · log items).
///
/// ```
/// use lightgcn_metrics::gini;
/// assert_eq!(gini(&[2, 2, 2]), Some(0.0));
/// assert_eq!(gini(&[0, 0, 6]), Some(1.0));
/// assert_eq!(gini(&[0, 0, 0]), None);
/// ```
#[must_use]
pub fn gini(counts: &[u64]) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return None;
    }
    if counts.len() == 1 {
        return Some(0.0);
    }
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    let n = sorted.len() as i128;
    // Integers: the sum is exact, so the order of equal counts does not matter.
    let weighted: i128 = (1..)
        .zip(&sorted)
        .map(|(j, &count)| (2 * j - n - 1) * i128::from(count))
        .sum();
    Some(weighted as f64 / ((n - 1) as f64 * total as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn uneven_counts_are_weighed_by_rank() {
        // Sorted 1, 2, 3, 4, n = 4: −3·1 − 1·2 + 1·3 + 3·4 = 10, over 3 · 10.
        assert_eq!(gini(&[3, 1, 4, 2]), Some(10.0 / 30.0));
        // Sorted 0, 5, 5: −2·0 + 0·5 + 2·5 = 10, over 2 · 10.
        assert_eq!(gini(&[5, 0, 5]), Some(0.5));
        assert_eq!(gini(&[7]), Some(0.0));
        assert_eq!(gini(&[]), None);
    }

    proptest! {
        #[test]
        fn gini_is_between_0_and_1(counts in prop::collection::vec(0u64..1000, 1..50)) {
            if let Some(gini) = gini(&counts) {
                prop_assert!((0.0..=1.0).contains(&gini), "{gini}");
            }
        }

        #[test]
        fn giving_to_the_poor_lowers_it(low in 0u64..50, gap in 2u64..50, rest in 0u64..50) {
            let before = gini(&[low, low + gap, rest]).unwrap();
            let after = gini(&[low + 1, low + gap - 1, rest]).unwrap();
            prop_assert!(after <= before);
        }
    }
}
