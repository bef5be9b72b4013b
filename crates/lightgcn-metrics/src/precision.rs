//! Precision@K.

use crate::Hits;

/// Precision@K of one user: hits in the first K places divided by K.
///
/// ```text
/// Precision@K = |top K ∩ truth| / K
/// ```
///
/// The divisor is K even if the list is shorter (K beyond the catalogue, or few items left after
/// masking), as in the published code of He et al., "LightGCN", SIGIR 2020 (`RecallPrecision_ATk`).
/// In [0, 1].
///
/// ```
/// use lightgcn_metrics::{Hits, precision};
/// assert_eq!(precision(Hits::new(&[2, 5], 3), 4), 0.25);
/// ```
///
/// # Panics
/// If `k` is 0.
#[must_use]
pub fn precision(hits: Hits<'_>, k: usize) -> f64 {
    hits.within(k).len() as f64 / k as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_divided_by_k() {
        let hits = Hits::new(&[1, 3, 4], 5);
        for (k, expected) in [(1, 1.0), (2, 0.5), (3, 2.0 / 3.0), (4, 0.75), (12, 0.25)] {
            assert_eq!(precision(hits, k), expected, "K = {k}");
        }
        assert_eq!(precision(Hits::new(&[], 4), 10), 0.0);
    }
}
