//! Scores by dot product.

use rayon::prelude::*;

use crate::cpu::Level;
use crate::direct::score_rows;
use crate::element::Element;
use crate::{parallel, tile};

/// The dot product of two vectors; that of the item may be stored in 16 bits ([`Bf16`](crate::Bf16)).
///
/// The products are added in the order of the dimension, one after the other, starting from 0 (with
/// fused multiply-add if the machine has it): the order of [`scores`] and [`top_k`](crate::top_k).
/// So a score computed here has the same bits as the one that ranked the item, on the same machine.
///
/// # Panics
/// If the vectors differ in length.
///
/// ```
/// assert_eq!(lightgcn_simd::dot(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 32.0);
/// ```
#[must_use]
pub fn dot<T: Element>(query: &[f32], item: &[T]) -> f32 {
    assert!(
        query.len() == item.len(),
        "the vectors of a dot product must have the same length, but these have {} and {} numbers",
        query.len(),
        item.len()
    );
    tile::dot(Level::detect(), query, item)
}

/// `out[i] = dot(query, items[i])`, with `query` of shape `[dim]`, `items` of shape `[n_items, dim]`
/// and `out` of shape `[n_items]`. The bits are those of [`dot`].
///
/// O(n_items · dim); large inputs run on rayon's current pool.
///
/// # Panics
/// If the length of a slice does not match its shape.
pub fn scores<T: Element>(query: &[f32], items: &[T], dim: usize, out: &mut [f32]) {
    assert!(
        query.len() == dim,
        "the query must have {dim} numbers, not {}",
        query.len()
    );
    // Checked: a product that wrapped could equal the number of elements.
    assert!(
        out.len().checked_mul(dim) == Some(items.len()),
        "there are {} scores to write, so there must be as many item rows of {dim} numbers, but \
        the items have {} numbers in total",
        out.len(),
        items.len()
    );
    // Rows without elements cannot be cut into chunks; their scores are empty sums.
    if dim == 0 {
        return out.fill(0.0);
    }
    let level = Level::detect();
    let tasks = parallel::task_count(items.len());
    if tasks == 1 {
        return score_rows(level, query, items, dim, out);
    }
    // An item's score does not depend on its neighbors, so the bits do not depend on where chunks
    // end.
    let size = out.len().div_ceil(tasks);
    out.par_chunks_mut(size)
        .zip(items.par_chunks(size * dim))
        .for_each(|(out, items)| score_rows(level, query, items, dim, out));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bf16::round_to_bf16;
    use crate::element::Bf16;
    use crate::parallel::same_at_any_thread_count;

    #[test]
    fn by_hand() {
        let mut out = [0.0; 3];
        scores(&[1.0, -2.0], &[3.0, 1.0, 0.0, 0.5, 10.0, 10.0], 2, &mut out);
        assert_eq!(out, [1.0, -1.0, -10.0]);
        assert_eq!(dot(&[1.0, -2.0], &[10.0, 10.0]), -10.0);
        assert_eq!(dot(&[1.0, -2.0], &[10.0, 10.0].map(Bf16::from_f32)), -10.0);
    }

    #[test]
    fn adds_in_the_order_of_the_dimension() {
        // Only from left to right is ((1e8 + 1) - 1e8) + 1 = 1 in single precision.
        assert_eq!(dot(&[1e8, 1.0, -1e8, 1.0], &[1.0; 4]), 1.0);
    }

    #[test]
    fn no_dimension_scores_zero_and_no_items_nothing() {
        let mut out = [7.0; 2];
        scores::<f32>(&[], &[], 0, &mut out);
        assert_eq!(out, [0.0; 2]);
        scores::<f32>(&[1.0], &[], 1, &mut []);
        assert_eq!(dot::<f32>(&[], &[]), 0.0);
    }

    #[test]
    #[should_panic(expected = "have 2 and 1 numbers")]
    fn vectors_of_different_length_panic() {
        let _ = dot(&[1.0, 2.0], &[1.0]);
    }

    #[test]
    #[should_panic(expected = "there must be as many item rows of 2 numbers, but the items have 3")]
    fn items_of_another_shape_panic() {
        scores(&[1.0, 2.0], &[1.0; 3], 2, &mut [0.0; 2]);
    }

    #[test]
    fn many_items_have_the_same_bits_at_any_thread_count() {
        let (dim, n) = (24, 20_001);
        let query: Vec<f32> = (0..dim).map(|i| (i as f32 * 0.7).cos()).collect();
        let items: Vec<f32> = (0..n * dim).map(|i| (i as f32 * 0.01).sin()).collect();
        let out = same_at_any_thread_count(|| {
            let mut out = vec![0.0; n];
            scores(&query, &items, dim, &mut out);
            out
        });
        for (item, score) in items.chunks_exact(dim).zip(out) {
            assert_eq!(dot(&query, item).to_bits(), score.to_bits());
        }
    }

    proptest! {
        #[test]
        fn scores_have_the_bits_of_dot(dim in 1_usize..140, n in 0_usize..150) {
            let query: Vec<f32> = (0..dim).map(|i| (i as f32 * 0.7).cos()).collect();
            let items: Vec<f32> = (0..n * dim).map(|i| (i as f32 * 0.01).sin()).collect();
            let mut out = vec![f32::NAN; n];
            scores(&query, &items, dim, &mut out);
            for (item, score) in items.chunks_exact(dim).zip(&out) {
                prop_assert_eq!(dot(&query, item).to_bits(), score.to_bits());
            }
            let mut narrow = vec![Bf16::ZERO; items.len()];
            round_to_bf16(&items, &mut narrow);
            scores(&query, &narrow, dim, &mut out);
            for (item, score) in narrow.chunks_exact(dim).zip(&out) {
                prop_assert_eq!(dot(&query, item).to_bits(), score.to_bits());
            }
        }
    }
}
