//! Recall@K.

use crate::Hits;

/// Recall@K of one user: hits in the first K places divided by **all** right answers.
///
/// ```text
/// Recall@K = |top K ∩ truth| / |truth|
/// ```
///
/// As in the published code of He et al., "LightGCN", SIGIR 2020 (`RecallPrecision_ATk`), the
/// divisor is not cut to min(K, |truth|): a user with more than K right answers cannot reach 1.
/// Places beyond the end of a short list are misses. In [0, 1].
///
/// ```
/// use lightgcn_metrics::{Hits, recall};
/// // Hits at ranks 2 and 5, three right answers.
/// assert_eq!(recall(Hits::new(&[2, 5], 3), 4), 1.0 / 3.0);
/// ```
///
/// # Panics
/// If `k` is 0.
#[must_use]
pub fn recall(hits: Hits<'_>, k: usize) -> f64 {
    hits.within(k).len() as f64 / hits.n_relevant() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_divided_by_all_right_answers() {
        let hits = Hits::new(&[1, 3, 4], 5);
        for (k, expected) in [(1, 0.2), (2, 0.2), (3, 0.4), (4, 0.6), (100, 0.6)] {
            assert_eq!(recall(hits, k), expected, "K = {k}");
        }
        // Two of three right answers fit into K = 2; the published code gives 2/3, not 1.
        assert_eq!(recall(Hits::new(&[1, 2, 3], 3), 2), 2.0 / 3.0);
        assert_eq!(recall(Hits::new(&[], 4), 10), 0.0);
    }
}
