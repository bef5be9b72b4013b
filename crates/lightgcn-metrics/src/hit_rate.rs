//! HitRate@K.

use crate::Hits;

/// Hit rate at K of one user: 1 if any of the first K places has a right answer, else 0.
///
/// The mean over users is the share of users with at least one hit (HR@K of He et al., "Neural
/// collaborative filtering", WWW 2017, section 4.1). Places beyond the end of a short list are
/// misses.
///
/// ```
/// use lightgcn_metrics::{Hits, hit_rate};
/// assert_eq!(hit_rate(Hits::new(&[4, 5], 3), 4), 1.0);
/// assert_eq!(hit_rate(Hits::new(&[4, 5], 3), 3), 0.0);
/// ```
///
/// # Panics
/// If `k` is 0.
#[must_use]
pub fn hit_rate(hits: Hits<'_>, k: usize) -> f64 {
    if hits.within(k).is_empty() { 0.0 } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hit_is_as_good_as_many() {
        assert_eq!(hit_rate(Hits::new(&[3], 8), 3), 1.0);
        assert_eq!(hit_rate(Hits::new(&[1, 2, 3], 3), 3), 1.0);
        assert_eq!(hit_rate(Hits::new(&[3], 8), 2), 0.0);
        assert_eq!(hit_rate(Hits::new(&[], 8), 20), 0.0);
    }
}
