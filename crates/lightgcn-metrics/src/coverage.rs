//! Catalogue coverage.

/// The share of the catalogue that is recommended to anyone.
///
/// `counts` has the number of lists with each item. Catalogue coverage of Ge, Delgado-Battenfeld
/// and Jannach, "Beyond accuracy", RecSys 2010, section 2.2. In [0, 1]; an empty catalogue gives 0.
/// O(items).
///
/// ```
/// assert_eq!(lightgcn_metrics::coverage(&[3, 0, 1, 0]), 0.5);
/// ```
#[must_use]
pub fn coverage(counts: &[u64]) -> f64 {
    if counts.is_empty() {
        return 0.0;
    }
    let n_recommended = counts.iter().filter(|&&count| count > 0).count();
    n_recommended as f64 / counts.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_count_once() {
        assert_eq!(coverage(&[9, 9, 9]), 1.0);
        assert_eq!(coverage(&[0, 100, 0, 0]), 0.25);
        assert_eq!(coverage(&[0, 0]), 0.0);
        assert_eq!(coverage(&[]), 0.0);
    }
}
