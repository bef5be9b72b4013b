//! Sums a table over all ranks, in the order of the ranks.
//!
//! Each rank owns a slice of the rows. It gets the others' rows of its slice, adds them to its own,
//! rank 0's first, and sends the sum to all. Rows of zeros are not sent, unless the numbers of the
//! others would take more bytes. MPI's own reductions may add in another order from run to run.

use crate::ranks::{Ranks, own_part, parts};

/// The maximum number of elements that are summed at a time, which bounds the messages to 64 MiB.
const ROUND: usize = 1 << 24;

/// Adds the tables of all ranks, each `[n_rows, width]`, and puts the sum into each. The same number
/// of ranks gives the same bits. Returns how many bytes this rank sent.
///
/// Of n rows, of which this rank has t in other ranks' slices that are not zero, and the sum u in its
/// own slice, it sends 4 · (width + 1) · (t + (size − 1) · u) bytes and a few for each message, at most
/// 8 · n · width · (size − 1) / size.
pub(crate) fn sum_rows(ranks: &dyn Ranks, table: &mut [f32], width: usize) -> u64 {
    sum_in_rounds(ranks, table, width, ROUND)
}

fn sum_in_rounds(ranks: &dyn Ranks, table: &mut [f32], width: usize, round: usize) -> u64 {
    let rounds = table.chunks_mut((round / width).max(1) * width);
    rounds.map(|round| sum_round(ranks, round, width)).sum()
}

fn sum_round(ranks: &dyn Ranks, table: &mut [f32], width: usize) -> u64 {
    let n_rows = table.len() / width;
    let elements = |rows: std::ops::Range<usize>| rows.start * width..rows.end * width;
    let slices: Vec<_> = parts(ranks, n_rows).map(elements).collect();
    let own = elements(own_part(ranks, n_rows));

    let others = slices.iter().enumerate().map(|(rank, slice)| {
        let is_own = rank == ranks.rank();
        let rows = (!is_own).then(|| encoded(&table[slice.clone()], width));
        rows.unwrap_or_default()
    });
    let outgoing: Vec<Vec<u8>> = others.collect();
    let mut sent: u64 = outgoing.iter().map(|message| message.len() as u64).sum();
    let incoming = ranks.exchange(outgoing);

    let mut sum = vec![0.0; own.len()];
    for (rank, message) in incoming.iter().enumerate() {
        if rank == ranks.rank() {
            let rows = &table[own.clone()];
            sum.iter_mut().zip(rows).for_each(|(sum, x)| *sum += x);
        } else {
            add(message, &mut sum, width);
        }
    }

    let message = encoded(&sum, width);
    sent += (message.len() * (ranks.size() - 1)) as u64;
    table.fill(0.0);
    for (message, slice) in ranks.gather(message).iter().zip(slices) {
        add(message, &mut table[slice], width);
    }
    sent
}

/// The rows that are not zero: how many, their numbers, and their elements, all as little-endian words
/// of 32 bits. If that is no shorter, all rows, without their numbers.
fn encoded(rows: &[f32], width: usize) -> Vec<u8> {
    let n_rows = rows.len() / width;
    let all = (0u32..).zip(rows.chunks_exact(width));
    let touched: Vec<(u32, &[f32])> = all
        .filter(|(_, row)| row.iter().any(|&x| x != 0.0))
        .collect();
    let is_sparse = touched.len() * (width + 1) < n_rows * width;
    let count = if is_sparse { touched.len() } else { n_rows };
    let mut message = Vec::with_capacity(4 + 4 * count * (width + usize::from(is_sparse)));
    message.extend_from_slice(&(count as u32).to_le_bytes());
    if is_sparse {
        let numbers = touched.iter().flat_map(|(number, _)| number.to_le_bytes());
        message.extend(numbers);
        let elements = touched.iter().flat_map(|(_, row)| row.iter());
        message.extend(elements.flat_map(|x| x.to_le_bytes()));
    } else {
        message.extend(rows.iter().flat_map(|x| x.to_le_bytes()));
    }
    message
}

