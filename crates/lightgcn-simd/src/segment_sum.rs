//! The gradient of an embedding lookup: rows summed by the number of the row they came from.

use rayon::prelude::*;

use crate::index::CsrIndex;
use crate::parallel;
use crate::shape::check_shape;

/// `out[indices[r]] += rows[r]` for every `r`, into zeros: the backward of
/// [`gather_rows`](crate::gather_rows).
///
/// `rows` has shape `[indices.len(), dim]` and `out` shape `[n_rows, dim]`, both row-major. `out` is
/// overwritten. Each output row adds its contributions one by one in the order of `r`, so that the
/// bits are the same at any thread count and on any machine.
///
/// O(n_rows · dim) to write zeros and O(indices.len() · dim) to sum; runs on rayon's current pool.
///
/// # Panics
/// If the length of `rows` or `out` does not match its shape, an index is not below `n_rows`, or there are
/// 2³² rows or more.
pub fn segment_sum_rows<I: CsrIndex>(
    rows: &[f32],
    dim: usize,
    indices: &[I],
    n_rows: usize,
    out: &mut [f32],
) {
    check_shape("what is summed", rows, indices.len(), dim);
    check_shape("the output", out, n_rows, dim);
    let limit = u32::MAX as usize;
    assert!(
        n_rows <= limit && indices.len() <= limit,
        "at most {limit} rows can be summed"
    );
    let order = stable_order(indices, n_rows);
    if dim == 0 {
        return;
    }
    // Zeros first, in a parallel pass of their own: rows that no index names belong to no segment.
    parallel::clear(out);
    let tasks = parallel::task_count(rows.len());
    if tasks == 1 {
        return add_rows(&order, rows, dim, 0, out);
    }
    split_segments(&order, tasks, dim, out)
        .into_par_iter()
        .for_each(|(order, first_row, out)| add_rows(order, rows, dim, first_row, out));
}

/// One contribution: the row it adds to, and its position among the summands.
#[derive(Clone, Copy, Default)]
struct Contribution {
    row: u32,
    position: u32,
}

/// Adds the contributions in their order; `out` starts at row `first_row`.
fn add_rows(order: &[Contribution], rows: &[f32], dim: usize, first_row: usize, out: &mut [f32]) {
    for contribution in order {
        let from = &rows[contribution.position as usize * dim..][..dim];
        let to = &mut out[(contribution.row as usize - first_row) * dim..][..dim];
        for (to, from) in to.iter_mut().zip(from) {
            *to += from;
        }
    }
}

/// Cuts the sorted contributions into about `parts` parts that share no output row, each with its first row
/// and its part of `out`. One thread then owns all contributions to a row, and adds them in their order.
fn split_segments<'a>(
    mut order: &'a [Contribution],
    parts: usize,
    dim: usize,
    mut out: &'a mut [f32],
) -> Vec<(&'a [Contribution], usize, &'a mut [f32])> {
    let target = order.len().div_ceil(parts);
    let mut segments = Vec::with_capacity(parts);
    let mut first_row = 0;
    while !order.is_empty() {
        // A cut within a row's contributions moves to the row's end.
        let last = order[target.min(order.len()) - 1].row;
        let cut = order.partition_point(|contribution| contribution.row <= last);
        let end_row = last as usize + 1;
        let (part, rest) = out.split_at_mut((end_row - first_row) * dim);
        segments.push((&order[..cut], first_row, part));
        (order, out, first_row) = (&order[cut..], rest, end_row);
    }
    segments
}

