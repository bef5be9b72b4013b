//! MRR@K: the mean over users of the reciprocal rank.

use crate::Hits;

/// Reciprocal rank at K of one user: 1 / rank of the first hit, or 0 without a hit in the first
/// K places. Its mean over users is MRR@K.
///
/// Voorhees, "The TREC-8 question answering track report", 1999. Places beyond the end of a short
/// list are misses. In [0, 1].
///
/// ```
/// use lightgcn_metrics::{Hits, reciprocal_rank};
/// assert_eq!(reciprocal_rank(Hits::new(&[4, 5], 3), 10), 0.25);
/// ```
///
/// # Panics
/// If `k` is 0.
#[must_use]
pub fn reciprocal_rank(hits: Hits<'_>, k: usize) -> f64 {
    hits.within(k)
        .first()
        .map_or(0.0, |&rank| f64::from(rank).recip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_hit_counts() {
        let hits = Hits::new(&[5, 6], 9);
        for (k, expected) in [(1, 0.0), (4, 0.0), (5, 0.2), (6, 0.2), (99, 0.2)] {
            assert_eq!(reciprocal_rank(hits, k), expected, "K = {k}");
        }
        assert_eq!(reciprocal_rank(Hits::new(&[1], 1), 1), 1.0);
        assert_eq!(reciprocal_rank(Hits::new(&[], 1), 5), 0.0);
    }
}
