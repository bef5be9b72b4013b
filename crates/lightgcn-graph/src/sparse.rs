//! Compressed sparse rows.

use sprs::CsMatI;

pub(crate) type Csr = CsMatI<f32, u32, u64>;

/// The columns and the values of one row.
pub(crate) fn row(matrix: &Csr, n: usize) -> (&[u32], &[f32]) {
    let range = matrix.indptr().outer_inds_sz(n);
    (&matrix.indices()[range.clone()], &matrix.data()[range])
}

/// The sums of the rows, added in the order of the columns.
pub(crate) fn row_sums(matrix: &Csr) -> Vec<f64> {
    (0..matrix.rows())
        .map(|n| row(matrix, n).1.iter().map(|&w| f64::from(w)).sum())
        .collect()
}

/// The sums of the columns, added in the order of the rows: those of the transpose's rows.
pub(crate) fn column_sums(matrix: &Csr) -> Vec<f64> {
    let mut sums = vec![0.0; matrix.cols()];
    for (&column, &weight) in matrix.indices().iter().zip(matrix.data()) {
        sums[column as usize] += f64::from(weight);
    }
    sums
}

pub(crate) fn transpose(matrix: &Csr) -> Csr {
    matrix.transpose_view().to_csr()
}

/// The matrix of the entries (row, column, value) that `visit` emits; entries of the same place are
/// added in the order of their emission.
///
/// `visit` runs twice, to count and to place, so that no list of entries is needed. Entries emitted
/// with ascending columns per row need no sorting.
pub(crate) fn compress(
    shape: (usize, usize),
    visit: impl Fn(&mut dyn FnMut(u32, u32, f32)),
) -> Csr {
    let mut offsets = vec![0u64; shape.0 + 1];
    visit(&mut |row, _, _| offsets[row as usize + 1] += 1);
    for n in 0..shape.0 {
        offsets[n + 1] += offsets[n];
    }
    let n_entries = offsets[shape.0] as usize;
    let (mut columns, mut values) = (vec![0u32; n_entries], vec![0f32; n_entries]);
    let mut next = offsets.clone();
    visit(&mut |row, column, value| {
        let position = &mut next[row as usize];
        columns[*position as usize] = column;
        values[*position as usize] = value;
        *position += 1;
    });
    sort_and_add(&mut offsets, &mut columns, &mut values);
    CsMatI::new(shape, offsets, columns, values)
}

/// Sorts each row by column and adds up entries of the same place. Rows only move toward the front,
/// so it works in place.
fn sort_and_add(offsets: &mut [u64], columns: &mut Vec<u32>, values: &mut Vec<f32>) {
    let (mut start, mut kept) = (0, 0);
    for end in offsets.iter_mut().skip(1) {
        let range = start..*end as usize;
        start = range.end;
        if columns[range.clone()].is_sorted_by(|a, b| a < b) {
            let length = range.len();
            if kept < range.start {
                columns.copy_within(range.clone(), kept);
                values.copy_within(range, kept);
            }
            kept += length;
        } else {
            let entries = columns[range.clone()].iter().zip(&values[range]);
            let mut entries: Vec<(u32, f32)> = entries.map(|(&c, &v)| (c, v)).collect();
            // Stable, so that sums have a fixed order.
            entries.sort_by_key(|entry| entry.0);
            let first = kept;
            for (column, value) in entries {
                if kept > first && columns[kept - 1] == column {
                    values[kept - 1] += value;
                } else {
                    (columns[kept], values[kept]) = (column, value);
                    kept += 1;
                }
            }
        }
        *end = kept as u64;
    }
    columns.truncate(kept);
    values.truncate(kept);
}