/// The contributions sorted by row, those of one row by position: a radix sort from the lowest digit, which
/// is stable, O(indices.len()) for each of the few digits that `n_rows` has.
fn stable_order<I: CsrIndex>(indices: &[I], n_rows: usize) -> Vec<Contribution> {
    // 2,048 counters fit the first-level cache, and two digits number four million rows.
    const DIGIT_BITS: u32 = 11;
    let digit = |row: u32, shift: u32| (row >> shift) as usize & ((1 << DIGIT_BITS) - 1);
    let mut from: Vec<Contribution> = indices
        .iter()
        .zip(0..)
        .map(|(index, position)| {
            let row = index.to_usize();
            assert!(
                row < n_rows,
                "summand {position} belongs to row {row}, but the output has {n_rows} rows"
            );
            Contribution {
                row: row as u32,
                position,
            }
        })
        .collect();
    // Batches sorted by user are already in order.
    if from.is_sorted_by_key(|contribution| contribution.row) {
        return from;
    }
    let mut to = vec![Contribution::default(); from.len()];
    // Not all 32 bits: a table of a million rows needs two passes instead of three. `n_rows` is not 0 here, since a
    // contribution to a table without rows would have panicked above.
    let significant_bits = usize::BITS - (n_rows - 1).leading_zeros();
    for shift in (0..significant_bits).step_by(DIGIT_BITS as usize) {
        let mut starts = [0_usize; 1 << DIGIT_BITS];
        for contribution in &from {
            starts[digit(contribution.row, shift)] += 1;
        }
        // From counts to the position of each digit's first contribution. Going through `from` in order below keeps equal
        // digits in order, on which the passes after this one rely.
        let mut next = 0;
        for start in &mut starts {
            next += std::mem::replace(start, next);
        }
        for &contribution in &from {
            let start = &mut starts[digit(contribution.row, shift)];
            to[*start] = contribution;
            *start += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    from
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parallel::same_at_any_thread_count;

    fn naive(rows: &[f32], dim: usize, indices: &[u32], n_rows: usize) -> Vec<f32> {
        let mut out = vec![0.0; n_rows * dim];
        for (row, &index) in rows.chunks_exact(dim).zip(indices) {
            for (d, value) in row.iter().enumerate() {
                out[index as usize * dim + d] += value;
            }
        }
        out
    }

    #[test]
    fn sums_repeats_and_clears_the_rest() {
        let mut out = [9.0; 8];
        let rows = [1.0, 2.0, 10.0, 20.0, 100.0, 200.0];
        segment_sum_rows(&rows, 2, &[3_i32, 1, 3], 4, &mut out);
        assert_eq!(out, [0.0, 0.0, 10.0, 20.0, 0.0, 0.0, 101.0, 202.0]);
    }

    #[test]
    fn adds_in_the_order_of_the_rows() {
        // Only from left to right is (1e8 + 1 - 1e8) + 1 = 1.
        let mut out = [0.0; 2];
        segment_sum_rows(&[1e8, 1.0, -1e8, 1.0], 1, &[1_u32, 1, 1, 1], 2, &mut out);
        assert_eq!(out, [0.0, 1.0]);
    }

    #[test]
    fn nothing_to_sum_gives_zeros() {
        let mut out = [1.0; 3];
        segment_sum_rows(&[], 1, &[0_u32; 0], 3, &mut out);
        assert_eq!(out, [0.0; 3]);
        segment_sum_rows(&[], 1, &[0_u32; 0], 0, &mut []);
        segment_sum_rows(&[], 0, &[1_u32, 0], 2, &mut []);
    }

    #[test]
    #[should_panic(expected = "summand 1 belongs to row 2, but the output has 2 rows")]
    fn a_row_beyond_the_output_panics() {
        segment_sum_rows(&[0.0; 2], 1, &[0_u32, 2], 2, &mut [0.0; 2]);
    }

    #[test]
    #[should_panic(expected = "what is summed must have 2 rows of 2 numbers, but it has 3")]
    fn too_few_rows_panic() {
        segment_sum_rows(&[0.0; 3], 2, &[0_u32, 1], 2, &mut [0.0; 4]);
    }

    #[test]
    fn large_batches_have_the_same_bits_at_any_thread_count() {
        let (n_rows, dim) = (5000, 24);
        // A few rows take most contributions, and the digits above the lowest are used.
        let indices: Vec<u32> = (0_u32..20_011)
            .map(|i| {
                if i % 3 == 0 {
                    i.wrapping_mul(2_654_435_761) % 5000
                } else {
                    i % 7 * 700
                }
            })
            .collect();
        let rows: Vec<f32> = (0..indices.len() * dim)
            .map(|i| ((i * 7919 % 1000) as f32).sin())
            .collect();
        let out = same_at_any_thread_count(|| {
            let mut out = vec![f32::NAN; n_rows * dim];
            segment_sum_rows(&rows, dim, &indices, n_rows, &mut out);
            out
        });
        assert_eq!(out, naive(&rows, dim, &indices, n_rows));
    }

    proptest! {
        #[test]
        fn equals_the_naive_loop_to_the_bit(
            dim in 1_usize..12,
            indices in prop::collection::vec(0_u32..3000, 0..50),
        ) {
            let rows: Vec<f32> = (0..indices.len() * dim).map(|i| (i as f32 * 0.37).sin()).collect();
            let mut out = vec![1.0; 3000 * dim];
            segment_sum_rows(&rows, dim, &indices, 3000, &mut out);
            prop_assert_eq!(out, naive(&rows, dim, &indices, 3000));
        }
    }
}