/// Adds the rows of a message to a slice of the table.
///
/// # Panics
/// If the message is not one of [`encoded`] for a slice of this size.
fn add(message: &[u8], sum: &mut [f32], width: usize) {
    let n_rows = sum.len() / width;
    let (words, _) = message.as_chunks::<4>();
    let number = |word: &[u8; 4]| u32::from_le_bytes(*word) as usize;
    let count = number(&words[0]);
    let is_sparse = count < n_rows;
    let (numbers, elements) = words[1..].split_at(if is_sparse { count } else { 0 });
    assert_eq!(
        elements.len(),
        count * width,
        "a message of {count} rows has {} elements",
        elements.len()
    );
    for (n, row) in elements.chunks_exact(width).enumerate() {
        let n = if is_sparse { number(&numbers[n]) } else { n };
        let sums = sum[n * width..(n + 1) * width].iter_mut();
        sums.zip(row)
            .for_each(|(sum, x)| *sum += f32::from_le_bytes(*x));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranks::SingleRank;
    use crate::ranks::threads::on_ranks;

    const WIDTH: usize = 3;

    /// Rank r's table: its rows n with n % `every` == r % `every` are not zero.
    fn table(rank: usize, n_rows: usize, every: usize) -> Vec<f32> {
        let row = |n: usize| {
            let touched = n % every == rank % every;
            let x = move |m: usize| ((rank * 31 + n * 7 + m) as f32 * 0.37).sin() / 3.0;
            (0..WIDTH).map(move |m| if touched { x(m) } else { 0.0 })
        };
        (0..n_rows).flat_map(row).collect()
    }

    /// ((0 + t₀) + t₁) + …
    fn in_order(size: usize, n_rows: usize, every: usize) -> Vec<f32> {
        let mut sum = vec![0.0; n_rows * WIDTH];
        for rank in 0..size {
            let table = table(rank, n_rows, every);
            sum.iter_mut().zip(table).for_each(|(sum, x)| *sum += x);
        }
        sum
    }

    #[test]
    fn all_ranks_get_the_sum_in_the_order_of_the_ranks() {
        for (size, n_rows, every) in [(2, 10, 1), (3, 10, 4), (4, 3, 2), (4, 101, 50), (5, 0, 1)] {
            let expected: Vec<u32> = in_order(size, n_rows, every)
                .iter()
                .map(|x| x.to_bits())
                .collect();
            let sums = on_ranks(size, |ranks| {
                let mut table = table(ranks.rank(), n_rows, every);
                sum_rows(&*ranks, &mut table, WIDTH);
                table.iter().map(|x| x.to_bits()).collect::<Vec<u32>>()
            });
            for sum in sums {
                assert_eq!(sum, expected, "{size} ranks, {n_rows} rows");
            }
        }
    }

    #[test]
    fn rounds_do_not_change_the_sum() {
        let in_rounds = |round| {
            on_ranks(3, |ranks| {
                let mut table = table(ranks.rank(), 50, 2);
                sum_in_rounds(&*ranks, &mut table, WIDTH, round);
                table
            })
        };
        let expected = in_order(3, 50, 2);
        for round in [1, 7 * WIDTH, 49 * WIDTH, 50 * WIDTH] {
            assert_eq!(in_rounds(round), vec![expected.clone(); 3], "{round}");
        }
    }

    #[test]
    fn traffic_is_that_of_the_touched_rows_and_at_most_that_of_all() {
        let (size, n_rows) = (4, 4000);
        for every in [1, 2, 40, 200] {
            let sent = on_ranks(size, |ranks| {
                let mut table = table(ranks.rank(), n_rows, every);
                sum_rows(&*ranks, &mut table, WIDTH)
            });
            // Of each of the 4 slices of 1,000 rows, a rank touches 1,000 / every, and all together
            // 4 times as many, or all.
            let touched = 1000.0 / every as f64;
            let bytes = |rows: f64| (4.0 * (WIDTH + 1) as f64 * rows).min(4.0 * WIDTH as f64 * 1e3);
            let others = (size - 1) as f64;
            let union = (size as f64 * touched).min(1e3);
            let model = others * (bytes(touched) + bytes(union));
            for sent in sent {
                let off = sent as f64 / model - 1.0;
                assert!(off.abs() < 0.1, "every {every}: {sent} bytes, not {model}");
            }
        }
    }

    #[test]
    fn a_single_rank_keeps_its_bits_and_sends_nothing() {
        let mut sum = table(0, 9, 2);
        assert_eq!(sum_rows(&SingleRank, &mut sum, WIDTH), 0);
        assert_eq!(sum, table(0, 9, 2));
    }
}
