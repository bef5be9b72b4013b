//! MAP@K: the mean over users of the average precision.

use crate::Hits;

/// Average precision at K of one user; its mean over users is MAP@K.
///
/// ```text
/// AP@K = Σ over hits at rank r ≤ K of Precision@r / min(K, |truth|)
/// ```
///
/// Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, section 8.4, cut
/// at K; the divisor min(K, |truth|) makes a perfect list score 1 at every K. Places beyond the end
/// of a short list are misses. In [0, 1].
///
/// ```
/// use lightgcn_metrics::{Hits, average_precision};
/// // Hits at ranks 1 and 3 of two right answers: (1/1 + 2/3) / 2.
/// assert_eq!(average_precision(Hits::new(&[1, 3], 2), 10), (1.0 + 2.0 / 3.0) / 2.0);
/// ```
///
/// # Panics
/// If `k` is 0.
#[must_use]
pub fn average_precision(hits: Hits<'_>, k: usize) -> f64 {
    let ranks = hits.within(k).iter().zip(1u32..);
    // `sum` gives -0.0 if there are no hits.
    let sum = ranks.fold(0.0, |sum, (&rank, nth)| {
        sum + f64::from(nth) / f64::from(rank)
    });
    sum / k.min(hits.n_relevant()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precisions_at_hits_are_averaged() {
        // Hits at 2, 3 and 6 of four right answers: 1/2 + 2/3 + 3/6 = 5/3.
        let hits = Hits::new(&[2, 3, 6], 4);
        for (k, expected) in [
            (1, 0.0),
            (2, 0.5 / 2.0),
            (3, (0.5 + 2.0 / 3.0) / 3.0),
            (6, (5.0 / 3.0) / 4.0),
            (50, (5.0 / 3.0) / 4.0),
        ] {
            let value = average_precision(hits, k);
            assert!((value - expected).abs() < 1e-15, "K = {k}: {value}");
            assert!(value.is_sign_positive(), "K = {k}: {value}");
        }
    }
}
