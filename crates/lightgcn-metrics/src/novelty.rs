//! Novelty of the recommendations.

/// How obscure the recommended items are: the mean over all recommendations of −log2(popularity
/// share), in bits.
///
/// ```text
/// novelty = Σ_i count_i · −log2(max(popularity_i, 1) / Σ_j popularity_j) / Σ_i count_i
/// ```
///
/// `counts` has the number of lists with each item, `popularity` its number of training users.
/// Vargas and Castells, "Rank and relevance in novelty and diversity metrics for recommender
/// systems", RecSys 2011 (expected free discovery, without rank discount). An item without users
/// counts as if it had one. At least 0; `None` if nothing was recommended or no item has users.
/// O(items).
///
/// ```
/// use lightgcn_metrics::novelty;
/// // Shares 1/2, 1/4, 1/4: 1 bit, 2 bits, 2 bits.
/// assert_eq!(novelty(&[1, 1, 0], &[4, 2, 2]), Some(1.5));
/// ```
///
/// # Panics
/// If the two lists have different lengths.
#[must_use]
pub fn novelty(counts: &[u64], popularity: &[u64]) -> Option<f64> {
    assert_eq!(
        counts.len(),
        popularity.len(),
        "there must be one popularity per item"
    );
    let n_recommendations: u64 = counts.iter().sum();
    let total: u64 = popularity.iter().sum();
    if n_recommendations == 0 || total == 0 {
        return None;
    }
    let bits: f64 = counts
        .iter()
        .zip(popularity)
        .filter(|&(&count, _)| count > 0)
        .map(|(&count, &popularity)| {
            count as f64 * (total as f64 / popularity.max(1) as f64).log2()
        })
        .sum();
    Some(bits / n_recommendations as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_averaged_over_recommendations() {
        // Shares 8/16, 4/16, 4/16, and 1/16 for the item nobody had: 1, 2, 2 and 4 bits.
        let popularity = [8, 4, 4, 0];
        assert_eq!(novelty(&[3, 1, 0, 0], &popularity), Some(5.0 / 4.0));
        assert_eq!(novelty(&[0, 0, 0, 2], &popularity), Some(4.0));
        assert_eq!(novelty(&[1, 1, 1, 1], &popularity), Some(9.0 / 4.0));
    }

    #[test]
    fn nothing_recommended_or_nothing_popular_is_none() {
        assert_eq!(novelty(&[0, 0], &[1, 1]), None);
        assert_eq!(novelty(&[1, 1], &[0, 0]), None);
        // One item that everybody had is not novel.
        assert_eq!(novelty(&[5], &[9]), Some(0.0));
    }
}
