//! Counter-based random numbers: a draw is a function of (seed, stream, epoch, position).
//!
//! No generator state is carried from draw to draw, so any thread (or a GPU) can make any draw at
//! any time, and the same seed gives the same bits with any number of threads. The generator is
//! Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), which
//! needs only 32-bit arithmetic.
//!
//! ```
//! use lightgcn_core::random::{Random, Stream};
//!
//! let random = Random::new(42, Stream::NegativeSampling);
//! let first: Vec<u32> = { let mut d = random.at(0, 7); (0..3).map(|_| d.below(10)).collect() };
//! let again: Vec<u32> = { let mut d = random.at(0, 7); (0..3).map(|_| d.below(10)).collect() };
//! assert_eq!(first, again);
//! ```

/// What a draw is for. Streams of the same seed are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Stream {
    /// Initial embeddings and weights.
    Initialization = 1,
    /// Negative samples.
    NegativeSampling = 2,
    /// The order of training pairs.
    Shuffle = 3,
    /// Random splits.
    Split = 4,
    /// Message dropout.
    Dropout = 5,
    /// The synthetic shop.
    Synthetic = 6,
    /// Bootstrap intervals and paired tests.
    Bootstrap = 7,
    /// Random recommendations and exploration.
    Recommendation = 8,
    /// Sampling of positives.
    PositiveSampling = 9,
    /// Hyper-parameter search.
    Search = 10,
    /// The order of equal scores.
    Ties = 11,
    /// Purchases withheld to learn a ranking from.
    Withholding = 12,
}

const MULTIPLIER_0: u32 = 0xD251_1F53;
const MULTIPLIER_1: u32 = 0xCD9E_8D57;
const WEYL_0: u32 = 0x9E37_79B9;
const WEYL_1: u32 = 0xBB67_AE85;

/// One block of Philox4x32-10: four random words from a counter and a key.
#[must_use]
pub const fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let mut c = counter;
    let mut k = key;
    let mut round = 0;
    while round < 10 {
        let p0 = MULTIPLIER_0 as u64 * c[0] as u64;
        let p1 = MULTIPLIER_1 as u64 * c[2] as u64;
        c = [
            (p1 >> 32) as u32 ^ c[1] ^ k[0],
            p1 as u32,
            (p0 >> 32) as u32 ^ c[3] ^ k[1],
            p0 as u32,
        ];
        k = [k[0].wrapping_add(WEYL_0), k[1].wrapping_add(WEYL_1)];
        round += 1;
    }
    c
}

/// The random numbers of one seed and one [`Stream`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Random {
    key: [u32; 2],
    stream: u32,
}

impl Random {
    /// The random numbers of `seed` for `stream`.
    #[must_use]
    pub const fn new(seed: u64, stream: Stream) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            stream: (stream as u32) << 24,
        }
    }

    /// The draws that belong to `position` of `epoch`: up to 2^26 words.
    ///
    /// The counter is `[stream << 24 | block, position low, position high, epoch]`.
    #[must_use]
    pub const fn at(&self, epoch: u32, position: u64) -> Draws {
        Draws {
            key: self.key,
            counter: [self.stream, position as u32, (position >> 32) as u32, epoch],
            words: [0; 4],
            used: 4,
        }
    }

    /// Shuffles `items` in place with the draws of `epoch` (Fisher and Yates).
    pub fn shuffle<T>(&self, epoch: u32, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.at(epoch, last as u64).below_u64(last as u64 + 1);
            items.swap(last, other as usize);
        }
    }
}

/// A sequence of draws that belongs to one position.
#[derive(Debug, Clone)]
pub struct Draws {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u32; 4],
    used: usize,
}

impl Draws {
    /// The next 32 random bits.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.words = philox4x32(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    /// The next 64 random bits: the first word is the high half.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        (u64::from(self.next_u32()) << 32) | u64::from(self.next_u32())
    }

    /// A uniform number in `0..bound`, without bias (Lemire, "Fast random integer generation in an
    /// interval", 2019).
    ///
    /// # Panics
    /// If `bound` is 0.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        assert!(bound > 0, "a random number below 0 was requested");
        let mut product = u64::from(self.next_u32()) * u64::from(bound);
        if (product as u32) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u32) < threshold {
                product = u64::from(self.next_u32()) * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }

    /// A uniform number in `0..bound` for bounds beyond 32 bits; equals [`Draws::below`] for
    /// smaller ones.
    ///
    /// # Panics
    /// If `bound` is 0.
    #[inline]
    pub fn below_u64(&mut self, bound: u64) -> u64 {
        if let Ok(bound) = u32::try_from(bound) {
            return u64::from(self.below(bound));
        }
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// A uniform number in [0, 1) with 53 random bits.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A standard normal number (Box and Muller 1958). Uses two uniform draws.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// An exponential number with mean 1.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 distribution (kat_vectors, philox4x32 with 10 rounds).
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(
            philox4x32([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox4x32([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn streams_epochs_and_positions_differ() {
        let draw = |seed, stream, epoch, position| {
            Random::new(seed, stream).at(epoch, position).next_u64()
        };
        let base = draw(1, Stream::Split, 0, 0);
        assert_eq!(base, draw(1, Stream::Split, 0, 0));
        assert_ne!(base, draw(2, Stream::Split, 0, 0));
        assert_ne!(base, draw(1, Stream::Shuffle, 0, 0));
        assert_ne!(base, draw(1, Stream::Split, 1, 0));
        assert_ne!(base, draw(1, Stream::Split, 0, 1));
    }

    #[test]
    fn below_is_uniform() {
        // Chi-square over 7 cells with 70,000 draws: the 99.9 % point at 6 degrees is 22.46.
        let mut counts = [0f64; 7];
        let mut draws = Random::new(3, Stream::Bootstrap).at(0, 0);
        for _ in 0..70_000 {
            counts[draws.below(7) as usize] += 1.0;
        }
        let chi: f64 = counts
            .iter()
            .map(|c| (c - 10_000.0).powi(2) / 10_000.0)
            .sum();
        assert!(chi < 22.46, "chi-square {chi}, counts {counts:?}");
    }

    #[test]
    fn normal_has_mean_0_and_variance_1() {
        let mut draws = Random::new(9, Stream::Initialization).at(0, 0);
        let xs: Vec<f64> = (0..100_000).map(|_| draws.normal()).collect();
        let mean = xs.iter().sum::<f64>() / xs.len() as f64;
        let variance = xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / xs.len() as f64;
        assert!(mean.abs() < 0.015, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.02, "variance {variance}");
    }

    #[test]
    fn shuffle_is_a_permutation_that_the_epoch_changes() {
        let random = Random::new(5, Stream::Shuffle);
        let mut a: Vec<u32> = (0..100).collect();
        let mut b = a.clone();
        random.shuffle(0, &mut a);
        random.shuffle(1, &mut b);
        assert_ne!(a, b);
        a.sort_unstable();
        assert_eq!(a, (0..100).collect::<Vec<_>>());
    }
}
