//! Cosines of pairs of rows.

use crate::cpu::Level;
use crate::pair_dots::{RowsOf, of_pairs};
use crate::tile;

/// The minimum length that a row is divided by.
const LEAST_LENGTH: f32 = 1e-12;

/// `out[p]` = the cosine of the rows `first[p]` and `second[p]` of `table` (`[n_rows, dim]`,
/// row-major); −1 to 1 up to rounding. Lengths are floored at 1e-12, so the cosine with a row of zeros is 0.
///
/// O(pairs · dim); runs on rayon's current pool.
///
/// # Panics
/// If `table` is not rows of `dim` numbers, when `first`, `second` and `out` differ in length, or
/// when a row is not below the table's number of rows.
///
/// ```
/// let table = [3.0, 4.0, 0.0, 2.0];
/// let mut cosines = [0.0; 2];
/// lightgcn_simd::pair_cosines(&table, 2, &[0, 1], &[1, 1], &mut cosines);
/// assert_eq!(cosines, [0.8, 1.0]);
/// ```
pub fn pair_cosines(table: &[f32], dim: usize, first: &[u32], second: &[u32], out: &mut [f32]) {
    let level = Level::detect();
    // By the same sums as the dot product, so that the cosine of a row with itself is 1 up to the rounding of the root.
    // Computed for each pair again: keeping lengths would need memory for every row of the table.
    let length = |row: &[f32]| tile::dot(level, row, row).sqrt().max(LEAST_LENGTH);
    let rows = [first, second].map(|rows| RowsOf { table, rows });
    // Two divisions: the product of two floored lengths would be 1e-24, near the end of the range.
    of_pairs(dim, rows, 3, out, |a, b| {
        tile::dot(level, a, b) / length(a) / length(b)
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parallel::same_at_any_thread_count;

    #[test]
    fn by_hand() {
        let table = [1.0, 0.0, 0.6, 0.8, -30.0, 0.0, 0.0, 0.0];
        let mut out = [7.0; 5];
        pair_cosines(&table, 2, &[0, 1, 2, 3, 3], &[1, 2, 2, 0, 3], &mut out);
        assert_eq!(out, [0.6, -0.6, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn empty_inputs_give_empty_outputs() {
        pair_cosines(&[], 3, &[], &[], &mut []);
        let mut out = [7.0];
        pair_cosines(&[], 0, &[4], &[5], &mut out);
        assert_eq!(out, [0.0]);
    }

    #[test]
    #[should_panic(expected = "row 2 was requested, but the table has 2 rows")]
    fn a_row_beyond_the_table_panics() {
        pair_cosines(&[0.0; 4], 2, &[0], &[2], &mut [0.0]);
    }

    #[test]
    #[should_panic(expected = "there are 1 first rows, 2 second ones and room for 1 results")]
    fn lists_of_different_lengths_panic() {
        pair_cosines(&[0.0; 4], 2, &[0], &[1, 1], &mut [0.0]);
    }

    #[test]
    fn large_batches_are_the_same_at_any_thread_count() {
        let (n_rows, dim) = (500, 64);
        let table: Vec<f32> = (0..n_rows * dim).map(|i| (i as f32 * 0.37).sin()).collect();
        let rows = |step: u32| {
            (0..5_003)
                .map(|p| p * step % n_rows as u32)
                .collect::<Vec<u32>>()
        };
        let (first, second) = (rows(7), rows(11));
        let out = same_at_any_thread_count(|| {
            let mut out = vec![0.0; first.len()];
            pair_cosines(&table, dim, &first, &second, &mut out);
            out
        });
        assert!((out[0] - 1.0).abs() < 1e-6, "row 0 with itself: {}", out[0]);
    }

    proptest! {
        #[test]
        fn equals_the_formula(
            dim in 1_usize..70,
            pairs in prop::collection::vec((0_u32..9, 0_u32..9), 0..30),
            shift in 0.0..3.0_f32,
        ) {
            let table: Vec<f32> = (0..9 * dim).map(|i| (i as f32 * 1.3 + shift).sin()).collect();
            let (first, second): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
            let mut out = vec![f32::NAN; pairs.len()];
            pair_cosines(&table, dim, &first, &second, &mut out);
            let row = |n: u32| table[n as usize * dim..][..dim].iter().map(|&x| f64::from(x));
            let dot = |a, b| row(a).zip(row(b)).map(|(a, b)| a * b).sum::<f64>();
            for (&(a, b), &found) in pairs.iter().zip(&out) {
                let expected = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-24);
                prop_assert!((f64::from(found) - expected).abs() < 1e-5, "{} {}", found, expected);
            }
        }
    }
}
