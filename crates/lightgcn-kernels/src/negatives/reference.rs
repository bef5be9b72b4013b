//! Negatives drawn on the host.

use super::draws::{MAX_REJECTIONS, STREAM};

/// Parameters shared by the draws of a batch.
pub(crate) struct Draws {
    pub(crate) seed: u64,
    pub(crate) epoch: u32,
    pub(crate) n_items: u32,
}

impl Draws {
    /// An item that is not in `taken`, which ascends; the first item if all are.
    pub(crate) fn of_others(&self, taken: &[i64], position: u64) -> i32 {
        let n_absent = self.n_items - taken.len() as u32;
        if n_absent == 0 {
            return 0;
        }
        let mut words = Words::new(self, position);
        for _ in 0..MAX_REJECTIONS {
            let item = words.below(self.n_items);
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

    /// Any item.
    pub(crate) fn of_all(&self, position: u64) -> i32 {
        Words::new(self, position).below(self.n_items) as i32
    }
}

/// The words of one position.
struct Words {
    key: [u32; 2],
    counter: [u32; 4],
    used: u32,
}

impl Words {
    fn new(draws: &Draws, position: u64) -> Self {
        let (low, high) = (position as u32, (position >> 32) as u32);
        Self {
            key: [draws.seed as u32, (draws.seed >> 32) as u32],
            counter: [STREAM, low, high, draws.epoch],
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
