//! Dot products of pairs of rows.

use rayon::prelude::*;

use crate::cpu::Level;
use crate::shape::n_rows;
use crate::{parallel, tile};

/// A table, `[n_rows, dim]`, row-major, and the rows of it that pairs name.
#[derive(Clone, Copy, Debug)]
pub struct RowsOf<'a> {
    /// The table.
    pub table: &'a [f32],
    /// One row for each pair.
    pub rows: &'a [u32],
}

/// `out[p]` = the dot product of row `first.rows[p]` of one table and row `second.rows[p]` of another.
///
/// O(pairs · dim); runs on rayon's current pool.
///
/// # Panics
/// If a table is not rows of `dim` numbers, when the lists of rows and `out` differ in length, or when a row is
/// not below its table's number of rows.
///
/// ```
/// use lightgcn_simd::{RowsOf, pair_dots};
///
/// let (users, items) = ([1.0, 2.0, 3.0, 4.0], [10.0, 1.0]);
/// let mut dots = [0.0; 2];
/// let first = RowsOf { table: &users, rows: &[0, 1] };
/// let second = RowsOf { table: &items, rows: &[0, 0] };
/// pair_dots(2, first, second, &mut dots);
/// assert_eq!(dots, [12.0, 34.0]);
/// ```
pub fn pair_dots(dim: usize, first: RowsOf<'_>, second: RowsOf<'_>, out: &mut [f32]) {
    let level = Level::detect();
    of_pairs(dim, [first, second], 1, out, |a, b| tile::dot(level, a, b));
}

/// `out[p]` = what a function of two rows makes of those of pair p, at the cost of so many dot products. Zeros if
/// rows have no numbers.
pub(crate) fn of_pairs(
    dim: usize,
    [first, second]: [RowsOf<'_>; 2],
    cost: usize,
    out: &mut [f32],
    function: impl Fn(&[f32], &[f32]) -> f32 + Sync,
) {
    let pairs = out.len();
    assert!(
        first.rows.len() == pairs && second.rows.len() == pairs,
        "there are {} first rows, {} second ones and room for {pairs} results",
        first.rows.len(),
        second.rows.len()
    );
    if dim == 0 {
        return out.fill(0.0);
    }
    // Checked before the work is shared, so that a bad row ends the call before any result is written.
    for RowsOf { table, rows } in [first, second] {
        let n_rows = n_rows(table, dim);
        if let Some(row) = rows.iter().find(|&&row| row as usize >= n_rows) {
            panic!("row {row} was requested, but the table has {n_rows} rows");
        }
    }
    let pairs_a_task = pairs
        .div_ceil(parallel::task_count(cost * pairs * dim))
        .max(1);
    let rows = first.rows.par_chunks(pairs_a_task);
    let rows = rows.zip(second.rows.par_chunks(pairs_a_task));
    let tasks = out.par_chunks_mut(pairs_a_task).zip(rows);
    tasks.for_each(|(out, (firsts, seconds))| {
        for (out, (&a, &b)) in out.iter_mut().zip(firsts.iter().zip(seconds)) {
            let a = &first.table[a as usize * dim..][..dim];
            let b = &second.table[b as usize * dim..][..dim];
            *out = function(a, b);
        }
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parallel::same_at_any_thread_count;

    #[test]
    fn by_hand() {
        let (a, b) = ([1.0, 2.0, 3.0, -4.0], [0.5, 0.0, 1.0, 1.0, 2.0, 8.0]);
        let first = RowsOf {
            table: &a,
            rows: &[0, 1, 1],
        };
        let second = RowsOf {
            table: &b,
            rows: &[0, 1, 2],
        };
        let mut out = [7.0; 3];
        pair_dots(2, first, second, &mut out);
        assert_eq!(out, [0.5, -1.0, -26.0]);
    }

    #[test]
    fn empty_inputs_give_empty_outputs() {
        let none = RowsOf {
            table: &[],
            rows: &[],
        };
        pair_dots(3, none, none, &mut []);
        let one = RowsOf { rows: &[4], ..none };
        let mut out = [7.0];
        pair_dots(0, one, one, &mut out);
        assert_eq!(out, [0.0]);
    }

    #[test]
    #[should_panic(expected = "row 2 was requested, but the table has 2 rows")]
    fn a_row_beyond_the_table_panics() {
        let rows = |rows| RowsOf {
            table: &[0.0; 4],
            rows,
        };
        pair_dots(2, rows(&[0]), rows(&[2]), &mut [0.0]);
    }

    #[test]
    #[should_panic(expected = "there are 1 first rows, 2 second ones and room for 1 results")]
    fn lists_of_different_lengths_panic() {
        let rows = |rows| RowsOf {
            table: &[0.0; 4],
            rows,
        };
        pair_dots(2, rows(&[0]), rows(&[1, 1]), &mut [0.0]);
    }

    #[test]
    fn many_pairs_are_the_same_at_any_thread_count() {
        let (n_rows, dim) = (500, 64);
        let table: Vec<f32> = (0..n_rows * dim).map(|i| (i as f32 * 0.37).sin()).collect();
        let rows =
            |step: u32| -> Vec<u32> { (0..5_003).map(|p| p * step % n_rows as u32).collect() };
        let (first, second) = (rows(7), rows(11));
        same_at_any_thread_count(|| {
            let mut out = vec![0.0; first.len()];
            let rows = |rows| RowsOf {
                table: &table,
                rows,
            };
            pair_dots(dim, rows(&first), rows(&second), &mut out);
            out
        });
    }

    proptest! {
        #[test]
        fn equals_the_formula(
            dim in 1_usize..70,
            pairs in prop::collection::vec((0_u32..9, 0_u32..5), 0..30),
            shift in 0.0..3.0_f32,
        ) {
            let table = |rows: usize| -> Vec<f32> {
                (0..rows * dim).map(|i| (i as f32 * 1.3 + shift).sin()).collect()
            };
            let (a, b) = (table(9), table(5));
            let (first, second): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
            let mut out = vec![f32::NAN; pairs.len()];
            let rows = |table, rows| RowsOf { table, rows };
            pair_dots(dim, rows(&a, &first), rows(&b, &second), &mut out);
            for (&(i, j), &found) in pairs.iter().zip(&out) {
                let row = |table: &[f32], n: u32| table[n as usize * dim..][..dim].to_vec();
                let products = row(&a, i).into_iter().zip(row(&b, j));
                let expected: f64 = products.map(|(a, b)| f64::from(a) * f64::from(b)).sum();
                prop_assert!((f64::from(found) - expected).abs() < 1e-4, "{} {}", found, expected);
            }
        }
    }
}