/// `B Bᵀ` without its diagonal for `B = matrix`, keeping only entries that are among the
/// `neighbors` largest of their row or their column. O(Σ over columns of entries²).
pub(crate) fn co_occurrence(matrix: &Csr, neighbors: Option<usize>) -> Csr {
    let transposed = transpose(matrix);
    let mut sums = vec![0f64; matrix.rows()];
    let mut links: Vec<(u32, u32, f32)> = Vec::new();
    let mut touched: Vec<u32> = Vec::new();
    for n in 0..matrix.rows() {
        let (columns, weights) = row(matrix, n);
        for (&column, &weight) in columns.iter().zip(weights) {
            let (others, other_weights) = row(&transposed, column as usize);
            for (&other, &other_weight) in others.iter().zip(other_weights) {
                if sums[other as usize] == 0.0 {
                    touched.push(other);
                }
                sums[other as usize] += f64::from(weight) * f64::from(other_weight);
            }
        }
        let mut found: Vec<(u32, f32)> = touched
            .drain(..)
            .map(|other| (other, std::mem::take(&mut sums[other as usize]) as f32))
            .filter(|&(other, sum)| other as usize != n && sum > 0.0)
            .collect();
        if let Some(neighbors) = neighbors {
            found.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            found.truncate(neighbors);
        }
        let n = n as u32;
        links.extend(found.iter().map(|&(m, sum)| (n.min(m), n.max(m), sum)));
    }
    // Both ends may keep a link, and both compute the same sum.
    links.sort_unstable_by_key(|&(a, b, _)| (a, b));
    links.dedup_by_key(|&mut (a, b, _)| (a, b));
    compress((matrix.rows(), matrix.rows()), |emit| {
        for &(a, b, sum) in &links {
            emit(a, b, sum);
            emit(b, a, sum);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_in_any_order_are_sorted_and_added() {
        let entries = [
            (1, 2, 1.0),
            (0, 1, 2.0),
            (1, 0, 3.0),
            (1, 2, 0.5),
            (3, 0, 4.0),
        ];
        let matrix = compress((4, 3), |emit| {
            for &(row, column, value) in &entries {
                emit(row, column, value);
            }
        });
        assert_eq!(matrix.indptr().into_raw_storage(), [0, 1, 3, 3, 4]);
        assert_eq!(matrix.indices(), [1, 0, 2, 0]);
        assert_eq!(matrix.data(), [2.0, 3.0, 1.5, 4.0]);
        assert_eq!(row_sums(&matrix), [2.0, 4.5, 0.0, 4.0]);
        assert_eq!(column_sums(&matrix), row_sums(&transpose(&matrix)));
    }

    /// Rows 0 and 1 share columns 0 and 1, rows 1 and 2 share column 2, rows 0 and 3 column 1 too.
    #[test]
    fn co_occurrence_by_hand() {
        let entries: [(u32, u32); 7] = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 2), (3, 1)];
        let matrix = compress((4, 3), |emit| {
            for &(row, column) in &entries {
                emit(row, column, 1.0);
            }
        });
        let entries = |neighbors| {
            let found = co_occurrence(&matrix, neighbors);
            let mut entries: Vec<Vec<(u32, f32)>> = Vec::new();
            for n in 0..4 {
                let (columns, values) = row(&found, n);
                entries.push(
                    columns
                        .iter()
                        .copied()
                        .zip(values.iter().copied())
                        .collect(),
                );
            }
            entries
        };
        let all: Vec<Vec<(u32, f32)>> = vec![
            vec![(1, 2.0), (3, 1.0)],
            vec![(0, 2.0), (2, 1.0), (3, 1.0)],
            vec![(1, 1.0)],
            vec![(0, 1.0), (1, 1.0)],
        ];
        assert_eq!(entries(None), all);
        // Row 3 prefers row 0 to row 1 by its number; row 2 keeps its only link.
        let one: Vec<Vec<(u32, f32)>> = vec![
            vec![(1, 2.0), (3, 1.0)],
            vec![(0, 2.0), (2, 1.0)],
            vec![(1, 1.0)],
            vec![(0, 1.0)],
        ];
        assert_eq!(entries(Some(1)), one);
    }
}
