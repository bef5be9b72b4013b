//! NDCG@K.

use crate::Hits;

/// Normalized discounted cumulative gain at K of one user, with binary relevance.
///
/// ```text
/// DCG@K  = Σ over hits at rank r ≤ K of 1 / log2(r + 1)
/// IDCG@K = Σ for r = 1 .. min(K, |truth|) of 1 / log2(r + 1)
/// NDCG@K = DCG@K / IDCG@K
/// ```
///
/// Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002; the
/// ideal list has min(K, |truth|) hits as in the published code of He et al., "LightGCN", SIGIR
/// 2020 (`NDCGatK_r`), so a perfect list scores 1 at every K. Places beyond the end of a short list
/// are misses. In [0, 1]. O(min(K, |truth|)).
///
/// ```
/// use lightgcn_metrics::{Hits, ndcg};
/// // One right answer, found at rank 3: 1 / log2(4) = 0.5.
/// assert_eq!(ndcg(Hits::new(&[3], 1), 10), 0.5);
/// ```
///
/// # Panics
/// If `k` is 0.
#[must_use]
pub fn ndcg(hits: Hits<'_>, k: usize) -> f64 {
    // `sum` gives -0.0 if there are no hits.
    let gain = hits
        .within(k)
        .iter()
        .fold(0.0, |sum, &rank| sum + discount(rank));
    let n_ideal = k.min(hits.n_relevant()) as u32;
    let ideal: f64 = (1..=n_ideal).map(discount).sum();
    gain / ideal
}

fn discount(rank: u32) -> f64 {
    (f64::from(rank) + 1.0).log2().recip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_discounted_by_log2_and_divided_by_the_ideal() {
        // Hits at 1 and 3 of two right answers: (1 + 1/2) / (1 + 1/log2 3).
        // 1/log2 3 = 0.6309297535714575, so 1.5 / 1.6309297535714575.
        let value = ndcg(Hits::new(&[1, 3], 2), 3);
        assert!((value - 0.919_720_789_148_187_6).abs() < 1e-12, "{value}");
        // At K = 2 only the first counts, and the ideal still has two hits.
        let value = ndcg(Hits::new(&[1, 3], 2), 2);
        assert!((value - 0.613_147_192_765_458_4).abs() < 1e-12, "{value}");
        // At K = 1 the ideal has one hit.
        assert_eq!(ndcg(Hits::new(&[1, 3], 2), 1), 1.0);
        // Rank 7 is discounted by log2 8 = 3.
        assert!((ndcg(Hits::new(&[7], 1), 20) - 1.0 / 3.0).abs() < 1e-15);
        assert_eq!(ndcg(Hits::new(&[7], 1), 6).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn a_perfect_short_list_scores_1_at_a_k_beyond_it() {
        assert_eq!(ndcg(Hits::new(&[1, 2], 2), 1_000_000), 1.0);
    }
}
