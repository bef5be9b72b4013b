//! Negatives drawn on the host, for any backend.

use burn::tensor::backend::Backend;
use burn::tensor::{Int, Tensor};

use super::draws::{MAX_REJECTIONS, NegativeDraws, STREAM};
use super::positive_table::PositiveTable;
use crate::upload::upload_ints;

/// As [`crate::sample_negatives`], which checks the arguments.
pub fn sample_negatives<B: Backend>(
    positives: &PositiveTable<B>,
    users: Tensor<B, 1, Int>,
    draws: &NegativeDraws,
) -> Tensor<B, 1, Int> {
    let device = users.device();
    let host = |tensor: Tensor<B, 1, Int>| -> Vec<i64> { tensor.into_data().iter().collect() };
    let (offsets, items) = (
        host(positives.offsets.clone()),
        host(positives.items.clone()),
    );
    let first = draws.first_pair * draws.n_negatives as u64;
    let mut found = Vec::new();
    for user in host(users) {
        let known = usize::try_from(user)
            .ok()
            .filter(|&user| user < positives.n_users);
        for _ in 0..draws.n_negatives {
            let Some(user) = known else {
                found.push(-1);
                continue;
            };
            let taken = &items[offsets[user] as usize..offsets[user + 1] as usize];
            let position = first + found.len() as u64;
            let mut words = Words::new(draws.seed, draws.epoch, position);
            found.push(sample(taken, positives.n_items, &mut words));
        }
    }
    upload_ints(found, &device)
}

fn sample(taken: &[i64], n_items: u32, words: &mut Words) -> i32 {
    let n_absent = n_items - taken.len() as u32;
    if n_absent == 0 {
        return -1;
    }
    for _ in 0..MAX_REJECTIONS {
        let item = words.below(n_items);
        if taken.binary_search(&i64::from(item)).is_err() {
            return item as i32;
        }
    }
    let nth = words.below(n_absent);
    // taken[j] − j of the items below taken[j] are absent, because `taken` ascends.
    let before = taken
        .iter()
        .zip(0..)
        .take_while(|(t, j)| **t - j <= i64::from(nth));
    (nth + before.count() as u32) as i32
}

/// An item of all, uniformly, by the draw at one position.
pub(crate) fn sample_of_all(seed: u64, epoch: u32, position: u64, n_items: u32) -> i32 {
    Words::new(seed, epoch, position).below(n_items) as i32
}

/// The words of one position.
struct Words {
    key: [u32; 2],
    counter: [u32; 4],
    used: u32,
}

impl Words {
    fn new(seed: u64, epoch: u32, position: u64) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [STREAM, position as u32, (position >> 32) as u32, epoch],
            used: 0,
        }
    }

    fn next(&mut self) -> u32 {
        let mut counter = self.counter;
        counter[0] += self.used / 4;
        let word = philox(counter, self.key)[self.used as usize % 4];
        self.used += 1;
        word
    }

    /// Lemire, "Fast random integer generation in an interval", 2019.
    fn below(&mut self, bound: u32) -> u32 {
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u64::from(self.next()) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }
}

/// Philox4x32-10 (Salmon et al., SC 2011).
fn philox(mut c: [u32; 4], mut k: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let p0 = 0xD251_1F53u64 * u64::from(c[0]);
        let p1 = 0xCD9E_8D57u64 * u64::from(c[2]);
        c = [
            (p1 >> 32) as u32 ^ c[1] ^ k[0],
            p1 as u32,
            (p0 >> 32) as u32 ^ c[3] ^ k[1],
            p0 as u32,
        ];
        k = [
            k[0].wrapping_add(0x9E37_79B9),
            k[1].wrapping_add(0xBB67_AE85),
        ];
    }
    c
}
