//! The thresholds of SL@K: each user's K-th best cosine.

use lightgcn_loss::TableRows;
use lightgcn_simd::top_k;

/// Number of users whose lists exist at a time.
const BLOCK: usize = 4096;
/// The minimum length that an embedding is divided by.
const LEAST_LENGTH: f32 = 1e-12;

/// For each user the K-th largest cosine over all items, including the user's own items (the
/// smallest one if there are fewer than K items): `[n_users]`.
///
/// `embeddings` is `[n_nodes, dim]`: users, then items, then any further nodes. Exact.
/// O(users · items · dim) time, and memory for a copy of the items and the lists of 4,096 users. The
/// bits do not depend on the number of threads.
pub(crate) fn thresholds(embeddings: &[f32], rows: TableRows, dim: usize, k: usize) -> Vec<f32> {
    let (users, items) = embeddings.split_at(rows.n_users * dim);
    let items = unit_rows(&items[..rows.n_items * dim], dim);
    let mut thresholds = Vec::with_capacity(rows.n_users);
    for users in users.chunks(BLOCK * dim) {
        let lists = top_k(&unit_rows(users, dim), &items, dim, k, |_| &[]);
        let worst = lists
            .iter()
            .map(|list| list.last().map_or(0.0, |w| w.score));
        thresholds.extend(worst);
    }
    thresholds
}

fn unit_rows(rows: &[f32], dim: usize) -> Vec<f32> {
    let mut unit = rows.to_vec();
    for row in unit.chunks_exact_mut(dim) {
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        let length = length.max(LEAST_LENGTH);
        row.iter_mut().for_each(|x| *x /= length);
    }
    unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_the_kth_largest_cosines() {
        // Cosines 0.6, −1 and 0.8 for user 0, whatever its length; 0 for user 1.
        let table = [50.0, 0.0, 0.0, 0.0, 3.0, 4.0, -2.0, 0.0, 0.4, -0.3];
        let of = |k| thresholds(&table, TableRows::new(2, 3), 2, k);
        for (k, expected) in [(1, 0.8), (2, 0.6), (3, -1.0), (20, -1.0)] {
            let found = of(k);
            assert!((found[0] - expected).abs() < 1e-6, "{k}: {found:?}");
            assert_eq!(found[1], 0.0);
        }
    }

    #[test]
    fn thresholds_of_many_users_equal_a_full_sort() {
        let (n_users, n_items, dim) = (BLOCK + 3, 40, 3);
        let table: Vec<f32> = (0..(n_users + n_items) * dim)
            .map(|n| (n as f32 * 0.61).sin() * (1 + n % 7) as f32)
            .collect();
        let found = thresholds(&table, TableRows::new(n_users, n_items), dim, 5);
        assert_eq!(found.len(), n_users);
        let row = |n: usize| &table[n * dim..][..dim];
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let length = |a: &[f32]| dot(a, a).sqrt();
        for user in [0, 1, BLOCK - 1, BLOCK, BLOCK + 2] {
            let mut cosines: Vec<f32> = (0..n_items)
                .map(|item| {
                    let (u, i) = (row(user), row(n_users + item));
                    dot(u, i) / length(u) / length(i)
                })
                .collect();
            cosines.sort_by(|a, b| b.total_cmp(a));
            assert!((found[user] - cosines[4]).abs() < 1e-6, "user {user}");
        }
    }
}
