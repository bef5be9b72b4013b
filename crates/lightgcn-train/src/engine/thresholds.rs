//! The thresholds of SL@K: each user's K-th best cosine.

use crate::{LossSpec, TopKSpec};
use lightgcn_simd::top_k;

/// Users whose lists exist at a time.
const BLOCK: usize = 4096;
/// The least length that an embedding is divided by.
const LEAST_LENGTH: f32 = 1e-12;

impl LossSpec {
    /// How pairs are weighed by SL@K, if they are.
    pub(crate) fn top_k(&self) -> Option<TopKSpec> {
        match self {
            Self::Softmax(spec) => spec.top_k,
            Self::Bpr => None,
        }
    }
}

impl TopKSpec {
    /// Whether thresholds are computed anew before an epoch, counted from 0.
    pub(crate) fn is_due(&self, epoch: u32) -> bool {
        epoch.is_multiple_of(self.every)
    }

    /// ω of a pair with that cosine, above 0 and below 1.
    pub(crate) fn weight(&self, cosine: f32, threshold: f32) -> f32 {
        let margin = f64::from(cosine - threshold) / self.temperature;
        (1.0 / (1.0 + (-margin).exp())) as f32
    }

    /// For each user the K-th largest cosine with any item, those of his own pairs among them
    /// (the least one where there are fewer than K items): `[n_users]`.
    ///
    /// `embeddings` is `[n_users + n_items, dim]`, users first. Exact; O(users · items · dim) time,
    /// and memory for a copy of the items and the lists of 4,096 users. The bits do not depend
    /// on the number of threads.
    pub(crate) fn thresholds(&self, embeddings: &[f32], n_users: usize, dim: usize) -> Vec<f32> {
        let (users, items) = embeddings.split_at(n_users * dim);
        let items = unit_rows(items, dim);
        let mut thresholds = Vec::with_capacity(n_users);
        for users in users.chunks(BLOCK * dim) {
            let lists = top_k(&unit_rows(users, dim), &items, dim, self.k, |_| &[]);
            let worst = lists
                .iter()
                .map(|list| list.last().map_or(0.0, |w| w.score));
            thresholds.extend(worst);
        }
        thresholds
    }
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

    fn spec(k: usize) -> TopKSpec {
        TopKSpec {
            k,
            ..TopKSpec::default()
        }
    }

    #[test]
    fn thresholds_by_hand() {
        // Cosines 0.6, −1 and 0.8 for user 0, which is as long as it likes; 0 for user 1.
        let table = [50.0, 0.0, 0.0, 0.0, 3.0, 4.0, -2.0, 0.0, 0.4, -0.3];
        let of = |k| spec(k).thresholds(&table, 2, 2);
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
        let found = spec(5).thresholds(&table, n_users, dim);
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

    #[test]
    fn weights_by_hand() {
        let spec = TopKSpec {
            temperature: 0.25,
            ..TopKSpec::default()
        };
        assert_eq!(spec.weight(0.6, 0.6), 0.5);
        let by_hand = 1.0 / (1.0 + 4.0_f64.exp());
        assert!((f64::from(spec.weight(-0.6, 0.4)) - by_hand).abs() < 1e-7);
    }

    #[test]
    fn thresholds_are_due_at_the_first_epoch_and_every_so_many() {
        let spec = TopKSpec {
            every: 3,
            ..TopKSpec::default()
        };
        let due: Vec<u32> = (0..8).filter(|&epoch| spec.is_due(epoch)).collect();
        assert_eq!(due, [0, 3, 6]);
    }
}
