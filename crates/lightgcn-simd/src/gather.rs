//! Embedding lookup: rows of a table by their numbers.

use rayon::prelude::*;

use crate::index::CsrIndex;
use crate::parallel;
use crate::shape::{check_shape, n_rows};

/// `out[r] = table[indices[r]]`, with `table` of shape `[n_rows, dim]` and `out` of shape
/// `[indices.len(), dim]`, both row-major. Indices may repeat.
///
/// O(indices.len() · dim); runs on rayon's current pool.
///
/// # Panics
/// If the length of `table` or `out` does not match its shape, or an index is not below the table's number of
/// rows.
pub fn gather_rows<I: CsrIndex>(table: &[f32], dim: usize, indices: &[I], out: &mut [f32]) {
    check_shape("the output", out, indices.len(), dim);
    if dim == 0 {
        return;
    }
    let n_rows = n_rows(table, dim);
    let copy = |(out, indices): (&mut [f32], &[I])| {
        for (index, out) in indices.iter().zip(out.chunks_exact_mut(dim)) {
            // Negative indices become huge in `to_usize`. The check stands in the loop, where the row is read anyway: a
            // pass over all indices before it would read them from memory twice.
            let index = index.to_usize();
            assert!(
                index < n_rows,
                "row {index} was requested, but the table has {n_rows} rows"
            );
            out.copy_from_slice(&table[index * dim..][..dim]);
        }
    };
    // Counted in numbers written, not in rows: the copy is what takes the time, and short rows are cheap.
    let rows_a_task = indices
        .len()
        .div_ceil(parallel::task_count(out.len()))
        .max(1);
    out.par_chunks_mut(rows_a_task * dim)
        .zip(indices.par_chunks(rows_a_task))
        .for_each(copy);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parallel::same_at_any_thread_count;

    #[test]
    fn copies_rows_in_order_with_repeats() {
        let table = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let mut out = [0.0; 8];
        gather_rows(&table, 2, &[2_i32, 0, 2, 1], &mut out);
        assert_eq!(out, [5.0, 6.0, 1.0, 2.0, 5.0, 6.0, 3.0, 4.0]);
    }

    #[test]
    fn empty_inputs_give_empty_outputs() {
        gather_rows(&[], 3, &[0_u32; 0], &mut []);
        gather_rows(&[], 0, &[4_u32, 5], &mut []);
    }

    #[test]
    #[should_panic(expected = "row 3 was requested, but the table has 3 rows")]
    fn a_row_beyond_the_table_panics() {
        gather_rows(&[0.0; 6], 2, &[0_u64, 3], &mut [0.0; 4]);
    }

    #[test]
    #[should_panic(expected = "the table has 3 rows")]
    fn a_negative_row_panics() {
        gather_rows(&[0.0; 6], 2, &[-1_i64], &mut [0.0; 2]);
    }

    #[test]
    #[should_panic(expected = "the output must have 2 rows of 2 numbers, but it has 3")]
    fn a_short_output_panics() {
        gather_rows(&[0.0; 6], 2, &[0_u32, 1], &mut [0.0; 3]);
    }

    #[test]
    fn large_batches_are_the_same_at_any_thread_count() {
        let (n_rows, dim) = (1000, 48);
        let table: Vec<f32> = (0..n_rows * dim).map(|i| i as f32).collect();
        let indices: Vec<u32> = (0..10_007).map(|i| i * 7919 % n_rows as u32).collect();
        let out = same_at_any_thread_count(|| {
            let mut out = vec![0.0; indices.len() * dim];
            gather_rows(&table, dim, &indices, &mut out);
            out
        });
        for (row, &index) in out.chunks_exact(dim).zip(&indices) {
            assert_eq!(row, &table[index as usize * dim..][..dim]);
        }
    }

    proptest! {
        #[test]
        fn equals_indexing(dim in 1_usize..20, indices in prop::collection::vec(0_i64..9, 0..40)) {
            let table: Vec<f32> = (0..9 * dim).map(|i| i as f32).collect();
            let mut out = vec![0.0; indices.len() * dim];
            gather_rows(&table, dim, &indices, &mut out);
            for (row, &index) in out.chunks_exact(dim).zip(&indices) {
                prop_assert_eq!(row, &table[index as usize * dim..][..dim]);
            }
        }
    }
}
